"""How sure a comparison is: intervals of mean scores, and of differences between two entrants on the same test rows.

Test rows and seeds are both chance, and are put together as in a crossed design with random rows and random seeds:

    V = V*[mean_s x*_s]  +  sum_e max(0, s_e^2 - v_e) / S

V* is the variance over bootstrap resamples of the rows, the same rows for every entrant, so that differences are paired (Efron
& Tibshirani 1993, ch. 6 and 8); s_e^2 is the variance of an entrant's scores over its S seeds, and v_e what of it the choice of
these rows explains (the bootstrap variance of each seed's deviation from the mean). Resampling three seeds as well would count
v_e three times (Owen 2007, "The pigeonhole bootstrap", th. 3) and knows of no seed beyond the most extreme of the three; hence
Student's t with the degrees of freedom of Satterthwaite (1946) for V.

A share of right answers gets two rows that nobody saw, each entrant right in each with chance 1/2. For a difference that is the
interval of Agresti & Min (2005, "Simple improved confidence intervals for comparing matched proportions": 1/2 added to each cell);
an entrant's own share gets Wilson's interval (1927) with the number of rows that V implies. Neither is ever without width, which
the plain bootstrap of 100 % right is, and both hold at 20 rows. An entrant's own error (RMSE, 1 - R2, ...) is skewed, its logarithm
hardly: its interval is made there, and an R2 never reaches beyond 1. Where a score compares whole sets (the distance of made from
real pictures), an evaluation may bring the score in resamples of both sets, which stand for those of rows; where it does not, only
seeds tell: intervals are then Student's and Welch's.

R resamples, N rows, S seeds, C columns of sums.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as student

from nnzoo.comparing.columns import Columns, columns_of
from nnzoo.core.seeds import mix
from nnzoo.core.task import Evaluation

RESAMPLES = 2000
GROUPS = 10_000  # more rows than this are first summed in so many random groups, which are then resampled
CHUNK = 100  # resamples at a time
ROUNDING = 1e-24  # a variance this small beside the square is none
UNSEEN = 2  # rows that nobody saw, for shares
ERRORS = {"r2": -1.0, "rmse": 1.0, "mse": 1.0, "mae": 1.0, "log_loss": 1.0}  # errors that are skewed; of R2 it is 1 - R2

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A score or a difference: its `value`, the middle of its interval (`centre`), its variance from `rows` and from `seeds`, each
    with the degrees of freedom with which it is known."""

    value: float
    centre: float
    rows: float
    seeds: float
    row_freedom: float = np.inf
    seed_freedom: float = np.inf

    @property
    def freedom(self) -> float:
        """Satterthwaite's degrees of freedom of the sum."""
        uncertain = self.rows**2 / self.row_freedom + self.seeds**2 / self.seed_freedom
        return (self.rows + self.seeds) ** 2 / uncertain if uncertain > 0 else np.inf

    @property
    def error(self) -> float:
        """The standard error."""
        return float(np.sqrt(self.rows + self.seeds))

    def interval(self, level: float = 0.95) -> Interval:
        """Two-sided, at `level`."""
        if self.error == 0:
            return self.value, self.value
        half = student.ppf((1 + level) / 2, self.freedom) * self.error if np.isfinite(self.error) else np.inf
        return float(self.centre - half), float(self.centre + half)

    def doubt(self, bound: float = 0.0) -> float:
        """One-sided p-value of "at most `bound`": small where the truth is surely above it. An exact difference has no doubt."""
        if self.error == 0:
            return float(self.value <= bound)
        if not np.isfinite(self.error):
            return 1.0
        return float(student.sf((self.centre - bound) / self.error, self.freedom))

    def turned(self) -> Estimate:
        """With the other sign, for scores of which less is better."""
        return replace(self, value=-self.value, centre=-self.centre)


