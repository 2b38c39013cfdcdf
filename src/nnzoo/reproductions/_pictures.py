"""Scores of kinds that make pictures, by a classifier trained on the same data; shared by the reproductions of such kinds.

    pictures(kind, *, data="fashion-mnist", task="unconditional-image-generation", budget="120s", config=None,
             score="frechet_distance", target=None, better=None, published="none at this size", source="", seeds=(0, 1, 2),
             note="", **settings) -> Reproduction
    judged(kind, seed, *, data, task, budget, config, listen, **settings) -> {score's name: value}
    scores_of(network, judging(data, task), seed) -> the same of a network that was trained otherwise

`pictures` is one entry of a kind's REPRODUCTIONS. Several entries of one kind with other `score`s share one training run: say

    REPRODUCTIONS = (
        pictures("dcgan", score="frechet_distance", source="..."),
        pictures("dcgan", score="confidence", target=0.80, source="..."),
        pictures("dcgan", score="classes_found", target=10, source="..."),
    )

Scores: frechet_distance (with frechet_low and frechet_high, 95 % from resampled pictures of this one seed), precision, recall,
classes_found, confidence, label_kl, copied (share as near to a training picture as 1 % of held-out ones), copies (1: flagged as a
copier), energy_distance, milliseconds (a picture), parameters, seconds; with task="class-conditional-image-generation" also
gan_train and gan_test. All on the official test part with at most 5,000 pictures on either side (`comparing/judging/pictures.py`).
The division of the data and the judge are those of seed 0 for every seed, so that distances are in one unit; the judge is kept in
the cache.
"""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any, Literal

import torch

from nnzoo.comparing.judging.handing import with_judge
from nnzoo.comparing.judging.pictures import interval_of
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit

UNCONDITIONAL, CONDITIONAL = "unconditional-image-generation", "class-conditional-image-generation"
TIMED = 256  # pictures made at once where time is taken


def pictures(
    kind: str,
    *,
    data: str = "fashion-mnist",
    task: str = UNCONDITIONAL,
    budget: str | None = "120s",
    config: dict[str, Any] | None = None,
    score: str = "frechet_distance",
    target: float | None = None,
    better: Literal["higher", "lower"] | None = None,
    published: str = "none at this size",
    source: str = "",
    seeds: tuple[int, ...] = (0, 1, 2),
    note: str = "",
    **settings: Any,
) -> Reproduction:
    """One score of a kind that makes pictures, after learning for `budget`."""
    lower = score in ("frechet_distance", "energy_distance", "label_kl", "copied", "copies", "milliseconds")

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        found = judged(kind, seed, data=data, task=task, budget=budget, config=config, listen=listen, **settings)
        return {"score": found[score], **found}

    return Reproduction(
        data=data,
        metric=f"{score.replace('_', ' ')}{' (own classifier)' if score == 'frechet_distance' else ''}, {budget} of training",
        run=run,
        target=target,
        better=better or ("lower" if lower else "higher"),
        published=published,
        source=source,
        seeds=seeds,
        note=note,
    )


def judged(
    kind: str,
    seed: int,
    *,
    data: str = "fashion-mnist",
    task: str = UNCONDITIONAL,
    budget: str | None = "120s",
    config: dict[str, Any] | None = None,
    listen: Listeners = (),
    **settings: Any,
) -> dict[str, float]:
    """All scores of a kind after one training run; a run is done once, however many scores are asked for."""
    key = json.dumps([kind, seed, data, task, budget, config, settings], sort_keys=True)
    if key not in _done:
        prepared = judging(data, task)
        began = time.perf_counter()
        network = fit(kind, prepared, seed, listen, config, budget=budget, **settings)
        seconds = time.perf_counter() - began
        _done[key] = {**scores_of(network, prepared, seed), "seconds": seconds}
    return _done[key]


_done: dict[str, dict[str, float]] = {}


@cache
def judging(data: str, task: str = UNCONDITIONAL) -> Prepared:
    """Prepared data whose task has a judge that has learned."""
    prepared = prepare(data, task=task)
    prepared.task = with_judge(prepared)
    if prepared.task.judge is not None:
        prepared.task.judge.learn()
    return prepared


def scores_of(network: Any, prepared: Prepared, seed: int) -> dict[str, float]:
    """All scores of a trained network on the test part of prepared data, whose task has a judge that has learned."""
    test = prepared.parts.test
    assert test is not None and prepared.task.judge is not None, "prepare with `judging`, so that there is a judge"
    evaluation = prepared.task.evaluate(network, test, seed=seed, reference=prepared.parts.train)
    low, high = interval_of(evaluation)
    began = time.perf_counter()
    with torch.no_grad(), torch.random.fork_rng():
        network.eval().sample(TIMED)
    each = 1000 * (time.perf_counter() - began) / TIMED
    return {
        **evaluation.scores,
        "frechet_low": low,
        "frechet_high": high,
        "copies": float(evaluation.extra["copies"]),
        "milliseconds": each,
        "parameters": float(network.count()),
    }
