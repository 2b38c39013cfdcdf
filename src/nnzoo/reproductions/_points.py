"""Modes hit by a generator of points on a made mixture; shared by the kinds that are held to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from nnzoo.core.seeds import seed_default
from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit
from nnzoo.tasks._generation import modes

SAMPLES = 2500  # as in PacGAN's experiment


def points(
    kind: str,
    data: str,
    number_of_modes: int,
    share: float | None,
    published: str,
    source: str,
    share_note: str = "",
    config: dict[str, Any] | None = None,
    held_to_modes: bool = True,
) -> tuple[Reproduction, ...]:
    """Two figures of one training run: how many modes are hit, and the share of points within three sigma of a mode.

    Unless `held_to_modes`, what is dropped is reported only.
    """

    @cache
    def trained(seed: int) -> dict[str, float]:
        prepared = prepare(data, seed=seed)
        network = fit(kind, prepared, seed, (), config)
        seed_default(seed, 2500)
        with torch.no_grad():
            made = network.sample(SAMPLES)  # type: ignore[operator]
        field = prepared.spec.inputs["x"]
        truth = prepared.raw.truth
        return modes(field.restore(made.cpu()), truth["centres"], truth["sigma"])  # type: ignore[union-attr]

    def figure(name: str) -> Callable[[int, Listeners], dict[str, float]]:
        return lambda seed, listen: {"score": trained(seed)[name], **trained(seed)}

    common = {"data": data, "better": "higher", "source": source}
    return (
        Reproduction(
            metric=f"modes hit of {number_of_modes}",
            run=figure("modes"),
            target=float(number_of_modes if number_of_modes < 25 else 24) if held_to_modes else None,
            published=published,
            judged_by="each",
            note="a mode counts if at least one of 2,500 points lies within three sigma; `rarest` is the least visited one's share",
            **common,  # type: ignore[arg-type]
        ),
        Reproduction(
            metric="share of points within three sigma",
            run=figure("share_within_3_sigma"),
            target=share,
            published="none here",
            note=share_note,
            **common,  # type: ignore[arg-type]
        ),
    )
