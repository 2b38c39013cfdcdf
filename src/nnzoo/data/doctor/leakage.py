"""Columns that know the answer: the target copied or recoded, nearly so, or an identifier that happens to tell it; and columns that
form groups, whose rows would stand on both sides of a random split."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from nnzoo.data.doctor.finding import Finding, column, listed, percent
from nnzoo.data.doctor.strength import Strength
from nnzoo.data.doctor.view import Seen, TableView

NEARLY = 0.98  # strength of a column that as good as knows the target
BEHIND = 0.9  # the others stay below this, or the question is simply easy
TELLS = 0.5  # strength of an identifier from which it tells something
IDENTIFIERS = "id ids uid uuid guid identifier key no nr num number index idx serial row rowid"
GROUPS = (
    "id ids group patient subject user customer client person participant household family session speaker author device site "
    "store school"
)


def find(table: TableView) -> Iterator[Finding]:
    """Leaks of a table that has a target; groups also where it has none."""
    strength = Strength(table.view)
    counters = {seen.name for seen in table.columns if is_identifier(seen)}
    if strength.targets:
        yield from _leaks(table, strength, counters)
    yield from _identifiers(table, strength, counters)
    yield from _groups(table, strength)


def words(name: str) -> list[str]:
    """The words of a column's name: `customerId` and `customer_id` are customer, id."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|%", name)]


def is_identifier(seen: Seen) -> bool:
    """Whether (nearly) every row has a whole number of its own, and these count rows or are called an identifier."""
    if seen.kind != "number" or not seen.learned.whole:
        return False
    known = seen.known
    if len(known) < 20 or len(known) < 0.95 * seen.counts.sum():
        return False
    dense = known[-1] - known[0] < 2 * len(known)
    return bool(dense or set(IDENTIFIERS.split()) & set(words(seen.name)))


def _leaks(table: TableView, strength: Strength, counters: set[str]) -> Iterator[Finding]:
    strengths = {seen.name: strength.of(seen) for seen in table.columns if seen.name not in counters}
    strong = [seen for seen in table.columns if strengths.get(seen.name, 0.0) >= NEARLY]
    best_other = max((s for s in strengths.values() if s < NEARLY), default=0.0)
    for seen in strong:
        how = _copies(table, seen)
        if how:
            yield Finding(
                "error",
                "target-copy",
                column(seen.name),
                f"is the target in another form ({how})",
                "remove it from the data: whoever asks does not know it yet",
            )
        elif best_other < BEHIND and len(strong) <= max(2, 0.2 * len(strengths)):
            yield Finding(
                "warning",
                "target-leak",
                column(seen.name),
                f"alone tells the target almost perfectly (strength {strengths[seen.name]:.3f}; the next column has "
                f"{max(0.0, best_other):.2f})",
                "remove it if it is known only after the answer",
            )
    missing = table.missing()
    for c, seen in enumerate(table.columns):
        if seen not in strong and missing[:, c].any() and strength.of_keys(missing[:, c], True) >= NEARLY > best_other:
            yield Finding(
                "warning",
                "target-leak",
                column(seen.name),
                "tells the target by whether it is filled in",
                "remove it if it is filled in only after the answer",
            )


def _copies(table: TableView, seen: Seen) -> str:
    """How a column is the target: "" if it is not, judged on all rows."""
    view = table.view
    if view.codes is not None:
        both = (view.codes >= 0) & _there(seen)
        keys, labels = np.unique(seen.keys[both], return_inverse=True)[1], view.codes[both]
        if not len(keys):
            return ""
        pairs = len(np.unique(keys * (int(labels.max()) + 1) + labels))
        one_to_one = pairs == keys.max() + 1 == len(np.unique(labels))
        return f"its {pairs} values and the labels are one to one" if one_to_one else ""
    if seen.values is None or view.values is None:
        return ""
    for o, name in enumerate(view.names):
        both = ~np.isnan(view.values[:, o]) & _there(seen)
        if both.sum() < 10:
            continue
        x, y = seen.values[both], view.values[both, o]
        if x.std() > 0 and 1 - np.corrcoef(x, y)[0, 1] ** 2 < 1e-6:
            slope, start = np.polyfit(x, y, 1)
            return f"{name} = {slope:.4g} x {seen.name}" + (f" {'+' if start > 0 else '-'} {abs(start):.4g}" if start else "")
        steps = np.diff(y[np.lexsort((y, x))])
        down = np.diff(y[np.lexsort((-y, x))])
        if len(np.unique(x)) > 20 and len(np.unique(y)) > 20 and ((steps >= 0).all() or (down <= 0).all()):
            return f"{name} rises or falls with it without exception"
    return ""


