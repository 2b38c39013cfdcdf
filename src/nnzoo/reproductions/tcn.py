"""TCN on chorales, folk tunes and the adding problem, with the sizes that its paper gives or smaller ones."""

from nnzoo.reproductions._adding import adding
from nnzoo.reproductions._music import music

_MUSIC = {"lr": 2e-3, "weight_decay": 0.0, "clip": 0.4, "batch": 4}
_JSB = {**_MUSIC, "kernel": 3, "levels": 2, "hidden": 150, "dropout": 0.5, "epochs": 70}
_NOTTINGHAM = {**_MUSIC, "kernel": 6, "levels": 4, "hidden": 150, "dropout": 0.2, "epochs": 40}
_ADDING = {"kernel": 6, "levels": 6, "hidden": 24, "dropout": 0.0, "lr": 4e-3, "weight_decay": 0.0, "batch": 64, "epochs": 6}

REPRODUCTIONS = (
    music("tcn", "jsb-chorales", 8.3, _JSB),
    adding("tcn", 200, 1e-3, _ADDING, note="receptive field 631 steps; 20,000 sequences to learn from, seen six times"),
    music("tcn", "nottingham", 3.16, _NOTTINGHAM, seeds=(0,)),
)
