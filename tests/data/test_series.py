"""Tables as series: order, copies, gaps and missing numbers by their rules; windows divided in time; what is learned of them."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.doctor import examine
from nnzoo.data.made import mackey_glass
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.raw import RawSeries, RawTable
from nnzoo.data.series import Step, dates_after, series_of, step_of
from nnzoo.data.series_preprocessing import SeriesPreprocessing
from nnzoo.data.understand import understand

TASK = "time-series-forecasting"
real = pytest.mark.skipif(not os.environ.get("NNZOO_DATA"), reason="NNZOO_DATA is not set: no real series on this machine")


def table(values, dates=None, **more):
    frame = pd.DataFrame({"v": np.asarray(values, float), **more})
    if dates is not None:
        frame.insert(0, "when", dates)
    return RawTable("sales", frame)


def days(n, start="2021-01-04"):
    return pd.date_range(start, periods=n, freq="D").strftime("%Y-%m-%d").to_numpy()


def waves(n=300):
    return table(np.sin(np.arange(n) / 4) + np.arange(n) / 100, days(n), other=np.cos(np.arange(n)))


def test_rows_are_sorted_and_of_one_date_the_last_stays():
    raw = series_of(table([3, 1, 2, 7], ["2021-01-03", "2021-01-01", "2021-01-02", "2021-01-01"]))
    assert raw.frame["v"].tolist() == [7, 2, 3] and raw.faults.copies == 1
    assert str(raw.dates[0])[:10] == "2021-01-01" and any("sorted" in note for note in raw.notes)


def test_few_lacking_dates_are_put_in_and_many_are_not():
    few = series_of(table(range(99), np.delete(days(100), 50)))
    assert len(few) == 100 and few.frame["v"].iloc[49:52].tolist() == [49, 49, 50]
    assert (few.faults.absent, few.faults.put_in, few.faults.missing) == (1, 1, {})
    many = series_of(table(range(90), np.delete(days(100), range(40, 50))))
    assert len(many) == 90 and (many.faults.absent, many.faults.put_in) == (10, 0)
    dates = days(9).astype(object)
    dates[4] += " 07:00"
    uneven = series_of(table(range(9), dates))
    assert uneven.faults.uneven == 1 and len(uneven) == 9


def test_missing_numbers_take_the_last_known_and_at_the_beginning_the_first():
    raw = series_of(table([np.nan, 2, np.nan, np.nan, 5], days(5)))
    assert raw.frame["v"].tolist() == [2, 2, 2, 2, 5] and raw.faults.missing == {"v": 3}


@pytest.mark.parametrize(
    ("dates", "step", "following"),
    [
        (pd.date_range("2020-01-01", periods=8, freq="h"), Step(3_600_000_000, "us"), "2020-01-01T08:00"),
        (pd.date_range("2020-01-31", periods=8, freq="ME"), Step(1, "month"), "2020-09-30"),
        (pd.date_range("2020-01-15", periods=8, freq="D") + pd.offsets.Day(0), Step(86_400_000_000, "us"), "2020-01-23"),
        (pd.date_range("2020-01-01", periods=8, freq="QS"), Step(3, "month"), "2022-01-01"),
        (pd.bdate_range("2020-01-06", periods=10), Step(1, "weekday"), "2020-01-20"),
    ],
)
def test_calendars_go_on_as_they_did(dates, step, following):
    stamps = dates.to_numpy().astype("datetime64[us]")
    assert step_of(stamps) == step
    assert dates_after(stamps, 1)[0] == np.datetime64(following)


def test_a_window_never_learns_a_step_that_another_part_forecasts():
    ready = prepare(waves(), task=TASK, horizon=5, history=20)
    first = {part: getattr(ready.parts, part).stored("future", "first") for part in ("train", "valid", "test")}
    assert int(first["train"].max()) + 5 == 210 and int(first["valid"].min()) == 210
    assert int(first["valid"].max()) + 5 == 240 and int(first["test"].min()) == 240 and int(first["test"].max()) + 5 == 300
    assert int(ready.parts.test.stored("series", "first").min()) == 220  # history reaches into the part before


def test_values_are_scaled_by_the_training_part_and_a_window_reads_what_stood_there():
    ready = prepare(waves(), task=TASK, horizon=5, history=20, targets="other")
    frame, learned = ready.raw.frame, ready.preprocessing
    assert learned.names == ("v", "other") and learned.targets == ("other",)
    assert np.allclose(learned.mean, frame.iloc[:210].mean()) and np.allclose(learned.std, frame.iloc[:210].std(ddof=0))
    batch = ready.parts.valid.all()
    scaled = (frame - frame.iloc[:210].mean()) / frame.iloc[:210].std(ddof=0)
    assert np.allclose(batch.inputs["series"].x_BTC[0], scaled.iloc[190:210], atol=1e-5)
    assert np.allclose(batch.outputs["future"][0], scaled[["other"]].iloc[210:215], atol=1e-5)


def test_facts_round_trip_and_answer_the_steps_after_the_end():
    ready = prepare(waves(), task=TASK, horizon=5, history=20)
    again = SeriesPreprocessing.from_facts(json.loads(json.dumps(ready.preprocessing.facts())))
    assert again.facts() == ready.preprocessing.facts() and again.spec(7) == ready.preprocessing.spec(7)
    asked = open_like(again, waves().frame, to_answer=True)
    assert len(asked.dataset) == 1 and asked.dataset.all().outputs == {}
    assert np.allclose(again.restore("series", asked.dataset.all().inputs["series"])[0]["v"], waves().frame["v"][-20:], atol=1e-5)
    assert asked.raw.frame["when"].astype(str).tolist()[0] == "2021-10-31" and len(asked.raw.frame) == 5


def test_official_parts_and_parts_of_their_own():
    raw = series_of(waves())
    raw.part = np.repeat(np.array(["train", "valid", "test", ""], object), [100, 50, 100, 50])
    parts = prepare(raw, horizon=5, history=20).parts
    assert [len(p) for p in (parts.train, parts.valid, parts.test)] == [76, 46, 96]
    raw.part = np.repeat(np.array(["", "train", "valid", "test"], object), [50, 100, 50, 100])
    train = prepare(raw, horizon=5, history=20).parts.train
    assert int(train.stored("series", "first").min()) == 50 and len(train) == 76
    raw.part[20] = "train"
    with pytest.raises(DataError, match="not in one piece"):
        prepare(raw, horizon=5, history=20)
    ready = prepare(waves(), task=TASK, horizon=5, history=20, test=waves(60).frame)
    assert len(ready.parts.test) == 36 and len(ready.parts.train) == 246


@pytest.mark.parametrize(
    ("source", "more", "says"),
    [
        (table(range(30), days(30)), {"horizon": 20, "history": 20}, "need 40"),
        (table(range(60), days(60)), {"horizon": 7, "history": 10}, "valid part has 6 steps"),
        (table([1, 2, 3], ["2021-01-01", None, "2021-01-03"]), {}, "row 2: the date is missing"),
        (RawTable("t", pd.DataFrame({"d": days(9), "k": list("abcabcabc")})), {}, "no column of numbers"),
        (waves(), {"targets": ("nothing",)}, "no target column 'nothing'"),
        (waves(), {"weight": "v"}, "no weights"),
        (RawTable("t", waves().frame.assign(v=3.0)), {"targets": ("v",)}, "one value everywhere"),
    ],
)
def test_what_cannot_be_forecast_is_refused_in_a_line(source, more, says):
    with pytest.raises(DataError, match=says) as error:
        prepare(source, task=TASK, **more)
    assert "\n" not in str(error.value)


def test_options_that_do_not_suit_are_refused():
    with pytest.raises(ConfigError, match="for series"):
        prepare("iris", horizon=3)
    with pytest.raises(ConfigError, match="divided in time"):
        prepare(waves(), task=TASK, split="group:v")
    with pytest.raises(ConfigError, match="1 or more"):
        prepare(waves(), task=TASK, horizon=0)


def test_a_column_of_numbers_may_be_the_order():
    raw = table([5.0, 6, 7, 8] * 20).frame.assign(step=np.arange(80)[::-1])
    ready = prepare(raw, task=TASK, split="time:step", horizon=2, history=4)
    assert ready.raw.frame["v"].tolist()[:4] == [8, 7, 6, 5] and list(ready.raw.frame) == ["v"]


def test_the_doctor_and_the_description_tell_what_was_mended():
    frame = waves().frame.drop(index=[40]).reset_index(drop=True)
    frame.loc[3:4, "other"] = np.nan
    frame = pd.concat([frame, frame.iloc[[7]]])
    ready = prepare(RawTable("sales", frame), task=TASK, horizon=5, history=20)
    codes = {finding.code for finding in examine(ready)}
    assert {"repeated-dates", "gaps", "missing-values"} <= codes
    told = understand(ready)
    assert told["sort"] == "series" and told["targets"] == ["v", "other"] and told["rows"] == 300
    assert {f["name"]: f.get("missing") for f in told["fields"]}["other"] == 2
    assert "Predicts" in told["kinds"]["dlinear"]["can"] and "cannot" in told["kinds"]["mlp"]


def test_mackey_glass_obeys_its_equation():
    x = mackey_glass(2000).frame["x"].to_numpy()
    slope = (8 * (x[19:-1] - x[17:-3]) - (x[20:] - x[16:-4])) / 12  # central difference of fourth order at t = 18, 19, ...
    delayed, now = x[1 : len(slope) + 1], x[18 : 18 + len(slope)]
    assert np.abs(slope - (0.2 * delayed / (1 + delayed**10) - 0.1 * now)).max() < 0.001
    assert 0.2 < x.min() < 0.6 and 1.2 < x.max() < 1.5
    assert x.std() > 0.2 and np.array_equal(x, mackey_glass(2000).frame["x"])


@real
def test_etth1_has_its_official_borders():
    ready = prepare("etth1")
    assert isinstance(ready.raw, RawSeries) and len(ready.raw) == 17_420
    assert [len(p) for p in (ready.parts.train, ready.parts.valid, ready.parts.test)] == [8209, 2785, 2785]
    assert int(ready.parts.test.stored("future", "first").min()) == 16 * 30 * 24
