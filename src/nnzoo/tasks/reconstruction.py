"""Giving back what went in, by way of a code that has less room: what can be given back was understood.

    R2 = 1 - sum_i w_i |x_i - f_i|^2 / sum_i w_i |x_i - xbar|^2,   xbar the weighted mean row of the part scored

in standardised units. A constant scores 0 at best; principal components of as many numbers as the code has are the linear answer.
A code as wide as the data may copy them, which the score cannot tell from learning.

Shapes: N rows, P numbers of a row (pixels or columns).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Image, Rows, Spec, Table
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.task import Evaluation, Task
from nnzoo.tasks._generation import shuffled_columns
from nnzoo.tasks._pictures import as_pictures, squared_error
from nnzoo.tasks._rows import row_weights


class Reconstruction(Task):
    """Pictures or rows of numbers in, the same out. `rmse` is in standard deviations of the data."""

    metric = "r2"
    perfect = 1.0
    learned = 0.55  # what narrow codes keep of numbers that do not hang together stays below
    higher = {"r2": True, "rmse": False}

    def fits(self, spec: Spec) -> No | None:
        name = spec.only("inputs", Image, Table)
        if name is None:
            return No(f"{self.name} needs pictures or a table of numbers as its one input")
        if spec.outputs:
            return No(f"{self.name} learns from its inputs alone and these data have a target; leave the target out")
        field = spec.inputs[name]
        if isinstance(field, Table) and field.categories:
            return No(f"{self.name} gives back numbers only; leave out column '{field.categories[0].name}', which holds categories")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Squared error of standardised numbers, summed; the weight counts numbers."""
        (name,) = outputs
        return squared_error(outputs[name], numbers_of(batch.inputs[name]), batch.weight)

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """`predictions` are what was given back (N P), standardised; `truth` what went in."""
        (name,) = dataset.spec.inputs
        weight_N = row_weights(dataset)
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        truths, answers = [], []
        for batch in dataset.batches():
            truths.append(numbers_of(batch.inputs[name]).flatten(1).float().cpu())
            answers.append(network(batch.inputs)[name].flatten(1).float().cpu())
        if was_training:
            network.train()
        truth_NP, answer_NP = torch.cat(truths), torch.cat(answers)
        mean_P = (torch.from_numpy(weight_N) @ truth_NP.double() / weight_N.sum()).float()
        squared_N = (truth_NP - answer_NP).square().mean(1).double().numpy()
        spread_N = (truth_NP - mean_P).square().mean(1).double().numpy()
        squared, variance = (float(np.average(of_N, weights=weight_N)) for of_N in (squared_N, spread_N))
        scores = {"r2": 1 - squared / variance if variance > 0 else float(squared == 0), "rmse": squared**0.5}
        rows = (1 - squared_N / variance) * weight_N / weight_N.mean() if variance > 0 else None
        extra = {"pooled": True}  # one R2 of all numbers together, not the mean of one for each
        return Evaluation(self.metric, scores, rows=rows, predictions=answer_NP.numpy(), truth=truth_NP.numpy(), extra=extra)

    def floor(self, train: Dataset, test: Dataset) -> float:
        """R2 of the best constant answer, the mean row of the part scored."""
        return 0.0

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Each number shuffled over the rows for itself, so that no number tells of another. To be scored on true data."""
        (name,) = dataset.spec.inputs
        stored = dataset.columns[name]
        key = "pixels" if "pixels" in stored else "numeric"
        return dataset.replaced({name: {**stored, key: shuffled_columns(stored[key], seed)}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """Pictures as uint8 arrays (H W C), or one column a number in original units."""
        ((name, field),) = spec.inputs.items()
        if isinstance(field, Image):
            return {name: as_pictures(outputs[name], field)}
        assert isinstance(field, Table)
        answer_BF = field.restore(outputs[name].double())
        return {column: answer_BF[:, f].tolist() for f, column in enumerate(field.numeric)}


def numbers_of(value: Tensor | Rows) -> Tensor:
    """The numbers of an input's value: standardised pixels (B C H W) or columns (B F)."""
    return value.numeric_BF if isinstance(value, Rows) else value
