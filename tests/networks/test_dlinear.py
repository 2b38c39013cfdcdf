"""DLinear: agreement with the equations written out, series that do not mix, a season learned exactly."""

import numpy as np
import pandas as pd
import pytest
import torch

from nnzoo.core.fields import Course, Future, Series, Spec
from nnzoo.core.network import No
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawSeries
from nnzoo.networks.linear.dlinear import Config, DLinear, moving_average
from nnzoo.tasks import find
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = find("time-series-forecasting")


def spec(names=("a", "b", "c"), targets=("c", "a"), history=10, horizon=4, **more):
    scale = {"mean": (0.0,) * len(names), "std": (1.0,) * len(names)}
    future = Future(names=targets, horizon=horizon, mean=(0.0,) * len(targets), std=(1.0,) * len(targets))
    series = Series(names=names, longest=history, **scale, **more)
    return Spec(inputs={"series": series}, outputs={"future": future}, train_size=9)


def course(x_BTC):
    return {"series": Course(x_BTC, torch.full((len(x_BTC),), x_BTC.shape[1]))}


@pytest.mark.parametrize("kernel", [1, 4, 5, 25])
def test_it_computes_the_equations(kernel):
    torch.manual_seed(0)
    network, x_BTC = DLinear(Config(kernel=kernel), spec(), TASK), torch.randn(2, 10, 3)
    answer = network(course(x_BTC))["future"].detach().numpy()
    weights = {name: value.detach().double().numpy() for name, value in network.named_parameters()}
    for b in range(2):
        for o, c in enumerate((2, 0)):  # targets stand in another order than what is read
            x = x_BTC[b, :, c].double().numpy()
            trend = np.array([np.mean([x[min(max(t - (kernel - 1) // 2 + k, 0), 9)] for k in range(kernel)]) for t in range(10)])
            y = weights["of_trend.weight"] @ trend + weights["of_trend.bias"]
            y = y + weights["of_rest.weight"] @ (x - trend) + weights["of_rest.bias"]
            assert np.allclose(answer[b, :, o], y, atol=1e-5)


def test_the_average_of_what_does_not_move_is_itself():
    assert torch.equal(moving_average(torch.full((1, 2, 6), 3.0), 25), torch.full((1, 2, 6), 3.0))


def test_a_series_is_forecast_from_its_own_past_alone():
    torch.manual_seed(0)
    network, x_BTC = DLinear(Config(), spec(), TASK), torch.randn(1, 10, 3)
    before = network(course(x_BTC))["future"]
    x_BTC[:, :, 1] += 5  # b is not forecast, and the maps of the others do not see it
    assert torch.equal(network(course(x_BTC))["future"], before)
    x_BTC[:, :, 0] += 5
    after = network(course(x_BTC))["future"]
    assert torch.equal(after[..., 0], before[..., 0]) and not torch.allclose(after[..., 1], before[..., 1])


def test_a_season_and_a_trend_are_learned_nearly_exactly():
    t = np.arange(600)
    frame = pd.DataFrame({"x": np.sin(2 * np.pi * t / 12) + 0.002 * t, "y": np.cos(2 * np.pi * t / 6) * 30})
    ready = prepare(RawSeries("season", frame), horizon=12, history=24)
    network = DLinear(Config(epochs=40), ready.spec, TASK)
    network = train(network, ready.parts, Settings(seed=0, device="cpu")).network
    assert TASK.evaluate(network, ready.parts.test).score < 0.01


def test_it_refuses_what_it_cannot_read():
    assert isinstance(DLinear.can(prepare("iris").spec, TASK), No)
    assert "own past" in str(DLinear.can(spec(targets=("z",)), TASK))
    assert "one length" in str(DLinear.can(spec(even=False), TASK))
