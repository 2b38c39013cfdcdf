"""How much more data would decide a comparison: test rows (and seeds) for a given power, from the measured variances.

The variance of a difference is that of its rows, which falls as 1 / rows, and that of its seeds, which falls as 1 / seeds:

    se^2(n, s) = v_rows N / n + v_seeds S / s,        power = Phi(effect / se - t_(1 - alpha)(n, s))

with the degrees of freedom after Satterthwaite, as in intervals.py. The sum is of the normal approximation to the noncentral t.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from nnzoo.comparing.intervals import Estimate

POWER = 0.8
ALPHA = 0.05  # one-sided
MOST = 10**9  # rows; more are never meant
STEP = 1.05  # rows and seeds tried grow by this


class Needed(NamedTuple):
    """Test rows and seeds; `rows` is None where rows are no part of it."""

    rows: int | None
    seeds: int


def power_at(found: Estimate, effect: float, now: tuple[int, int], then: tuple[int, int], alpha: float = ALPHA) -> float:
    """The chance that a true difference of `effect` is found with the (rows, seeds) `then`, as measured with those of `now`."""
    (rows, seeds), (n, s) = now, then
    by_rows = found.rows * rows / n if rows else 0.0
    by_seeds = found.seeds * seeds / s
    if not np.isfinite(by_seeds):
        return 0.0
    if by_rows + by_seeds == 0:
        return 1.0
    of_seeds = max(1, s - 1) * _seed_freedom(found, rows) / max(1, seeds - 1)
    uncertain = by_rows**2 / max(1, n - 1) + by_seeds**2 / of_seeds
    freedom = (by_rows + by_seeds) ** 2 / uncertain
    return float(norm.cdf(effect / np.sqrt(by_rows + by_seeds) - student.ppf(1 - alpha, freedom)))


def needed(found: Estimate, effect: float, rows: int, seeds: int, power: float = POWER, alpha: float = ALPHA) -> Needed | None:
    """The fewest test rows, with as few more seeds as possible, that find a true difference of `effect` with this power.

    `found` was measured on `rows` test rows (0: a score of which only seeds tell) under `seeds` seeds. None where no number would
    do: one seed says nothing of others, or the effect is nothing.
    """
    if effect <= 0 or not np.isfinite(found.seeds):
        return None
    for s in _growing(seeds, 1000):
        if power_at(found, effect, (rows, seeds), (MOST, s), alpha) < (power if rows == 0 else (1 + power) / 2):
            continue  # however many rows, too few seeds; where rows matter too, they are left half of what may go wrong
        if rows == 0:
            return Needed(None, s)
        for n in _growing(rows, MOST):
            if power_at(found, effect, (rows, seeds), (n, s), alpha) >= power:
                return Needed(n, s)
    return None


def _seed_freedom(found: Estimate, rows: int) -> float:
    """The degrees of freedom of the seeds' part alone, from those of the sum."""
    if found.seeds == 0:
        return 1.0
    uncertain = (found.rows + found.seeds) ** 2 / found.freedom - (found.rows**2 / max(1, rows - 1) if rows else 0.0)
    return found.seeds**2 / max(uncertain, 1e-12 * found.seeds**2)


def _growing(start: int, end: int) -> list[int]:
    """Whole numbers from `start`, each about 5 % more than the one before."""
    steps = [start]
    while steps[-1] < end:
        steps.append(max(steps[-1] + 1, int(steps[-1] * STEP)))
    return steps
