"""What the best network answers where numbers are asked for: against the truth, the residuals, the worst and the typical rows.

    residual = answer - truth,   bias = mean residual

N rows, O targets.
"""

from __future__ import annotations

from html import escape

import numpy as np
import torch

from nnzoo.comparing.charts import histogram, number, scatter
from nnzoo.comparing.entries import Comparison, Entry
from nnzoo.comparing.labels import clipped
from nnzoo.comparing.rows import rows_shown
from nnzoo.comparing.scored import scored_weights
from nnzoo.comparing.words import name_of, shown
from nnzoo.core.fields import Values
from nnzoo.core.seeds import generator
from nnzoo.tasks._regression import regression_scores

SHOWN = 12  # rows of a sort
MOST_POINTS = 800
MOST_TARGETS = 6  # with charts
BINS = (5, 40)


def sections(comparison: Comparison, best: Entry, colour: str) -> list[tuple[str, str]]:
    """Headings and HTML of the first seed of the best network."""
    test, evaluation = comparison.prepared.parts.test, best.evaluations[0]
    (field,) = test.spec.outputs.values()
    assert isinstance(field, Values)
    truth_NO, answer_NO = np.asarray(evaluation.truth), np.asarray(evaluation.predictions)
    size_N = np.where(np.isnan(truth_NO), 0, np.abs(truth_NO - answer_NO) / np.array(field.std)).sum(1)
    size_N = size_N / np.maximum((~np.isnan(truth_NO)).sum(1), 1)
    order = np.argsort(-size_N, kind="stable")
    order = order[~np.isnan(truth_NO[order]).all(1)]

    def caption(i: int) -> str:
        pairs = [
            f"{clipped(name, 40)} {number(answer_NO[i, o])}, is {number(truth_NO[i, o])}"
            for o, name in enumerate(field.names)
            if np.isfinite(truth_NO[i, o])
        ]
        return "\n".join(pairs)

    found = [(f"Answers of {best.kind}", _answers(comparison, best, field, truth_NO, answer_NO, colour))]
    middle = max(0, len(order) // 2 - SHOWN // 2)
    for heading, rows in (("Largest errors", order[:SHOWN]), ("Typical answers", order[middle : middle + SHOWN])):
        if len(rows):
            html = rows_shown(comparison, test, torch.from_numpy(rows.copy()), [caption(i) for i in rows.tolist()])
            found.append((f"{heading} of {best.kind}", html))
    return found


def _answers(comparison: Comparison, best: Entry, field: Values, truth_NO: np.ndarray, answer_NO: np.ndarray, colour: str) -> str:
    """Figures of each target, and two charts for each."""
    weight_N = scored_weights(comparison.prepared.parts.test)
    weight_N = np.ones(len(truth_NO)) if weight_N is None else weight_N
    random = generator(comparison.seeds[0], 6)
    rows, charts = "", ""
    drawn = 0
    for o, target in enumerate(field.names):
        known = np.flatnonzero(np.isfinite(truth_NO[:, o]) & (weight_N > 0))
        if not len(known):
            continue
        truth_N, answer_N, w_N = truth_NO[known, o], answer_NO[known, o], weight_N[known]
        rows += _figures(target, truth_N, answer_N, w_N)
        if drawn == MOST_TARGETS:
            continue
        drawn += 1
        some = torch.randperm(len(known), generator=random).numpy()[:MOST_POINTS]
        points = list(zip(truth_N[some].tolist(), answer_N[some].tolist()))
        name = clipped(target, 30)
        charts += scatter(
            points,
            f"true {name}",
            f"answer for {name}",
            f"{target}: true values against answers of {best.kind}",
            colour,
            diagonal=True,
        )
        charts += _histogram(answer_N - truth_N, name, best, colour)
    head = "".join(f"<th scope=col class=n>{name}" for name in ("test rows", name_of("r2"), "RMSE", "MAE", "bias"))
    table = f'<div class="wide"><table><thead><tr><th scope=col>target{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    words = (
        "First seed. Left: on the dashed line an answer is exact. Right: residuals (answer less truth); a heap beside zero means "
        f"that {best.kind} answers too much or too little as a rule. Bias is their mean."
    )
    if drawn < len(field.names) and drawn == MOST_TARGETS:
        words += f" Charts of the first {MOST_TARGETS} targets."
    return f'<p class="note">{escape(words)}</p>{table}<div class="pair two">{charts}</div>'


def _figures(target: str, truth_N: np.ndarray, answer_N: np.ndarray, w_N: np.ndarray) -> str:
    scores = regression_scores(truth_N[:, None], answer_N[:, None], w_N)
    bias = float(np.average(answer_N - truth_N, weights=w_N))
    cells = (f"{len(truth_N):,}", *(shown(scores[metric], metric) for metric in ("r2", "rmse", "mae")), f"{bias:+.3g}")
    return f"<tr><th scope=row>{escape(clipped(target, 60))}{''.join(f'<td class=n>{cell}' for cell in cells)}</tr>"


def _histogram(residual_N: np.ndarray, name: str, best: Entry, colour: str) -> str:
    """Bars by the rule of Freedman and Diaconis or of Sturges, whichever is finer, within bounds."""
    bins = int(np.clip(len(np.histogram_bin_edges(residual_N, "auto")) - 1, *BINS))
    counts, edges = np.histogram(residual_N, bins)
    title = f"Residuals of {best.kind} for {name}: {residual_N.min():.4g} to {residual_N.max():.4g}, mean {residual_N.mean():.3g}"
    return histogram(counts.tolist(), edges.tolist(), f"residual of {name}", "test rows", title, colour)
