"""How many rows and seeds would decide: as the textbook has it, and as many as really do."""

import numpy as np
import pytest
from scipy.stats import nct, norm
from scipy.stats import t as student

from nnzoo.comparing.intervals import Estimate, intervals
from nnzoo.comparing.power import needed, power_at
from nnzoo.core.task import Evaluation


def on_rows(variance, rows, seeds=0.0):
    return Estimate(0.0, 0.0, variance / rows, seeds, rows - 1, 4.0)


def test_rows_alone_follow_the_textbook():
    """n = sigma^2 ((z_.95 + z_.8) / effect)^2"""
    found = needed(on_rows(0.2, 50), 0.02, 50, 3)
    textbook = 0.2 * ((norm.ppf(0.95) + norm.ppf(0.8)) / 0.02) ** 2
    assert found.seeds == 3 and textbook <= found.rows < 1.06 * textbook


def test_power_with_few_degrees_of_freedom_is_that_of_the_noncentral_t():
    found = Estimate(0.0, 0.0, 0.0, 0.01, seed_freedom=11.0)
    exact = nct.sf(student.ppf(0.95, 11), 11, 3.0)
    assert power_at(found, 0.3, (1, 12), 1, 12).item() == pytest.approx(exact, abs=0.03)


def test_more_rows_never_replace_the_seeds_that_lack():
    found = needed(on_rows(0.2, 50, 0.001), 0.02, 50, 3)
    assert found.seeds > 3 * 0.001 / 0.02**2 and found.rows > 50
    fewer = needed(on_rows(0.2, 50, 0.00001), 0.02, 50, 3)
    assert fewer.seeds == 3 and fewer.rows < found.rows


def test_seeds_alone_where_rows_tell_nothing():
    found = needed(Estimate(0.0, 0.0, 0.0, 0.04, seed_freedom=4.0), 0.1, 0, 3)
    textbook = 3 * 0.04 * ((norm.ppf(0.95) + norm.ppf(0.8)) / 0.1) ** 2
    assert found.rows is None and textbook <= found.seeds < 1.15 * textbook


def test_what_no_number_would_tell_has_none():
    assert needed(Estimate(0.0, 0.0, 0.0, np.inf), 0.1, 0, 1) is None
    assert needed(on_rows(0.2, 50), 0.0, 50, 3) is None


def test_so_many_rows_find_the_difference_four_times_in_five():
    """Measured on 60 rows, tried on as many as that said."""
    rng = np.random.default_rng(0)

    def estimate(n, trial):
        right = rng.random((n, 2)) < [[0.85, 0.75]]
        runs = {k: [Evaluation("accuracy", {"accuracy": float(r.mean())}, rows=r.astype(float))] for k, r in zip("ab", right.T)}
        return intervals(runs, "accuracy", seed=trial, resamples=300).estimate("a", "b")

    wanted = np.median([needed(estimate(60, t), 0.1, 60, 1).rows for t in range(20)])
    found = np.mean([estimate(int(wanted), t).doubt() < 0.05 for t in range(300)])
    assert 0.72 <= found <= 0.90 and 150 < wanted < 250
