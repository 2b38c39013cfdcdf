"""Numbers and dates that no one can have meant: below nothing, above a whole, stand-ins for missing, dates to come, two units in
one column, cells so far off that they flatten all others. Names are read as words: `unit_price` is a price."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC, datetime

import numpy as np

from nnzoo.data.doctor.finding import Finding, column, count, number
from nnzoo.data.doctor.leakage import words
from nnzoo.data.doctor.view import Seen, TableView

# what the words of a name allow at least and at most
_NOT_NEGATIVE = (
    "price cost count counts quantity qty weight height length width area distance duration salary wage population size volume "
    "rooms bedrooms bathrooms floors children visits clicks stock mileage km speed calories dose"
)
LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(_NOT_NEGATIVE.split(), (0, np.inf)),
    **dict.fromkeys(("percent", "percentage", "pct", "perc", "%"), (0, 100)),
    **dict.fromkeys(("probability", "prob"), (0, 1)),
    **dict.fromkeys(("latitude", "lat"), (-90, 90)),
    **dict.fromkeys(("longitude", "lon", "lng"), (-180, 180)),
    "age": (0, np.inf),
    "month": (1, 12),
    "hour": (0, 24),
    "minute": (0, 60),
    "year": (1000, 2200),
    "ph": (0, 14),
}
SHIFTED = "change diff difference delta log ln z score scaled norm normalized standardized std growth pca component"
STAND_INS = (-1, -9, -99, -999, -9999, -99999, -999999, 99, 999, 9999, 99999, 999999, 9999999)
_DAYS = "0001-01-01 1753-01-01 1899-12-30 1899-12-31 1900-01-01 1901-01-01 1970-01-01 2099-12-31 2999-12-31 9999-12-31"
STAND_IN_DAYS = {int(np.datetime64(day, "D").astype(np.int64)): day for day in _DAYS.split()}
UNITS = (10.0, 100.0, 1000.0, 12.0, 60.0, 3600.0, 1e6)
STRAY = 0.1  # more than that beyond the limits, and the name means something else
OLDEST, OLD = 130, 0.01  # years, and the share of older ones from which the age is no person's
FAR = 0.005  # the share of the farthest cells
FLAT = 5.0  # without them the spread falls to a fifth


def find(table: TableView) -> Iterator[Finding]:
    """Findings on the values of number and date columns."""
    for seen in table.columns:
        if seen.kind == "number":
            stand_in = yield from _stand_in(table, seen)
            yield from _impossible(table, seen, stand_in)
            two = yield from _units(table, seen, stand_in)
            if not two:
                yield from _far(table, seen, stand_in)
        elif seen.kind == "date":
            yield from _dates(table, seen)


def _rows(table: TableView, seen: Seen, wrong: np.ndarray) -> tuple[int | str, ...]:
    return table.view.places(np.flatnonzero(wrong))


def _stand_in(table: TableView, seen: Seen) -> Generator[Finding, None, float | None]:
    """Yields a finding and returns the value that stands for missing, if there is one: it is at an end of the column, there more
    than twice, and as far from all other values as these reach, or the only one below nothing."""
    known, counts = seen.known, seen.counts
    for end in (0, -1):
        if len(known) < 5 or counts[end] < 3:
            continue
        value = known[end]
        rest = known[1:] if end == 0 else known[:-1]
        away, reach = abs(value - (rest[0] if end == 0 else rest[-1])), rest[-1] - rest[0]
        if value == -1:
            meant = rest[0] >= 0 and len(rest) >= 10 and (counts[end] >= 10 or away > 1)
        else:
            meant = any(abs(value - s) < 1e-2 for s in STAND_INS) and (away >= reach or value < 0 <= rest[0])
        if meant:
            yield Finding(
                "warning",
                "sentinel-value",
                column(seen.name),
                f"holds {number(round(value))} in {count(int(counts[end]), 'row')}, far from all other values "
                f"({_limits(rest)}): it seems to stand for missing",
                "leave such cells empty",
                _rows(table, seen, np.isclose(seen.values, value, rtol=1e-5)),  # type: ignore[arg-type]
            )
            return float(value)
    return None


def _impossible(table: TableView, seen: Seen, stand_in: float | None) -> Iterator[Finding]:
    named = words(seen.name)
    limits = [(word, *LIMITS[word]) for word in named if word in LIMITS]
    if not limits or set(SHIFTED.split()) & set(named):
        return
    word, low, high = limits[-1]
    values = np.where(_is(seen, stand_in), np.nan, seen.values)  # type: ignore[arg-type]
    known = int((~np.isnan(values)).sum())
    with np.errstate(invalid="ignore"):
        if word == "age" and (values > OLDEST).sum() <= OLD * known:  # of a person; concrete and houses grow older
            high = OLDEST
        wrong = (values < low) | (values > high)
    if 0 < wrong.sum() <= STRAY * known:
        worst = values[wrong][np.argmax(np.abs(values[wrong]))]
        sense = f"{number(low)} or more" if np.isinf(high) else f"{number(low)} to {number(high)}"
        yield Finding(
            "warning",
            "impossible-value",
            column(seen.name),
            f"holds {count(int(wrong.sum()), 'value')} that no {word} can have, such as {number(float(worst))} (sense: {sense})",
            "correct them, or leave the cells empty",
            _rows(table, seen, wrong),
        )


def _is(seen: Seen, value: float | None) -> np.ndarray:
    return np.zeros(len(seen.values), bool) if value is None else np.isclose(seen.values, value, rtol=1e-5)  # type: ignore[arg-type]


def _units(table: TableView, seen: Seen, stand_in: float | None) -> Generator[Finding, None, bool]:
    """Yields a finding and returns True where the values lie in two heaps, and one heap times a unit's factor lies in the other."""
    known, counts = seen.known, seen.counts
    use = known > 0 if stand_in is None else (known > 0) & ~np.isclose(known, stand_in, rtol=1e-5)
    known, counts = known[use], counts[use]
    total = counts.sum()
    if len(known) < 20 or total < 0.95 * seen.counts.sum():
        return False
    steps = np.diff(np.log(known))
    cut = int(steps.argmax()) + 1
    below, above = counts[:cut].sum(), counts[cut:].sum()
    low, high = known[:cut], known[cut:]
    apart = steps[cut - 1] > max(np.log(2), 2 * np.sort(steps)[-2])
    if not apart or min(below, above) < max(5, 0.01 * total) or min(len(low), len(high)) < 3:
        return False
    for factor in UNITS:
        few, many = (low * factor, high) if below < above else (high / factor, low)
        inside = (few >= many[0] * 0.95) & (few <= many[-1] * 1.05)
        if inside.mean() >= 0.95 and many[-1] < factor * many[0]:
            heap, others = (low, high) if below < above else (high, low)
            rows = (seen.values < known[cut]) == (below < above)  # type: ignore[operator]
            yield Finding(
                "warning",
                "mixed-units",
                column(seen.name),
                f"seems to mix two units: {count(int(min(below, above)), 'value')} ({_limits(heap)}) "
                f"{'times' if below < above else 'divided by'} {factor:g} would lie among the others ({_limits(others)})",
                "bring all to one unit",
                _rows(table, seen, rows & ~np.isnan(seen.values) & ~_is(seen, stand_in)),  # type: ignore[arg-type]
            )
            return True
    return False


