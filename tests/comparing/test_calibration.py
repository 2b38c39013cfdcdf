"""Calibration: the error of a case worked out by hand, a direct formula, ties, weights, and what chance alone gives."""

import numpy as np
import pytest

from nnzoo.comparing.calibration import by_chance, calibration, calibration_error
from nnzoo.core.task import Evaluation


def sure(confidence, classes=2):
    """Probabilities (N K) whose largest is `confidence`, for label 0."""
    confidence = np.asarray(confidence, float)
    rest = (1 - confidence) / (classes - 1)
    return np.column_stack([confidence, *[rest] * (classes - 1)])


def direct(share_NK, truth_N, bins):
    """The error without ties, row by row: bins of equally many rows in order of confidence."""
    order = np.argsort(share_NK.max(1))
    total = 0.0
    for b in range(bins):
        rows = [r for place, r in enumerate(order) if int(bins * (place + 0.5) / len(order)) == b]
        right = sum(int(share_NK[r].argmax() == truth_N[r]) for r in rows) / len(rows)
        stated = sum(share_NK[r].max() for r in rows) / len(rows)
        total += len(rows) / len(order) * abs(right - stated)
    return total


def test_a_case_worked_out_by_hand():
    share_NK = sure([0.6, 0.6, 0.8, 0.8])
    truth_N = np.array([0, 1, 0, 0])  # half right at .6, all right at .8
    found = calibration(share_NK, truth_N, bins=2)
    assert found.confidence_B == pytest.approx([0.6, 0.8]) and found.accuracy_B == pytest.approx([0.5, 1.0])
    assert found.rows_B.tolist() == [2, 2] and found.error == pytest.approx(0.5 * 0.1 + 0.5 * 0.2)


@pytest.mark.parametrize(("rows", "bins"), [(40, 4), (137, 13), (1000, 15)])
def test_it_is_the_formula(rows, bins):
    rng = np.random.default_rng(rows)
    share_NK = rng.dirichlet([1, 1, 1], rows)
    truth_N = rng.integers(3, size=rows)
    assert calibration(share_NK, truth_N, bins=bins).error == pytest.approx(direct(share_NK, truth_N, bins), abs=1e-12)


def test_bins_are_one_for_ten_rows_and_at_most_fifteen():
    rng = np.random.default_rng(0)
    for rows, bins in ((5, 1), (24, 2), (100, 10), (400, 15)):
        found = calibration(rng.dirichlet([1, 1], rows), rng.integers(2, size=rows))
        assert len(found.rows_B) == bins and found.rows_B.sum() == rows and found.rows_B.max() - found.rows_B.min() <= 1
        assert found.share_B == pytest.approx(found.rows_B / rows)


def test_rows_of_equal_confidence_share_a_bin_so_their_order_changes_nothing():
    confidence = [0.7] * 10 + [1.0] * 30
    truth_N = np.array([0] * 7 + [1] * 3 + [0] * 27 + [1] * 3)
    found = calibration(sure(confidence), truth_N, bins=4)
    assert found.rows_B.tolist() == [10, 30] and found.error == pytest.approx(0.75 * 0.1)
    order = np.random.default_rng(1).permutation(40)
    assert calibration(sure(confidence)[order], truth_N[order], bins=4).error == pytest.approx(found.error)


def test_a_row_of_weight_two_counts_as_two_and_one_of_weight_nothing_not_at_all():
    confidence, truth_N = np.array([0.6, 0.6, 0.9, 0.9, 0.95]), np.array([0, 1, 0, 1, 1])
    weighted = calibration(sure(confidence), truth_N, np.array([2.0, 1, 1, 1, 0]), bins=1)
    repeated = calibration(sure(confidence)[[0, 0, 1, 2, 3]], truth_N[[0, 0, 1, 2, 3]], bins=1)
    assert weighted.error == pytest.approx(repeated.error) == pytest.approx(abs(3 / 5 - 3.6 / 5))


def test_the_error_of_an_entrant_is_the_mean_over_its_seeds():
    truth_N = np.array([0] * 5 + [1] * 5)
    seeds = [Evaluation("accuracy", {}, predictions=sure([p] * 10), truth=truth_N) for p in (0.6, 0.9)]
    assert calibration_error(seeds) == pytest.approx((0.1 + 0.4) / 2)
    assert calibration_error([Evaluation("energy_distance", {})]) is None


def test_true_probabilities_are_within_what_chance_gives_and_boasting_is_not():
    rng = np.random.default_rng(2)
    true_N = rng.uniform(0.5, 1, 600)
    truth_N = (rng.random(600) > true_N).astype(int)
    chance = by_chance(sure(true_N))
    assert 0.5 * chance.error < calibration(sure(true_N), truth_N).error < 1.6 * chance.error
    found = calibration(sure(true_N), truth_N)
    outside = (found.accuracy_B < chance.low_B) | (found.accuracy_B > chance.high_B)
    assert outside.sum() <= 3
    boasting = sure(0.5 + (true_N - 0.5) / 5 + 0.4)
    assert calibration(boasting, truth_N).error > 3 * by_chance(boasting).error


def test_chance_of_one_bin_is_the_mean_deviation_of_a_binomial():
    chance = by_chance(sure([0.8] * 50), bins=1)
    from scipy.stats import binom

    exact = sum(binom.pmf(k, 50, 0.8) * abs(k / 50 - 0.8) for k in range(51))
    assert chance.error == pytest.approx(exact, rel=0.1)
    assert chance.low_B[0] == pytest.approx(binom.ppf(0.025, 50, 0.8) / 50, abs=0.03)
