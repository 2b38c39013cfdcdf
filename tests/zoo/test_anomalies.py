"""Unusual steps of series: scores are those of the equation, planted faults are found, and false alarms are as many as promised."""

import numpy as np
import pandas as pd
import pytest
import torch

import nnzoo
from nnzoo.core.errors import ConfigError, RunError
from nnzoo.core.fields import Course
from nnzoo.zoo.anomalies import Usual, found_in
from nnzoo.zoo.runs import read_manifest

TASK = "time-series-forecasting"
HORIZON, HISTORY, NOISE = 6, 48, 0.1
STEPS = 3000


def sine(steps, seed, period=24):
    return np.sin(2 * np.pi * np.arange(steps) / period) + NOISE * np.random.default_rng(seed).normal(size=steps)


def hourly(values, start="2021-01-01"):
    return pd.DataFrame({"when": pd.date_range(start, periods=len(values), freq="h"), "v": values})


def faulty():
    """A spike of 8 standard deviations of the noise, a new level for 100 steps, another period for 200."""
    values = sine(STEPS, seed=2)
    values[1000] += 0.8
    values[1700:1800] += 0.6
    values[2300:2500] = sine(200, seed=3, period=18)
    return hourly(values)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    ways = {"horizon": HORIZON, "history": HISTORY, "budget": "500steps", "device": "cpu"}
    nnzoo.train("dlinear", hourly(sine(STEPS, seed=1)), task=TASK, out=out, **ways)
    return out


@pytest.fixture(scope="module")
def model(run):
    return nnzoo.load(run)


def errors_by_hand(model, values, step, end):
    """Of one step the errors of all forecasts that cover it, by how far ahead they were made; the first is for `end[0]`."""
    (mean,), (std,) = model.preprocessing.mean, model.preprocessing.std
    scaled = torch.tensor((values - mean) / std, dtype=torch.float32)
    errors = {}
    for ahead in range(1, HORIZON + 1):
        begins = step - ahead + 1  # the first step that this forecast is asked for
        if begins - HISTORY < end[0] - HISTORY:
            continue
        past = scaled[begins - HISTORY : begins]
        with torch.no_grad():
            answer = model.network({"series": Course(past[None, :, None], torch.tensor([HISTORY]))})["future"]
        errors[ahead] = float(answer[0, ahead - 1, 0] - scaled[step])
    return errors


def test_scores_are_those_of_the_equation_to_the_last_step(model):
    values = faulty()["v"].to_numpy()[:300]
    frame = model.anomalies(hourly(values)).frame
    scale = np.array(model.manifest.usual["scale"])[:, 0]
    assert len(frame) == 300 - HISTORY and str(frame["when"][0]) == "2021-01-03 00:00:00"
    for step in (HISTORY, HISTORY + 1, HISTORY + HORIZON, 200, 298, 299):  # at both ends fewer forecasts, or no known future
        errors = errors_by_hand(model, values, step, (HISTORY, 300))
        assert len(errors) == min(HORIZON, step - HISTORY + 1)
        expected = np.sqrt(np.mean([(error / scale[ahead - 1]) ** 2 for ahead, error in errors.items()]))
        assert frame["score"][step - HISTORY] == pytest.approx(expected, rel=1e-3)


def test_usual_errors_are_those_of_the_validation_part_by_reach(model):
    values, first, end = sine(STEPS, seed=1), 2100, 2400  # 70 and 80 %
    by_reach = {ahead: [] for ahead in range(1, HORIZON + 1)}
    for step in range(first, end):
        for ahead, error in errors_by_hand(model, values, step, (first, end)).items():
            by_reach[ahead].append(error)
    expected = [np.sqrt(np.mean(np.square(errors))) for errors in by_reach.values()]
    assert np.allclose(np.array(model.manifest.usual["scale"])[:, 0], expected, rtol=1e-3)
    assert model.manifest.usual["steps"] == 300 and model.manifest.usual["highest"] == sorted(model.manifest.usual["highest"])


def test_planted_faults_are_found_where_they_are(model):
    found = model.anomalies(faulty())
    flagged = np.r_[np.zeros(HISTORY, bool), found.frame["flagged"]]
    when = faulty()["when"]
    assert flagged[1000] and flagged[1700:1800].mean() > 0.9 and flagged[2300:2500].mean() > 0.8
    inside = [(990, 1010), (1695, 1860), (2295, 2560)]  # what comes after is read with the fault in its history
    top = [when[when == stretch.peak].index[0] for stretch in found.stretches[:3]]
    assert sorted(sum(a <= at <= b for at in top) for a, b in inside) == [1, 1, 1]
    assert when[1000] in [stretch.peak for stretch in found.stretches]
    outside = np.ones(STEPS, bool)
    outside[:HISTORY] = False
    for a, b in inside:
        outside[a:b] = False
    assert flagged[outside].mean() < 0.02


