"""Intervals: cover as often as they say, differences are paired, metrics follow from sums as the tasks compute them."""

import numpy as np
import pytest
from scipy import stats

from nnzoo.comparing.columns import columns_of
from nnzoo.comparing.intervals import RowsAndSeeds, SeedsOnly, intervals
from nnzoo.core.task import Evaluation
from nnzoo.tasks._classification import _scores
from nnzoo.tasks._regression import regression_scores


def answered(right: np.ndarray) -> Evaluation:
    return Evaluation("accuracy", {"accuracy": float(right.mean())}, rows=right.astype(float))


def labels(rng, n=200, classes=4, weight=None) -> Evaluation:
    truth = rng.integers(classes - 1, size=n)  # the last label is answered at times but never right
    share = rng.dirichlet(np.ones(classes), size=n)
    share[np.arange(n), truth] += 0.5
    share /= share.sum(1, keepdims=True)
    right, w = (share.argmax(1) == truth).astype(float), np.ones(n) if weight is None else weight
    return Evaluation("accuracy", _scores(truth, share, w), rows=right * w / w.mean(), predictions=share, truth=truth)


def numbers(rng, n=150, targets=2, missing=False, weight=None) -> Evaluation:
    truth = rng.normal(50, 3, (n, targets))
    answer = truth + rng.normal(0, 2, truth.shape)
    if missing:
        truth[rng.random(truth.shape) < 0.3] = np.nan
    scores = regression_scores(truth, answer, np.ones(n) if weight is None else weight)
    return Evaluation("r2", scores, predictions=answer, truth=truth)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"])
@pytest.mark.parametrize("weighted", [False, True])
def test_classification_scores_follow_from_sums_over_rows(metric, weighted):
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2, 200) if weighted else None
    evaluation = labels(rng, weight=weight)
    columns = columns_of(evaluation, metric, weight)
    assert columns.score(columns.rows_NC.sum(0)[None])[0] == pytest.approx(evaluation.scores[metric], rel=1e-9)


@pytest.mark.parametrize("metric", ["r2", "rmse", "mae"])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_regression_scores_follow_from_sums_over_rows(metric, missing, weighted):
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2, 150) if weighted else None
    evaluation = numbers(rng, missing=missing, weight=weight)
    columns = columns_of(evaluation, metric, weight)
    assert columns.score(columns.rows_NC.sum(0)[None])[0] == pytest.approx(evaluation.scores[metric], rel=1e-9)


def test_shares_of_another_metric_are_not_taken_for_this_one():
    evaluation = Evaluation("psnr", {"psnr": 20.0, "r2": 0.5}, rows=np.full(10, 0.5))
    assert columns_of(evaluation, "psnr") is None


def test_interval_over_rows_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(200):
        found = intervals({"a": [answered(rng.random(150) < 0.8)]}, "accuracy", seed=trial, resamples=400)
        low, high = found.of("a")
        inside += low <= 0.8 <= high
    assert 0.90 <= inside / 200 <= 0.99


def test_interval_over_three_seeds_has_the_right_width():
    """Scores vary by seed alone: the bootstrap's standard deviation must be s / sqrt(3), on average over many triples."""
    rng = np.random.default_rng(3)
    ratio = []
    for trial in range(150):
        level = rng.normal(0.7, 0.05, 3)
        runs = [Evaluation("accuracy", {"accuracy": x}, rows=np.full(20, x)) for x in level]
        found = intervals({"a": runs}, "accuracy", seed=trial, resamples=500)
        assert isinstance(found, RowsAndSeeds)
        ratio.append(found.means["a"].var() / (level.var(ddof=1) / 3))
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.06)


def test_differences_are_paired_on_the_same_rows():
    """Two entrants that agree on all but three rows of 300: unpaired, chance would hide the difference."""
    rng = np.random.default_rng(4)
    right = rng.random(300) < 0.6
    worse = right.copy()
    worse[np.flatnonzero(right)[:12]] = False
    found = intervals({"a": [answered(right)], "b": [answered(worse)]}, "accuracy")
    low, high = found.difference("a", "b")
    assert 0 < low < 0.04 < high
    assert found.of("a")[0] < found.of("b")[1]  # although the two intervals overlap


def test_more_rows_than_groups_give_the_same_width(monkeypatch):
    rng = np.random.default_rng(5)
    right = rng.random(5000) < 0.7
    each = intervals({"a": [answered(right)]}, "accuracy")
    monkeypatch.setattr("nnzoo.comparing.intervals.GROUPS", 500)
    grouped = intervals({"a": [answered(right)]}, "accuracy")
    widths = [np.subtract(*i.of("a")[::-1]) for i in (each, grouped)]
    assert widths[1] == pytest.approx(widths[0], rel=0.12)
    assert grouped.means["a"].mean() == pytest.approx(right.mean(), abs=0.002)


def test_same_seed_same_interval_and_another_seed_another():
    rng = np.random.default_rng(6)
    data = {"a": [answered(rng.random(80) < 0.5)]}
    assert intervals(data, "accuracy", seed=1).of("a") == intervals(data, "accuracy", seed=1).of("a")
    first, second = (intervals(data, "accuracy", seed=s).means["a"] for s in (1, 2))
    assert not np.array_equal(first, second)


def test_scores_without_shares_use_students_interval_over_seeds():
    scores = [0.31, 0.35, 0.36, 0.29]
    found = intervals({"a": [Evaluation("energy_distance", {"energy_distance": s}) for s in scores]}, "energy_distance")
    assert isinstance(found, SeedsOnly) and "seeds" in found.method
    expected = stats.t.interval(0.95, 3, np.mean(scores), stats.sem(scores))
    assert found.of("a") == pytest.approx(expected)


def test_difference_over_seeds_is_welchs():
    a, b = [0.5, 0.52, 0.47], [0.40, 0.45, 0.30]
    low, high = SeedsOnly({"a": a, "b": b}).difference("a", "b", 0.9)
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_one_seed_without_shares_decides_nothing():
    found = SeedsOnly({"a": [1.0], "b": [9.0]})
    assert found.of("a") == (-np.inf, np.inf)
    low, high = found.difference("a", "b")
    assert low < 0 < high


def test_entrants_with_different_rows_are_not_paired():
    found = intervals({"a": [answered(np.ones(10))], "b": [answered(np.ones(12))]}, "accuracy")
    assert isinstance(found, SeedsOnly)
