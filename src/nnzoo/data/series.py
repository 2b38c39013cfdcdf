"""A table with dates as series, by rules that are stated here and told to the person.

    order      rows are sorted by their dates; without a date column they are taken as they come
    copies     of several rows with one date the last stays
    gaps       dates that an even calendar lacks are put in and filled forward, where they are at most 5 % of it; where more are
               lacking, or dates stand between those of the calendar, every row is one step
    missing    a number takes the last one known before it; before the first known one, that one

M steps, C series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError, about
from nnzoo.data.columns import ISO, days_of, kind_of, numbers_of, texts_of, truths_of
from nnzoo.data.raw import RawSeries, RawTable, SeriesFaults
from nnzoo.data.tables import known_column

MOST_PUT_IN = 0.05
SLIPS = 0.1  # of a column's cells that may be none where all others are dates, for them to be told
MONTH_FORMS = ("%Y-%m", "%Y/%m", "%m/%Y", "%Y-%m-%d %H", "%Y%m%d")  # of series; in other tables they are codes
MONTHS = (1, 3, 6, 12)
DAY = 86_400_000_000  # microseconds
Unit = Literal["us", "weekday", "month"]


class Step(NamedTuple):
    """How far one date is from the next: so many microseconds, weekdays (Monday to Friday) or months."""

    length: int
    unit: Unit


def series_of(
    raw: RawTable, *, time: str = "", form: str = "", columns: Sequence[str] = (), targets: Sequence[str] = ()
) -> RawSeries:
    """A table as series. `time` names the column of dates (or of numbers to order by), of the form `form`; else the first column
    of dates is taken. `columns` are the columns wanted; else all that hold numbers. Raises DataError.
    """
    notes = list(raw.notes)
    if time:
        known_column(raw, time, "column of dates")
    else:
        time, form = _find_dates(raw, [*columns, *targets])
    when = None if not time else raw.frame[time]
    with about(raw.name):
        values, left_out = _numbers(raw, time, columns, targets)
    notes += left_out
    if when is None:
        notes.append("no column holds dates, so the rows are taken in the order they come; --split time:COLUMN names one")
        return _filled(raw, values, None, "", "", SeriesFaults(), targets, notes)
    stamps, form = _stamps(raw, when, form)
    order = np.argsort(stamps, kind="stable")
    if (np.diff(stamps) < 0).any():
        notes.append(f"the rows are not in the order of '{time}' and were sorted by it")
    last = np.append(np.diff(stamps[order]) != 0, True)  # a stable sort keeps rows of one date in their order
    stamps, values = stamps[order][last], values.iloc[order[last]].reset_index(drop=True)
    copies = int((~last).sum())
    if not form:
        return _filled(raw, values, None, time, "", SeriesFaults(copies=copies), targets, notes)
    dates = stamps.astype(np.int64).astype("datetime64[us]")
    values, dates, absent, put_in, uneven = _even(values, dates)
    return _filled(raw, values, dates, time, form, SeriesFaults(copies, absent, put_in, uneven), targets, notes)


def step_of(dates: np.ndarray) -> Step:
    """The commonest step between sorted dates (M, datetime64): of months where days of the month agree, of weekdays where none is
    on a weekend, else of time."""
    if len(dates) < 2:
        return Step(DAY, "us")
    gaps = np.diff(dates.astype("datetime64[us]").astype(np.int64))
    each, counts = np.unique(gaps, return_counts=True)
    common = int(each[counts.argmax()])
    index = pd.DatetimeIndex(dates)
    if len(set(index.day)) == 1 or bool(index.is_month_end.all()):
        for months in MONTHS:
            if abs(float(np.median(gaps)) - months * 30.44 * DAY) <= 3 * DAY:
                return Step(months, "month")
    if common == DAY and len(dates) > 5 and bool((index.day_of_week < 5).all()):
        return Step(1, "weekday")
    return Step(common, "us")


def places_of(dates: np.ndarray, step: Step) -> np.ndarray:
    """How many steps each date is after the first (M, float64); no whole number where it stands between steps."""
    if step.unit == "month":
        months = dates.astype("datetime64[M]").astype(np.int64)
        return (months - months[0]) / step.length
    if step.unit == "weekday":
        return np.busday_count(dates[0].astype("datetime64[D]"), dates.astype("datetime64[D]")).astype(np.float64)
    stamps = dates.astype("datetime64[us]").astype(np.int64)
    return (stamps - stamps[0]) / step.length


def dates_after(dates: np.ndarray, count: int) -> np.ndarray:
    """The next `count` dates (datetime64[us]) of a calendar that goes on as it did."""
    return _going_on(dates[-1], np.arange(1, count + 1), step_of(dates), bool(pd.DatetimeIndex(dates).is_month_end.all()))


def later(dates: np.ndarray, count: int, step: Step, month_end: bool = False) -> np.ndarray:
    """For each date (M, datetime64[us]) the one that is `count` steps of an even calendar after it."""
    if step.unit == "us":
        return dates + np.timedelta64(count * step.length, "us")
    if step.unit == "weekday":
        days = dates.astype("datetime64[D]")
        return np.busday_offset(days, count, roll="backward") + (dates - days)
    moved = pd.DatetimeIndex(dates) + pd.DateOffset(months=count * step.length)
    return (moved + pd.offsets.MonthEnd(0) if month_end else moved).to_numpy().astype("datetime64[us]")


def _going_on(first: np.datetime64, places: np.ndarray, step: Step, month_end: bool) -> np.ndarray:
    """The dates that are so many steps after a date."""
    start = first.astype("datetime64[us]")
    if step.unit == "us":
        return start + (places * step.length).astype("timedelta64[us]")
    day = start.astype("datetime64[D]")
    if step.unit == "weekday":
        return np.busday_offset(day, places) + (start - day)
    moved = [pd.Timestamp(start) + pd.DateOffset(months=int(k) * step.length) for k in places]
    if month_end:
        moved = [date + pd.offsets.MonthEnd(0) for date in moved]
    return np.array([date.to_datetime64() for date in moved]).astype("datetime64[us]")


def _find_dates(raw: RawTable, taken: Sequence[str]) -> tuple[str, str]:
    """The first column of dates and their form; ("", "") where there is none."""
    for name in raw.frame.columns:
        if name not in taken and (form := _form_of(raw.frame[name])):
            return str(name), form
    for name in raw.frame.columns:
        if name not in taken:
            _no_slip(raw, name)
    return "", ""


def _no_slip(raw: RawTable, name: str) -> None:
    """Raise DataError for a column nearly all of whose cells are dates."""
    cells = raw.frame[name]
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return
    wrong = np.flatnonzero(pd.to_datetime(cells, format=ISO, errors="coerce", utc=True).isna() & cells.notna())
    if 0 < len(wrong) <= SLIPS * len(cells) and _form_of(cells.drop(cells.index[wrong])):
        row, cell = wrong[0] + 1, str(cells.iloc[wrong[0]])[:40]
        raise DataError(f"{raw.name}: column '{name}', row {row}: '{cell}' is no date; correct it, or remove the row")


def _form_of(cells: pd.Series) -> str:
    """The form in which all cells are dates, "" if there is none. A series may have months for dates."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return ""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return ISO
    texts = texts_of(cells)[1]
    if not len(texts):
        return ""
    if all(len(text) == len(texts[0]) for text in texts[:100]):  # 2020-01 or 20200101 everywhere
        for form in MONTH_FORMS:
            read = pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce")
            if read.notna().all() and read.dt.year.between(1600, 2300).all():
                return form
    try:
        kind = kind_of(cells)
    except DataError:  # nearly all numbers: a slip in a column of values, which is told where the values are read
        return ""
    return kind.form if kind.kind == "date" else ""


