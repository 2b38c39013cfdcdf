"""One column of a table: what kind it is, and its cells as numbers, dates, truth values or texts.

Kinds: `number`, `boolean`, `date`, `category`; or a reason for leaving the column out. The rules, applied to the training rows:
missing is an empty cell, "?", NA, N/A, NaN or null in any usual spelling; a number column has nothing else but numbers; a boolean
has the two words of a pair (true/false, yes/no, ...); a date column parses in one form; any other text is a category, unless most
values occur only once (free text). Columns with one value everywhere, and counters called id or index, tell nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError

MISSING = frozenset(
    {"", "?", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "NAN", "-nan", "-NaN", "<NA>", "NaT", "null", "NULL", "Null"}
)
PAIRS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
TRUTH = {word: float(i) for pair in (*PAIRS, ("0", "1")) for i, word in enumerate(pair)}
DATE_FORMS = (
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d-%b-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
)
ISO = "ISO8601"
COUNTERS = frozenset({"id", "index", "row", "rowid", "row_id", "unnamed: 0", "column 1"})
LARGEST = 1e30  # beyond this, float32 has no room left for squares
FEW = 20  # as many distinct whole numbers may be labels; as many distinct texts are never free text


class Kind(NamedTuple):
    """What a column is. `kind` is "" where it is left out, and `why` says why; `form` is the form of its dates."""

    kind: str
    form: str = ""
    why: str = ""


def texts_of(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Cells as codes (N; -1 is missing) into distinct texts (object): stripped, whole numbers without a point ("3.0" is "3").

    Raises DataError naming row and column where a cell is a list, a mapping or bytes.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, values = series.cat.codes.to_numpy().astype(np.int64), np.asarray(series.cat.categories, dtype=object)
    else:
        try:
            codes, index = pd.factorize(series, use_na_sentinel=True)
        except TypeError:
            raise _unreadable(series) from None
        values = np.asarray(index, dtype=object)
    texts = [_text(value) for value in values]
    if None in texts:
        raise _unreadable(series)
    again, distinct = pd.factorize(np.array([t if t not in MISSING else None for t in texts], dtype=object))
    again = np.append(again, -1).astype(np.int64)  # code -1 finds this last one
    return again[codes], np.asarray(distinct, dtype=object)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        text = value.strip()
        head, point, tail = text.partition(".")
        return head if point and tail and not tail.strip("0") and head.lstrip("-").isdigit() else text
    if isinstance(value, (bytes, tuple, frozenset)):
        return None
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _unreadable(series: pd.Series) -> DataError:
    for position, value in enumerate(series):
        if isinstance(value, (list, tuple, dict, set, frozenset, bytes, np.ndarray)):
            row, kind = series.index[position] + 1, type(value).__name__
            return DataError(
                f"column '{series.name}', row {row} holds a {kind}; a cell must be a number, a text, a date or "
                "true/false; give its pieces columns of their own"
            )
    return DataError(f"column '{series.name}' holds values that are neither numbers, texts, dates nor true/false; convert it")


def _is_text(series: pd.Series) -> bool:
    return pd.api.types.is_object_dtype(series.dtype) or pd.api.types.is_string_dtype(series.dtype)


def _parsed(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Cells as numbers (N; NaN where missing or no number), and the positions of those that are no number."""
    if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_datetime64_any_dtype(series.dtype):
        codes, texts = texts_of(series)
        series = pd.Series(np.array([*texts, None], dtype=object)[codes], index=series.index, name=series.name, dtype=object)
    if not _is_text(series):
        try:
            if pd.api.types.is_complex_dtype(series.dtype):
                raise TypeError
            return series.to_numpy(dtype=np.float64, na_value=np.nan), np.empty(0, np.int64)
        except (TypeError, ValueError):
            raise DataError(f"column '{series.name}' holds {series.dtype}, which is no real number; convert it first") from None
    quick = _all_numbers(series)
    if quick is not None:
        return quick, np.empty(0, np.int64)
    try:
        numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    except TypeError:
        raise _unreadable(series) from None
    except OverflowError:  # whole numbers of JSON know no limit
        return _parsed(series.map(lambda cell: np.inf if isinstance(cell, int) and abs(cell) > LARGEST else cell))
    doubtful = np.flatnonzero(np.isnan(numbers))
    codes, texts = texts_of(series.iloc[doubtful])
    number_of_text = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    numbers[doubtful] = np.append(number_of_text, np.nan)[codes]
    return numbers, doubtful[(codes >= 0) & np.isnan(numbers[doubtful])]


