"""Whether stated probabilities come true: the calibration curve and the expected calibration error of a classifier.

    ECE = sum_b n_b / N |acc_b - conf_b|           (Naeini et al. 2015; Guo et al. 2017, On Calibration, equation 3)

A row's confidence is its largest probability, `conf_b` the mean confidence of bin b and `acc_b` its share of right answers. Bins
hold equally many rows in order of confidence (equal mass: Nguyen & O'Connor 2015), since with equal widths a good classifier's
rows would nearly all fall into one; rows of equal confidence stay together, so bins may be uneven, and fewer. Row weights count.

The error of few rows is above zero for a perfect forecaster too. What chance alone gives is found by drawing right and wrong
from the stated confidences (consistency resampling: Bröcker & Smith 2007).

N rows, K classes, B bins, R draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from nnzoo.comparing.charts import reliability
from nnzoo.comparing.entries import Comparison, Entry
from nnzoo.comparing.scored import scored_weights
from nnzoo.comparing.verdict import IGNORANT
from nnzoo.core.fields import Classes
from nnzoo.core.seeds import mix
from nnzoo.core.task import Evaluation

MOST_BINS = 15  # as Guo et al.
ROWS_A_BIN = 10  # at least, on average
DRAWS = 400
MOST_CHARTS = 6


class Calibration(NamedTuple):
    """Bins in order of confidence: mean confidence, share of right answers, rows, share of the weight (each B); and the error."""

    confidence_B: np.ndarray
    accuracy_B: np.ndarray
    rows_B: np.ndarray
    share_B: np.ndarray
    error: float


def calibration(
    probability_NK: np.ndarray, truth_N: np.ndarray, weight_N: np.ndarray | None = None, bins: int | None = None
) -> Calibration:
    """The curve and the error of stated probabilities. `bins`: at most so many; None: one for 10 rows, at most 15."""
    confidence_N, right_N, weight_N = _answers(probability_NK, truth_N, weight_N)
    bin_N = _bins(confidence_N, bins)
    weight_B = np.bincount(bin_N, weight_N)
    confidence_B = np.bincount(bin_N, weight_N * confidence_N) / weight_B
    accuracy_B = np.bincount(bin_N, weight_N * right_N) / weight_B
    share_B = weight_B / weight_B.sum()
    error = float((share_B * np.abs(accuracy_B - confidence_B)).sum())
    return Calibration(confidence_B, accuracy_B, np.bincount(bin_N), share_B, error)


def calibration_error(evaluations: Sequence[Evaluation], weight_N: np.ndarray | None = None) -> float | None:
    """The mean over seeds of the expected calibration error; None where no evaluation has probabilities."""
    errors = [
        calibration(e.predictions, e.truth, weight_N).error for e in evaluations if e.predictions is not None and len(e.truth)
    ]
    return float(np.mean(errors)) if errors else None


class Chance(NamedTuple):
    """What a forecaster whose probabilities are true shows on as many rows: its mean error, and for each bin the range in which
    its share of right answers falls in 95 % of draws (each B)."""

    error: float
    low_B: np.ndarray
    high_B: np.ndarray


def by_chance(probability_NK: np.ndarray, weight_N: np.ndarray | None = None, bins: int | None = None, seed: int = 0) -> Chance:
    """The same figures, had right and wrong been drawn from the stated confidences."""
    confidence_N, _, weight_N = _answers(probability_NK, np.zeros(len(probability_NK), int), weight_N)
    bin_N = _bins(confidence_N, bins)
    weight_B, stated_B = np.bincount(bin_N, weight_N), np.bincount(bin_N, weight_N * confidence_N)
    random = np.random.default_rng(mix(seed, 9))
    drawn_RB = np.stack([np.bincount(bin_N, weight_N * (random.random(len(bin_N)) < confidence_N)) for _ in range(DRAWS)])
    low_B, high_B = np.quantile(drawn_RB / weight_B, [0.025, 0.975], axis=0)
    return Chance(float(np.abs(drawn_RB - stated_B).sum(1).mean() / weight_B.sum()), low_B, high_B)


def _answers(probability_NK: np.ndarray, truth_N: np.ndarray, weight_N: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Confidence, right or wrong, and weight of each row; rows without weight are left out."""
    weight_N = np.ones(len(truth_N)) if weight_N is None else weight_N
    some = weight_N > 0
    share_NK = np.asarray(probability_NK)[some]
    return share_NK.max(1), (share_NK.argmax(1) == np.asarray(truth_N)[some]).astype(float), weight_N[some]


