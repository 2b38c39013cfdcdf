"""How far two samples are from one another, each seen as a normal distribution of its features.

    d2((m, C), (m', C')) = |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))          (Frechet 1957; Heusel et al. 2017, eq. 6)

The trace of the root is the sum of the roots of the eigenvalues of C^(1/2) C' C^(1/2), which is symmetric, so that no root of a
negative or complex number is ever taken. Estimated from N rows on either side the distance is too large by about c / N, with
another c for every generator (Chong & Forsyth 2020). The jackknife takes that away (Quenouille 1949):

    d2 = G d2_N - (G - 1) mean over g of d2 without the g-th of G equal groups of rows

so that two samples of one distribution score about 0, and may fall a little below.

Shapes: N rows, D features, R resamples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.seeds import generator, mix

GROUPS = 10  # G
FEWEST = 2 * GROUPS  # rows
RESAMPLES = 200


class Normal(NamedTuple):
    """A normal distribution: mean (D) and covariance (D D), float64."""

    mean_D: Tensor
    covariance_DD: Tensor


def normal_of(x_ND: Tensor, count_N: Tensor | None = None) -> Normal:
    """Mean and covariance (divided by N - 1) of rows, each counted `count_N` times (None: once)."""
    x_ND = x_ND.double()
    count_N = x_ND.new_ones(len(x_ND)) if count_N is None else count_N.to(x_ND)
    n = count_N.sum()
    mean_D = count_N @ x_ND / n
    apart_ND = x_ND - mean_D
    return Normal(mean_D, (apart_ND * count_N[:, None]).T @ apart_ND / (n - 1))


def distance_of(first: Normal, second: Normal) -> float:
    """Squared Frechet distance of two normal distributions."""
    between = (first.mean_D - second.mean_D).square().sum()
    root_DD = _root(first.covariance_DD)
    inner_DD = root_DD @ second.covariance_DD @ root_DD
    roots = torch.linalg.eigvalsh((inner_DD + inner_DD.T) / 2).clamp(min=0).sqrt().sum()
    return float(between + first.covariance_DD.trace() + second.covariance_DD.trace() - 2 * roots)


def _root(covariance_DD: Tensor) -> Tensor:
    """The symmetric square root; eigenvalues below 0 are rounding."""
    value_D, axes_DD = torch.linalg.eigh(covariance_DD)
    return (axes_DD * value_D.clamp(min=0).sqrt()) @ axes_DD.T


def plain_distance(x_ND: Tensor, y_ND: Tensor) -> float:
    """Squared Frechet distance of two samples as the formula has it, too large by about c / N."""
    return distance_of(normal_of(x_ND), normal_of(y_ND))


def frechet_distance(x_ND: Tensor, y_ND: Tensor) -> float:
    """Squared Frechet distance of two samples of equal size, its bias of order 1 / N removed. Raises DataError with other numbers
    of rows on the two sides (their errors would differ), or fewer than twenty."""
    if len(x_ND) != len(y_ND) or len(x_ND) < FEWEST:
        raise DataError(
            f"the Frechet distance compares as many rows on either side, {FEWEST} or more, not {len(x_ND)} and {len(y_ND)}"
        )
    group_N = torch.arange(len(x_ND), device=x_ND.device) % GROUPS
    order_N = torch.randperm(len(x_ND), generator=generator(29)).to(x_ND.device)  # rows that stand together may be alike
    x_ND, y_ND = x_ND[order_N], y_ND[order_N]
    without = [plain_distance(x_ND[group_N != g], y_ND[group_N != g]) for g in range(GROUPS)]
    return GROUPS * plain_distance(x_ND, y_ND) - (GROUPS - 1) * sum(without) / GROUPS


def resampled(real_ND: Tensor, made_ND: Tensor, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """The distance in bootstrap resamples of the rows of both sides (R), moved so that their mean is the estimate.

    Real rows are drawn alike for everybody who is compared with them, made rows by `seed`: differences between generators are
    paired. Only the spread is the bootstrap's, since a resample repeats rows and is farther off than they are.
    """
    n, m = len(real_ND), len(made_ND)
    same, own = np.random.default_rng(mix(31, n)), np.random.default_rng(mix(37, seed, m))
    real_ND, made_ND = real_ND.double(), made_ND.double()
    found_R = np.empty(resamples)
    for r in range(resamples):
        real_N, made_N = (
            torch.from_numpy(np.bincount(random.integers(size, size=size), minlength=size)).to(real_ND)
            for random, size in ((same, n), (own, m))
        )
        found_R[r] = distance_of(normal_of(real_ND, real_N), normal_of(made_ND, made_N))
    return found_R - found_R.mean() + frechet_distance(made_ND, real_ND)
