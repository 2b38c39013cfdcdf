"""Whether held-out rows are like the training rows: each column's distribution, categories that training never met, the target.

Numbers: the largest gap between the two distribution functions (Kolmogorov and Smirnov); categories: half the sum of the
differences of shares. A gap counts where it is wider than chance makes it in one of a thousand data sets, and wider than a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nnzoo.data.doctor.finding import Finding, by_error, column, count, listed, number, percent
from nnzoo.data.doctor.view import PARTS, SPOKEN, TableView, View

WIDE = 0.1  # a gap that matters
SURE = 1e-3  # the chance of one false finding in a data set
MOST_ROWS = 20_000  # of a part


def find(table: TableView) -> Iterator[Finding]:
    """Findings on a table's columns and targets."""
    view = table.view
    time = view.prepared.split.removeprefix("time:") if view.prepared.split.startswith("time:") else None
    training = _some(view.of(0))
    for part in (2, 1):
        yield from _unseen(table, part)
    for part, own in _chosen(view):
        for seen in table.columns:
            if seen.name == time:
                continue  # is meant to differ
            if seen.kind == "category":
                assert seen.codes is not None
                a, b = (
                    codes[codes > 0] - 1 for codes in (seen.codes[training], seen.codes[own])
                )  # unseen ones are told by themselves
                gap, text = of_codes(a, b, seen.levels, len(table.columns))
            else:
                assert seen.values is not None
                gap, text = of_numbers(seen.values[training], seen.values[own], len(table.columns))
            if gap:
                yield _told(column(seen.name), part, text, view)
    yield from of_target(view)


def of_target(view: View) -> Iterator[Finding]:
    """A finding where labels or targets of a held-out part are distributed otherwise."""
    training = _some(view.of(0))
    for part, own in _chosen(view):
        if view.codes is not None:
            a, b = (codes[codes >= 0] for codes in (view.codes[training], view.codes[own]))
            gap, text = of_codes(a, b, view.labels, 1)
            if gap:
                yield _told("the labels", part, text, view)
        elif view.values is not None:
            for o, name in enumerate(view.names):
                gap, text = of_numbers(view.values[training, o], view.values[own, o], len(view.names))
                if gap:
                    yield _told(f"target '{name}'", part, text, view)


def of_figures(view: View, figures: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Findings on figures of pictures or texts (each N), by what they are called."""
    training = _some(view.of(0))
    for part, own in _chosen(view):
        for name, values in figures.items():
            gap, text = of_numbers(values[training], values[own], len(figures))
            if gap:
                yield _told(name, part, text, view)


def _chosen(view: View) -> Iterator[tuple[int, np.ndarray]]:
    """Parts that were not drawn at random from the same rows as the training part, and (some of) their rows: where chance alone has
    divided, a difference is chance too."""
    prepared = view.prepared
    for part in (2, 1):
        official = prepared.raw.part is not None and PARTS[part] in prepared.raw.part
        own = _some(view.of(part))
        if len(own) and (prepared.split != "random" or official or PARTS[part] in prepared.others):
            yield part, own


def _some(rows: np.ndarray) -> np.ndarray:
    return rows if len(rows) <= MOST_ROWS else np.sort(np.random.RandomState(0).choice(rows, MOST_ROWS, replace=False))


def _told(where: str, part: int, text: str, view: View) -> Finding:
    return Finding(
        "warning",
        "drift",
        where,
        f"differs between the training and the {SPOKEN[part]} part ({text})",
        f"look how the {SPOKEN[part]} rows were chosen, or keep it in mind when reading the score",
    )


def of_numbers(a: np.ndarray, b: np.ndarray, tests: int) -> tuple[float, str]:
    """The gap between two samples, 0 where it may be chance; and a word on their middles. Missing values are put aside."""
    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    if len(a) < 20 or len(b) < 10:
        return 0.0, ""
    points = np.concatenate([a, b])
    gap = float(np.abs(np.searchsorted(a, points, "right") / len(a) - np.searchsorted(b, points, "right") / len(b)).max())
    chance = np.sqrt(-0.5 * np.log(SURE / max(1, tests) / 2) * (len(a) + len(b)) / (len(a) * len(b)))
    if gap <= max(WIDE, float(chance)):
        return 0.0, ""
    return gap, f"middle {number(float(np.median(a)))} and {number(float(np.median(b)))}, gap {gap:.2f}"


def of_codes(a: np.ndarray, b: np.ndarray, names: Sequence[str], tests: int) -> tuple[float, str]:
    """The gap between the shares of codes in two samples, 0 where it may be chance; and a word on the code that differs most."""
    if len(a) < 20 or len(b) < 10:
        return 0.0, ""
    from scipy.stats import chi2

    counts = np.stack([np.bincount(codes, minlength=len(names)) for codes in (a, b)]).astype(float)
    share = counts / counts.sum(1, keepdims=True)
    gap = float(np.abs(share[0] - share[1]).sum() / 2)
    expected = counts.sum(0) / counts.sum() * counts.sum(1, keepdims=True)
    often = expected.min(0) >= 2  # rare codes together: the approximation needs a few of each
    folded = [np.column_stack([t[:, often], t[:, ~often].sum(1)]) for t in (counts, expected)]
    there = folded[1].min(0) > 0
    statistic = float((((folded[0] - folded[1]) ** 2)[:, there] / folded[1][:, there]).sum())
    if gap <= WIDE or there.sum() < 2 or chi2.sf(statistic, int(there.sum()) - 1) > SURE / max(1, tests):
        return 0.0, ""
    most = int(np.abs(share[0] - share[1]).argmax())
    return gap, f"'{names[most]}' has {percent(float(share[0, most]))} and {percent(float(share[1, most]))}"


def _unseen(table: TableView, part: int) -> Iterator[Finding]:
    """Categories of a held-out part that training never met: a network sees nothing there."""
    view = table.view
    own = view.of(part)
    for seen in table.columns:
        if seen.kind != "category":
            continue
        assert seen.codes is not None
        doubtful = own[seen.codes[own] == 0]
        if not len(doubtful):
            continue
        codes, texts = table.cells(seen.name, doubtful)
        rows = doubtful[codes >= 0]
        if len(rows):
            yield Finding(
                "note" if by_error(len(rows), len(own)) == "note" else "warning",
                "unseen-categories",
                column(seen.name),
                f"has {count(len(texts), 'category', 'categories')} in the {SPOKEN[part]} part that training has not met "
                f"({listed(list(texts), 3)}), in {count(len(rows), 'row')}",
                "bring training rows of them; until then they count as missing",
                view.places(rows),
            )