def _there(seen: Seen) -> np.ndarray:
    """Which rows (N) have a value."""
    return ~np.isnan(seen.keys) if seen.values is not None else seen.keys > 0


def _identifiers(table: TableView, strength: Strength, counters: set[str]) -> Iterator[Finding]:
    for seen in table.columns:
        if seen.name not in counters:
            continue
        told = strength.of(seen)
        if told >= TELLS:
            yield Finding(
                "error",
                "identifier-predicts",
                column(seen.name),
                f"gives every row a number of its own and yet tells the target (strength {told:.2f}): the order of the rows does",
                "remove it, or new rows will be judged by their number",
            )
        else:
            yield Finding(
                "warning",
                "identifier",
                column(seen.name),
                f"gives every row a number of its own ({len(seen.known):,} different ones)",
                "remove it: it can only be learned by heart",
            )


def _groups(table: TableView, strength: Strength) -> Iterator[Finding]:
    """Columns whose values name things that several rows belong to (patients, shops), with rows in training and in test."""
    view = table.view
    for seen in table.columns:
        rows, groups = int(seen.counts.sum()), int((seen.counts > 0).sum())
        fit = seen.kind == "category" or (seen.kind == "number" and seen.learned.whole)
        if not fit or groups < 10 or not 2 * groups <= rows <= 50 * groups:
            continue
        there = _there(seen)
        test = seen.keys[there & (view.part == 2)]
        both = float(np.isin(test, seen.keys[there & (view.part == 0)]).mean()) if len(test) else 0.0
        named, shared = bool(set(GROUPS.split()) & set(words(seen.name))), _shared(table, seen)
        told = strength.of_keys(seen.keys, True) if named else 0.0
        if not both or (not shared and told < 0.2):
            continue
        what = f"share {listed(shared, 3)}" if shared else f"share much of the target (strength {told:.2f})"
        yield Finding(
            "warning" if named or len(shared) >= max(2, 0.3 * (len(table.columns) - 1)) else "note",
            "group-column",
            column(seen.name),
            f"forms {groups:,} groups whose rows {what}, and {percent(both)} of the test rows are of a group met in training",
            f"add --split group:{seen.name} if new rows will come from new groups",
        )


def _shared(table: TableView, group: Seen) -> list[str]:
    """Columns that are the same in all rows of a group (groups of two rows and more), and not the same everywhere."""
    there = np.flatnonzero(_there(group))
    member = np.unique(group.keys[there], return_inverse=True)[1]
    kept = np.flatnonzero(member < max(10, int(5000 * (member.max() + 1) / len(member))))  # whole groups, some thousand rows
    there, member = there[kept], member[kept]
    names = []
    for seen in table.columns:
        if seen is group or len(seen.known) < 2:
            continue
        keys = np.unique(seen.keys[there], return_inverse=True, equal_nan=True)[1].astype(np.int64)
        counts = np.bincount(keys)
        if counts.max() > 0.9 * len(keys):
            continue  # nearly one value everywhere: no group is needed to explain that
        groups = int(member.max()) + 1
        recoded = len(counts) == groups and seen.kind == group.kind == "category"
        if not recoded and len(counts) <= groups and len(np.unique(member * len(counts) + keys)) == groups:
            names.append(seen.name)
    return names
