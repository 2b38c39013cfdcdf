"""Rows, pictures and texts that are there more than once: on both sides of the split, within the training part, or with different
answers; and which of them to drop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnzoo.data.doctor.finding import Finding, by_error, by_share, count, percent
from nnzoo.data.doctor.leakage import is_identifier
from nnzoo.data.doctor.twins import Twins, copies_not_neighbours, groups, linked
from nnzoo.data.doctor.view import SPOKEN, TableView, View

REACH = 2e-3  # of a column's spread: what rounding or another unit does to a number
GRID = 6  # columns by which near rows are looked for
CHANCE = 0.01  # share of rows that find their equal by chance
APART = 0.25  # of the spread of a target, from which two answers differ


def answers(view: View) -> np.ndarray:
    """What is asked of each row (N), as whole numbers; equal ones are the same answer."""
    if view.codes is not None:
        return view.codes.astype(np.int64)
    if view.values is not None:
        return groups(view.values.astype(np.float32))
    return np.zeros(len(view), np.int64)


def of_table(table: TableView) -> tuple[Twins, np.ndarray, bool]:
    """Twins of a table (inputs and answer equal; columns that count rows put aside), groups of equal inputs (N), and whether equal
    rows are to be expected since the columns allow few different ones."""
    aside = {seen.name for seen in table.columns if is_identifier(seen)}
    kept = [seen for seen in table.columns if seen.name not in aside]
    numbers: list[int] = []
    f = 0
    for seen in table.columns:
        width = len(seen.learned.numbers) if seen.kind != "category" else 0
        if seen.kind != "category" and seen.name not in aside:
            numbers += range(f, f + width)
        f += width
    numeric = table.numeric[:, np.array(numbers, np.int64)]
    inputs = groups(numeric, table.codes)
    answer = answers(table.view)
    exact = groups(inputs, answer)
    values = 0.0
    for seen in kept:
        share = seen.counts / max(1, seen.counts.sum())
        values += np.log(1 / max(1e-12, float((share**2).sum())))
    coarse = values < np.log(len(table.view) / CHANCE)
    if coarse or not numbers:
        return Twins(exact, exact), inputs, coarse
    x = numeric
    if table.view.values is not None:
        spread = np.nanstd(table.view.values, 0)
        x = np.column_stack([numeric, np.nan_to_num(table.view.values / np.where(spread > 0, spread, 1)).astype(np.float32)])
    varied = np.argsort([-len(np.unique(column)) for column in x[:2000].T], kind="stable")
    labels = np.zeros(len(x), np.int64) if table.view.codes is None else answer
    pairs = copies_not_neighbours(x, REACH, exact, groups(table.codes, labels), x[:, varied[:GRID]])
    return Twins(exact, linked(exact, pairs)), inputs, False


def find(view: View, twins: Twins, inputs: np.ndarray, thing: str, expected: bool = False) -> Iterator[Finding]:
    """Findings on copies. `inputs` (N): rows with the same number have the same inputs, whatever the answer; `expected`: equal rows
    are no wonder, so nothing is worth more than a note."""
    note = " (few different ones are possible with these columns)" if expected else ""
    for part in (2, 1):
        yield from _across(view, twins, part, thing, note)
    yield from _within(view, twins, thing, note)
    if view.codes is not None or view.values is not None:
        yield from _conflicts(view, inputs, thing, note)


def _across(view: View, twins: Twins, part: int, thing: str, note: str) -> Iterator[Finding]:
    own = view.of(part)
    if not len(own):
        return
    training = view.part == 0
    equal = own[np.isin(twins.exact[own], twins.exact[training])]
    close = np.setdiff1d(own[np.isin(twins.near[own], twins.near[training])], equal)
    for code, rows, how in (("copies-across-parts", equal, "are"), ("near-copies-across-parts", close, "are, but for trifles,")):
        if len(rows):
            yield Finding(
                "note" if note else by_error(len(rows), len(own)),
                code,
                f"{len(rows):,} of {count(len(own), f'{SPOKEN[part]} {thing}')}",
                f"({percent(len(rows) / len(own))}) {how if len(rows) > 1 else how.replace('are', 'is', 1)} in the training part "
                f"too{note}{view.sampled}",
                "add --dedup, which drops them from the training part",
                view.places(rows),
            )


def _within(view: View, twins: Twins, thing: str, note: str) -> Iterator[Finding]:
    training = view.of(0)
    equal = repeated(twins.exact[training])
    close = repeated(twins.near[training]) & ~equal
    for code, rows, how in (("copies", training[equal], "repeat"), ("near-copies", training[close], "all but repeat")):
        if len(rows):
            yield Finding(
                "note" if note else by_share(len(rows), len(training)),
                code,
                f"{len(rows):,} of {count(len(training), f'training {thing}')}",
                f"({percent(len(rows) / len(training))}) {how if len(rows) > 1 else how.replace('repeat', 'repeats')} another"
                f"{note}{view.sampled}",
                "add --dedup to keep one of each",
                view.places(rows),
            )


def repeated(group: np.ndarray) -> np.ndarray:
    """Which rows (N) have an equal one before them."""
    first = np.zeros(len(group), bool)
    first[np.unique(group, return_index=True)[1]] = True
    return ~first


def _conflicts(view: View, inputs: np.ndarray, thing: str, note: str) -> Iterator[Finding]:
    known = np.flatnonzero(view.codes >= 0 if view.codes is not None else ~np.isnan(view.values).any(1))  # type: ignore[operator,arg-type]
    member = np.unique(inputs[known], return_inverse=True)[1]
    if not len(known) or len(np.unique(member)) == len(member):
        return
    split = np.zeros(int(member.max()) + 1, bool)
    targets = view.codes[known][:, None].astype(np.float64) if view.codes is not None else view.values[known]  # type: ignore[index]
    for target in targets.T:
        low, high = np.full(len(split), np.inf), np.full(len(split), -np.inf)
        np.minimum.at(low, member, target)
        np.maximum.at(high, member, target)
        split |= high - low > (0 if view.codes is not None else APART * target.std())
    rows = known[split[member]]
    if len(rows):
        what = "labels" if view.codes is not None else "targets"
        yield Finding(
            "note" if note else by_share(len(rows), len(known)),
            "conflicting-labels",
            f"{len(rows):,} of {count(len(known), thing)}",
            f"({percent(len(rows) / len(known))}) have the same input as another, but different {what}{note}{view.sampled}",
            "look which is right; no network can answer both",
            view.places(rows[np.argsort(inputs[rows], kind="stable")]),
        )


def surplus(view: View, twins: Twins) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the rows to drop: those with an equal one, and those with a nearly equal one, in a part that comes first (test,
    then validation, then training) or before them in their own."""
    order = np.lexsort((np.arange(len(view)), -view.part.astype(np.int64)))
    equal, close = (np.sort(order[repeated(group[order])]) for group in (twins.exact, twins.near))
    return equal, np.setdiff1d(close, equal)
