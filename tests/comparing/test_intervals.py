"""Intervals: cover as often as they say, differences are paired, seeds count, metrics follow from sums over rows."""

import numpy as np
import pytest
from scipy import stats

from nnzoo.comparing.columns import columns_of
from nnzoo.comparing.intervals import RowsAndSeeds, SeedsOnly, intervals
from nnzoo.core.task import Evaluation
from nnzoo.tasks._classification import classification_scores
from nnzoo.tasks._regression import regression_scores


def answered(right: np.ndarray) -> Evaluation:
    return Evaluation("accuracy", {"accuracy": float(right.mean())}, rows=right.astype(float))


def labels(rng, n=200, classes=4, weight=None) -> Evaluation:
    truth = rng.integers(classes - 1, size=n)  # the last label is answered at times but never right
    share = rng.dirichlet(np.ones(classes), size=n)
    share[np.arange(n), truth] += 0.5
    share /= share.sum(1, keepdims=True)
    right, w = (share.argmax(1) == truth).astype(float), np.ones(n) if weight is None else weight
    return Evaluation("accuracy", classification_scores(truth, share, w), rows=right * w / w.mean(), predictions=share, truth=truth)


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


def test_variance_over_three_seeds_is_s_squared_over_three():
    """Scores vary by seed alone, the same on every row: no row explains any of it."""
    rng = np.random.default_rng(3)
    for trial in range(20):
        level = rng.normal(0.7, 0.05, 3)
        runs = [Evaluation("accuracy", {"accuracy": x}, rows=np.full(20, x)) for x in level]
        flat = [Evaluation("accuracy", {"accuracy": 0.7}, rows=np.full(20, 0.7))] * 3
        found = intervals({"a": runs, "b": flat}, "accuracy", seed=trial, resamples=100)
        assert isinstance(found, RowsAndSeeds)
        assert found.estimate("a", "b").seeds == pytest.approx(level.var(ddof=1) / 3, rel=0.02)


def test_what_the_rows_explain_of_the_spread_over_seeds_is_counted_once():
    """Seeds answer right with equal chance on every row: the truth is the variance of the mean, not twice or thrice of it."""
    rng = np.random.default_rng(8)
    total, means = [], []
    for trial in range(300):
        right = rng.random((2, 3, 100)) < 0.7
        found = intervals({k: [answered(r) for r in each] for k, each in zip("ab", right)}, "accuracy", seed=trial, resamples=200)
        estimate = found.estimate("a", "b")
        total.append(estimate.rows + estimate.seeds)
        means.append(estimate.value)
    assert 1.0 < np.mean(total) / np.var(means) < 1.6  # a crossed bootstrap of rows and seeds gives 3


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
    assert grouped.draws["a"].mean() == pytest.approx(right.mean(), abs=0.002)


def test_same_seed_same_interval_and_another_seed_another():
    rng = np.random.default_rng(6)
    data = {"a": [answered(rng.random(80) < 0.5)]}
    assert intervals(data, "accuracy", seed=1).of("a") == intervals(data, "accuracy", seed=1).of("a")
    first, second = (intervals(data, "accuracy", seed=s).draws["a"] for s in (1, 2))
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


def test_difference_of_one_seed_is_that_of_agresti_and_min():
    """5 rows right for a alone, 1 for b alone, of 60: half a row is added to each of the four cells."""
    a, b = np.ones(60), np.ones(60)
    b[:5], a[5] = 0, 0
    found = intervals({"a": [answered(a)], "b": [answered(b)]}, "accuracy", resamples=20_000).estimate("a", "b")
    n, only_a, only_b = 62, 5.5, 1.5
    error = np.sqrt(only_a + only_b - (only_a - only_b) ** 2 / n) / n
    assert found.centre == pytest.approx((only_a - only_b) / n) and found.error == pytest.approx(error, rel=0.03)
    assert found.value == pytest.approx(4 / 60)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_all_right_has_an_interval_with_the_width_of_wilsons(metric):
    truth = np.arange(30) % 3
    evaluation = Evaluation(
        metric, classification_scores(truth, np.eye(3)[truth], np.ones(30)), np.ones(30), np.eye(3)[truth], truth
    )
    low, high = intervals({"a": [evaluation] * 3}, metric).of("a")
    assert high == pytest.approx(1.0) and low == pytest.approx(30 / (30 + 1.96**2), abs=0.03)  # Clopper and Pearson: 0.884


@pytest.mark.parametrize("metric", ["r2", "log_loss", "rmse"])
def test_rows_that_all_say_the_same_have_an_interval_with_width(metric):
    y = np.arange(20.0)[:, None]
    scores = {**regression_scores(y, y, np.ones(20)), "log_loss": 0.7}
    evaluation = Evaluation(metric, scores, predictions=y + 1 if metric == "rmse" else y, truth=y)
    if metric == "rmse":
        evaluation.scores["rmse"] = 1.0
    if metric == "log_loss":
        evaluation = Evaluation(metric, {"log_loss": 0.7}, rows=np.full(20, 0.7))
    low, high = intervals({"a": [evaluation]}, metric).of("a")
    score = evaluation.scores[metric]
    assert low < score < high and 3.6 / 20 < (high - score) / (1 if metric == "r2" else score) < 5 / 20  # exact: 3.7 / N


def test_r2_never_reaches_beyond_one():
    rng = np.random.default_rng(9)
    y = rng.normal(size=(15, 1))
    answer = y + rng.normal(0, 0.6, (15, 1))
    evaluation = Evaluation("r2", regression_scores(y, answer, np.ones(15)), predictions=answer, truth=y)
    low, high = intervals({"a": [evaluation]}, "r2").of("a", 0.999)
    assert low < evaluation.score < high < 1


def test_identical_answers_differ_by_exactly_nothing():
    rng = np.random.default_rng(10)
    runs = [answered(rng.random(40) < 0.7) for _ in range(3)]
    found = intervals({"a": runs, "b": list(runs), "c": runs[::-1]}, "accuracy")
    assert found.difference("a", "b") == (0.0, 0.0) and found.estimate("a", "b").doubt(-0.001) == 0
    low, high = found.difference("a", "c")
    assert low < 0 < high


def test_doubt_is_where_the_interval_ends():
    rng = np.random.default_rng(11)
    found = intervals({k: [answered(rng.random(50) < p)] for k, p in (("a", 0.8), ("b", 0.6))}, "accuracy").estimate("a", "b")
    low, high = found.interval(0.9)
    assert found.doubt(low) == pytest.approx(0.05) and found.turned().doubt(-high) == pytest.approx(0.05)
    assert found.turned().interval(0.9) == pytest.approx((-high, -low))


def test_seeds_alone_that_do_not_vary_tell_nothing_of_chance():
    found = SeedsOnly({"a": [0.5, 0.5, 0.5], "b": [0.4, 0.4, 0.4], "c": [0.5, 0.5, 0.5]})
    assert found.difference("a", "b") == (-np.inf, np.inf) and found.estimate("a", "b").doubt() == 1
    assert found.difference("a", "c") == (0.0, 0.0)
