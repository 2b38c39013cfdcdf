"""Character LSTM on tinyshakespeare, nanoGPT's split, state carried over the whole held-out part in one pass."""

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.known import read_known
from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit


def run(seed: int, listen: Listeners) -> dict[str, float]:
    """Nats a character on the last tenth of the text; the epoch is chosen on a piece cut from the other nine tenths."""
    raw = read_known("tinyshakespeare")
    if raw is None or raw.part is None:
        raise DataError("tinyshakespeare has no official division here; fetch it anew")
    raw.part = np.where(raw.part == "valid", "test", raw.part)
    prepared = prepare(raw, seed=seed)
    network = fit("lstm", prepared, seed, listen, {"layers": 2, "hidden": 128, "epochs": 12})
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
    ),
)
