"""The calendar as input: it describes the steps to come and nothing later, in the parts that data can teach, and it helps."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

import nnzoo
from nnzoo.blocks.level import Level
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Course
from nnzoo.data.calendar import Calendar
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.raw import RawSeries
from nnzoo.data.series_preprocessing import SeriesPreprocessing

TASK = "time-series-forecasting"
HORIZON, HISTORY = 12, 24
WAYS = {"task": TASK, "horizon": HORIZON, "history": HISTORY, "targets": ("load",)}


def dates(start, steps, freq):
    return pd.date_range(start, periods=steps, freq=freq).to_numpy().astype("datetime64[us]")


def weekly(weeks=12, start="2021-03-01"):
    """A load every hour that is high on Tuesdays and Saturdays: after a low Monday, as after a low Thursday, nobody can tell who
    does not know the weekday."""
    when = pd.date_range(start, periods=weeks * 168, freq="h")
    high = np.array([0, 3, 0, 0, 0, 3, 0])[when.day_of_week]
    return pd.DataFrame({"when": when, "load": high + 0.1 * np.random.default_rng(0).normal(size=len(when))})


def angles(sine, cosine):
    return np.arctan2(sine, cosine) % (2 * np.pi) / (2 * np.pi)


def test_the_last_steps_of_a_window_hold_the_dates_of_the_steps_to_be_forecast():
    ready = prepare(weekly(), calendar=True, **WAYS)
    field = ready.spec.inputs["series"]
    assert field.names == ("load", "hour (sine)", "hour (cosine)", "weekday (sine)", "weekday (cosine)") and field.calendar == 4
    assert ready.spec.outputs["future"].names == ("load",)
    test = ready.parts.test
    x_NTC = test.all().inputs["series"].x_BTC.double().numpy()
    for row in (0, 17, len(test) - 1):
        begins = int(test.stored("future", "first")[row])
        coming = pd.DatetimeIndex(weekly()["when"][begins : begins + HORIZON])
        assert np.allclose(angles(*x_NTC[row, -HORIZON:, 1:3].T) * 24 % 23.9999, coming.hour, atol=1e-3)
        assert np.allclose(np.rint(angles(*x_NTC[row, -HORIZON:, 3:5].T) * 7) % 7, coming.day_of_week)


@pytest.mark.parametrize(
    ("when", "parts"),
    [
        (dates("2021-01-01", 24 * 30, "h"), ("hour", "weekday")),
        (dates("2021-01-01", 24 * 10, "h"), ("hour",)),
        (dates("2021-01-01", 100, "D"), ("weekday",)),
        (dates("2021-01-01", 800, "D"), ("weekday", "day of year")),
        (dates("2021-01-03", 110, "W"), ("day of year",)),
        (dates("2021-01-01", 36, "MS"), ("day of year",)),
        (dates("2021-01-01", 10, "B"), ("weekday",)),
        (dates("2021-01-01", 48 * 3, "30min"), ("hour",)),
        (dates("2021-01-01", 30, "16h"), ("weekday",)),
    ],
)
def test_parts_are_those_that_came_round_twice_in_steps_that_show_them(when, parts):
    assert Calendar.fit(when).parts == parts


@pytest.mark.parametrize("when", [dates("2021-01-01", 30, "h"), dates("2021-01-01", 18, "MS"), dates("2001-01-01", 9, "YS")])
def test_what_came_round_only_once_is_refused(when):
    with pytest.raises(DataError, match="leave --calendar out") as error:
        Calendar.fit(when)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("when", "ahead", "coming"),
    [
        (dates("2020-01-31", 30, "ME"), 1, dates("2020-02-29", 30, "ME")),
        (dates("2020-01-15", 30, "MS"), 5, dates("2020-07-01", 30, "MS")),
        (dates("2021-01-04", 30, "B"), 3, dates("2021-01-07", 30, "B")),
        (dates("2021-01-04", 90, "12h"), 3, dates("2021-01-05 12:00", 90, "12h")),
    ],
)
def test_dates_are_counted_on_by_months_weekdays_and_hours(when, ahead, coming):
    calendar = Calendar.fit(when)
    assert np.allclose(calendar.channels(when, ahead), calendar.channels(coming, 0), atol=1e-9)
    assert not np.allclose(calendar.channels(when, ahead), calendar.channels(when, 0), atol=0.05)


def test_no_step_reads_a_date_that_was_not_known_then():
    when = dates("2021-03-01", 600, "h")
    calendar, later = Calendar.fit(when), when.copy()
    later[400:] += np.timedelta64(7, "h")  # the series pauses
    assert np.array_equal(calendar.channels(when, 12)[:400], calendar.channels(later, 12)[:400])


def test_facts_round_trip_and_old_ones_have_no_calendar():
    learned = prepare(weekly(), calendar=True, **WAYS).preprocessing
    facts = json.loads(json.dumps(learned.facts()))
    again = SeriesPreprocessing.from_facts(facts)
    assert again.facts() == learned.facts() and again.spec(3) == learned.spec(3)
    moved = weekly(start="2021-03-04").drop(columns="when").assign(when=weekly(start="2021-03-04")["when"])
    for frame in (weekly(), moved):  # the last window alone, with the dates of steps that nobody has seen
        x_TC = open_like(again, frame, to_answer=True).dataset.all().inputs["series"].x_BTC[0].double().numpy()
        coming = frame["when"].iloc[-1] + pd.to_timedelta(np.arange(1, HORIZON + 1), unit="h")
        assert np.allclose(np.rint(angles(*x_TC[-HORIZON:, 3:5].T) * 7) % 7, pd.DatetimeIndex(coming).day_of_week)
    old = {name: value for name, value in facts.items() if name not in ("calendar", "drift")}
    assert (
        SeriesPreprocessing.from_facts(old).calendar is None
        and SeriesPreprocessing.from_facts(old).spec(3).inputs["series"].size == 1
    )
    with pytest.raises(ValueError, match="no part 'moon'"):
        Calendar.from_facts({**facts["calendar"], "parts": ["moon"]})


def test_a_level_is_taken_off_the_series_and_not_off_the_calendar():
    spec = prepare(weekly(), calendar=True, **WAYS).spec
    x_BTC = torch.arange(30.0).view(1, 6, 5)
    off = Level(spec.inputs["series"], spec.outputs, on=True).off(Course(x_BTC, torch.tensor([6]))).x_BTC
    assert torch.equal(off[..., 1:], x_BTC[..., 1:]) and torch.equal(off[..., 0], x_BTC[..., 0] - 25)


def test_data_without_dates_and_runs_without_a_calendar_are_refused():
    with pytest.raises(DataError, match="no column of dates") as error:
        prepare(weekly()[["load"]], calendar=True, **WAYS)
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="--calendar are for series"):
        prepare("iris", calendar=True)
    plain, dated = (prepare(weekly(), calendar=asked, **WAYS).preprocessing for asked in (False, True))
    with pytest.raises(DataError, match="trained without --calendar"):
        prepare(weekly(), inherit=plain, calendar=True)
    assert prepare(weekly(), inherit=dated).preprocessing.calendar == dated.calendar
    with pytest.raises(DataError, match="give dates"):
        open_like(dated, RawSeries("undated", weekly()[["load"]]))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    trained = {}
    for asked in (False, True):
        ways = {
            "target": ("load",),
            "horizon": HORIZON,
            "history": HISTORY,
            "calendar": asked,
            "device": "cpu",
            "out": folder / str(asked),
        }
        config = {"hidden": 32, "levels": 4, "dropout": 0.0}
        trained[asked] = nnzoo.train("tcn", weekly(), task=TASK, config=config, budget="800steps", **ways)
    return trained


def test_what_no_history_can_know_the_calendar_tells(runs):
    floor = (0.1 / weekly()["load"].std()) ** 2
    assert runs[False].test > 0.2  # of the variance: high days come unforeseen
    assert runs[True].test < runs[False].test / 8
    assert runs[True].test > 0.5 * floor  # and nothing is known that cannot be


def test_a_saved_run_forecasts_by_the_dates_it_is_given(runs):
    model = nnzoo.load(runs[True].run)
    for weekday, high in ((0, 3), (2, 0)):  # a low day before: of Monday night, and of Wednesday night
        frame = weekly().iloc[: 24 * (7 * 10 + weekday + 1)]
        answer = model.predict(frame)
        assert len(answer) == HORIZON and answer["when"].iloc[0] == frame["when"].iloc[-1] + pd.Timedelta(hours=1)
        assert abs(answer["load"].mean() - high) < 0.7


def test_dlinear_forecasts_each_series_from_its_own_past_with_or_without(tmp_path):
    ways = {"task": TASK, "target": ("load",), "horizon": HORIZON, "history": HISTORY, "budget": "20steps", "device": "cpu"}
    scores = {
        asked: nnzoo.train("dlinear", weekly(), calendar=asked, out=tmp_path / str(asked), **ways).test for asked in (False, True)
    }
    assert scores[True] == scores[False]
