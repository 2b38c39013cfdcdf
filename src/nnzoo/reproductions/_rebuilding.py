"""What is lost on the way through a code, beside principal components of the same number; odd rows told by it.

N rows, D numbers of a row, C numbers of a code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawImages
from nnzoo.data.reading import read
from nnzoo.reproductions.running import Listeners, fit


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


def auroc(score_N: Tensor, odd_N: Tensor) -> float:
    """How often an odd row scores above a usual one; ties count half (the area under the receiver operating characteristic)."""
    _, rank_N, count = score_N.double().unique(return_inverse=True, return_counts=True)
    last = count.cumsum(0).double()
    middle_N = (last - (count.double() - 1) / 2)[rank_N]  # ties share the mean of their ranks, from 1
    odd, usual = int(odd_N.sum()), int((~odd_N).sum())
    return float((middle_N[odd_N].sum() - odd * (odd + 1) / 2) / (odd * usual))


def rebuilding(data: str, seed: int) -> Prepared:
    """A set of pictures to be rebuilt, without labels."""
    return prepare(data, task="reconstruction", seed=seed)


def one_class(kind: str, data: str, number: int, config: dict[str, Any]) -> Callable[[int, Listeners], dict[str, float]]:
    """Train on the pictures of one label, score all test pictures by surprise, for each label; the area under the receiver operating
    characteristic as a mean over labels, beside that of what `number` principal components lose."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        prepared = rebuilding(data, seed)
        named = read(data)
        assert isinstance(named, RawImages) and named.labels is not None
        found: dict[str, float] = {}
        beside: list[float] = []
        for label in sorted({str(one) for one in named.labels}):
            is_label = {part: torch.from_numpy(named.labels[rows].astype(str) == label) for part, rows in prepared.rows.items()}

            def only(part: Dataset | None, name: str) -> Dataset | None:
                return None if part is None else part.part(torch.nonzero(is_label[name])[:, 0])

            train, valid = only(prepared.parts.train, "train"), only(prepared.parts.valid, "valid")
            assert train is not None and prepared.parts.test is not None
            network = fit(kind, replace(prepared, parts=Parts(train, valid, prepared.parts.test)), seed, (), config)
            odd_N = ~is_label["test"]
            found[f"auroc_{label}"] = auroc(surprises(network, prepared.parts.test), odd_N)
            lost_N = lost_by_components(pictures(prepared.parts.test), *components(pictures(train), number))
            beside.append(auroc(lost_N, odd_N))
        return {"score": sum(found.values()) / len(found), **found, "principal_components": sum(beside) / len(beside)}

    return run