def test_false_alarms_on_clean_data_are_as_many_as_the_share_says(model):
    alarms = {share: [] for share in (0.01, 0.05)}
    for seed in range(10, 14):
        for share in alarms:
            alarms[share].append(model.anomalies(hourly(sine(STEPS, seed)), share=share).frame["flagged"].mean())
    assert 0.004 < np.mean(alarms[0.01]) < 0.02 and 0.03 < np.mean(alarms[0.05]) < 0.08


def test_a_score_depends_on_nothing_that_comes_later(model):
    values = sine(400, seed=5)
    before = model.anomalies(hourly(values)).frame["score"]
    values[300:] += 5
    after = model.anomalies(hourly(values)).frame["score"]
    assert np.allclose(before[: 300 - HISTORY], after[: 300 - HISTORY], rtol=1e-5) and after[300 - HISTORY] > 20


def test_of_several_series_the_odd_one_is_named(tmp_path):
    two = hourly(sine(1500, seed=1)).assign(w=2 + 3 * sine(1500, seed=2, period=12))
    nnzoo.train("dlinear", two, task=TASK, horizon=6, history=48, budget="300steps", device="cpu", out=tmp_path / "run")
    two.loc[700, "w"] += 3  # one deviation, in units of its own noise 10
    found = nnzoo.load(tmp_path / "run").anomalies(two)
    assert found.stretches[0].series == "w" and found.stretches[0].peak == two["when"][700]
    assert list(found.frame) == ["when", "score", "series", "flagged"] and set(found.frame["series"]) == {"v", "w"}


def test_the_threshold_is_the_highest_that_keeps_the_promise():
    usual = Usual([[1.0]], [float(k) for k in range(1, 100)], 99)
    assert usual.threshold() == (99.0, 0.01) and usual.threshold(0.05) == (95.0, 0.05)
    assert usual.threshold(0.059)[0] == 95.0  # never more than is promised
    assert Usual([[1.0]], [1.0, 2.0, 3.0], 3).threshold() == (3.0, 0.25)
    with pytest.raises(ConfigError, match="cannot be told from 99 steps"):
        usual.threshold(0.009)
    with pytest.raises(ConfigError, match="more than the run keeps"):
        Usual([[1.0]], [5.0, 6.0], 100).threshold(0.5)


def test_a_step_is_as_unusual_as_its_oddest_series():
    two = pd.DataFrame({"v": [0.0, 0], "w": [0.0, 0]})
    frame = found_in(np.array([[1.0, 3], [4, 2]]), pd.RangeIndex(2, name="step"), two, 3, 3.5, None).frame
    assert (
        frame["score"].tolist() == [3, 4] and frame["series"].tolist() == ["w", "v"] and frame["flagged"].tolist() == [False, True]
    )


def test_flagged_steps_a_horizon_apart_are_one_stretch():
    score = np.array([0, 9, 0, 0, 8, 0, 0, 0, 10, 0.0])
    found = found_in(score[:, None], pd.RangeIndex(20, 30, name="step"), pd.DataFrame({"v": score}), 3, 5.0, None)
    assert [(s.first, s.last, s.flagged, s.peak, s.score) for s in found.stretches] == [(28, 28, 1, 28, 10), (21, 24, 2, 21, 9)]
    assert found.frame["flagged"].sum() == 3 and found.to_json()["stretches"][1]["first"] == 21


def test_what_cannot_be_asked_is_refused_in_a_line(model, run, tmp_path):
    data = hourly(sine(200, seed=7))
    for ways, says in (
        ({"share": 0.001}, "give 0.0033 or more"),
        ({"share": 2.0}, "between 0 and 1"),
        ({"share": 0.1, "threshold": 3.0}, "one of them"),
        ({"threshold": -1.0}, "no score"),
    ):
        with pytest.raises(ConfigError, match=says) as error:
            model.anomalies(data, **ways)
        assert "\n" not in str(error.value)
    assert model.anomalies(data, threshold=3.0).threshold == 3.0
    with pytest.raises(RunError, match="usual errors"):
        Usual.from_json({"scale": 3})
    nnzoo.train("mlp", "iris", budget="2steps", device="cpu", out=tmp_path / "iris")
    with pytest.raises(ConfigError, match="forecasts no series"):
        nnzoo.load(tmp_path / "iris").anomalies(data)
    assert read_manifest(tmp_path / "iris").usual == {}


def test_a_run_that_does_not_know_its_usual_errors_learns_them_from_usual_data(run):
    old = nnzoo.load(run)
    known = old.manifest
    old.manifest = known.model_copy(update={"usual": {}})
    with pytest.raises(ConfigError, match="by --usual"):
        old.anomalies(faulty())
    found = old.anomalies(faulty(), usual=hourly(sine(STEPS, seed=8)))
    assert found.frame["flagged"][1000 - HISTORY] and 0.7 < found.threshold / nnzoo.load(run).anomalies(faulty()).threshold < 1.4