def _all_numbers(series: pd.Series) -> np.ndarray | None:
    """Cells as numbers by Arrow's parser, ten times as fast and equally exact; None unless Arrow holds them and each is one."""
    if getattr(series.dtype, "storage", "") != "pyarrow":
        return None
    import pyarrow

    try:
        return pyarrow.array(series).cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:
        return None


def numbers_of(series: pd.Series) -> np.ndarray:
    """Cells as numbers (N float64, NaN where missing). Raises DataError naming row and column of text and of infinite cells."""
    return _checked(series, *_parsed(series))


def _checked(series: pd.Series, numbers: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    if len(wrong):
        raise _wrong_cell(series, wrong, "is not a number; correct it or leave it empty")
    too_large = np.flatnonzero(np.abs(numbers) > LARGEST)
    if len(too_large):
        raise _wrong_cell(series, too_large, f"is infinite or beyond {LARGEST:.0e}; correct it or leave it empty")
    return numbers


def truths_of(series: pd.Series) -> np.ndarray:
    """Cells as 0 and 1 (N float64, NaN where missing). Raises DataError naming row and column."""
    codes, texts = texts_of(series)
    truths = np.array([TRUTH.get(t.lower(), np.nan) for t in texts] + [np.nan])[codes]
    wrong = np.flatnonzero(np.isnan(truths) & (codes >= 0))
    if len(wrong):
        raise _wrong_cell(series, wrong, "is neither true nor false; write true or false, or leave it empty")
    return truths


def days_of(series: pd.Series, form: str) -> np.ndarray:
    """Cells as days since 1970-01-01, with fractions (N float64, NaN where missing). Raises DataError naming row and column."""
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return _days(pd.to_datetime(series, utc=True))
    codes, texts = texts_of(series)
    days = np.append(_days(_dates(texts, form)), np.nan)[codes]
    wrong = np.flatnonzero(np.isnan(days) & (codes >= 0))
    if len(wrong):
        like = "2024-12-31" if form == ISO else pd.Timestamp(2024, 12, 31).strftime(form)
        raise _wrong_cell(series, wrong, f"is not a date like {like}; correct it or leave it empty")
    return days


def _dates(texts: np.ndarray, form: str) -> pd.Series:
    return pd.to_datetime(pd.Series(texts, dtype=object), format=form, errors="coerce", utc=True)


def _days(dates: pd.Series) -> np.ndarray:
    stamps = dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 86_400e6)


def _wrong_cell(series: pd.Series, wrong: np.ndarray, what: str) -> DataError:
    """The error for the cells at the positions `wrong`: the first in full, the rows of some others."""
    row, *others = (int(series.index[position]) + 1 for position in wrong)
    rows = ", ".join(map(str, others[:5])) + (", ..." if len(others) > 5 else "")
    more = f" (so it is in {len(others)} more row{'s' if len(others) > 1 else ''}: {rows})" if others else ""
    return DataError(f"column '{series.name}', row {row}: '{str(series.iloc[wrong[0]])[:40]}' {what}{more}")


def date_form(texts: np.ndarray) -> str:
    """The form in which all texts are dates, "" if there is none. ISO needs year, month and day."""
    first = str(texts[0]) if len(texts) else ""
    if not any(c.isdigit() for c in first) or len(first) < 6:
        return ""
    iso = len(first) >= 10 and first[:4].isdigit() and first[4] == first[7] == "-"
    forms = (ISO,) if iso else DATE_FORMS
    likely = [form for form in forms if _dates(texts[:20], form).notna().all()]
    return next((form for form in likely if _dates(texts, form).notna().all()), "")


