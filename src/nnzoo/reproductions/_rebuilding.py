"""What is lost on the way through a code, beside principal components of the same number; odd rows told by it.

N rows, D numbers of a row, C numbers of a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawImages
from nnzoo.data.reading import read
from nnzoo.reproductions.running import Listeners, fit
from nnzoo.zoo.unusual_rows import auroc


def pictures(part: Dataset) -> Tensor:
    """All standardised pictures of a part as rows (N D)."""
    (name,) = part.spec.inputs
    return torch.cat([batch.inputs[name].flatten(1) for batch in part.batches(2000)])


def components(x_ND: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """The mean (D) and the first principal axes (D C) of rows."""
    mean_D = x_ND.mean(0)
    _, axes_DD = torch.linalg.eigh(torch.cov(x_ND.T, correction=0).double())
    return mean_D, axes_DD[:, -number:].to(x_ND)


def lost_by_components(x_ND: Tensor, mean_D: Tensor, axes_DC: Tensor) -> Tensor:
    """Mean squared error of each row's projection on principal axes (N)."""
    away_ND = x_ND - mean_D
    return (away_ND - away_ND @ axes_DC @ axes_DC.T).square().mean(1)


@torch.no_grad()
def surprises(network: Network, part: Dataset) -> Tensor:
    """The surprise of each row of a part (N)."""
    network.eval()
    return torch.cat([network.surprise(batch.inputs) for batch in part.batches(2000)])  # type: ignore[operator]


def area_under_roc(score_N: Tensor, odd_N: Tensor) -> float:
    """The area under the receiver operating characteristic of scores, higher for odd rows."""
    return auroc(score_N[~odd_N].double().numpy(), score_N[odd_N].double().numpy())


def rebuilding(data: str, seed: int) -> Prepared:
    """A set of pictures to be rebuilt, without labels."""
    return prepare(data, task="reconstruction", seed=seed)


def one_class(kind: str, data: str, number: int, config: dict[str, Any]) -> Callable[[int, Listeners], dict[str, float]]:
    """Train on the pictures of one label, score all test pictures by surprise, for each label; the area under the receiver
    operating characteristic as a mean over labels, beside that of what `number` principal components lose."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        prepared = rebuilding(data, seed)
        named = read(data)
        assert isinstance(named, RawImages) and named.labels is not None and prepared.parts.test is not None
        labels = named.labels.astype(str)
        test_ND, found, beside = pictures(prepared.parts.test), {}, []
        for label in np.unique(labels):
            parts = bearing(prepared, labels == label)
            network = fit(kind, replace(prepared, parts=parts), seed, (), config)
            odd_N = torch.from_numpy(labels[prepared.rows["test"]] != label)
            found[f"auroc_{label}"] = area_under_roc(surprises(network, prepared.parts.test), odd_N)
            beside.append(area_under_roc(lost_by_components(test_ND, *components(pictures(parts.train), number)), odd_N))
        return {"score": sum(found.values()) / len(found), **found, "principal_components": sum(beside) / len(beside)}

    return run


def bearing(prepared: Prepared, chosen_N: np.ndarray) -> Parts:
    """The parts with only the chosen rows in those that are learned from; `chosen_N` is of all rows of the source."""

    def some(part: Dataset, name: str) -> Dataset:
        return part.part(torch.from_numpy(np.flatnonzero(chosen_N[prepared.rows[name]])))

    parts = prepared.parts
    return Parts(some(parts.train, "train"), parts.valid and some(parts.valid, "valid"), parts.test)
