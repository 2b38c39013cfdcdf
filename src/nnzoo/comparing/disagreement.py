"""Where the best two entrants disagree: rows on which one is right and the other wrong, or much nearer, with the rows themselves.

Of two classifiers on the same rows only those count that one of them gets right and the other wrong. Were both right equally
often, each such row would fall to either side like a coin (McNemar 1947); the exact test is the binomial one:

    p = min(1, 2 P(X <= min(b, c))),   X ~ Binomial(b + c, 1/2)

N rows, K classes, O numbers, P pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import binom

from nnzoo.comparing.charts import number, scatter
from nnzoo.comparing.entries import Comparison, Entry, chosen_order
from nnzoo.comparing.labels import clipped
from nnzoo.comparing.rows import clipped_lines, picture_cell, rows_shown, table, written_cells
from nnzoo.comparing.scored import scored_rows
from nnzoo.core.fields import Classes, Image, Tokens, Values
from nnzoo.core.seeds import generator
from nnzoo.tasks.text_generation import STRETCH, whole_text

SHOWN = 8  # rows of a sort
MOST_POINTS = 800
LONGEST_LABEL = 40  # characters of a label in a caption


class Counts(NamedTuple):
    """On how many rows both are right, only the first, only the second, neither; and the p-value of McNemar's exact test."""

    both: int
    first: int
    second: int
    neither: int
    p: float


def mcnemar(right_N: np.ndarray, other_N: np.ndarray) -> Counts:
    """Counts and the exact two-sided test of two entrants' right answers (N, bool) on the same rows."""
    first, second = int((right_N & ~other_N).sum()), int((~right_N & other_N).sum())
    p = min(1.0, 2 * float(binom.cdf(min(first, second), first + second, 0.5)))
    return Counts(int((right_N & other_N).sum()), first, second, int((~right_N & ~other_N).sum()), p)


def best_two(comparison: Comparison) -> tuple[Entry, Entry] | None:
    """The two entrants that stand first by validation, networks or baselines; None with fewer than two."""
    there = chosen_order([e for e in comparison.entries if not e.error and e.evaluations], comparison.higher_is_better)
    return (there[0], there[1]) if len(there) > 1 else None


def section(comparison: Comparison) -> tuple[str, str]:
    """Heading and HTML, of the first seed; the HTML is empty where the task has nothing to tell row by row."""
    heading, html = _told(comparison)
    part = "validation" if all(e.validation for e in best_two(comparison) or ()) else "test"
    words = f"The two entrants that are best on the {part} part, the first seed of each; the verdict has all seeds."
    return heading, f'<p class="note">{words}</p>{html}' if html else ""


def _told(comparison: Comparison) -> tuple[str, str]:
    two = best_two(comparison)
    if two is None or comparison.prepared is None:
        return "", ""
    spec, (a, b) = comparison.prepared.spec, two
    heading = f"Where {a.kind} and {b.kind} disagree"
    if spec.only("outputs", Classes):
        return heading, _labels(comparison, a, b)
    if spec.only("outputs", Values):
        return heading, _numbers(comparison, a, b)
    if spec.only("outputs", Image) and not spec.only("inputs", Classes):
        return heading, _pictures(comparison, a, b)
    if not spec.outputs and spec.only("inputs", Tokens) and comparison.prepared.task.name == "text-generation":
        return heading, _texts(comparison, a, b)
    return "", ""


def _labels(comparison: Comparison, a: Entry, b: Entry) -> str:
    test = comparison.prepared.parts.test
    (field,) = test.spec.outputs.values()
    labels = [clipped(label, LONGEST_LABEL) for label in field.labels]
    truth_N = np.asarray(a.evaluations[0].truth)
    share = {e.kind: np.asarray(e.evaluations[0].predictions) for e in (a, b)}
    right = {kind: share_NK.argmax(1) == truth_N for kind, share_NK in share.items()}
    counts = mcnemar(right[a.kind], right[b.kind])
    html = _counted(counts, a.kind, b.kind)
    for winner, loser, count in ((a, b, counts.first), (b, a, counts.second)):
        rows = np.flatnonzero(right[winner.kind] & ~right[loser.kind])
        sure_N = share[loser.kind].max(1)
        rows = rows[np.argsort(-sure_N[rows], kind="stable")][:SHOWN]
        said_N = share[loser.kind].argmax(1)
        captions = [f"is {labels[truth_N[i]]}, {loser.kind}: {labels[said_N[i]]} ({100 * sure_N[i]:.0f} %)" for i in rows.tolist()]
        html += _shown(
            f"Only {winner.kind} is right",
            f"{_rows(count)}; first those on which {loser.kind} was surest.",
            rows_shown(comparison, test, scored_rows(test)[torch.from_numpy(rows)], captions) if len(rows) else "",
        )
    return html


