"""Scores by group of the test rows: who is good for whom, by a column that a person names.

A column makes groups by its values; numbers and dates with many values by the quartiles of the test rows. The column need not be
an input: identifiers, columns that were left out and the target do as well.

N rows of the test part, S of them scored, G rows of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nnzoo.comparing.charts import Scale, interval_mark, padded
from nnzoo.comparing.columns import SHARES, columns_of
from nnzoo.comparing.entries import Comparison, Entry, Group, Grouping
from nnzoo.comparing.intervals import intervals
from nnzoo.comparing.labels import clipped
from nnzoo.comparing.scored import scored_rows, scored_weights, test_source
from nnzoo.comparing.verdict import IGNORANT
from nnzoo.comparing.words import name_of, shown
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.task import Evaluation, Task
from nnzoo.data.columns import date_form, days_of, numbers_of, sorted_labels, texts_of
from nnzoo.data.raw import Raw, RawTable

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

FEW_VALUES = 8  # as many different numbers are groups of their own
MOST_GROUPS = 12
LEAST_ROWS = 5  # fewer tell nothing of the spread of a score that is no share
MISSING = "missing"


@dataclass(frozen=True)
class Members:
    """A column's groups in order, and the group (a code into `names`) of each test row (N)."""

    column: str
    names: tuple[str, ...]
    code_N: np.ndarray


def members_of(prepared: Prepared, columns: Sequence[str], judge: Task) -> list[Members]:
    """The groups that columns make of the test rows; found before any time is spent.

    Raises ConfigError for an unknown or repeated column, and where the task has no score for single rows.
    """
    if not columns:
        return []
    if repeated := [name for i, name in enumerate(columns) if name in columns[:i]]:
        raise ConfigError(f"--group names the column '{repeated[0]}' twice; once is enough")
    if (not prepared.spec.outputs and "text" not in judge.name) or "conditional" in judge.name:
        raise ConfigError(f"--group needs a score of single rows, and {judge.metric} compares whole sets; leave --group out")
    raw, rows = test_source(prepared)
    there = columns_there(raw) if rows is not None else {}
    found = []
    for name in columns:
        if name not in there:
            known = f"its columns are {', '.join(list(there)[:30])}{', ...' if len(there) > 30 else ''}"
            what = known if there else "its rows have no columns; leave --group out"
            raise ConfigError(f"{raw.name} has no column '{name}' to group by; {what}")
        assert rows is not None
        found.append(Members(name, *groups_of(there[name].iloc[rows])))
    return found


def columns_there(raw: Raw) -> dict[str, pd.Series]:
    """What rows can be grouped by: the columns of a table, else the labels."""
    if isinstance(raw, RawTable):
        return {name: raw.frame[name] for name in raw.frame.columns}
    labels = getattr(raw, "labels", None)
    return {} if labels is None else {raw.label_name: pd.Series(labels, name=raw.label_name, dtype=object)}  # type: ignore[attr-defined]


def groups_of(cells: pd.Series) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of groups and each cell's group (N). Beyond 12 values the commonest have groups of their own, the rest one together."""
    codes_N, texts = texts_of(cells)
    numbers = _in_order(cells, texts) if len(texts) > FEW_VALUES else None
    if numbers is not None:
        return _quartiles(*numbers)
    order = sorted_labels(texts)
    place = {text: i for i, text in enumerate(order)}
    code_N = np.array([*(place[text] for text in texts), len(order)])[codes_N]  # code -1, missing, finds the last
    count = np.bincount(code_N, minlength=len(order) + 1)
    names = [*order, MISSING]
    if len(order) > MOST_GROUPS:
        common = np.sort(np.argsort(-count[:-1], kind="stable")[: MOST_GROUPS - 1])
        rest = len(order) - len(common)
        names = [*(order[i] for i in common), f"{rest:,} other values", MISSING]
        target = np.full(len(order) + 1, len(common))
        target[common], target[-1] = np.arange(len(common)), len(common) + 1
        code_N = target[code_N]
    met, code_N = np.unique(code_N, return_inverse=True)
    return tuple(names[i] for i in met), code_N


def _in_order(cells: pd.Series, texts: np.ndarray) -> tuple[np.ndarray, Any] | None:
    """Cells as numbers (N, NaN where missing) and how one is written; None where they are neither numbers nor dates."""
    try:
        numbers_N = numbers_of(cells)
    except DataError:
        form = "ISO8601" if pd.api.types.is_datetime64_any_dtype(cells.dtype) else date_form(texts)
        if not form:
            return None
        return days_of(cells, form), lambda day: str(np.datetime64(int(day), "D"))
    return numbers_N, lambda number: f"{number:,.0f}" if abs(number) >= 1e4 else f"{number:.4g}"


