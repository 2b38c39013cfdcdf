"""The next steps of one or several series from the steps before them.

    MSE = mean over windows, steps and series of (y - f)^2,   MAE = mean of |y - f|

in units of the training part's standard deviation, so that series of different size count alike (Zhou et al. 2021, Informer); and
both in original units. Every window of a part is scored.

Windows overlap, and neighbours share nearly all their steps: as test rows they would count a stretch of time hundreds of times. So
what intervals resample are blocks of time: means over as many windows in a row as history and horizon have steps, since windows
further apart share no step. There are two blocks at least.

Shapes: N windows, B batch, H horizon, C series.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Future, Series, Spec
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task, outputs_of

KEPT = 6  # windows whose forecasts are kept with an evaluation
AT_ONCE = 256  # windows


class TimeSeriesForecasting(Task):
    """Numbers over time in, the next steps of some of them out."""

    metric = "mse"
    perfect = 0.0
    higher = {"mse": False, "mae": False, "mse_original": False, "mae_original": False}

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Series) is None:
            return No(f"{self.name} needs numbers over time as its one input; give a table with a column of dates")
        if spec.only("outputs", Future) is None:
            return No(f"{self.name} needs the next steps of series to forecast")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Squared error of standardised numbers, summed over steps and series; the weight is their count."""
        (name,) = outputs
        y_BHC = batch.outputs[name]
        assert outputs[name].shape == y_BHC.shape
        error_B = (outputs[name] - y_BHC).square().flatten(1).sum(1)
        numbers = y_BHC[0].numel()
        if batch.weight is None:
            return Loss(error_B.sum(), float(len(batch) * numbers))
        return Loss((error_B * batch.weight).sum(), batch.weight.sum() * numbers)

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """Scores over all windows. `rows` are blocks of time (see above), `predictions` and `truth` (K H C, original units) are
        those of six windows spread evenly, whose numbers are in `extra["windows"]`."""
        name, field = _future(dataset)
        errors: dict[str, list[Tensor]] = {metric: [] for metric in self.higher}
        for start in range(0, len(dataset), AT_ONCE):
            some = dataset.part(torch.arange(start, min(start + AT_ONCE, len(dataset))))
            answer_BHC, truth_BHC = _two(network, some, name)
            for metric, error_B in _errors(answer_BHC, truth_BHC, field).items():
                errors[metric].append(error_B)
        error_N = {metric: torch.cat(each).numpy() for metric, each in errors.items()}
        kept = np.unique(np.linspace(0, len(dataset) - 1, min(KEPT, len(dataset))).round().astype(int))
        answer_KHC, truth_KHC = _two(network, dataset.part(torch.from_numpy(kept)), name)
        return Evaluation(
            self.metric,
            {metric: float(each.mean()) for metric, each in error_N.items()},
            rows=in_blocks(error_N[self.metric], _reach(dataset, field)),
            predictions=field.restore(answer_KHC).numpy(),
            truth=field.restore(truth_KHC).numpy(),
            extra={"windows": kept},
            unit="stretches of the test part",
        )

    def floor(self, train: Dataset, test: Dataset) -> float:
        """The error of always answering the mean of the training part."""
        name, field = _future(test)
        metric = self.metric
        each = [_errors(torch.zeros(()), batch[name].double().cpu(), field)[metric] for batch in test.batches(AT_ONCE)]
        return float(torch.cat(each).mean())

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Futures of windows from elsewhere in time."""
        name, _ = _future(dataset)
        stored = dataset.columns[name]
        order = torch.randperm(len(stored["first"]), generator=generator(seed)).to(stored["first"].device)
        return dataset.replaced({name: {**stored, "first": stored["first"][order]}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """One column a series in original units, the steps of all windows below one another."""
        (name,) = spec.outputs
        field = spec.outputs[name]
        assert isinstance(field, Future)
        answer_BHC = field.restore(outputs[name].double())
        return {series: answer_BHC[:, :, c].flatten().tolist() for c, series in enumerate(field.names)}


def in_blocks(error_N: np.ndarray, length: int) -> np.ndarray | None:
    """Means of errors over blocks of about `length` windows in a row, weighed so that their mean is that of all; None for a single
    window."""
    blocks = min(len(error_N), max(2, len(error_N) // length))
    if blocks < 2:
        return None
    sums = np.array([block.sum() for block in np.array_split(error_N, blocks)])
    return sums * blocks / len(error_N)


def _future(dataset: Dataset) -> tuple[str, Future]:
    (name,) = dataset.spec.outputs
    field = dataset.spec.outputs[name]
    assert isinstance(field, Future)
    return name, field


def _reach(dataset: Dataset, field: Future) -> int:
    """Steps that one window reads and is asked for."""
    (series,) = dataset.spec.inputs.values()
    assert isinstance(series, Series)
    return series.longest + field.horizon


def _two(network: Any, dataset: Dataset, name: str) -> tuple[Tensor, Tensor]:
    """What a network answers and what came (B H C each, standardised, float64, on the host)."""
    truth = torch.cat([batch.outputs[name].cpu() for batch in dataset.batches(AT_ONCE)])
    return outputs_of(network, dataset, AT_ONCE)[name].double(), truth.double()


def _errors(answer_BHC: Tensor, truth_BHC: Tensor, field: Future) -> dict[str, Tensor]:
    """Every score of each window (B)."""
    error_BHC = answer_BHC - truth_BHC
    original_BHC = error_BHC * error_BHC.new_tensor(field.std)
    return {
        "mse": error_BHC.square().flatten(1).mean(1),
        "mae": error_BHC.abs().flatten(1).mean(1),
        "mse_original": original_BHC.square().flatten(1).mean(1),
        "mae_original": original_BHC.abs().flatten(1).mean(1),
    }