def _counted(counts: Counts, first: str, second: str) -> str:
    a, b = escape(first), escape(second)
    grid = (
        f'<div class="wide"><table><thead><tr><td><th scope=col class=n>{b} right<th scope=col class=n>{b} wrong</tr></thead>'
        f"<tbody><tr><th scope=row>{a} right<td class=n>{counts.both:,}<td class=n>{counts.first:,}</tr>"
        f"<tr><th scope=row>{a} wrong<td class=n>{counts.second:,}<td class=n>{counts.neither:,}</tr></tbody></table></div>"
    )
    n = counts.first + counts.second
    if n:
        words = (
            f"Only {first} is right on {counts.first:,}, only {second} on {counts.second:,} of the {n:,} test rows that set them "
            f"apart. McNemar's exact test: p = {counts.p:.2g}; "
        )
        words += (
            "so uneven a division is rare where both are right equally often."
            if counts.p < 0.05
            else "such a division is no surprise where both are right equally often."
        )
        words += ""
    else:
        words = "Each is right exactly where the other is."
    return f'<p class="note">{escape(words)}</p>{grid}'


# ---- numbers


def _numbers(comparison: Comparison, a: Entry, b: Entry) -> str:
    test = comparison.prepared.parts.test
    (field,) = test.spec.outputs.values()
    truth_NO = np.asarray(a.evaluations[0].truth)
    answer = {e.kind: np.asarray(e.evaluations[0].predictions) for e in (a, b)}
    size = {kind: _mean_size(truth_NO - answer_NO, field.std) for kind, answer_NO in answer.items()}
    known = np.flatnonzero(np.isfinite(size[a.kind] + size[b.kind]))
    if not len(known):
        return ""

    def caption(i: int) -> str:
        parts = []
        for o, name in enumerate(field.names):
            if np.isfinite(truth_NO[i, o]):
                said = ", ".join(f"{kind} {number(answer[kind][i, o])}" for kind in answer)
                which = f"{clipped(name, LONGEST_LABEL)} " if len(field.names) > 1 else ""
                parts.append(f"{which}is {number(truth_NO[i, o])}: {said}")
        return "\n".join(parts)

    some = known[torch.randperm(len(known), generator=generator(comparison.seeds[0], 8)).numpy()[:MOST_POINTS]]
    points = list(zip(size[a.kind][some].tolist(), size[b.kind][some].tolist()))
    unit = "error of {}, standard deviations"
    chart = scatter(
        points,
        unit.format(a.kind),
        unit.format(b.kind),
        f"Errors of {a.kind} against those of {b.kind}",
        "var(--accent)",
        diagonal=True,
    )
    gap_N = size[b.kind] - size[a.kind]
    nearer, other = int((gap_N[known] > 0).sum()), int((gap_N[known] < 0).sum())
    words = (
        f"{a.kind} is nearer to the truth on {nearer:,} of {len(known):,} test rows, {b.kind} on {other:,}. A dot "
        f"above the line is a row on which {a.kind} is nearer. Errors are in standard deviations of the target"
        + (", mean over targets." if len(field.names) > 1 else ".")
    )
    html = f'<p class="note">{escape(words)}</p><div class="pair">{chart}</div>'
    for winner, sign in ((a, 1), (b, -1)):
        rows = known[np.argsort(-sign * gap_N[known], kind="stable")][:SHOWN]
        rows = rows[sign * gap_N[rows] > 0]
        shown = (
            rows_shown(comparison, test, torch.from_numpy(rows.copy()), [caption(i) for i in rows.tolist()]) if len(rows) else ""
        )
        html += _shown(f"Rows on which {winner.kind} is nearer", "Those with the largest difference of errors.", shown)
    return html


def _mean_size(error_NO: np.ndarray, std: Sequence[float]) -> np.ndarray:
    """Mean over the known targets of each row's error in standard deviations (N; NaN where nothing is known)."""
    known_NO = ~np.isnan(error_NO)
    size_NO = np.where(known_NO, np.abs(error_NO), 0) / np.array(std)
    count_N = known_NO.sum(1)
    return np.where(count_N > 0, size_NO.sum(1) / np.maximum(count_N, 1), np.nan)


# ---- pictures that were asked for


