"""A metric as a function of sums over test rows, so that it can be computed anew for any resampling of them.

    score = f(sum_i c_i),   c_i the numbers that row i adds

N rows, C columns of sums, R resamples, K classes, O targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nnzoo.core.task import Evaluation

SHARES = (  # scores between 0 and 1 that count right answers
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "exact_match",
    "gan_train",
    "gan_test",
    "precision",
    "recall",
    "confidence",
    "copied",
    "share_within_3_sigma",
)
MOST_COLUMNS = 3000  # labels or targets beyond a third or a fifth of this take too much memory


class Columns(NamedTuple):
    """What each row adds (N C), the score (R) of sums (R C), and for shares what a row that nobody saw would add (2 C): the
    first if it is answered wrongly, the second if rightly; on average over the labels as often as they occur."""

    rows_NC: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]
    unseen_2C: np.ndarray | None = None


def columns_of(evaluation: Evaluation, metric: str, weight_N: np.ndarray | None = None) -> Columns | None:
    """How `metric` follows from sums over this evaluation's rows; None where it does not (then only seeds can be resampled).

    `weight_N` are the weights of the rows that were scored, None for all one.
    """
    if evaluation.extra.get("pooled"):
        return _pooled(evaluation, metric, weight_N)
    if "r2" in evaluation.scores and "rmse" in evaluation.scores:
        return _regression(evaluation, metric, weight_N)
    if metric in ("balanced_accuracy", "macro_f1"):
        return _by_label(evaluation, metric, weight_N)
    if metric == "log_loss" and evaluation.predictions is not None:
        true_N = evaluation.predictions[np.arange(len(evaluation.truth)), evaluation.truth]
        return _mean(-np.log(true_N.clip(1e-12)), weight_N)
    if metric == "bleu" and "bleu_rows" in evaluation.extra:
        return Columns(np.asarray(evaluation.extra["bleu_rows"], dtype=float), _bleu)
    if evaluation.rows is not None and np.isclose(evaluation.rows.mean(), evaluation.scores[metric], rtol=1e-6, atol=1e-9):
        columns = _mean(evaluation.rows, None)  # each row's weight is in its share
        return columns._replace(unseen_2C=np.array([[0.0, 1.0], [1.0, 1.0]])) if metric in SHARES else columns
    return None


def _mean(rows_N: np.ndarray, weight_N: np.ndarray | None) -> Columns:
    weight_N = np.ones(len(rows_N)) if weight_N is None else weight_N
    return Columns(np.stack([rows_N * weight_N, weight_N], 1), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-300))


def _by_label(evaluation: Evaluation, metric: str, weight_N: np.ndarray | None) -> Columns | None:
    """By label: how often it was rightly answered, how often it is there, how often it was answered."""
    truth_N, classes = evaluation.truth, evaluation.predictions.shape[1]
    if 3 * classes > MOST_COLUMNS:
        return None
    one_KK, w_N1 = np.eye(classes), np.ones((len(truth_N), 1)) if weight_N is None else weight_N[:, None]
    is_NK, said_NK = one_KK[truth_N] * w_N1, one_KK[evaluation.predictions.argmax(1)] * w_N1
    rows_NC = np.concatenate([is_NK * (said_NK > 0), is_NK, said_NK], 1)

    def score(sums: np.ndarray) -> np.ndarray:
        hits_RK, is_RK, said_RK = np.split(sums, 3, axis=1)
        below_RK = is_RK if metric == "balanced_accuracy" else (is_RK + said_RK) / 2
        counts_RK = below_RK > 0  # labels that occur, for F1 also those that were only answered
        return np.where(counts_RK, hits_RK / np.where(counts_RK, below_RK, 1), 0).sum(1) / counts_RK.sum(1)

    share_K = is_NK.mean(0)
    other_K = (share_K.sum() - share_K) / max(1, classes - 1)  # a wrong answer is any of the other labels
    unseen_2C = np.stack([np.concatenate([0 * share_K, share_K, other_K]), np.concatenate([share_K] * 3)])
    return Columns(rows_NC, score, unseen_2C)


def _bleu(sums_RC: np.ndarray) -> np.ndarray:
    """BLEU (R, 0 to 100) of sums of lengths of answer and reference, hits and counts of 1- to 4-grams (Papineni et al. 2002),
    smoothed as sacrebleu does: the k-th order without a hit counts as half to the k of one."""
    said_R, right_R, hits_R4, counts_R4 = sums_RC[:, 0], sums_RC[:, 1], sums_RC[:, 2:6], sums_RC[:, 6:10]
    none_R4 = (hits_R4 == 0) & (counts_R4 > 0)
    hits_R4 = np.where(none_R4, 0.5 ** none_R4.cumsum(1), hits_R4)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs_R4 = np.where(counts_R4 > 0, np.log(hits_R4 / counts_R4), -np.inf)
        short_R = np.where(said_R < right_R, np.exp(1 - right_R / said_R), 1.0)
    score_R = 100 * np.nan_to_num(short_R) * np.exp(logs_R4.mean(1))
    return np.where(sums_RC[:, 2:6].any(1), score_R, 0.0)


def _pooled(evaluation: Evaluation, metric: str, weight_N: np.ndarray | None) -> Columns:
    """R2 and RMSE of all numbers together; the mean row that errors are held against is that of the whole part."""
    w_N = np.ones(len(evaluation.truth)) if weight_N is None else weight_N
    error_N = np.square(evaluation.truth - evaluation.predictions).mean(1, dtype=float)
    mean_P = np.average(evaluation.truth, axis=0, weights=w_N)
    spread_N = np.square(evaluation.truth - mean_P).mean(1, dtype=float)
    rows_NC = np.stack([error_N * w_N, spread_N * w_N, w_N], 1)
    if metric == "r2":
        return Columns(rows_NC, lambda sums: 1 - sums[:, 0] / np.maximum(sums[:, 1], 1e-300))
    return Columns(rows_NC, lambda sums: np.sqrt(sums[:, 0] / np.maximum(sums[:, 2], 1e-300)))


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
