"""A saved generator judged on its own, as a comparison would judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nnzoo.comparing.judging.handing import makes_data, with_judge
from nnzoo.comparing.judging.inception import fid, inception_from
from nnzoo.comparing.judging.pictures import interval_of
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.events import Event, hearing
from nnzoo.data.prepare import prepare
from nnzoo.zoo.verbs import Run, opened


def judge(
    run: Run,
    data: Any,
    *,
    seed: int = 0,
    inception: Path | str | None = None,
    listen: Sequence[Callable[[Event], Any]] = (),
) -> dict[str, float]:
    """Scores of what a run makes against the held-out part of `data`, by name, what decides first. Data are divided as they say
    themselves, or at random by the run's seed: a run that was trained on parts of its own has seen some of what is held out here.

    Of labelled pictures those of a classifier that is trained on the spot on the training part (or found in the cache), with
    `frechet_low` and `frechet_high`, 95 % from resampled pictures, and `copies`, 1 where training pictures are copied; of points
    with known modes how many are hit; else the energy distance. `inception` names a file with the weights of FID's Inception-v3 as
    PyTorch has them (pt_inception-2015-12-05, .pth or .safetensors): `fid` stands beside then. Raises NnzooError.
    """
    model = opened(run)
    if not makes_data(model.task):
        raise ConfigError(
            f"{model.manifest.kind} was trained for {model.task.name} and makes no pictures or points; score it with evaluate"
        )
    divided = model.manifest.seed
    eye = None if inception is None else inception_from(inception)  # before any work is done
    prepared = prepare(data, task=model.task.name, inherit=model.preprocessing, seed=divided, listen=listen)
    test = prepared.parts.test
    if test is None or not len(test):
        raise DataError(f"{prepared.name} has no test part to judge on; give more rows")
    task, device = with_judge(prepared, listen), model.network.device
    if task.judge is not None:
        task.judge.learn(str(device), listen)
    with hearing(listen):
        found = task.evaluate(model.network, test.to(device), seed, prepared.parts.train)
    scores = {task.metric: found.scores[task.metric], **found.scores}
    if "draws" in found.extra:
        low, high = interval_of(found)
        scores |= {"frechet_low": low, "frechet_high": high, "copies": float(found.extra["copies"])}
    if eye is not None:
        scores["fid"] = fid(model.network, test.to(device), eye, seed, listen)
    return scores
