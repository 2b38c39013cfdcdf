"""Linear baselines: logistic regression for labels, ridge regression for numbers and pictures.

N rows, D features, B batch, K classes, O numbers.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Logistic
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits
from torch import Tensor

from nnzoo.comparing.baselines import CELLS_A_SECOND, Predictor, as_output, features, labelled, logits_of, numbers, rows_in
from nnzoo.core.dataset import Dataset, Parts

PENALTIES = (1.0, 0.01, 0.1, 10.0)  # of logistic regression: C; the first alone where the data are large
PRECISE = 20_000_000  # numbers of this many at most are solved with in double precision
SHRINKAGES = (1.0, 0.001, 0.01, 0.1, 10.0, 100.0, 1000.0)  # of ridge regression: alpha


class LogisticRegression(Predictor):
    """Multinomial logistic regression; the validation part chooses the penalty by log loss."""

    kind = "logistic-regression"

    def fit(self, parts: Parts) -> None:
        (name,) = self.spec.inputs
        value, codes_N, weight_N = labelled(parts.train)
        x_ND = features(self.spec.inputs[name], value)
        rows = self._some_rows(len(x_ND), 0.2 * self.seconds * CELLS_A_SECOND / (x_ND.shape[1] * 10))
        x_ND, codes_N, weight_N = x_ND[rows], codes_N[rows], None if weight_N is None else weight_N[rows]
        self.mean_D, self.std_D = x_ND.mean(0), x_ND.std(0) + 1e-6  # so that one penalty suits every column
        self.model = self._chosen((x_ND - self.mean_D) / self.std_D, codes_N, weight_N, parts.valid)

    def _chosen(self, x_ND: np.ndarray, codes_N: np.ndarray, weight_N: np.ndarray | None, valid: Dataset | None) -> Logistic | None:
        if len(np.unique(codes_N)) < 2:
            self.only = int(codes_N[0])
            return None
        many = valid is not None and len(valid) > 0 and x_ND.size * self.classes < 1e7
        best, best_loss = None, np.inf
        for penalty in PENALTIES if many else PENALTIES[:1]:
            with threadpool_limits(1), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # a bounded number of steps is meant
                model = Logistic(C=penalty, max_iter=300 if many else 60).fit(x_ND, codes_N, weight_N)
            loss = self._loss(model, valid) if many and valid is not None else 0.0
            if loss < best_loss:
                best, best_loss = model, loss
        return best

    def _loss(self, model: Logistic, valid: Dataset) -> float:
        (name,) = self.spec.inputs
        value, codes_N, weight_N = labelled(valid)
        logits_NK = self._logits(model, features(self.spec.inputs[name], value))
        chosen_N = logits_NK.log_softmax(1)[torch.arange(len(codes_N)), torch.from_numpy(codes_N)]
        return -float(np.average(chosen_N.numpy(), weights=weight_N))

    def _logits(self, model: Logistic, x_BD: np.ndarray) -> Tensor:
        share_BK = np.zeros((len(x_BD), self.classes))
        share_BK[:, model.classes_] = model.predict_proba((x_BD - self.mean_D) / self.std_D)
        return logits_of(share_BK)

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        field, value = self._input(inputs)
        if self.model is None:
            return {self.output: logits_of(np.eye(self.classes)[[self.only] * rows_in(value)])}
        return {self.output: self._logits(self.model, features(field, value))}

    @property
    def parameters(self) -> int:
        return 1 if self.model is None else self.model.coef_.size + self.model.intercept_.size

    def learned(self) -> Any:
        return self.mean_D, self.std_D, self.model


class RidgeRegression(Predictor):
    """Linear regression with a squared penalty; the validation part chooses the penalty of each number."""

    kind = "ridge-regression"

    def fit(self, parts: Parts) -> None:
        x_ND, (y_NO, weight_NO) = _features(parts.train), numbers(parts.train)
        self.mean_D, self.std_D = x_ND.mean(0), x_ND.std(0) + 1e-6
        x_ND = (x_ND - self.mean_D) / self.std_D
        if x_ND.size <= PRECISE:
            x_ND = x_ND.astype(np.float64)  # columns that nearly follow from one another are beyond single precision
        fits = [self._fit(x_ND, y_NO, weight_NO, shrinkage) for shrinkage in (SHRINKAGES if parts.valid else SHRINKAGES[:1])]
        best_O = np.zeros(y_NO.shape[1], int)
        if parts.valid:
            held_ND, (held_NO, held_weight_NO) = (_features(parts.valid) - self.mean_D) / self.std_D, numbers(parts.valid)
            error = [(held_weight_NO * (held_ND @ w_DO + b_O - np.nan_to_num(held_NO)) ** 2).sum(0) for w_DO, b_O in fits]
            best_O = np.argmin(error, axis=0)
        self.weight_DO = np.stack([fits[k][0][:, o] for o, k in enumerate(best_O)], 1)
        self.bias_O = np.array([fits[k][1][o] for o, k in enumerate(best_O)])

    def _fit(self, x_ND: np.ndarray, y_NO: np.ndarray, weight_NO: np.ndarray, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights (D O) and offsets (O); all numbers at once where every row knows all of them."""
        known_NO = weight_NO > 0
        together = bool((weight_NO == weight_NO[:, :1]).all() and known_NO.all())
        weight_DO, bias_O = np.zeros((x_ND.shape[1], y_NO.shape[1])), np.zeros(y_NO.shape[1])
        for columns in [slice(None)] if together else [[o] for o in range(y_NO.shape[1])]:
            use_N = known_NO[:, columns].all(1)
            model = Ridge(alpha=shrinkage).fit(x_ND[use_N], y_NO[use_N][:, columns], weight_NO[use_N][:, columns][:, 0])
            weight_DO[:, columns], bias_O[columns] = np.atleast_2d(model.coef_).T, model.intercept_
        return weight_DO, bias_O

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        x_BD = (features(*self._input(inputs)) - self.mean_D) / self.std_D
        return {self.output: as_output(x_BD @ self.weight_DO + self.bias_O, self.spec.outputs[self.output])}

    @property
    def parameters(self) -> int:
        return self.weight_DO.size + self.bias_O.size

    def learned(self) -> Any:
        return self.mean_D, self.std_D, self.weight_DO, self.bias_O


def _features(dataset: Dataset) -> np.ndarray:
    (name,) = dataset.spec.inputs
    return features(dataset.spec.inputs[name], dataset.all().inputs[name])
