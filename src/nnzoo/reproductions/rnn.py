"""RNN on chorales and the adding problem, which it solves over 20 steps and cannot over 200: its gradient vanishes on the way."""

from nnzoo.reproductions._adding import adding
from nnzoo.reproductions._music import music

_MUSIC = {"layers": 1, "hidden": 200, "dropout": 0.5, "lr": 1e-3, "weight_decay": 0.0, "batch": 2, "epochs": 60}
_ADDING = {"layers": 1, "hidden": 64, "dropout": 0.0, "lr": 2e-3, "weight_decay": 0.0, "batch": 64, "epochs": 8}

REPRODUCTIONS = (
    music("rnn", "jsb-chorales", 9.1, _MUSIC),
    adding("rnn", 20, 1e-2, _ADDING, note="the same settings as over 200 steps"),
    adding(
        "rnn",
        200,
        0.14,
        _ADDING,
        better="higher",
        note="held to stay near the floor of .167, with the same settings that solve it over 20 steps",
    ),
)
