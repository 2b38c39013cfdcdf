"""Forecasting: scores worked out by hand, a perfect answer, what an ignorant one scores, blocks of time for intervals."""

import numpy as np
import pandas as pd
import pytest
import torch

from nnzoo.core.fields import Course
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawSeries
from nnzoo.tasks import find
from nnzoo.tasks.time_series_forecasting import in_blocks

TASK = find("time-series-forecasting")


def series(n=200) -> Prepared:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"a": 5 + 3 * np.sin(np.arange(n) / 3), "b": draw.normal(size=n)})
    return prepare(RawSeries("two", frame), horizon=4, history=12)


class Constant:
    """A network that answers one number, standardised, for every series and step."""

    def __init__(self, value, shape=(4, 2)):
        self.value, self.shape = value, shape

    def __call__(self, inputs):
        course: Course = inputs["series"]
        return {"future": torch.full((len(course.x_BTC), *self.shape), self.value)}


class Knows:
    """A network that answers what comes, since it is told."""

    def __init__(self, dataset):
        self.answers = dataset.all().outputs["future"]
        self.at = 0

    def __call__(self, inputs):
        course: Course = inputs["series"]
        rows = len(course.x_BTC)
        found = self.answers[[i % len(self.answers) for i in range(self.at, self.at + rows)]]
        self.at += rows
        return {"future": found}


def test_scores_are_means_over_windows_steps_and_series_in_both_units():
    ready = series()
    scores = TASK.evaluate(Constant(0.5), ready.parts.test).scores
    frame = ready.raw.frame
    first = ready.parts.test.stored("future", "first").numpy()
    y_NHC = np.stack([frame.to_numpy()[t : t + 4] for t in first])
    mean, std = frame.iloc[:140].mean().to_numpy(), frame.iloc[:140].std(ddof=0).to_numpy()
    error = (y_NHC - mean) / std - 0.5
    assert scores["mse"] == pytest.approx((error**2).mean(), rel=1e-5)
    assert scores["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    original = y_NHC - (mean + 0.5 * std)
    assert scores["mse_original"] == pytest.approx((original**2).mean(), rel=1e-5)
    assert scores["mae_original"] == pytest.approx(np.abs(original).mean(), rel=1e-5)


def test_a_perfect_answer_scores_zero_and_the_floor_is_the_training_mean():
    ready = series()
    test = ready.parts.test
    assert len(test) < 256
    assert TASK.evaluate(Knows(test), test).scores["mse"] == 0 == TASK.perfect
    assert TASK.floor(ready.parts.train, test) == pytest.approx(TASK.evaluate(Constant(0.0), test).score, rel=1e-6)


def test_the_loss_is_the_mean_squared_error_and_rows_weigh():
    batch = series().parts.train.take(torch.arange(3))
    outputs = {"future": torch.zeros(3, 4, 2)}
    loss = TASK.loss(outputs, batch)
    assert float(loss.sum / loss.weight) == pytest.approx(float(batch.outputs["future"].square().mean()), rel=1e-6)
    batch.weight = torch.tensor([1.0, 0.0, 3.0])
    loss = TASK.loss(outputs, batch)
    each = batch.outputs["future"].square().mean((1, 2))
    assert float(loss.sum / loss.weight) == pytest.approx(float((each[0] + 3 * each[2]) / 4), rel=1e-6)


def test_rows_are_stretches_of_time_whose_mean_is_the_score():
    ready = series(400)
    evaluation = TASK.evaluate(Constant(0.3), ready.parts.test)
    assert len(evaluation.rows) == len(ready.parts.test) // 16 < len(ready.parts.test)
    assert evaluation.rows.mean() == pytest.approx(evaluation.score, rel=1e-9)
    assert in_blocks(np.arange(7.0), 100).tolist() == pytest.approx([2 * 6 / 7, 2 * 15 / 7]) and in_blocks(np.ones(1), 3) is None
    other = type(TASK)()
    other.metric = "mae"
    evaluation = other.evaluate(Constant(0.3), ready.parts.test)
    assert evaluation.rows.mean() == pytest.approx(evaluation.scores["mae"], rel=1e-9)


def test_kept_forecasts_are_of_the_windows_that_they_name():
    ready = series()
    evaluation = TASK.evaluate(Constant(1.0), ready.parts.test)
    first = ready.parts.test.stored("future", "first").numpy()[evaluation.extra["windows"]]
    assert np.allclose(evaluation.truth, [ready.raw.frame.to_numpy()[t : t + 4] for t in first], atol=1e-5)
    assert evaluation.predictions[0, 0, 0] == pytest.approx(
        ready.raw.frame["a"][:140].mean() + ready.raw.frame["a"][:140].std(ddof=0)
    )


def test_spoiled_futures_come_from_elsewhere_in_time_and_answers_are_columns():
    ready = series()
    spoiled = TASK.spoil(ready.parts.train, 3)
    whole, other = ready.parts.train.columns["future"]["first"], spoiled.columns["future"]["first"]
    assert torch.equal(other.sort().values, whole) and (other != whole).float().mean() > 0.9
    assert torch.equal(spoiled.all().inputs["series"].x_BTC, ready.parts.train.all().inputs["series"].x_BTC)
    columns = TASK.decode({"future": torch.zeros(1, 4, 2)}, ready.spec)
    assert list(columns) == ["a", "b"] and columns["b"] == pytest.approx([ready.raw.frame["b"][:140].mean()] * 4)


def test_other_data_do_not_pose_it():
    assert TASK.fits(series().spec) is None
    assert "numbers over time" in str(TASK.fits(prepare("iris").spec))
