"""LSTM on chorales and folk tunes, hourly series, and by characters on tinyshakespeare, nanoGPT's split.

There the state is carried over the whole validation part in one pass, which is scored and chooses the epoch, as in nanoGPT; there
is no test part. All nine tenths are learned from: the last play begins just before the division, and a network that never met its
people is .2 nats worse (measured).
"""

import numpy as np

from nnzoo.data.known import read_known
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawTexts
from nnzoo.reproductions._music import music
from nnzoo.reproductions.running import Listeners, Reproduction, fit, supervised

_TEXT = {"layers": 2, "hidden": 128, "dropout": 0.0, "warmup": 0.3, "epochs": 18}
_SERIES = {"layers": 1, "hidden": 64, "dropout": 0.2, "lr": 1e-3, "batch": 64, "epochs": 5}
_MUSIC = {"layers": 1, "hidden": 300, "dropout": 0.6, "lr": 3e-3, "weight_decay": 0.0, "batch": 2}


def run(seed: int, listen: Listeners) -> dict[str, float]:
    """Nats a character on the last tenth of the text."""
    raw = read_known("tinyshakespeare")
    assert isinstance(raw, RawTexts)
    learned, held = raw.texts
    raw.texts, raw.part = [learned, held, held], np.array(["train", "valid", "test"], dtype=object)
    prepared = prepare(raw, seed=seed)
    network = fit("lstm", prepared, seed, listen, _TEXT)
    assert prepared.parts.test is not None
    scores = prepared.task.evaluate(network, prepared.parts.test).scores
    return {"score": scores["nats_per_token"], **scores, "parameters": network.count()}


REPRODUCTIONS = (
    Reproduction(
        data="tinyshakespeare",
        metric="nats a character",
        run=run,
        target=1.53,
        better="lower",
        published="none for a 2x128 LSTM; GPT of 4 layers 1.88 (CPU recipe), of 6 layers 1.4697",
        source="karpathy/char-rnn (network), karpathy/nanoGPT, README (split)",
        note="validation part of nanoGPT's split; it also chooses the epoch, as there",
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