def _pictures(comparison: Comparison, a: Entry, b: Entry) -> str:
    test = comparison.prepared.parts.test
    (name,), (field,) = test.spec.inputs, test.spec.outputs.values()
    if field.height < 2:
        return ""
    truth_NP = np.asarray(a.evaluations[0].truth)
    made = {e.kind: np.asarray(e.evaluations[0].predictions) for e in (a, b)}
    squared = {kind: ((made_NP - truth_NP) ** 2).mean(1) for kind, made_NP in made.items()}
    gap_N = squared[b.kind] - squared[a.kind]
    nearer, other = int((gap_N > 0).sum()), int((gap_N < 0).sum())
    where = f"on {nearer:,} of {len(gap_N):,} test rows, {b.kind} on {other:,}"
    words = f"{a.kind} is nearer to the picture asked for {where}."
    html = f'<p class="note">{escape(words)}</p>'
    for winner, sign in ((a, 1), (b, -1)):
        rows = np.argsort(-sign * gap_N, kind="stable")[:SHOWN]
        rows = rows[sign * gap_N[rows] > 0]
        asked = written_cells(
            comparison.prepared.preprocessing.restore(name, test.take(torch.from_numpy(rows.copy())).inputs[name])
        )
        body = ""
        for i, words in zip(rows.tolist(), asked):
            cells = "".join(picture_cell(pixels_NP[i], field, who) for who, pixels_NP in (("asked for", truth_NP), *made.items()))
            body += f"<tr><th scope=row>{escape(words)}{cells}</tr>"
        head = "".join(f"<th scope=col>{escape(title)}" for title in ("input", "asked for", *made))
        shown = (
            f'<div class="wide"><table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
            if body
            else ""
        )
        html += _shown(f"Rows on which {winner.kind} is nearer", "Those with the largest difference of mean squared errors.", shown)
    return html


# ---- texts


def _texts(comparison: Comparison, a: Entry, b: Entry) -> str:
    prepared, (name,) = comparison.prepared, comparison.prepared.spec.inputs
    test, lines = prepared.parts.test, prepared.spec.inputs[name].lines
    offsets = test.columns[name]["offsets"]
    if lines:
        rows = torch.arange(len(offsets) - 1) if test.index is None else test.index.cpu()
        symbols_N = (offsets[rows + 1] - offsets[rows] - 1).clamp(min=0).numpy()
    else:
        whole = whole_text(test)
        symbols_N = np.array([min(STRETCH, len(whole) - 1 - at) for at in range(0, len(whole) - 1, STRETCH)])
    nats = {e.kind: found for e in (a, b) if (found := _nats(e.evaluations[0])) is not None and len(found) == len(symbols_N)}
    if len(nats) < 2:
        return ""
    gap_N = nats[b.kind] - nats[a.kind]
    what = "test lines" if lines else f"stretches of {STRETCH:,} symbols"
    nearer, other = int((gap_N > 0).sum()), int((gap_N < 0).sum())
    words = f"{a.kind} finds {nearer:,} of {len(gap_N):,} {what} likelier than {b.kind} does, {b.kind} {other:,}."
    html = f'<p class="note">{escape(words)} Figures: nats a symbol, less is better.</p>'
    for winner, sign in ((a, 1), (b, -1)):
        rows_n = np.argsort(-sign * gap_N, kind="stable")[:SHOWN]
        rows_n = rows_n[sign * gap_N[rows_n] > 0]
        captions = [
            ", ".join(f"{kind} {found[i] / max(1, symbols_N[i]):.2f}" for kind, found in nats.items()) for i in rows_n.tolist()
        ]
        if not captions:
            shown = ""
        elif lines:
            shown = rows_shown(comparison, test, torch.from_numpy(rows_n.copy()), captions, "nats a symbol")
        else:
            pieces = [whole[i * STRETCH : (i + 1) * STRETCH].tolist() for i in rows_n.tolist()]
            shown = table(["how it begins"], clipped_lines(prepared.preprocessing.restore(name, pieces)), captions, "nats a symbol")
        html += _shown(f"Texts that {winner.kind} finds likelier", "Those with the largest difference.", shown)
    return html


def _nats(evaluation: Any) -> np.ndarray | None:
    """What each line or stretch cost in nats; an evaluation's rows are shares of the mean over symbols."""
    if evaluation.rows is None or "symbols" not in evaluation.extra:
        return None
    return evaluation.rows * evaluation.extra["symbols"] / len(evaluation.rows)


def _shown(heading: str, words: str, html: str) -> str:
    """A part with its heading; nothing where there is nothing to show."""
    return f'<h3>{escape(heading)}</h3><p class="note">{escape(words)}</p>{html}' if html else ""


def _rows(count: int) -> str:
    return f"{count:,} test row" + ("" if count == 1 else "s")
