"""Baselines for series: the last number again, the last season again, ridge regression on the steps before.

All answer in standardised units, each series from its own past.

N windows, L history, H horizon, C series read, O series forecast, B batch, M steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits
from torch import Tensor

from nnzoo.comparing.baselines import Baseline
from nnzoo.comparing.linear_baselines import SHRINKAGES
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import Course, Future, Series, Spec

NEARLY = 0.9  # of the highest peak
LEAST_SEASON = 0.1  # rise of the autocorrelation from which on a wave counts as a season
PRODUCTS_A_SECOND = 5e9  # multiplications of matrices that one core gets through in a second, roughly


class _Forecaster(Baseline):
    """One input of series, one output of their future."""

    def __init__(self, spec: Spec, seed: int = 0, seconds: float = 30.0):
        super().__init__(spec, seed, seconds)
        ((self.input, series),) = spec.inputs.items()
        ((self.output, future),) = spec.outputs.items()
        assert isinstance(series, Series) and isinstance(future, Future)
        self.history, self.horizon = series.longest, future.horizon
        self.which = [series.names.index(name) for name in future.names]

    def past(self, inputs: dict[str, Any]) -> Tensor:
        """The history of the series to forecast (B L O)."""
        course: Course = inputs[self.input]
        return course.x_BTC[:, :, self.which]


class RepeatLast(_Forecaster):
    """The last number, at every step to come."""

    kind = "repeat-last"

    def fit(self, parts: Parts) -> None:
        pass

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        return {self.output: self.past(inputs)[:, -1:].expand(-1, self.horizon, -1)}

    @property
    def parameters(self) -> int:
        return 0

    def learned(self) -> Any:
        return None


class SeasonalNaive(_Forecaster):
    """The last season again: what stood a season (or several) before each step to come. The season is the lag at which the training
    part agrees best with itself, among lags at which it agrees better than at those beside it; without one, the last number."""

    kind = "seasonal-naive"

    def fit(self, parts: Parts) -> None:
        self.season = season_of(training_steps(parts.train, self.input)[:, self.which], self.history)
        self.note = f"a season of {self.season} steps" if self.season > 1 else "no season was found: the last number again"

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        steps_H = self.history - self.season + torch.arange(self.horizon) % self.season
        return {self.output: self.past(inputs)[:, steps_H]}

    @property
    def parameters(self) -> int:
        return 1

    def learned(self) -> Any:
        return self.season


class RidgeOnLags(_Forecaster):
    """Ridge regression of every step to come on all steps of history, the same weights for all series; the validation part chooses
    the penalty."""

    kind = "ridge-on-lags"

    def fit(self, parts: Parts) -> None:
        work = len(self.which) * self.history * (self.history + self.horizon) * len(SHRINKAGES)  # of a window
        limit = 0.2 * self.seconds * PRODUCTS_A_SECOND / work
        rows = self._some_rows(len(parts.train), limit)
        x_NL, y_NH = self._pairs(parts.train, torch.from_numpy(rows))
        held = None if parts.valid is None else self._pairs(parts.valid, torch.arange(len(parts.valid)))
        best = np.inf
        for shrinkage in SHRINKAGES if held is not None else SHRINKAGES[:1]:
            with threadpool_limits(1):
                model = Ridge(alpha=shrinkage, solver="cholesky").fit(x_NL, y_NH)
            error = 0.0 if held is None else float(np.square(model.predict(held[0]) - held[1]).mean())
            if error < best:
                best, self.weight_HL, self.bias_H = error, np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)

    def _pairs(self, dataset: Dataset, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """History (N*O L) and future (N*O H), every series of every window a row."""
        x, y = [], []
        for some in rows.split(1024):
            batch = dataset.take(some)
            x.append(self.past(batch.inputs).transpose(1, 2).flatten(0, 1))
            y.append(batch.outputs[self.output].transpose(1, 2).flatten(0, 1))
        return torch.cat(x).cpu().double().numpy(), torch.cat(y).cpu().double().numpy()

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        past_BLO = self.past(inputs)
        weight_HL, bias_H1 = (torch.from_numpy(a).to(past_BLO) for a in (self.weight_HL, self.bias_H[:, None]))
        return {self.output: torch.matmul(weight_HL, past_BLO) + bias_H1}

    @property
    def parameters(self) -> int:
        return self.weight_HL.size + self.bias_H.size

    def learned(self) -> Any:
        return self.weight_HL, self.bias_H


def training_steps(train: Dataset, name: str) -> np.ndarray:
    """All steps that the windows of a part read (M C, standardised)."""
    field = train.spec.inputs[name]
    assert isinstance(field, Series)
    first_N = train.stored(name, "first")
    values_MC = train.columns[name]["values"][int(first_N.min()) : int(first_N.max()) + field.longest]
    return ((values_MC.double() - values_MC.new_tensor(field.mean)) / values_MC.new_tensor(field.std)).cpu().numpy()


def season_of(x_MC: np.ndarray, longest: int) -> int:
    """The lag from 2 to `longest` at which the autocorrelation, averaged over series, has its highest peak, or the first that is
    nearly as high; 1 where it has none that stands .1 above what lies before it.

    A straight line is taken out of each series first: of what rises, every lag agrees.
    """
    steps = np.arange(len(x_MC))
    line_2C = np.polyfit(steps, x_MC, 1)
    x_MC = x_MC - np.outer(steps, line_2C[0]) - line_2C[1]
    longest = min(longest, len(x_MC) // 2)
    spectrum = np.fft.rfft(x_MC, 2 * len(x_MC), axis=0)
    agreement = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[: longest + 2].mean(1)
    if agreement[0] <= 0:
        return 1
    agreement = agreement / agreement[0]
    inner = np.arange(2, min(longest, len(agreement) - 2) + 1)
    peaks = inner[(agreement[inner] >= agreement[inner - 1]) & (agreement[inner] > agreement[inner + 1])]
    peaks = peaks[[agreement[peak] - agreement[1:peak].min() >= LEAST_SEASON for peak in peaks]]
    if not len(peaks):
        return 1
    high = agreement[peaks] >= NEARLY * agreement[peaks].max()  # two seasons agree as well as one, or by chance a little better
    return int(peaks[high][0])
