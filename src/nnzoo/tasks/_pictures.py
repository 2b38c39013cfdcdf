"""Answers that are pictures, whatever is asked: squared error of standardised pixels, R2 and PSNR.

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
from nnzoo.core.fields import Image, Spec
from nnzoo.core.learning import Loss
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task, outputs_of
from nnzoo.tasks._rows import row_weights

LEAST_ERROR = 1e-12  # a perfect picture scores 120 dB, not infinity
AT_ONCE = 1024  # pictures whose errors are taken in one piece


class PictureAnswers(Task):
    """A picture for each row, whatever goes in."""

    metric = "r2"
    perfect = 1.0
    learned = 0.25
    higher = {"r2": True, "psnr": True}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Squared error of standardised pixels, summed; the weight counts pixels."""
        (name,) = outputs
        return squared_error(outputs[name], batch.outputs[name], batch.weight)

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        name, field = _picture(dataset)
        answer = field.restore(outputs_of(network, dataset)[name].float())
        return self._judge(_pixels(dataset, name), answer.flatten(1).numpy(), row_weights(dataset))

    def _judge(self, truth_NP: np.ndarray, answer_NP: np.ndarray, weight_N: np.ndarray) -> Evaluation:
        mean_P = weighted_mean(truth_NP, weight_N)
        squared_N, spread_N = mean_squares(truth_NP, answer_NP), mean_squares(truth_NP, mean_P[None])
        squared, variance = np.average(squared_N, weights=weight_N), np.average(spread_N, weights=weight_N)
        psnr_N = -10 * np.log10(squared_N.clip(LEAST_ERROR))
        scores = {
            "r2": float(1 - squared / variance) if variance > 0 else float(squared == 0),
            "psnr": float(np.average(psnr_N, weights=weight_N)),
        }
        rows = (1 - squared_N / variance) * weight_N / weight_N.mean() if variance > 0 else None
        return Evaluation(self.metric, scores, rows=rows, predictions=answer_NP, truth=truth_NP)

    def floor(self, train: Dataset, test: Dataset) -> float:
        """The score of always answering the mean picture of the training part."""
        name, _ = _picture(train)
        mean_P = weighted_mean(_pixels(train, name), row_weights(train))
        truth_NP = _pixels(test, name)
        return self._judge(truth_NP, np.broadcast_to(mean_P, truth_NP.shape), row_weights(test)).score

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Answers shuffled among the rows."""
        name, _ = _picture(dataset)
        pixels = dataset.columns[name]["pixels"]
        order = torch.randperm(len(pixels), generator=generator(seed)).to(pixels.device)
        return dataset.replaced({name: {"pixels": pixels[order]}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """Pictures as uint8 arrays (H W C)."""
        (name,) = spec.outputs
        field = spec.outputs[name]
        assert isinstance(field, Image)
        return {name: as_pictures(outputs[name], field)}


def squared_error(answer: Tensor, truth: Tensor, weight_B: Tensor | None) -> Loss:
    """Squared error of standardised numbers (B ...), summed over rows and numbers; the weight counts numbers."""
    error_B = (answer - truth).square().flatten(1).sum(1)
    numbers = truth[0].numel()
    if weight_B is None:
        return Loss(error_B.sum(), float(len(truth) * numbers))
    return Loss((error_B * weight_B).sum(), weight_B.sum() * numbers)


def as_pictures(x_BCHW: Tensor, field: Image) -> list[np.ndarray]:
    """Standardised pictures as uint8 arrays (H W C), clipped to what a pixel can be."""
    pixels_BHWC = (field.restore(x_BCHW.float()).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return list(pixels_BHWC.cpu().numpy())


def weighted_mean(x_NP: np.ndarray, weight_N: np.ndarray) -> np.ndarray:
    """The weighted mean row (P), in double precision, some rows at a time."""
    total_P = sum(weight_N[k : k + AT_ONCE] @ x_NP[k : k + AT_ONCE].astype(np.float64) for k in range(0, len(x_NP), AT_ONCE))
    return np.asarray(total_P / weight_N.sum())


def mean_squares(x_NP: np.ndarray, y_NP: np.ndarray) -> np.ndarray:
    """Mean squared difference of each row (N), in double precision, some rows at a time; `y_NP` may be one row for all."""
    pieces = []
    for k in range(0, len(x_NP), AT_ONCE):
        other = y_NP if len(y_NP) == 1 else y_NP[k : k + AT_ONCE]
        pieces.append(((x_NP[k : k + AT_ONCE].astype(np.float64) - other) ** 2).mean(1))
    return np.concatenate(pieces)


def _picture(dataset: Dataset) -> tuple[str, Image]:
    (name,) = dataset.spec.outputs
    field = dataset.spec.outputs[name]
    assert isinstance(field, Image)
    return name, field


def _pixels(dataset: Dataset, name: str) -> np.ndarray:
    """Stored pictures as numbers in 0..1 (N P)."""
    stored = dataset.stored(name, "pixels").cpu()
    unit = 255.0 if stored.dtype == torch.uint8 else 1.0
    return stored.flatten(1).float().numpy() / np.float32(unit)
