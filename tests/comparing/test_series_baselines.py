"""Baselines of series and the picture of forecasts: written-out answers, seasons that are there, what a comparison shows."""

import numpy as np
import pandas as pd
import pytest
import torch

import nnzoo
from nnzoo.comparing.baselines import baselines_for
from nnzoo.comparing.series_baselines import RepeatLast, RidgeOnLags, SeasonalNaive, season_of, training_steps
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawSeries


def series(n=300, noise=0.1, period=12):
    draw, t = np.random.default_rng(0), np.arange(n)
    frame = pd.DataFrame({"a": np.sin(2 * np.pi * t / period) + t / n, "b": 4 * np.cos(2 * np.pi * t / period)})
    return prepare(RawSeries("season", frame + noise * draw.normal(size=(n, 2))), horizon=15, history=30, targets=("b", "a"))


def fitted(cls, ready):
    baseline = cls(ready.spec)
    baseline.fit(ready.parts)
    return baseline


def test_the_plainest_come_first():
    assert [cls.kind for cls in baselines_for(series().spec)] == ["repeat-last", "seasonal-naive", "ridge-on-lags"]


def test_repeat_last_and_seasonal_naive_repeat_what_stood_there():
    ready = series()
    batch = ready.parts.test.all()
    past_BLO = batch.inputs["series"].x_BTC[:, :, [1, 0]]
    assert torch.equal(fitted(RepeatLast, ready)(batch.inputs)["future"], past_BLO[:, -1:].expand(-1, 15, -1))
    seasonal = fitted(SeasonalNaive, ready)
    assert seasonal.season == 12 and "12 steps" in seasonal.note
    answer = seasonal(batch.inputs)["future"]
    assert torch.equal(answer[:, :12], past_BLO[:, -12:]) and torch.equal(answer[:, 12:], past_BLO[:, -12:-9])


@pytest.mark.parametrize("period", [7, 12, 24])
def test_a_season_is_found_and_noise_has_none(period):
    t, draw = np.arange(400), np.random.default_rng(1)
    wave = np.sin(2 * np.pi * t / period)[:, None] + 0.5 * draw.normal(size=(400, 1))
    assert season_of(wave + 0.02 * t[:, None], 60) == period
    assert season_of(np.cumsum(draw.normal(size=(400, 1)), 0) * 0 + t[:, None] * 0.1, 60) == 1
    assert season_of(draw.normal(size=(4000, 1)), 60) == 1


def test_ridge_agrees_with_its_normal_equations():
    ready = series(noise=0.3)
    ridge = fitted(RidgeOnLags, ready)
    train = ready.parts.train.all()
    x = train.inputs["series"].x_BTC[:, :, [1, 0]].transpose(1, 2).reshape(-1, 30).double().numpy()
    y = train.outputs["future"].transpose(1, 2).reshape(-1, 15).double().numpy()
    xc, yc = x - x.mean(0), y - y.mean(0)
    among = [np.linalg.solve(xc.T @ xc + a * np.eye(30), xc.T @ yc).T for a in (0.001, 0.01, 0.1, 1, 10, 100, 1000)]
    assert min(np.abs(weight - ridge.weight_HL).max() for weight in among) < 1e-4
    scores = [ready.task.evaluate(fitted(cls, ready), ready.parts.test).score for cls in (RidgeOnLags, SeasonalNaive, RepeatLast)]
    assert scores == sorted(scores)


def test_training_steps_end_where_the_last_training_window_ends_to_read():
    ready = series()
    steps_MC = training_steps(ready.parts.train, "series")
    frame = ready.raw.frame
    assert len(steps_MC) == 210 - 15
    assert np.allclose(steps_MC, ((frame - frame[:210].mean()) / frame[:210].std(ddof=0))[:195], atol=1e-5)


def test_a_comparison_races_them_and_draws_forecasts(tmp_path):
    out = tmp_path / "report.html"
    raw = series().raw
    found = nnzoo.compare(raw, kinds=["dlinear"], per_run="40steps", seeds=2, out=out, horizon=15, history=30)
    assert [e.kind for e in found.entries if e.error] == [] and len(found.entries) == 4
    page = out.read_text()
    assert "Forecasts of dlinear beside the truth" in page and page.count("test window") >= 6
    assert "time-series-forecasting" in page and "--horizon 15" in page
