"""How sure a comparison is: intervals of mean scores, and of differences between two entrants on the same test rows.

Test rows and seeds are resampled together (a two-level bootstrap): a draw takes the same rows for every entrant, so that a
difference is paired, and for each entrant its own seeds. Of S seeds a draw takes S - 1 (Rao & Wu 1988), which makes the
variance over few seeds come out right; with S as usual it would be a third too small for three. Where a score does not follow
from sums over rows (the distance between two clouds of points), only seeds tell: intervals are then Student's.

R resamples, N rows, S seeds, E entrants, C columns of sums.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import t as student

from nnzoo.comparing.columns import columns_of
from nnzoo.core.seeds import mix
from nnzoo.core.task import Evaluation

RESAMPLES = 2000
GROUPS = 10_000  # more rows than this are first summed in so many random groups, which are then resampled
CHUNK = 100  # resamples at a time

Interval = tuple[float, float]


class Intervals(ABC):
    """Intervals of every entrant's mean score and of differences. `method` says in words how they were made, `evidence` of what."""

    method: str
    evidence: str

    @abstractmethod
    def of(self, kind: str, level: float = 0.95) -> Interval:
        """The interval of an entrant's mean score."""

    @abstractmethod
    def difference(self, kind: str, other: str, level: float = 0.95) -> Interval:
        """The interval of `kind`'s mean score minus `other`'s."""


def intervals(
    evaluations: Mapping[str, Sequence[Evaluation]],
    metric: str,
    weight: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Intervals:
    """Intervals for entrants with one evaluation a seed, all on the same test rows. `weight` weighs the rows scored."""
    found = {kind: [columns_of(e, metric, weight) for e in each] for kind, each in evaluations.items()}
    lengths = {None if c is None else len(c.rows_NC) for each in found.values() for c in each}
    if None in lengths or len(lengths) != 1 or lengths == {0}:
        return SeedsOnly({kind: [e.scores[metric] for e in each] for kind, each in evaluations.items()})
    (n,) = lengths
    assert n is not None
    return RowsAndSeeds(_resampled(found, n, seed, resamples), n, resamples)  # type: ignore[arg-type]


class RowsAndSeeds(Intervals):
    """Percentiles of resampled mean scores (R) by entrant."""

    def __init__(self, means: Mapping[str, np.ndarray], rows: int, resamples: int):
        self.means = means
        self.evidence = f"these {rows:,} test rows"
        self.method = (
            f"bootstrap over {rows:,} test rows and the seeds together, {resamples:,} resamples, differences on the same rows"
        )

    def of(self, kind: str, level: float = 0.95) -> Interval:
        return _percentiles(self.means[kind], level)

    def difference(self, kind: str, other: str, level: float = 0.95) -> Interval:
        return _percentiles(self.means[kind] - self.means[other], level)


class SeedsOnly(Intervals):
    """Student's intervals over seeds; differences after Welch. One seed alone has no interval: it is without bounds."""

    method = "Student's t over seeds (this score does not divide into shares of test rows)"

    def __init__(self, scores: Mapping[str, Sequence[float]]):
        seeds = max((len(each) for each in scores.values()), default=0)
        self.evidence = f"{seeds} seeds" if seeds > 1 else "one seed, which gives no interval"
        self.scores = {kind: np.asarray(each, float) for kind, each in scores.items()}

    def of(self, kind: str, level: float = 0.95) -> Interval:
        scores_S = self.scores[kind]
        if len(scores_S) < 2:
            return -np.inf, np.inf
        half = student.ppf((1 + level) / 2, len(scores_S) - 1) * scores_S.std(ddof=1) / np.sqrt(len(scores_S))
        return float(scores_S.mean() - half), float(scores_S.mean() + half)

    def difference(self, kind: str, other: str, level: float = 0.95) -> Interval:
        a_S, b_S = self.scores[kind], self.scores[other]
        gap = a_S.mean() - b_S.mean()
        if min(len(a_S), len(b_S)) < 2:
            return -np.inf, np.inf
        share_a, share_b = a_S.var(ddof=1) / len(a_S), b_S.var(ddof=1) / len(b_S)
        if share_a + share_b == 0:
            return float(gap), float(gap)
        freedom = (share_a + share_b) ** 2 / (share_a**2 / (len(a_S) - 1) + share_b**2 / (len(b_S) - 1))
        half = student.ppf((1 + level) / 2, freedom) * np.sqrt(share_a + share_b)
        return float(gap - half), float(gap + half)


def _resampled(found: Mapping[str, Sequence], n: int, seed: int, resamples: int) -> dict[str, np.ndarray]:
    """Mean scores (R) of every entrant: the same rows for all in one resample, seeds for each on its own."""
    random = np.random.default_rng(mix(seed, 2))
    group_N = random.integers(GROUPS, size=n) if n > GROUPS else None
    stacked, width = [], []
    for each in found.values():
        for columns in each:
            rows_NC = columns.rows_NC
            if group_N is not None:
                summed = np.zeros((GROUPS, rows_NC.shape[1]))
                np.add.at(summed, group_N, rows_NC)
                rows_NC = summed
            stacked.append(rows_NC)
            width.append(rows_NC.shape[1])
    all_NC = np.concatenate(stacked, 1)
    units = len(all_NC)
    sums_RC = np.empty((resamples, all_NC.shape[1]))
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = random.integers(units, size=(size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units)
        sums_RC[start : start + size] = counts.astype(all_NC.dtype) @ all_NC
    parts = iter(np.split(sums_RC, np.cumsum(width)[:-1], axis=1))
    means = {}
    for kind, each in found.items():
        scores_RS = np.stack([columns.score(next(parts)) for columns in each], 1)
        seeds = scores_RS.shape[1]
        chosen = random.integers(seeds, size=(resamples, max(1, seeds - 1)))
        means[kind] = np.take_along_axis(scores_RS, chosen, 1).mean(1)
    return means


def _percentiles(values_R: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(values_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