class Intervals(ABC):
    """Intervals of every entrant's mean score and of differences. `method` says in words how they were made, `evidence` of what;
    `rows` and `seeds` are how many (0 rows where only seeds tell), `unit` is what rows are called."""

    method: str
    evidence: str
    rows: int
    seeds: int
    unit: str = "test rows"

    @abstractmethod
    def of(self, kind: str, level: float = 0.95) -> Interval:
        """The interval of an entrant's mean score."""

    @abstractmethod
    def estimate(self, kind: str, other: str) -> Estimate:
        """`kind`'s mean score minus `other`'s."""

    def difference(self, kind: str, other: str, level: float = 0.95) -> Interval:
        """The interval of `kind`'s mean score minus `other`'s. Entrants with identical answers differ by exactly 0."""
        return self.estimate(kind, other).interval(level)


def intervals(
    evaluations: Mapping[str, Sequence[Evaluation]],
    metric: str,
    weight: np.ndarray | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Intervals:
    """Intervals for entrants with one evaluation a seed, all on the same test rows. `weight` weighs the rows scored."""
    sets = [e.extra.get("draws", {}).get(metric) for each in evaluations.values() for e in each]
    if sets and all(draws is not None and len(draws) == len(sets[0]) for draws in sets):
        return SetsAndSeeds(evaluations, metric)
    unique = {id(e): columns_of(e, metric, weight) for each in evaluations.values() for e in each}
    lengths = {None if c is None else len(c.rows_NC) for c in unique.values()}
    if None in lengths or len(lengths) != 1 or lengths == {0}:
        return SeedsOnly({kind: [e.scores[metric] for e in each] for kind, each in evaluations.items()})
    found = {kind: [unique[id(e)] for e in each] for kind, each in evaluations.items()}
    return RowsAndSeeds(evaluations, found, metric, seed, resamples)  # type: ignore[arg-type]


class RowsAndSeeds(Intervals):
    """From resampled scores (R S) of every entrant, `draws`."""

    def __init__(
        self,
        evaluations: Mapping[str, Sequence[Evaluation]],
        columns: Mapping[str, Sequence[Columns]],
        metric: str,
        seed: int,
        resamples: int,
    ):
        self.metric, self.answers = metric, {kind: [_answers(e, metric) for e in each] for kind, each in evaluations.items()}
        self.scores = {kind: np.array([e.scores[metric] for e in each]) for kind, each in evaluations.items()}
        self.rows = len(next(iter(columns.values()))[0].rows_NC)
        self.seeds = max(len(each) for each in self.scores.values())
        self.draws = _resampled(columns, self.rows, seed, resamples)
        self.centres = {kind: np.mean([_smoothed(c) for c in each]) for kind, each in columns.items()}
        self.share = all(c.unseen_2C is not None for each in columns.values() for c in each)
        self.unit = next(iter(evaluations.values()))[0].unit
        self.evidence = f"these {self.rows:,} {self.unit}" + (f" and {self.seeds} seeds" if self.seeds > 1 else "")
        self.method = (
            f"paired bootstrap over {self.rows:,} {self.unit} ({resamples:,} resamples) with the variance over "
            + (f"{self.seeds} seeds" if self.seeds > 1 else "seeds unknown (one seed)")
            + ", Student's t"
            + ("; Wilson's interval for an entrant's own share" if self.share else "")
        )

    def of(self, kind: str, level: float = 0.95) -> Interval:
        if self.metric in ERRORS:
            return self._of_error(kind, level)
        found = self._estimate({kind: 1.0})
        if not self.share:
            return found.interval(level)
        smooth, score = min(max(found.centre, 1e-9), 1 - 1e-9), min(max(found.value, 0.0), 1.0)
        rows = smooth * (1 - smooth) / (found.error**2)  # as many independent ones would have this variance
        z2 = student.ppf((1 + level) / 2, found.freedom) ** 2
        middle, half = (score + z2 / (2 * rows)), np.sqrt(z2 * (score * (1 - score) / rows + z2 / (4 * rows**2)))
        return float(max(0, (middle - half) / (1 + z2 / rows))), float(min(1, (middle + half) / (1 + z2 / rows)))

    def _of_error(self, kind: str, level: float) -> Interval:
        """The interval of the logarithm of the error, and back."""
        sign, shift = ERRORS[self.metric], float(self.metric == "r2")
        error, error_R = shift + sign * self.scores[kind].mean(), shift + sign * self.draws[kind].mean(1)
        found = self._estimate({kind: 1.0})
        if error <= 0 or np.var(error_R) <= ROUNDING * error**2:
            return found.interval(level)
        n = min(self.rows, GROUPS)
        rows = n / max(1, n - 1) * float(np.var(np.log(np.maximum(error_R, 1e-3 * error))))
        half = student.ppf((1 + level) / 2, found.freedom) * np.sqrt(rows + found.seeds / error**2)
        ends = [shift + sign * error * np.exp(side * half) for side in (-1, 1)]
        return float(min(ends)), float(max(ends))

    def estimate(self, kind: str, other: str) -> Estimate:
        same = len(self.answers[kind]) == len(self.answers[other])
        if same and all(np.array_equal(a, b) for a, b in zip(self.answers[kind], self.answers[other])):
            return Estimate(0.0, 0.0, 0.0, 0.0)
        return self._estimate({kind: 1.0, other: -1.0})

    def _estimate(self, signs: Mapping[str, float]) -> Estimate:
        """The sum of entrants' mean scores times signs."""
        value = sum(sign * self.scores[kind].mean() for kind, sign in signs.items())
        n = min(self.rows, GROUPS)
        correct = 1.0 if self.share else n / max(1, n - 1)  # a bootstrap variance is that of N, not N - 1
        rows = correct * float(np.var(sum(sign * self.draws[kind].mean(1) for kind, sign in signs.items())))
        most = max(abs(self.scores[kind].mean()) for kind in signs)
        if rows <= ROUNDING * most**2:  # every row says the same: one that does not may be unseen yet
            scale = 1.0 if self.metric == "r2" else most or 1.0
            rows = (2 * scale / (self.rows + 1)) ** 2
        seeds, uncertain = 0.0, 0.0
        for kind in signs:
            scores_S, draws_RS = self.scores[kind], self.draws[kind]
            s = len(scores_S)
            if s > 1:
                spread = float(scores_S.var(ddof=1))
                by_rows = correct * float((draws_RS - draws_RS.mean(1, keepdims=True)).var(0).sum()) / (s - 1)
                own = max(0.0, spread - by_rows)
                seeds += own / s
                uncertain += own * spread / s**2 / (s - 1)
        centre = sum(sign * self.centres[kind] for kind, sign in signs.items()) if self.share else value
        seed_freedom = seeds**2 / uncertain if uncertain > 0 else np.inf
        return Estimate(float(value), float(centre), rows, seeds, max(1, n - 1), seed_freedom)


class SetsAndSeeds(RowsAndSeeds):
    """From scores in resamples (R S) that evaluations of whole sets bring along as `extra["draws"]`, the same real rows in each."""

    def __init__(self, evaluations: Mapping[str, Sequence[Evaluation]], metric: str):
        self.metric, self.share = metric, False
        self.answers = {kind: [np.asarray(e.scores[metric]) for e in each] for kind, each in evaluations.items()}
        self.scores = {kind: np.array([e.scores[metric] for e in each]) for kind, each in evaluations.items()}
        self.draws = {kind: np.stack([e.extra["draws"][metric] for e in each], 1) for kind, each in evaluations.items()}
        self.centres = {kind: scores.mean() for kind, scores in self.scores.items()}
        first = next(iter(evaluations.values()))[0]
        self.rows, self.unit = int(first.extra["samples"]), first.unit
        self.seeds = max(len(each) for each in self.scores.values())
        self.evidence = f"these {self.rows:,} {self.unit}, as many made ones"
        self.evidence += f" and {self.seeds} seeds" if self.seeds > 1 else ""
        self.method = (
            f"bootstrap over {self.rows:,} {self.unit}, the same for all, and as many made ones "
            f"({len(next(iter(self.draws.values()))):,} resamples), with the variance over "
            + (f"{self.seeds} seeds" if self.seeds > 1 else "seeds unknown (one seed)")
            + ", Student's t"
        )


class SeedsOnly(Intervals):
    """Student's intervals over seeds; differences after Welch. One seed alone has no interval: it is without bounds."""

    method = "Student's t over seeds (this score does not divide into shares of test rows)"
    rows = 0

    def __init__(self, scores: Mapping[str, Sequence[float]]):
        self.seeds = max((len(each) for each in scores.values()), default=0)
        self.evidence = f"{self.seeds} seeds" if self.seeds > 1 else "one seed, which gives no interval"
        self.scores = {kind: np.asarray(each, float) for kind, each in scores.items()}

    def of(self, kind: str, level: float = 0.95) -> Interval:
        return self._estimate({kind: 1.0}).interval(level)

    def estimate(self, kind: str, other: str) -> Estimate:
        if len(self.scores[kind]) > 1 and np.array_equal(self.scores[kind], self.scores[other]):
            return Estimate(0.0, 0.0, 0.0, 0.0)
        return self._estimate({kind: 1.0, other: -1.0})

    def _estimate(self, signs: Mapping[str, float]) -> Estimate:
        value = float(sum(sign * self.scores[kind].mean() for kind, sign in signs.items()))
        seeds, uncertain = 0.0, 0.0
        for kind in signs:
            s = len(self.scores[kind])
            part = self.scores[kind].var(ddof=1) / s if s > 1 else np.inf
            seeds, uncertain = seeds + part, uncertain + part**2 / max(1, s - 1)
        most = max(abs(self.scores[kind].mean()) for kind in signs)
        if seeds <= ROUNDING * most**2 or not np.isfinite(seeds):  # without any spread nothing is known of it
            return Estimate(value, value, 0.0, np.inf, seed_freedom=1.0)
        return Estimate(value, value, 0.0, float(seeds), seed_freedom=float(seeds**2 / uncertain))


def _answers(evaluation: Evaluation, metric: str) -> np.ndarray:
    """What tells whether two entrants answered alike."""
    if evaluation.predictions is not None:
        return np.asarray(evaluation.predictions)
    return np.asarray(evaluation.scores[metric] if evaluation.rows is None else evaluation.rows)


def _smoothed(columns: Columns) -> float:
    """The score with the unseen rows, half of them answered rightly."""
    sums_C = columns.rows_NC.sum(0)
    if columns.unseen_2C is not None:
        sums_C = sums_C + UNSEEN * columns.unseen_2C.mean(0)
    return float(columns.score(sums_C[None])[0])


def _resampled(found: Mapping[str, Sequence[Columns]], n: int, seed: int, resamples: int) -> dict[str, np.ndarray]:
    """Scores (R S) of every entrant in each resample: the same rows for all, and as many unseen rows, answered by each entrant on
    its own."""
    random = np.random.default_rng(mix(seed, 2))
    group_N = random.integers(GROUPS, size=n) if n > GROUPS else None
    unique = {id(c): c for each in found.values() for c in each}  # a kind without chance stands for all its seeds
    stacked = []
    for columns in unique.values():
        rows_NC = columns.rows_NC
        if group_N is not None:
            summed = np.zeros((GROUPS, rows_NC.shape[1]))
            np.add.at(summed, group_N, rows_NC)
            rows_NC = summed
        stacked.append(rows_NC)
    all_NC = np.concatenate(stacked, 1)
    units = len(all_NC)
    sums_RC = np.empty((resamples, all_NC.shape[1]))
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = random.integers(units, size=(size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units)
        sums_RC[start : start + size] = counts.astype(all_NC.dtype) @ all_NC
    sums = dict(zip(unique, np.split(sums_RC, np.cumsum([rows_NC.shape[1] for rows_NC in stacked])[:-1], axis=1)))
    unseen_R = random.binomial(n + UNSEEN, UNSEEN / (n + UNSEEN), size=resamples)
    draws = {}
    for kind, each in found.items():
        right_R = random.binomial(unseen_R, 0.5)
        made_R2 = np.stack([unseen_R - right_R, right_R], 1)
        draws[kind] = np.stack([c.score(sums[id(c)] + (0 if c.unseen_2C is None else made_R2 @ c.unseen_2C)) for c in each], 1)
    return draws
