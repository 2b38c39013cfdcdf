"""Plain baselines behind the same calls as a network: what anybody would try before a neural network.

A baseline is fitted on the training part; where it has a setting (a penalty), the validation part chooses it. It answers
`baseline(inputs) -> {output name: logits (B K) or standardised numbers (B O)}` or `sample(n)`, so that a task scores it as it
scores a network.

N rows, D features, B batch, K classes, O numbers.
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import AnyField, Classes, Future, Graph, GraphValue, Image, Series, Spec, Table, Tokens, Values
from nnzoo.core.seeds import generator

MOST_PIXELS = 3072  # of a picture, for a covariance of all of them
CELLS_A_SECOND = 2e8  # rows x features x classes x rounds that one core gets through in a second, roughly


class Baseline(ABC):
    """Base. `note` says what was bounded to keep to the budget (empty: nothing). `seconds` is the time it may take, roughly:
    bounds are computed from it and from sizes alone, so the same data and budget give the same baseline."""

    kind: ClassVar[str]
    training = False

    def __init__(self, spec: Spec, seed: int = 0, seconds: float = 30.0):
        self.spec, self.seed, self.seconds, self.note = spec, seed, seconds, ""

    @abstractmethod
    def fit(self, parts: Parts) -> None:
        """Learn from the training part."""

    @property
    @abstractmethod
    def parameters(self) -> int | None:
        """How many learned numbers, None where that says nothing."""

    @property
    def device(self) -> torch.device:
        """Always the host."""
        return torch.device("cpu")

    def eval(self) -> Baseline:
        """As networks have it; changes nothing."""
        return self

    def train(self, mode: bool = True) -> Baseline:
        """As networks have it; changes nothing."""
        return self

    def bytes(self) -> int:
        """Size of what was learned, as one would store it."""
        return len(pickle.dumps(self.learned()))

    @abstractmethod
    def learned(self) -> Any:
        """What was learned, for measuring its size."""

    def _some_rows(self, n: int, limit: float) -> np.ndarray:
        """All of `n` rows, or a random part of them of size `limit`, noted."""
        if n <= limit:
            return np.arange(n)
        kept = max(100, int(limit))
        self.note = f"learned from {kept:,} of the {n:,} training rows, to keep to the budget"
        return torch.randperm(n, generator=generator(self.seed, 17))[:kept].sort().values.numpy()


class Predictor(Baseline):
    """One input, one output of classes or numbers."""

    def _input(self, inputs: dict[str, Any]) -> tuple[Any, Any]:
        (name,) = self.spec.inputs
        return self.spec.inputs[name], inputs[name]

    @property
    def output(self) -> str:
        """The output's name."""
        return next(iter(self.spec.outputs))

    @property
    def classes(self) -> int:
        """How many labels."""
        field = self.spec.outputs[self.output]
        assert isinstance(field, Classes)
        return field.size


