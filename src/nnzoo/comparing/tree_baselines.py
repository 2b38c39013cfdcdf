"""Gradient-boosted trees over histograms (scikit-learn) for labels and numbers.

N rows, D columns, B batch, K classes, O numbers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import ThreadpoolController, threadpool_limits
from torch import Tensor

from nnzoo.comparing.baselines import CELLS_A_SECOND, Predictor, columns, labelled, logits_of, numbers
from nnzoo.core.dataset import Parts
from nnzoo.core.fields import Table

ROUNDS = 100  # trees a class or number, scikit-learn's default


class _Boosted(Predictor):
    """Histogram gradient boosting (scikit-learn), its rounds and rows bounded by the budget."""

    kind = "gradient-boosting"
    models: list[Any]

    def _settings(self, n: int, d: int, outputs: int) -> tuple[np.ndarray, dict[str, Any]]:
        """Rows to learn from and settings, for `n` rows of `d` columns and `outputs` trees a round."""
        afford = self.seconds * CELLS_A_SECOND / (d * outputs)  # rows x rounds
        rounds = int(np.clip(afford / n, 20, ROUNDS))
        rows = self._some_rows(n, afford / rounds)
        if rounds < ROUNDS:
            self.note = "; ".join(filter(None, [self.note, f"{rounds} rounds instead of {ROUNDS}, to keep to the budget"]))
        field = next(iter(self.spec.inputs.values()))
        categorical = None
        if isinstance(field, Table) and field.categories:
            few = [len(field.numeric) + k for k, c in enumerate(field.categories) if c.size <= 255]  # scikit-learn's limit
            categorical = few or None
        return rows, {"max_iter": rounds, "categorical_features": categorical, "random_state": self.seed}

    @property
    def parameters(self) -> int:
        """Two numbers a split, one a leaf."""
        return sum(
            int(np.where(tree.nodes["is_leaf"], 1, 2).sum())
            for model in self.models
            for trees in model._predictors
            for tree in trees
        )

    def learned(self) -> Any:
        return self.models


class BoostedClassification(_Boosted):
    """Gradient-boosted trees for labels."""

    def fit(self, parts: Parts) -> None:
        (name,) = self.spec.inputs
        value, codes_N, weight_N = labelled(parts.train)
        x_ND = columns(self.spec.inputs[name], value)
        trees = self.classes if self.classes > 2 else 1
        rows, settings = self._settings(x_ND.shape[0], x_ND.shape[1], trees)
        with threadpool_limits(_threads(x_ND.size * trees)):
            model = HistGradientBoostingClassifier(**settings)
            self.models = [model.fit(x_ND[rows], codes_N[rows], None if weight_N is None else weight_N[rows])]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        x_BD = columns(*self._input(inputs))
        share_BK = np.zeros((len(x_BD), self.classes))
        with one_thread():
            share_BK[:, self.models[0].classes_] = self.models[0].predict_proba(x_BD)
        return {self.output: logits_of(share_BK)}


class BoostedRegression(_Boosted):
    """Gradient-boosted trees for each number."""

    def fit(self, parts: Parts) -> None:
        (name,) = self.spec.inputs
        x_ND = columns(self.spec.inputs[name], parts.train.all().inputs[name])
        y_NO, weight_NO = numbers(parts.train)
        rows, settings = self._settings(x_ND.shape[0], x_ND.shape[1], y_NO.shape[1])
        self.models = []
        for o in range(y_NO.shape[1]):
            use = rows[weight_NO[rows, o] > 0]
            with threadpool_limits(_threads(x_ND.size)):
                self.models.append(HistGradientBoostingRegressor(**settings).fit(x_ND[use], y_NO[use, o], weight_NO[use, o]))

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        x_BD = columns(*self._input(inputs))
        with one_thread():
            return {self.output: torch.from_numpy(np.stack([m.predict(x_BD) for m in self.models], 1)).float()}


def _threads(cells: int) -> int | None:
    """One thread for small data: on a busy machine several that wait for one another are ten times slower (measured)."""
    return 1 if cells < 2e7 else None


@cache
def _controller() -> ThreadpoolController:
    """The libraries' thread pools, looked up once: the search takes longer than an answer."""
    return ThreadpoolController()


def one_thread() -> Any:
    """A context in which trees answer with one thread, which is faster for few rows."""
    return _controller().limit(limits=1)