def _quartiles(numbers_N: np.ndarray, written: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """Four groups of about equally many numbers, named by their least and greatest; equal numbers stay together."""
    known = ~np.isnan(numbers_N)
    edges = np.unique(np.quantile(numbers_N[known], [0.25, 0.5, 0.75]))
    code_N = np.where(known, np.searchsorted(edges, np.nan_to_num(numbers_N), side="left"), len(edges) + 1)
    met, code_N = np.unique(code_N, return_inverse=True)
    names = []
    for i, code in enumerate(met):
        inside = numbers_N[code_N == i]
        if code == len(edges) + 1:
            names.append(MISSING)
        else:
            low, high = written(inside.min()), written(inside.max())
            names.append(low if low == high else f"{low} to {high}")
    return tuple(names), code_N


def scores_by_group(
    members: Sequence[Members], prepared: Prepared, entries: Sequence[Entry], judge: Task, seed: int = 0
) -> list[Grouping]:
    """The mean score over seeds of every entrant in every group, with 95 % intervals that are not corrected for their number.

    Where a metric does not follow from single rows (PSNR), the task's own stands for it. R2 divides the errors of a group by the
    variance of all test rows, so that groups compare with one another and their mean is the whole's.
    """
    there = [e for e in entries if not e.error and e.evaluations]
    if not members or not there:
        return []
    test = prepared.parts.test
    assert test is not None
    weight_S, scored_S = scored_weights(test), scored_rows(test).numpy()
    first = there[0].evaluations[0]
    for metric in (judge.metric, type(judge).metric):
        if _of_numbers(first) or columns_of(first, metric, weight_S) is not None:
            return [_grouping(m, m.code_N[scored_S], there, metric, weight_S, seed) for m in members]
    return []


def _grouping(
    members: Members, code_S: np.ndarray, entries: Sequence[Entry], metric: str, weight_S: np.ndarray | None, seed: int
) -> Grouping:
    parts_of = {id(e): _shared(e, metric, weight_S) for entry in entries for e in entry.evaluations}
    first = entries[0].evaluations[0]
    known_S = ~np.isnan(first.truth).all(1) if _of_numbers(first) else np.ones(len(code_S), bool)
    groups = []
    for code, name in enumerate(members.names):
        rows_G = np.flatnonzero((code_S == code) & known_S & (True if weight_S is None else weight_S > 0))
        if not len(rows_G):
            continue
        weight_G = None if weight_S is None else weight_S[rows_G]
        parts = {key: _part(e, rows_G, metric, weight_S) for key, e in parts_of.items()}
        within = {entry.kind: [parts[id(e)] for e in entry.evaluations] for entry in entries}
        sure = intervals(within, metric, weight_G, seed)
        scores: dict[str, tuple[float, float | None, float | None]] = {}
        for kind, evaluations in within.items():
            mean = float(np.mean([e.scores[metric] for e in evaluations]))
            low, high = sure.of(kind)
            enough = (len(rows_G) >= LEAST_ROWS or metric in SHARES) and np.isfinite([low, high]).all()
            scores[kind] = (mean, low, high) if enough else (mean, None, None)
        groups.append(Group(name, len(rows_G), scores))
    return Grouping(members.column, metric, tuple(groups))


def _of_numbers(evaluation: Evaluation) -> bool:
    """Whether numbers were predicted, in their own units."""
    return {"r2", "rmse"} <= set(evaluation.scores)


def _shared(evaluation: Evaluation, metric: str, weight_S: np.ndarray | None) -> Evaluation:
    """An evaluation whose `rows` are for all scored rows, if any. R2 of numbers becomes a mean of the rows' own shares (NaN where
    nothing is known of a row's truth):

    share_i = w_i / wbar  mean over targets of  1 - (y_i - f_i)^2 / variance of y
    """
    if not _of_numbers(evaluation):
        return evaluation
    if metric != "r2":
        return replace(evaluation, rows=None)
    y_NO, f_NO = np.asarray(evaluation.truth), np.asarray(evaluation.predictions)
    weight_N = np.ones(len(y_NO)) if weight_S is None else weight_S
    w_NO = weight_N[:, None] * ~np.isnan(y_NO)
    total_O = np.maximum(w_NO.sum(0), 1e-300)
    mean_O = (w_NO * np.nan_to_num(y_NO)).sum(0) / total_O
    variance_O = (w_NO * np.nan_to_num(y_NO - mean_O) ** 2).sum(0) / total_O
    known_NO = ~np.isnan(y_NO) & (variance_O > 0)
    share_NO = np.where(known_NO, 1 - np.nan_to_num(y_NO - f_NO) ** 2 / np.where(variance_O > 0, variance_O, 1), 0)
    count_N = known_NO.sum(1)
    rows_N = np.where(count_N > 0, share_NO.sum(1) / np.maximum(count_N, 1), np.nan) * weight_N / weight_N.mean()
    return Evaluation(metric, {metric: float(np.nanmean(rows_N))}, rows=rows_N)


def _part(evaluation: Evaluation, rows_G: np.ndarray, metric: str, weight_S: np.ndarray | None) -> Evaluation:
    """The evaluation of some rows alone."""
    rows, weight_G = evaluation.rows, None if weight_S is None else weight_S[rows_G]
    if rows is not None:
        rows = rows[rows_G]
        if weight_S is not None and weight_G is not None:
            rows = rows * (weight_S.mean() / weight_G.mean())  # a row's share holds its weight beside the mean weight
    part = replace(
        evaluation,
        scores={**evaluation.scores, metric: float("nan") if rows is None else float(rows.mean())},
        rows=rows,
        predictions=None if evaluation.predictions is None else np.asarray(evaluation.predictions)[rows_G],
        truth=None if evaluation.truth is None else np.asarray(evaluation.truth)[rows_G],
    )
    columns = columns_of(part, metric, weight_G)
    assert columns is not None, f"{metric} follows from single rows of the whole part and not of a group"
    return replace(part, scores={**part.scores, metric: float(columns.score(columns.rows_NC.sum(0)[None])[0])})


# ---- shown


def section(comparison: Comparison, tints: dict[str, str]) -> str:
    """A table for each column: groups down, entrants across, a mark and a score in each cell. Empty where none was asked for."""
    tables = "".join(_table(grouping, comparison, tints) for grouping in comparison.groups if grouping.groups)
    if not tables:
        return ""
    metric = comparison.groups[0].metric
    better = "lower is better" if metric == comparison.metric and not comparison.higher_is_better else "higher is better"
    words = (
        f"Test {name_of(metric)}{', %' if metric in SHARES else ''} ({better}), mean over seeds. Small: 95 % interval, each for "
        "itself, so of many groups some miss by chance."
    )
    if metric == "r2":
        words += (
            " R² divides the errors of a group by the spread of all test rows, so that groups compare and average to the whole."
        )
    return f'<p class="note">{words}</p>{tables}'


def _table(grouping: Grouping, comparison: Comparison, tints: dict[str, str]) -> str:
    metric, groups = grouping.metric, grouping.groups
    entries = [e for e in comparison.entries if e.kind in groups[0].scores]
    serious = {e.kind for e in entries if e.kind not in IGNORANT} or {e.kind for e in entries}
    ends = [v for g in groups for kind, three in g.scores.items() if kind in serious for v in three]
    low, high = padded([v for v in ends if v is not None])
    if metric in (*SHARES, "r2"):
        low, high = max(0.0, low) if metric in SHARES else low, min(1.0, high)
    scale = Scale(low, high, 6, 104)
    head = "".join(f"<th scope=col>{escape(e.kind)}" for e in entries)
    body = ""
    for group in groups:
        cells = "".join(_cell(group, e, metric, scale, tints[e.kind]) for e in entries)
        body += f"<tr><th scope=row>{escape(clipped(group.name, 40))}<td class=n>{group.rows:,}{cells}</tr>"
    if metric == comparison.metric:
        whole = "".join(f"<td><b>{shown(e.mean, metric, False)}</b>" for e in entries)
        body += f'<tr class="whole"><th scope=row>all test rows<td class=n>{sum(g.rows for g in groups):,}{whole}</tr>'
    words = f"All marks of this table share one scale, from {shown(low, metric)} to {shown(high, metric)}."
    top = f"<thead><tr><th scope=col>group<th scope=col class=n>rows{head}</tr></thead>"
    table = f'<table class="groups">{top}<tbody>{body}</tbody></table>'
    return f'<h3>By {escape(clipped(grouping.column, 60))}</h3><div class="wide">{table}</div><p class="note">{escape(words)}</p>'


def _cell(group: Group, entry: Entry, metric: str, scale: Scale, tint: str) -> str:
    mean, low, high = group.scores[entry.kind]
    between = "" if low is None or high is None else f"{shown(low, metric, False)} to {shown(high, metric, False)}"
    title = f"{entry.kind} on {group.name}: {shown(mean, metric)}" + (f", 95 % interval {between}" if between else "")
    mark = interval_mark(mean, low, high, scale, tint, title, entry.role == "baseline")
    return f"<td>{mark}<b>{shown(mean, metric, False)}</b><span class=range>{between}</span>"