def baselines_for(spec: Spec, task: str = "") -> list[type[Baseline]]:
    """The baselines that fit data of this shape, plainest first; without a target also by what is asked of the data."""
    from nnzoo.comparing import filling_baselines as filling
    from nnzoo.comparing import linear_baselines as linear
    from nnzoo.comparing import made_baselines as made
    from nnzoo.comparing import plain_baselines as plain
    from nnzoo.comparing import sequence_baselines as sequence
    from nnzoo.comparing import series_baselines as series
    from nnzoo.comparing import translation_baselines as translation
    from nnzoo.comparing import tree_baselines as trees

    if task == "fill-mask":
        return [filling.SymbolShares, filling.BothNeighbours]
    if task == "reconstruction":
        return []  # `components_for` gives those: they depend on the codes of the networks compared
    if spec.only("outputs", Image) and spec.only("inputs", Classes):
        return [made.PixelsOfALabel]
    if not spec.outputs:
        by_input: dict[type, list[type[Baseline]]] = {
            Tokens: [sequence.Unigram, sequence.NGram],
            Table: [made.Gaussian],
            Image: [made.IndependentPixels],
        }
        picture = spec.only("inputs", Image)
        if picture is not None and spec.inputs[picture].size <= MOST_PIXELS:  # type: ignore[union-attr]
            by_input[Image].append(made.Gaussian)
        return next((found for field, found in by_input.items() if spec.only("inputs", field)), [])
    if spec.only("outputs", Values) and spec.only("inputs", Table, Image):
        return [plain.Mean, linear.RidgeRegression, trees.BoostedRegression]
    if spec.only("outputs", Image) and spec.only("inputs", Table):
        return [plain.Mean, linear.RidgeRegression]
    if spec.only("outputs", Tokens) and spec.only("inputs", Tokens):
        return [translation.CopySource, translation.NearestSource]
    if spec.only("outputs", Future) and spec.only("inputs", Series):
        return [series.RepeatLast, series.SeasonalNaive, series.RidgeOnLags]
    if not spec.only("outputs", Classes):
        return []
    if spec.only("inputs", Table, Image):
        return [plain.Majority, linear.LogisticRegression, trees.BoostedClassification]
    if spec.only("inputs", Tokens):
        return [plain.Majority, sequence.WeightedNGrams]
    if spec.only("inputs", Graph):
        return [plain.Majority, linear.LogisticRegression, plain.LabelPropagation]
    return []


def features(field: AnyField, value: Any) -> np.ndarray:
    """One vector a row (B D): numbers, then categories as indicators; pixels in reading order; a node's own features."""
    if isinstance(field, Image):
        return value.flatten(1).cpu().numpy()
    if isinstance(field, Graph):
        return value.x_NF[value.nodes_B].cpu().numpy()
    assert isinstance(field, Table)
    columns = [value.numeric_BF]
    for k, category in enumerate(field.categories):
        columns.append(torch.nn.functional.one_hot(value.codes_BK[:, k], category.size).to(value.numeric_BF))
    return torch.cat(columns, dim=1).cpu().numpy()


def columns(field: AnyField, value: Any) -> np.ndarray:
    """One vector a row (B D) for trees: numbers, then category codes as they are."""
    if not isinstance(field, Table):
        return features(field, value)
    return torch.cat([value.numeric_BF, value.codes_BK.to(value.numeric_BF)], dim=1).cpu().numpy()


def labelled(dataset: Dataset) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """The input value, label codes (N) and row weights of the rows that have a label."""
    (name,), (output,) = dataset.spec.inputs, dataset.spec.outputs
    known = torch.nonzero(dataset.stored(output, "codes") >= 0).flatten()
    batch = dataset.take(known)
    weight = None if batch.weight is None else batch.weight.cpu().numpy()
    return batch.inputs[name], batch.outputs[output].cpu().numpy(), weight


def logits_of(probability_BK: np.ndarray) -> Tensor:
    """Log-probabilities, floored, as logits."""
    return torch.from_numpy(np.log(np.clip(probability_BK, 1e-9, None))).float()


def rows_in(value: Any) -> int:
    """How many rows an input value holds."""
    if isinstance(value, GraphValue):
        return len(value.nodes_B)
    return len(value if isinstance(value, Tensor) else value[0])


def numbers(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Standardised numbers or pixels to predict (N O; NaN where missing) and their weights (N O; 0 where missing)."""
    (output,) = dataset.spec.outputs
    batch = dataset.all()
    y_NO = batch.outputs[output].flatten(1).cpu().double().numpy()
    weight_N = np.ones(len(y_NO)) if batch.weight is None else batch.weight.cpu().double().numpy()
    return y_NO, np.where(np.isnan(y_NO), 0.0, weight_N[:, None])


def as_output(y_BO: np.ndarray, field: AnyField) -> Tensor:
    """Numbers (B O), or a picture (B C H W), in the shape of the output field."""
    y = torch.from_numpy(np.ascontiguousarray(y_BO)).float()
    return y.unflatten(1, (field.channels, field.height, field.width)) if isinstance(field, Image) else y
