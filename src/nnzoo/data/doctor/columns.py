"""Columns that say nothing, say it twice, or are mostly empty; and rows that are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnzoo.data.columns import kind_of
from nnzoo.data.doctor.finding import Finding, by_share, column, count, number, percent
from nnzoo.data.doctor.view import Seen, TableView

SAME = 0.995  # share of one value from which a column is nearly constant
COPY = 1e-5  # 1 - r^2 of a copy in another unit, rounding included
MOSTLY = 0.5
MANY_LEVELS, FEW_ROWS = 50, 10  # more levels than that, with fewer rows each, cannot be learned
MOST_ROWS = 5000  # on which columns are compared first


def find(table: TableView) -> Iterator[Finding]:
    """Findings on single columns, on pairs of them and on rows."""
    yield from _left_out(table)
    for seen in table.columns:
        yield from _nearly_constant(seen)
        yield from _levels(seen)
    yield from _twice(table)
    yield from _missing(table)


def _left_out(table: TableView) -> Iterator[Finding]:
    rows = table.view.prepared.source("train")[1][:5000]
    frame = getattr(table.view.prepared.source("train")[0], "frame", None)
    for name in table.left_out:
        if frame is None or name not in frame:
            continue
        cells = frame[name].iloc[rows]
        why = kind_of(cells).why
        if "free text" in why:
            remedy = "make columns of what it says, or learn from the texts alone"
            yield Finding("note", "free-text", column(name), f"{why} and is left out", remedy)
        elif "counts" in why:
            yield Finding("note", "identifier", column(name), f"{why} and is left out", "remove it from the data")
        else:
            empty = cells.isna().all() or (cells.astype(str).str.strip() == "").all()
            text = (
                "is empty and is left out" if empty else f"has one value everywhere ('{str(cells.iloc[0])[:40]}') and is left out"
            )
            yield Finding("note", "constant-column", column(name), text, "remove it, or look why it is not filled in")


def _nearly_constant(seen: Seen) -> Iterator[Finding]:
    counts, total = seen.counts, int(seen.counts.sum())
    if len(counts) and total >= 50 and counts.max() >= SAME * total and counts.max() > total - max(3, (1 - SAME) * total):
        top = seen.known[counts.argmax()]
        value = f"'{seen.levels[int(top) - 1]}'" if seen.kind == "category" else number(top)
        others = total - int(counts.max())
        yield Finding(
            "note",
            "near-constant-column",
            column(seen.name),
            f"is {value} in all but {count(others, 'row')}",
            "remove it if the exceptions mean nothing",
        )


def _levels(seen: Seen) -> Iterator[Finding]:
    if seen.kind != "category" or len(seen.levels) <= MANY_LEVELS:
        return
    rows = int(seen.counts.sum())
    if rows < FEW_ROWS * len(seen.levels):
        yield Finding(
            "warning",
            "high-cardinality",
            column(seen.name),
            f"has {len(seen.levels):,} different texts in {rows:,} rows ({rows / len(seen.levels):.1f} rows each)",
            "join rare ones under a common name, or remove it",
        )


def _twice(table: TableView) -> Iterator[Finding]:
    """Copies, copies in another unit, and other codes for the same thing."""
    taken: set[str] = set()
    numbers = [seen for seen in table.columns if seen.values is not None and len(seen.known) > 1]
    for a, b, monotone in _alike(numbers):
        if b.name in taken:
            continue
        taken.add(b.name)
        if monotone:
            text, severity = f"rises or falls with {column(a.name)} without exception", "note"
        else:
            text, severity = f"is {_relation(a, b)}", "warning"
        yield Finding(severity, "duplicate-column", column(b.name), text, "remove one of the two")  # type: ignore[arg-type]
    few = [
        seen
        for seen in table.columns
        if 1 < len(seen.known) <= 1000 and (seen.kind in ("category", "boolean") or len(seen.known) <= 50)
    ]
    for i, b in enumerate(few):
        for a in few[:i]:
            if b.name not in taken and {a.kind, b.kind} != {"number"} and _recoded(a, b):
                taken.add(b.name)
                same = a.kind == b.kind == "category" and a.levels == b.levels
                text = (
                    f"is the same as {column(a.name)}" if same else f"is {column(a.name)} in another code ({len(b.known)} values)"
                )
                yield Finding("warning" if same else "note", "duplicate-column", column(b.name), text, "remove one of the two")


def _alike(numbers: list[Seen]) -> Iterator[tuple[Seen, Seen, bool]]:
    """Pairs of number columns that are linear functions of each other (False) or of the same order (True)."""
    if len(numbers) < 2:
        return
    rows = len(numbers[0].values)  # type: ignore[arg-type]
    chosen = np.sort(np.random.RandomState(0).permutation(rows)[:MOST_ROWS])
    x = np.stack([seen.values[chosen] for seen in numbers], 1)  # type: ignore[index]
    gaps = np.isnan(x)
    spread = np.nanstd(x, 0)
    z = np.where(gaps, 0.0, (x - np.nanmean(x, 0)) / np.where(spread > 0, spread, 1))
    ranks = np.argsort(np.argsort(np.where(gaps, np.inf, x), 0, kind="stable"), 0, kind="stable").astype(np.float64)
    ranks = (ranks - ranks.mean(0)) / ranks.std(0)
    linear, order = np.abs(z.T @ z) / len(z), np.abs(ranks.T @ ranks) / len(z)
    for j in range(len(numbers)):
        for i in range(j):
            if linear[i, j] > 0.98 and _copy(numbers[i], numbers[j]):
                yield numbers[i], numbers[j], False
                break
            if order[i, j] > 1 - 1e-4 and _same_order(numbers[i], numbers[j]):
                yield numbers[i], numbers[j], True
                break


def _both(a: Seen, b: Seen) -> np.ndarray:
    """Rows that have both; none where one is missing much oftener than the other."""
    there_a, there_b = ~np.isnan(a.values), ~np.isnan(b.values)  # type: ignore[arg-type]
    both = there_a & there_b
    return both if both.sum() >= 0.9 * max(there_a.sum(), there_b.sum()) else np.zeros_like(both)


def _copy(a: Seen, b: Seen) -> bool:
    both = _both(a, b)
    x, y = a.values[both], b.values[both]  # type: ignore[index]
    return len(x) > 2 and x.std() > 0 and y.std() > 0 and 1 - np.corrcoef(x, y)[0, 1] ** 2 < COPY


def _same_order(a: Seen, b: Seen) -> bool:
    both = _both(a, b)
    x, y = a.values[both], b.values[both]  # type: ignore[index]
    if len(np.unique(x)) <= 20 or len(np.unique(y)) <= 20:
        return False
    return bool((np.diff(y[np.lexsort((y, x))]) >= 0).all() or (np.diff(y[np.lexsort((-y, x))]) <= 0).all())


def _relation(a: Seen, b: Seen) -> str:
    both = _both(a, b)
    slope, start = np.polyfit(a.values[both], b.values[both], 1)  # type: ignore[index]
    scale = float(np.std(b.values[both]))  # type: ignore[index]
    if abs(slope - 1) < 1e-4 and abs(start) < 1e-3 * scale:
        return f"the same as {column(a.name)}"
    shift = f" {'+' if start > 0 else '-'} {abs(start):.4g}" if abs(start) > 1e-3 * scale else ""
    return f"{slope:.4g} x {column(a.name)}{shift}"


def _recoded(a: Seen, b: Seen) -> bool:
    """Whether two columns with few values are one to one."""
    if len(a.known) != len(b.known):
        return False
    x, y = (np.unique(seen.keys, return_inverse=True, equal_nan=True)[1].astype(np.int64) for seen in (a, b))
    return int(x.max()) == int(y.max()) and len(np.unique(x * (int(y.max()) + 1) + y)) == int(x.max()) + 1


def _missing(table: TableView) -> Iterator[Finding]:
    missing = table.missing()
    if not missing.size:
        return
    for seen, share in zip(table.columns, missing.mean(0)):
        if share > MOSTLY:
            yield Finding(
                "warning",
                "missing-column",
                column(seen.name),
                f"is missing in {percent(float(share))} of the rows",
                "fill it in, or remove it",
            )
    if missing.shape[1] < 4:
        return
    empty = np.flatnonzero(missing.mean(1) > MOSTLY)
    if len(empty):
        yield Finding(
            by_share(len(empty), len(missing)),
            "missing-rows",
            count(len(empty), "row"),
            f"({percent(len(empty) / len(missing))}) lack more than half of their cells{table.view.sampled}",
            "fill them in, or remove them",
            table.view.places(empty),
        )
