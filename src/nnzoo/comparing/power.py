"""How much more data would decide a comparison: test rows (and seeds) for a given power, from the measured variances.

The variance of a difference is that of its rows, which falls as 1 / rows, and that of its seeds, which falls as 1 / seeds:

    se^2(n, s) = v_rows N / n + v_seeds S / s,        power = Phi(effect / se - t_(1 - alpha)(n, s))

with the degrees of freedom after Satterthwaite, as in intervals.py. The noncentral t is taken as normal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from nnzoo.comparing.intervals import Estimate

POWER = 0.8
ALPHA = 0.05  # one-sided
MOST_ROWS, MOST_SEEDS = 10**9, 1000  # more are never meant
STEP = 1.05  # rows and seeds tried grow by this


class Needed(NamedTuple):
    """Test rows and seeds; `rows` is None where rows are no part of it."""

    rows: int | None
    seeds: int


def power_at(
    found: Estimate, effect: float, now: tuple[int, int], rows: np.ndarray | int, seeds: np.ndarray | int, alpha: float = ALPHA
) -> np.ndarray:
    """The chance that a true difference of `effect` is found with so many `rows` and `seeds` (arrays or one of them), as measured
    with the (rows, seeds) `now`."""
    n, s = now
    by_rows = found.rows * n / rows * np.ones_like(seeds, dtype=float)
    by_seeds = found.seeds * s / seeds * np.ones_like(rows, dtype=float)
    of_seeds = np.maximum(1, np.asarray(seeds) - 1) * found.seed_freedom / max(1, s - 1)
    total = np.maximum(by_rows + by_seeds, 1e-300)
    freedom = total**2 / np.maximum(by_rows**2 / np.maximum(1, np.asarray(rows) - 1) + by_seeds**2 / of_seeds, 1e-300)
    return norm.cdf(effect / np.sqrt(total) - student.ppf(1 - alpha, freedom))


def needed(found: Estimate, effect: float, rows: int, seeds: int, power: float = POWER, alpha: float = ALPHA) -> Needed | None:
    """The fewest test rows, with as few more seeds as possible, that find a true difference of `effect` with this power.

    `found` was measured on `rows` test rows (0: a score of which only seeds tell) under `seeds` seeds. None where no number would
    do: one seed says nothing of others, or the effect is nothing.
    """
    if effect <= 0 or not np.isfinite(found.seeds):
        return None
    now, wanted = (max(1, rows), seeds), power if rows == 0 else (1 + power) / 2  # rows are left half of what may go wrong
    more_seeds, more_rows = _growing(seeds, MOST_SEEDS), _growing(max(1, rows), MOST_ROWS)
    enough = power_at(found, effect, now, MOST_ROWS, more_seeds, alpha) >= wanted
    if not enough.any():
        return None
    s = int(more_seeds[enough.argmax()])
    if rows == 0:
        return Needed(None, s)
    enough = power_at(found, effect, now, more_rows, s, alpha) >= power
    return Needed(int(more_rows[enough.argmax()]), s) if enough.any() else None


def _growing(start: int, end: int) -> np.ndarray:
    """Whole numbers from `start`, each about 5 % more than the one before."""
    steps = [start]
    while steps[-1] < end:
        steps.append(max(steps[-1] + 1, int(steps[-1] * STEP)))
    return np.array(steps)
