"""LSTM on chorales and folk tunes, hourly series, and by characters on tinyshakespeare, with the state carried over the whole
validation part in one pass."""

from nnzoo.reproductions._music import music
from nnzoo.reproductions._shakespeare import shakespeare
from nnzoo.reproductions.running import Reproduction, supervised

_TEXT = {"layers": 2, "hidden": 128, "dropout": 0.0, "warmup": 0.3, "epochs": 18}
_SERIES = {"layers": 1, "hidden": 64, "dropout": 0.2, "lr": 1e-3, "batch": 64, "epochs": 5}
_MUSIC = {"layers": 1, "hidden": 300, "dropout": 0.6, "lr": 3e-3, "weight_decay": 0.0, "batch": 2}


REPRODUCTIONS = (
    shakespeare(
        "lstm",
        1.53,
        "none for a 2x128 LSTM; GPT of 4 layers 1.88 (CPU recipe), of 6 layers 1.4697",
        "karpathy/char-rnn (network), karpathy/nanoGPT, README (split)",
        _TEXT,
    ),
    Reproduction(
        data="etth1",
        metric="MSE in scaled units, 96 hours ahead",
        run=supervised("lstm", "etth1", _SERIES, metric="mse"),
        target=0.865,
        better="lower",
        published="0.865 (transformer for long series); repeating the last hour 1.295",
        source="Zeng, Chen, Zhang & Xu, AAAI 2023, table 2 (Informer, Repeat)",
        note="history 336, horizon 96, all 7 series, 2,785 test windows",
    ),
    music("lstm", "jsb-chorales", 8.6, {**_MUSIC, "epochs": 60}),
    music("lstm", "nottingham", 3.39, {**_MUSIC, "epochs": 40}, seeds=(0,)),
)
