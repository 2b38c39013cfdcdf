"""tinyshakespeare, nanoGPT's split: nine tenths are learned from; the last tenth is scored and chooses the epoch, as there.

There is no test part. Division of one's own would hold out other plays: a network that never met their people is .2 nats worse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnzoo.data.known import read_known
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawTexts
from nnzoo.reproductions.running import Listeners, Reproduction, fit


def nanogpt_split(seed: int = 0) -> Prepared:
    """The text by characters; the last tenth is both the part that chooses and the part that is scored."""
    raw = read_known("tinyshakespeare")
    assert isinstance(raw, RawTexts)
    learned, held = raw.texts
    raw.texts, raw.part = [learned, held, held], np.array(["train", "valid", "test"], dtype=object)
    return prepare(raw, seed=seed)


def shakespeare(
    kind: str,
    target: float,
    published: str,
    source: str,
    config: dict[str, Any],
    note: str = "",
    data: str = "tinyshakespeare",
    needs_gpu: bool = False,
    **settings: Any,
) -> Reproduction:
    """Nats a character of a kind on the last tenth of the text. `data` names the result where a kind has several."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        prepared = nanogpt_split(seed)
        network = fit(kind, prepared, seed, listen, config, **settings)
        assert prepared.parts.test is not None
        scores = prepared.task.evaluate(network, prepared.parts.test.to(network.device)).scores
        return {"score": scores["nats_per_token"], **scores, "parameters": network.count()}

    return Reproduction(
        data=data,
        metric="nats a character",
        run=run,
        target=target,
        better="lower",
        published=published,
        source=source,
        note=note or "validation part of nanoGPT's split; it also chooses the epoch, as there",
        needs_gpu=needs_gpu,
    )
