"""The adding problem as Bai, Kolter & Koltun 2018 pose it: squared error on 1,000 new sequences; answering 1 has .1667."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nnzoo.data.made_sequences import adding as made
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.reproductions._reach import reach
from nnzoo.reproductions.running import Listeners, Reproduction, fit

HELD = 1_000  # sequences of the validation part, and of the test part
PUBLISHED = {"lstm": ".164", "gru": "5.3e-5", "rnn": ".177", "tcn": "5.8e-5"}  # at 600 steps


def sequences(length: int, n: int, seed: int) -> Prepared:
    """`n` sequences to learn from, and 1,000 each to choose the epoch and to test."""
    raw = made(length, n + 2 * HELD, seed)
    raw.part = np.repeat(np.array(["train", "valid", "test"], dtype=object), [n, HELD, HELD])
    return prepare(raw, seed=seed)


def adding(
    kind: str,
    length: int,
    target: float | None,
    config: dict[str, Any],
    n: int = 20_000,
    better: Literal["higher", "lower"] = "lower",
    **more: Any,
) -> Reproduction:
    """Squared error of a kind over sequences of `length` steps; `config` are settings of the kind, `more` fields of the result.

    Where a kind is meant to fail, `better="higher"` and `target` say how near the floor it stays.
    """

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        prepared = sequences(length, n, seed)
        network = fit(kind, prepared, seed, listen, config)
        test = prepared.parts.to(network.device).test
        assert test is not None
        scores = prepared.task.evaluate(network, test).scores
        return {"score": scores["rmse"] ** 2, **scores, "parameters": network.count(), **reach(network, test)}

    return Reproduction(
        data=f"adding:{length}",
        metric="squared error",
        run=run,
        target=target,
        better=better,
        published=f"{PUBLISHED[kind]} at 600 steps" if kind in PUBLISHED else "none",
        source="Bai, Kolter & Koltun 2018, table 1; the problem: Hochreiter & Schmidhuber 1997",
        **more,
    )
