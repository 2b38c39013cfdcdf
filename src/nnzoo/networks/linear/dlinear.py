"""DLinear: what a series will be is a linear map of its trend plus a linear map of the rest, the same maps for every series.

    X_t = AvgPool(Padding(X)),   X_s = X - X_t                    trend and remainder         (Zeng et al. 2023, section 4)
    X^  = W_s X_s + b_s + W_t X_t + b_t,   W of shape H x L        each series on its own

The moving average of k steps repeats the first and the last number beyond the ends, so that it is as long as the series. Its
authors asked whether Transformers are of any use for forecasting: on nine sets these two maps did better.

Shapes: B batch, C series read, O series forecast, L steps of history, H horizon.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Predicts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Course, Future, Series, Spec
from nnzoo.core.learning import Adam, Descend, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the network and of its descent."""

    kernel: int = Field(25, ge=1)  # k, steps of the moving average
    lr: float = Field(5e-3, gt=0)
    batch: int = Field(32, ge=1)
    epochs: int = Field(10, ge=1)
    search: ClassVar[Space] = {"kernel": Choice((5, 13, 25, 49)), "lr": LogUniform(1e-4, 2e-2)}


def moving_average(x_BCL: Tensor, kernel: int) -> Tensor:
    """The mean of `kernel` steps around each (B C L); beyond the ends the first and the last number are repeated. Of an even number
    one more lies ahead."""
    before = (kernel - 1) // 2
    padded_BCL = F.pad(x_BCL, (before, kernel - 1 - before), mode="replicate")
    return F.avg_pool1d(padded_BCL, kernel, stride=1)


class DLinear(Network):
    """Two linear maps from history to future, for the trend and for the rest, shared by all series."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name, output = spec.only("inputs", Series), spec.only("outputs", Future)
        if name is None or output is None:
            return No(
                "dlinear forecasts series: it reads numbers over time and gives the next steps; for other data take mlp or lstm"
            )
        series, future = spec.inputs[name], spec.outputs[output]
        assert isinstance(series, Series) and isinstance(future, Future)
        if not series.even or series.binary:
            return No("dlinear reads windows of one length that hold numbers; for pieces of different length take a recurrent kind")
        strange = [series_name for series_name in future.names if series_name not in series.names]
        if strange:
            return No(f"dlinear forecasts a series from its own past, and '{strange[0]}' is not among those it reads; add it")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, series),) = spec.inputs.items()
        ((self.output, future),) = spec.outputs.items()
        assert isinstance(series, Series) and isinstance(future, Future)
        self.which = [series.names.index(name) for name in future.names]
        self.history = series.longest
        self.of_trend = nn.Linear(series.longest, future.horizon)  # W_t, b_t
        self.of_rest = nn.Linear(series.longest, future.horizon)  # W_s, b_s
        self.trend, self.rest = Probe(), Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        course: Course = inputs[self.name]
        assert course.x_BTC.shape[1] == self.history
        x_BOL = course.x_BTC[:, :, self.which].transpose(1, 2)
        trend_BOL = moving_average(x_BOL, self.config.kernel)  # X_t
        rest_BOL = x_BOL - trend_BOL  # X_s
        y_BOH = self.rest(self.of_rest(rest_BOL)) + self.trend(self.of_trend(trend_BOL))
        return {self.output: y_BOH.transpose(1, 2)}

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        descent = Adam(c.lr, schedule=Schedule(decay="cosine", floor=0.01))
        move = Descend("task", self.task_loss, optimizer=descent)
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, validate=self.task_loss),)

    card = Card(
        idea="The future of a series is a linear map of its moving average plus a linear map of what is left of it.",
        equation="X^ = W_s (X - AvgPool(X)) + W_t AvgPool(X) + b",
        paper="Zeng, Chen, Zhang & Xu, Are Transformers Effective for Time Series Forecasting?, AAAI 2023",
        year=2023,
        learns="supervised, by gradient",
        good_at="series with a trend and seasons as long as its history; little data, long horizons; weights that can be read",
        weak_at="what no weighted sum of the past gives: chaos, one series that drives another, changes of regime",
        cost="2 L H multiplications and additions a series and window",
    )