def _stamps(raw: RawTable, cells: pd.Series, form: str) -> tuple[np.ndarray, str]:
    """Microseconds since 1970 and the form of the dates; or numbers to order by, and ""."""
    form = form or _form_of(cells)
    times = days_of(cells, form) * DAY if form else numbers_of(cells)
    missing = np.flatnonzero(np.isnan(times))
    if len(missing):
        raise DataError(
            f"{raw.name}: column '{cells.name}', row {missing[0] + 1}: the date is missing; fill it in or remove the row"
        )
    return times.round() if form else times, form


def _numbers(raw: RawTable, time: str, columns: Sequence[str], targets: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The columns of numbers, and notes on those left out."""
    found, notes = {}, []
    for name in columns or [name for name in raw.frame.columns if name != time]:
        cells = raw.frame[known_column(raw, name)]
        if columns:
            found[name] = truths_of(cells) if pd.api.types.is_bool_dtype(cells.dtype) else numbers_of(cells)
            continue
        kind = kind_of(cells)
        if kind.kind == "number":
            found[name] = numbers_of(cells)
        elif kind.kind == "boolean":
            found[name] = truths_of(cells)
        elif name in targets:
            why = kind.why or f"holds a {kind.kind} in each row"
            raise DataError(f"{raw.name}: target '{name}' {why}; a series needs numbers that vary")
        else:
            why = kind.why or ("holds dates" if kind.kind == "date" else "holds texts")
            notes.append(f"column '{name}' is left out: it {why}")
    if not found:
        raise DataError(f"{raw.name} has no column of numbers that vary ({'; '.join(notes[:3]) or 'only dates'}); add one")
    return pd.DataFrame(found), notes


def _even(values: pd.DataFrame, dates: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, int, int, int]:
    """Values and dates with lacking dates put in (values NaN), how many are lacking and were put in, how many steps are uneven."""
    if len(dates) < 3:
        return values, dates, 0, 0, 0
    step = step_of(dates)
    places = places_of(dates, step)
    whole = np.rint(places)
    uneven = int((np.abs(places - whole) > 0.01).sum())
    if uneven or (np.diff(whole) < 1).any():
        return values, dates, 0, 0, max(1, uneven)
    length = int(whole[-1]) + 1
    absent = length - len(dates)
    if not absent or absent > MOST_PUT_IN * length:
        return values, dates, absent, 0, 0
    grid = _going_on(dates[0], np.arange(length), step, bool(pd.DatetimeIndex(dates).is_month_end.all()))
    return values.set_axis(whole.astype(int)).reindex(range(length)), grid, absent, absent, 0


def _filled(
    raw: RawTable,
    values: pd.DataFrame,
    dates: np.ndarray | None,
    time: str,
    form: str,
    faults: SeriesFaults,
    targets: Sequence[str],
    notes: list[str],
) -> RawSeries:
    """The series without missing numbers. Raises DataError for a column without any."""
    missing = {str(name): int(n) - faults.put_in for name, n in values.isna().sum().items() if n > faults.put_in}
    empty = [name for name, n in missing.items() if n == len(values) - faults.put_in]
    if empty:
        raise DataError(f"{raw.name}: column '{empty[0]}' is empty; fill it in, or remove it")
    faults = faults._replace(missing=missing)
    frame = values.ffill().bfill().astype(np.float64)
    return RawSeries(raw.name, frame, dates=dates, time=time, form=form, targets=tuple(targets), faults=faults, notes=notes)