def _limits(values: np.ndarray) -> str:
    return f"{number(float(values.min()))} to {number(float(values.max()))}"


def _far(table: TableView, seen: Seen, stand_in: float | None) -> Iterator[Finding]:
    known, counts = seen.known, seen.counts
    total = int(counts.sum())
    if total < 30 or len(known) < 10 or counts.max() > 0.9 * total:
        return
    values = seen.values[~np.isnan(seen.values) & ~_is(seen, stand_in)]  # type: ignore[index,arg-type]
    away = np.abs(values - np.median(values))
    few = max(1, int(FAR * total))
    limit = np.partition(away, len(away) - few)[len(away) - few]
    rest = values[away < limit]
    if len(rest) < 0.9 * len(values) or not rest.std() > 0 or values.std() < FLAT * rest.std():
        return
    with np.errstate(invalid="ignore"):
        wrong = np.abs(seen.values - np.median(values)) >= limit  # type: ignore[operator]
    wrong &= ~_is(seen, stand_in)
    worst = float(values[away.argmax()])
    yield Finding(
        "warning",
        "outliers",
        column(seen.name),
        f"has {count(int(wrong.sum()), 'cell')} so far off (such as {number(worst)}; the others go from {_limits(rest)}) "
        f"that the spread is {values.std() / rest.std():.0f} times as large with them",
        "correct them or leave them empty; take the logarithm if they are right",
        _rows(table, seen, wrong),
    )


def _dates(table: TableView, seen: Seen) -> Iterator[Finding]:
    known, counts = seen.known, seen.counts
    for end in (0, -1):
        if len(known) < 3 or counts[end] < 2:
            continue
        day = STAND_IN_DAYS.get(int(np.floor(known[end] + 0.01)))
        rest = known[1:] if end == 0 else known[:-1]
        if day and abs(known[end] - (rest[0] if end == 0 else rest[-1])) >= 0.5 * (rest[-1] - rest[0]):
            yield Finding(
                "warning",
                "sentinel-value",
                column(seen.name),
                f"holds {day} in {count(int(counts[end]), 'row')}, far from all other dates: it seems to stand for missing",
                "leave such cells empty",
                _rows(table, seen, seen.values == known[end]),
            )
            known, counts = (known[1:], counts[1:]) if end == 0 else (known[:-1], counts[:-1])
    today = datetime.now(UTC).timestamp() / 86400 + 1
    late = known > today
    if late.any():
        n, total = int(counts[late].sum()), int(counts.sum())
        with np.errstate(invalid="ignore"):
            rows = (seen.values > today) & (seen.values <= known[-1])  # type: ignore[operator]
        yield Finding(
            "warning" if n <= 0.5 * total else "note",
            "future-dates",
            column(seen.name),
            f"holds {count(n, 'date')} to come, up to {np.datetime64(int(known[-1]), 'D')}",
            "correct them, unless they are plans",
            _rows(table, seen, rows),
        )