def _bins(confidence_N: np.ndarray, bins: int | None) -> np.ndarray:
    """The bin of each row, from 0 without gaps: rows of equal confidence go where the middle one of them belongs."""
    count = len(confidence_N)
    bins = bins or min(MOST_BINS, max(1, count // ROWS_A_BIN))
    _, place_N, size = np.unique(confidence_N, return_inverse=True, return_counts=True)
    middle = np.cumsum(size) - size / 2
    return np.unique(np.floor(bins * middle / count).astype(int)[place_N], return_inverse=True)[1]


def section(comparison: Comparison, tints: dict[str, str]) -> str:
    """The part of the report: a line for each entrant, and curves of the best. Empty where nothing states probabilities."""
    prepared = comparison.prepared
    if prepared is None or prepared.spec.only("outputs", Classes) is None:
        return ""
    there = [e for e in comparison.entries if e.calibration_error is not None and e.evaluations]
    if not there:
        return ""
    weight_N = scored_weights(prepared.parts.test)
    rows: list[str] = []
    charts: list[str] = []
    for entry in there:
        first = entry.evaluations[0]
        luck = by_chance(first.predictions, weight_N, seed=comparison.seeds[0])
        rows.append(_row(entry, luck, weight_N))
        if entry.kind not in IGNORANT and len(charts) < MOST_CHARTS:
            found = calibration(first.predictions, first.truth, weight_N)
            dots = found.confidence_B.tolist(), found.accuracy_B.tolist()
            chart = reliability(*dots, luck.low_B.tolist(), luck.high_B.tolist(), f"Calibration of {entry.kind}", tints[entry.kind])
            charts.append(f"<figure><figcaption>{escape(entry.kind)}</figcaption>{chart}</figure>")
    head = "".join(f"<th scope=col class=n>{name}" for name in ("calibration error", "by chance", "mean confidence", "right"))
    words = (
        "Does 90 % sure mean right nine times in ten? Calibration error (ECE): the mean gap between confidence and share of right "
        f"answers over at most {MOST_BINS} bins of equally many rows, in points, mean over seeds. By chance: what "
        "perfectly true probabilities would show on these rows; only an error well above it speaks against an entrant."
    )
    below = (
        "Each dot is a bin of test rows of the first seed. Below the dashed line answers are surer than they should be, above it "
        "less sure. Whiskers: where the dot of a perfectly calibrated entrant falls in 95 % of cases."
    )
    table = (
        f'<div class="wide"><table><thead><tr><th scope=col>entrant{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
    curves = f'<p class="note">{below}</p><div class="trio">{"".join(charts)}</div>' if charts else ""
    return f'<p class="note">{words}</p>{table}{curves}'


def _row(entry: Entry, chance: Chance, weight_N: np.ndarray | None) -> str:
    """A line of the table: error, error by chance, mean confidence and accuracy, the last two over all seeds."""
    each = [_answers(e.predictions, e.truth, weight_N) for e in entry.evaluations]
    sure, right = (float(np.mean([np.average(answers[k], weights=answers[2]) for answers in each])) for k in (0, 1))
    figures = (
        f"{100 * (entry.calibration_error or 0.0):.1f}",
        f"{100 * chance.error:.1f}",
        f"{100 * sure:.1f} %",
        f"{100 * right:.1f} %",
    )
    return f"<tr><th scope=row>{escape(entry.kind)}{''.join(f'<td class=n>{figure}' for figure in figures)}</tr>"
