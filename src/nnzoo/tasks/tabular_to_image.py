"""Which picture or signal belongs to given conditions.

    R2 = 1 - sum (y - f)^2 / sum (y - ybar)^2, over all pictures and pixels, ybar the mean picture of the part scored
    PSNR = mean over pictures of 10 log10(1 / mean squared error), pixels in 0..1

Shapes: N pictures, P = C H W pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task, outputs_of
from nnzoo.tasks._rows import row_weights

LEAST_ERROR = 1e-12  # a perfect picture scores 120 dB, not infinity


class TabularToImage(Task):
    """A table row in, a picture (or a signal: a picture of height 1) out."""

    metric = "r2"
    perfect = 1.0
    learned = 0.25
    higher = {"r2": True, "psnr": True}

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Table) is None:
            return No(f"{self.name} needs a table of conditions as its one input")
        if spec.only("outputs", Image) is None:
            return No(f"{self.name} needs one picture or signal for each row to make")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Squared error of standardised pixels, summed; the weight counts pixels."""
        (name,) = outputs
        error_B = (outputs[name] - batch.outputs[name]).square().flatten(1).sum(1)
        pixels = outputs[name][0].numel()
        if batch.weight is None:
            return Loss(error_B.sum(), float(len(batch) * pixels))
        return Loss((error_B * batch.weight).sum(), batch.weight.sum() * pixels)

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        name, field = _picture(dataset)
        answer = field.restore(outputs_of(network, dataset)[name].float())
        return self._judge(_pixels(dataset, name), answer.flatten(1).double().numpy(), row_weights(dataset))

    def _judge(self, truth_NP: np.ndarray, answer_NP: np.ndarray, weight_N: np.ndarray) -> Evaluation:
        squared_N = ((truth_NP - answer_NP) ** 2).mean(1)
        spread_N = ((truth_NP - np.average(truth_NP, axis=0, weights=weight_N)) ** 2).mean(1)
        squared, variance = np.average(squared_N, weights=weight_N), np.average(spread_N, weights=weight_N)
        psnr_N = -10 * np.log10(squared_N.clip(LEAST_ERROR))
        scores = {
            "r2": float(1 - squared / variance) if variance > 0 else float(squared == 0),
            "psnr": float(np.average(psnr_N, weights=weight_N)),
        }
        rows = (1 - squared_N / variance) * weight_N / weight_N.mean() if variance > 0 else None
        return Evaluation(self.metric, scores, rows=rows, predictions=answer_NP, truth=truth_NP)

    def floor(self, train: Dataset, test: Dataset) -> float:
        """R2 of always answering the mean picture of the training part."""
        name, _ = _picture(train)
        mean_P = np.average(_pixels(train, name), axis=0, weights=row_weights(train))
        truth_NP = _pixels(test, name)
        return self._judge(truth_NP, np.broadcast_to(mean_P, truth_NP.shape), row_weights(test)).score

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Pictures shuffled among the rows."""
        name, _ = _picture(dataset)
        pixels = dataset.columns[name]["pixels"]
        order = torch.randperm(len(pixels), generator=generator(seed)).to(pixels.device)
        return dataset.replaced({name: {"pixels": pixels[order]}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """Pictures as uint8 arrays (H W C)."""
        (name,) = spec.outputs
        field = spec.outputs[name]
        assert isinstance(field, Image)
        pixels_BHWC = (field.restore(outputs[name].float()).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return {name: list(pixels_BHWC.cpu().numpy())}


def _picture(dataset: Dataset) -> tuple[str, Image]:
    (name,) = dataset.spec.outputs
    field = dataset.spec.outputs[name]
    assert isinstance(field, Image)
    return name, field


def _pixels(dataset: Dataset, name: str) -> np.ndarray:
    """Stored pictures as numbers in 0..1 (N P)."""
    stored = dataset.stored(name, "pixels").cpu()
    unit = 255.0 if stored.dtype == torch.uint8 else 1.0
    return stored.flatten(1).double().numpy() / unit
