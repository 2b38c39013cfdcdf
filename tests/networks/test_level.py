"""Series that drift are read and forecast from their level; shifting a window shifts its forecast."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nnzoo import tasks
from nnzoo.core.fields import Course, Future, Series, Spec
from nnzoo.data.series_preprocessing import drift_of
from nnzoo.networks.convolutional.tcn import TCN
from nnzoo.networks.recurrent.gru import GRU

KINDS = [GRU, TCN]


def spec(drift: float) -> Spec:
    series = Series(names=("a", "b"), mean=(0.0, 0.0), std=(1.0, 1.0), longest=12, drift=drift)
    future = Future(names=("b",), horizon=4, mean=(0.0,), std=(1.0,))
    return Spec(inputs={"series": series}, outputs={"future": future}, train_size=9)


def forecast(network, x_BTC):
    lengths_B = torch.full((len(x_BTC),), x_BTC.shape[1])
    return network({"series": Course(x_BTC, lengths_B)})["future"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("drift", "relative", "follows"), [(0.5, None, True), (0.01, None, False), (0.01, True, True), (0.5, False, False)]
)
def test_forecast_of_a_drifting_series_moves_with_its_level(kind, drift, relative, follows):
    torch.manual_seed(0)
    network = kind(kind.Config(relative=relative), spec(drift), tasks.find("time-series-forecasting")).eval()
    x_BTC = torch.randn(3, 12, 2)
    moved = forecast(network, x_BTC + torch.tensor([5.0, 2.0]))  # "b" is forecast, and lies 2 higher
    off = (moved - forecast(network, x_BTC) - 2.0).abs().max()
    assert (off < 1e-5) == follows


def test_drift_is_the_share_of_variance_between_windows():
    random = np.random.default_rng(0)
    noise = random.normal(size=(4000, 1))
    assert drift_of(noise, 100) == pytest.approx(1 / 100, rel=0.5)  # means of 100 independent numbers
    steps = np.repeat(np.arange(40) % 2, 100)[:, None] * 2.0  # levels 0 and 2: variance 1 between, 1 within
    assert drift_of(noise + steps, 100) == pytest.approx(0.5, abs=0.03)
    assert drift_of(np.cumsum(noise, axis=0), 100) > 0.9
    assert drift_of(np.ones((50, 1)), 10) == 0.0
