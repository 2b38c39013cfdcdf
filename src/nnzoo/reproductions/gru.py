"""GRU on chorales, folk tunes, the adding problem and bAbI's stories, read from both ends."""

from nnzoo.reproductions._adding import adding
from nnzoo.reproductions._babi import SINGLE, babi, babi_all
from nnzoo.reproductions._music import music
from nnzoo.reproductions._questions import pointing

_MUSIC = {"layers": 1, "hidden": 200, "dropout": 0.5, "lr": 3e-3, "weight_decay": 0.0, "batch": 2}
_ADDING = {"layers": 1, "hidden": 64, "dropout": 0.0, "lr": 4e-3, "weight_decay": 0.0, "batch": 64, "epochs": 8}
_STORIES = {"layers": 2, "hidden": 64, "bidirectional": True, "lr": 6e-3, "batch": 64, "epochs": 12}
_POINTS = {**_STORIES, "epochs": 20}

REPRODUCTIONS = (
    music("gru", "jsb-chorales", 8.6, {**_MUSIC, "epochs": 60}),
    adding("gru", 200, 1e-3, _ADDING, note="20,000 sequences to learn from, seen eight times"),
    music("gru", "nottingham", 3.56, {**_MUSIC, "epochs": 40}, seeds=(0,)),
    pointing("gru", _POINTS),
    *(babi("gru", number, _STORIES) for number in SINGLE),
    babi_all("gru", _STORIES),
)
