"""A metric as a function of sums over test rows, so that it can be computed anew for any resampling of them.

    score = f(sum_i c_i),   c_i the numbers that row i adds

N rows, C columns of sums, R resamples, K classes, O targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nnzoo.core.task import Evaluation

MOST_COLUMNS = 2500  # a confusion matrix of 50 labels


class Columns(NamedTuple):
    """What each row adds (N C), and the score (R) of sums (R C)."""

    rows_NC: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]


def columns_of(evaluation: Evaluation, metric: str, weight_N: np.ndarray | None = None) -> Columns | None:
    """How `metric` follows from sums over this evaluation's rows; None where it does not (then only seeds can be resampled).

    `weight_N` are the weights of the rows that were scored, None for all one.
    """
    if "r2" in evaluation.scores and "rmse" in evaluation.scores:
        return _regression(evaluation, metric, weight_N)
    if metric in ("balanced_accuracy", "macro_f1"):
        return _confusion(evaluation, metric, weight_N)
    if metric == "log_loss" and evaluation.predictions is not None:
        true_N = evaluation.predictions[np.arange(len(evaluation.truth)), evaluation.truth]
        return _mean(-np.log(true_N.clip(1e-12)), weight_N)
    if evaluation.rows is not None and np.isclose(evaluation.rows.mean(), evaluation.scores[metric], rtol=1e-6, atol=1e-9):
        return _mean(evaluation.rows, None)  # each row's weight is in its share
    return None


def _mean(rows_N: np.ndarray, weight_N: np.ndarray | None) -> Columns:
    weight_N = np.ones(len(rows_N)) if weight_N is None else weight_N
    return Columns(np.stack([rows_N * weight_N, weight_N], 1), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-300))


def _confusion(evaluation: Evaluation, metric: str, weight_N: np.ndarray | None) -> Columns | None:
    truth_N, classes = evaluation.truth, evaluation.predictions.shape[1]
    if classes**2 > MOST_COLUMNS:
        return None
    rows_NC = np.zeros((len(truth_N), classes**2))
    rows_NC[np.arange(len(truth_N)), truth_N * classes + evaluation.predictions.argmax(1)] = 1.0 if weight_N is None else weight_N

    def score(sums: np.ndarray) -> np.ndarray:
        table_RKK = sums.reshape(-1, classes, classes)
        hits_RK, is_RK, said_RK = np.diagonal(table_RKK, axis1=1, axis2=2), table_RKK.sum(2), table_RKK.sum(1)
        below_RK = is_RK if metric == "balanced_accuracy" else (is_RK + said_RK) / 2
        counts_RK = below_RK > 0  # labels that occur, for F1 also those that were only answered
        return np.where(counts_RK, hits_RK / np.where(counts_RK, below_RK, 1), 0).sum(1) / counts_RK.sum(1)

    return Columns(rows_NC, score)


def _regression(evaluation: Evaluation, metric: str, weight_N: np.ndarray | None) -> Columns | None:
    some_O = ~np.isnan(evaluation.truth).all(0)  # a target of which nothing is known does not count
    truth_NO, answer_NO = evaluation.truth[:, some_O], evaluation.predictions[:, some_O]
    targets = truth_NO.shape[1]
    if targets * 5 > MOST_COLUMNS:
        return None
    known_NO = ~np.isnan(truth_NO)
    w_NO = known_NO * (1.0 if weight_N is None else weight_N[:, None])
    y_NO = np.where(known_NO, truth_NO - np.nanmean(truth_NO, 0), 0)  # centred, so that the variance's two sums stay small
    error_NO = np.where(known_NO, truth_NO - answer_NO, 0)
    rows_NC = np.concatenate([w_NO, w_NO * y_NO, w_NO * y_NO**2, w_NO * error_NO**2, w_NO * np.abs(error_NO)], 1)

    def score(sums: np.ndarray) -> np.ndarray:
        y, yy, ee, e = (part / np.maximum(sums[:, :targets], 1e-300) for part in np.split(sums, 5, axis=1)[1:])
        if metric == "r2":
            variance = yy - y**2
            return np.where(variance > 0, 1 - ee / np.where(variance > 0, variance, 1), ee == 0).mean(1)
        return (np.sqrt(ee) if metric == "rmse" else e).mean(1)

    return Columns(rows_NC, score)