def kind_of(series: pd.Series) -> Kind:
    """What the column is, judged from these rows (the training rows). `series.index` counts the table's rows.

    Raises DataError where nearly all cells are numbers and a few are not: that is a slip, not a category.
    """
    name, dtype = series.name, series.dtype
    if isinstance(dtype, pd.CategoricalDtype) or _is_text(series):
        return _kind_of_text(series)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return Kind("date", ISO) if series.nunique() > 1 else _one_value(series)
    if pd.api.types.is_bool_dtype(dtype):
        return Kind("boolean") if series.nunique() > 1 else _one_value(series)
    if pd.api.types.is_numeric_dtype(dtype):
        return _kind_of_numbers(name, numbers_of(series))
    raise DataError(f"column '{name}' holds {dtype}, which nnzoo cannot read; turn it into numbers or texts, or remove it")


def _kind_of_numbers(name: Any, numbers: np.ndarray) -> Kind:
    known = numbers[~np.isnan(numbers)]
    distinct = len(np.unique(known))
    if distinct == 0 or (distinct == 1 and len(known) == len(numbers)):
        return Kind("", why="has one value everywhere" if distinct else "is empty")
    if str(name).lower() in COUNTERS and distinct == len(numbers) > FEW and (known == np.floor(known)).all():
        return Kind("", why="counts the rows")
    return Kind("number")


def _one_value(series: pd.Series) -> Kind:
    return Kind("", why="has one value everywhere" if series.notna().any() else "is empty")


def _kind_of_text(series: pd.Series) -> Kind:
    if _is_text(series) and not isinstance(series.dtype, pd.CategoricalDtype):
        looked = series.dropna().head(1000)
        if pd.api.types.infer_dtype(looked) == "boolean" and looked.nunique() == 2:
            return Kind("boolean")
        numbers, wrong = _parsed(looked)
        if len(wrong) <= 0.5 * len(looked) and not np.isnan(numbers).all():
            numbers, wrong = _parsed(series)
            if not len(wrong):
                return _kind_of_numbers(series.name, _checked(series, numbers, wrong))
            good = numbers[~np.isnan(numbers)]
            if len(wrong) <= 0.1 * len(good) and len(np.unique(good)) > FEW:
                numbers_of(series)  # raises, naming the first cell that is not a number
    codes, texts = texts_of(series)
    if len(texts) == 0 or (len(texts) == 1 and (codes >= 0).all()):
        return Kind("", why="has one value everywhere" if len(texts) else "is empty")
    if {t.lower() for t in texts} in [set(pair) for pair in PAIRS]:
        return Kind("boolean")
    form = date_form(texts)
    if form:
        return Kind("date", form)
    known = int((codes >= 0).sum())
    if len(texts) > FEW and len(texts) > 0.5 * known:
        return Kind("", why=f"is free text ({len(texts)} different texts in {known} rows)")
    return Kind("category")


def target_kind(series: pd.Series) -> str:
    """ "classes" or "values", judged from all rows of a target.

    Texts and truth values are classes. So are whole numbers with at most 20 distinct values and at most 5 % as many of them as
    rows (three are always few enough, if there are at least twice as many rows). Other numbers are values.
    """
    if pd.api.types.is_bool_dtype(series.dtype) or isinstance(series.dtype, pd.CategoricalDtype):
        return "classes"
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        raise DataError(f"target '{series.name}' holds dates; turn it into a number, such as days, or into labels")
    if not _is_text(series) and not pd.api.types.is_numeric_dtype(series.dtype):
        raise DataError(f"target '{series.name}' holds {series.dtype}; turn it into numbers or labels")
    numbers, wrong = _parsed(series)
    known = numbers[~np.isnan(numbers)]
    if len(wrong):
        if len(wrong) <= 0.1 * len(known) and len(np.unique(known)) > FEW:
            numbers_of(series)  # raises, naming the first cell that is not a number
        return "classes"
    distinct = len(np.unique(known))
    whole = bool((known == np.floor(known)).all())
    few = distinct <= FEW and distinct <= max(3, 0.05 * len(known)) and 2 * distinct <= len(known)
    return "classes" if whole and few and distinct else "values"


def sorted_labels(texts: np.ndarray) -> tuple[str, ...]:
    """Labels in order: by value if all are numbers, else by their letters."""
    numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    return tuple(texts[np.argsort(numbers, kind="stable")] if not np.isnan(numbers).any() else sorted(texts))
