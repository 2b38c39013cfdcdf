"""Regression, whatever goes in: squared error of standardised values, R2 and errors in original units.

    R2 = mean over targets of  1 - sum_i w_i (y_i - f_i)^2 / sum_i w_i (y_i - ybar)^2,   ybar the weighted mean of the part scored

Shapes: N rows, O targets. Targets that are missing (NaN) are left out wherever they stand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Spec, Values
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task, outputs_of
from nnzoo.tasks._rows import row_weights


class Regression(Task):
    """One or several numbers for each row. `inputs` are the field types that pose this task."""

    metric = "r2"
    perfect = 1.0
    learned = 0.25
    higher = {"r2": True, "rmse": False, "mae": False}
    inputs: tuple[type, ...] = ()
    what = "rows"

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", *self.inputs) is None:
            return No(f"{self.name} needs {self.what} as its one input")
        if spec.only("outputs", Values) is None:
            return No(f"{self.name} needs columns of numbers to predict; name them with --target")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Squared error of standardised values, summed over the targets that are known; the weight is their count."""
        (name,) = outputs
        y_BO = batch.outputs[name]
        known_BO = ~y_BO.isnan()
        error_BO = torch.where(known_BO, outputs[name] - y_BO.nan_to_num(), 0.0).square()
        if batch.weight is None:
            return Loss(error_BO.sum(), known_BO.sum())
        return Loss((error_BO * batch.weight[:, None]).sum(), (known_BO * batch.weight[:, None]).sum())

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """With one target, `rows` are shares whose mean is R2, and `extra["squared_errors"]` those of the same rows."""
        (name,) = dataset.spec.outputs
        field = dataset.spec.outputs[name]
        assert isinstance(field, Values)
        answer_NO = field.restore(outputs_of(network, dataset)[name].double()).numpy()
        return self._judge(dataset.stored(name, "numbers").cpu().double().numpy(), answer_NO, row_weights(dataset))

    def _judge(self, truth_NO: np.ndarray, answer_NO: np.ndarray, weight_N: np.ndarray) -> Evaluation:
        scores = regression_scores(truth_NO, answer_NO, weight_N)
        evaluation = Evaluation(self.metric, scores, predictions=answer_NO, truth=truth_NO)
        known_N = ~np.isnan(truth_NO[:, 0])
        if truth_NO.shape[1] == 1 and known_N.any():
            y_N, f_N, w_N = truth_NO[known_N, 0], answer_NO[known_N, 0], weight_N[known_N]
            variance = np.average((y_N - np.average(y_N, weights=w_N)) ** 2, weights=w_N)
            evaluation.extra["squared_errors"] = (y_N - f_N) ** 2
            if variance > 0:
                evaluation.rows = (1 - (y_N - f_N) ** 2 / variance) * w_N / w_N.mean()
        return evaluation

    def floor(self, train: Dataset, test: Dataset) -> float:
        """R2 of always answering the training mean: 0, less what the means of the two parts differ."""
        (name,) = train.spec.outputs
        y_NO = train.stored(name, "numbers").cpu().double().numpy()
        w_NO = row_weights(train)[:, None] * ~np.isnan(y_NO)
        mean_O = (np.nan_to_num(y_NO) * w_NO).sum(0) / np.maximum(w_NO.sum(0), 1e-300)
        truth_NO = test.stored(name, "numbers").cpu().double().numpy()
        return self._judge(truth_NO, np.broadcast_to(mean_O, truth_NO.shape), row_weights(test)).score

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Targets shuffled among the rows."""
        (name,) = dataset.spec.outputs
        numbers = dataset.columns[name]["numbers"]
        order = torch.randperm(len(numbers), generator=generator(seed)).to(numbers.device)
        return dataset.replaced({name: {"numbers": numbers[order]}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """One column a target, in original units."""
        (name,) = spec.outputs
        field = spec.outputs[name]
        assert isinstance(field, Values)
        answer_BO = field.restore(outputs[name].double())
        return {target: answer_BO[:, o].tolist() for o, target in enumerate(field.names)}


def regression_scores(truth_NO: np.ndarray, answer_NO: np.ndarray, weight_N: np.ndarray) -> dict[str, float]:
    """R2, RMSE and MAE, each the plain mean over targets of its weighted value for one; NaN truths are left out.

    A target that does not vary scores R2 1 where every answer is right, else 0. Targets of which nothing is known do not count.
    """
    r2, rmse, mae = [], [], []
    for truth_N, answer_N in zip(truth_NO.T, answer_NO.T):
        known_N = ~np.isnan(truth_N) & (weight_N > 0)
        if not known_N.any():
            continue
        y_N, error_N, w_N = truth_N[known_N], (truth_N - answer_N)[known_N], weight_N[known_N]
        squared = np.average(error_N**2, weights=w_N)
        variance = np.average((y_N - np.average(y_N, weights=w_N)) ** 2, weights=w_N)
        r2.append(1 - squared / variance if variance > 0 else float(squared == 0))
        rmse.append(np.sqrt(squared))
        mae.append(np.average(np.abs(error_N), weights=w_N))
    if not r2:
        return {"r2": float("nan"), "rmse": float("nan"), "mae": float("nan")}
    return {"r2": float(np.mean(r2)), "rmse": float(np.mean(rmse)), "mae": float(np.mean(mae))}
