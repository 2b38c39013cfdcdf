"""Tables as people have them: CSV, TSV, Parquet, JSON lines, pandas frames, arrays. Opened, checked, not yet interpreted.

Cells of text files stay text: what a column holds is decided on the training rows only (see `columns.py`), and a table that
is written back looks as it came. Every fault is one sentence that names the file and the line, row or column. Rows are counted
from 1, without the header.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.archives import need_file, read_plain
from nnzoo.data.decimals import decimal_points
from nnzoo.data.raw import RawSeries, RawTable
from nnzoo.data.units import HALF

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")
DELIMITERS = "\t;|,"  # in this order: a comma may also be a decimal mark or stand in text
_SAMPLE = 1 << 16
_NO_TEXTS = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"PK\x03\x04": "a zip file or a workbook",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"SQLite format 3\0": "a database",
}


def suffix_of(path: Path) -> str:
    """The suffix that says what a file holds, in lower case: `.csv` for `a.CSV.gz`."""
    return (Path(path.stem) if path.suffix.lower() == ".gz" else path).suffix.lower()


def read_table(source: Any, columns: Sequence[str] = ()) -> RawTable:
    """Open a path, a pandas frame, a list of records, a mapping of columns, or a 2-D array or tensor.

    `columns` are the names to expect, where they are known: a first line that holds one of them is a header, and an array as
    wide as they are gets them in order. Raises DataError.
    """
    if isinstance(source, RawTable):
        return source
    if isinstance(source, pd.DataFrame):
        return table_of(source.reset_index(drop=True), "frame", guess=True)
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source), columns)
    if isinstance(source, Mapping) or (isinstance(source, list) and source and all(isinstance(r, Mapping) for r in source)):
        try:
            return table_of(pd.DataFrame(source), "records", guess=True)
        except ValueError as error:
            raise DataError(f"these records make no table: {error}; give columns of equal length") from None
    return table_of(array_frame(source, columns), "arrays")


def array_frame(array: Any, columns: Sequence[str] = ()) -> pd.DataFrame:
    """A 2-D array or tensor (N F) as a frame with `columns`, or with columns x0, x1, ..."""
    array = as_array(array)
    if array.ndim != 2:
        raise DataError(f"an array of shape {array.shape} is no table; give rows and columns (2 dimensions)")
    names = list(columns) if len(columns) == array.shape[1] else [f"x{i}" for i in range(array.shape[1])]
    return pd.DataFrame(array, columns=names)


def as_array(value: Any) -> np.ndarray:
    """An array, a tensor on any device or a nested list as an array on the host. Raises DataError for ragged lists."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    try:
        return np.asarray(value)
    except ValueError:
        raise DataError("these lists have different lengths and make no array; give rows of equal length") from None


def table_of(
    frame: pd.DataFrame, name: str, targets: tuple[str, ...] = (), guess: bool = False, notes: Sequence[str] = ()
) -> RawTable:
    """A checked table: at least one row and one column, names that are texts and differ. Raises DataError."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{name}: column names have several levels; flatten them first")
    names = [str(c).strip() for c in frame.columns]
    blank = [i for i, column in enumerate(names) if not column]
    for i in blank:
        names[i] = f"column {i + 1}"
    seen: set[str] = set()
    for i, column in enumerate(names):
        if column in seen:
            raise DataError(f"{name}: column {i + 1} is called '{column}' like one before it; give every column a name of its own")
        seen.add(column)
    if not names:
        raise DataError(f"{name} has no columns; give rows with named values")
    if not len(frame):
        raise DataError(f"{name} has a header but no rows; add at least one row under it")
    return RawTable(name, frame.set_axis(names, axis=1), targets, guess, notes=list(notes))


def known_column(raw: RawTable | RawSeries, column: str, what: str = "column") -> str:
    """`column` if the table has it, else a DataError that names the nearest ones."""
    if column in raw.frame.columns:
        return column
    names = list(raw.frame.columns)
    near = difflib.get_close_matches(column, names, 2, 0.5) or [n for n in names if n.lower() == column.lower()]
    hint = (
        f"did you mean {' or '.join(repr(n) for n in near)}?" if near else f"it has {', '.join(names[:20])}; add it or name another"
    )
    raise DataError(f"{raw.name} has no {what} '{column}'; {hint}")


def _read_file(path: Path, columns: Sequence[str]) -> RawTable:
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return table_of(_parquet(path), str(path), guess=True)
    data = read_plain(path)
    if not data.strip():
        raise DataError(f"{path} is empty; give a table with a header and rows")
    check_utf8(data, path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if suffix in (".jsonl", ".ndjson", ".json"):
        return table_of(_json_records(data, path), str(path), guess=True)
    return _delimited(data, path, columns, "\t" if suffix == ".tsv" else None)


def check_utf8(data: bytes, path: Path) -> None:
    """Raise DataError with the place of the first byte that is not UTF-8 text, or with what the file is instead."""
    what = next((what for begin, what in _NO_TEXTS.items() if data.startswith(begin)), None)
    if what is not None:
        raise DataError(f"{path} is no text but {what}, by its first bytes; save it as CSV, or give it its right ending")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path} is UTF-16; save it as UTF-8, for instance with: iconv -f utf-16 -t utf-8")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: byte {error.start} (0x{data[error.start]:02x}), in line {line}, is not UTF-8; save it as UTF-8, for instance "
            "with: iconv -f latin1 -t utf-8"
        ) from None
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(0)) + 1
        raise DataError(f"{path} holds zero bytes in line {line}, as no text does; save the table as UTF-8 text")


def _delimited(data: bytes, path: Path, columns: Sequence[str], delimiter: str | None) -> RawTable:
    sample = list(io.StringIO(data[:_SAMPLE].decode("utf-8", "ignore"), newline=""))
    lines = sample if len(data) <= _SAMPLE or len(sample) == 1 else sample[:-1]
    delimiter = delimiter or _sniff(lines, path)
    if data.count(b'"') % 2:
        _find_open_quote(data, delimiter, path)
    first = next(row for row in _csv_rows(lines, delimiter, path) if row)
    try:
        frame = pd.read_csv(
            io.BytesIO(data), sep=delimiter, header=None, dtype=str, keep_default_na=False, skipinitialspace=True, encoding="utf-8"
        )
    except pd.errors.ParserError as error:
        _find_ragged(data, delimiter, path)
        raise DataError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}; save it again as CSV") from None
    if (frame.iloc[:, -1] == "").any() and (b'"' in data or data.count(delimiter.encode()) != (frame.shape[1] - 1) * len(frame)):
        _find_ragged(data, delimiter, path)
    notes = []
    if _is_header(first, columns):
        frame = frame.iloc[1:].reset_index(drop=True).set_axis([c.strip() for c in first], axis=1)
    else:
        frame = frame.set_axis([f"x{i}" for i in range(frame.shape[1])], axis=1)
        notes.append(f"the first line holds numbers, not names: columns are called x0 to x{frame.shape[1] - 1}")
    if frame.shape[1] > 1 and not str(frame.columns[-1]).strip() and (frame.iloc[:, -1] == "").all():
        frame = frame.iloc[:, :-1]  # every line ends with a delimiter
    frame, read_otherwise = decimal_points(frame, str(path), delimiter, data)
    return table_of(frame, str(path), guess=True, notes=notes + read_otherwise)


def _csv_rows(lines: Sequence[str], delimiter: str, path: Path) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table: {error}; save it again as CSV") from None


def _sniff(lines: list[str], path: Path) -> str:
    """The delimiter that cuts the first lines into equally many cells, else the one that cuts the first line most often."""
    cells = {d: [len(row) for row in _csv_rows(lines[:50], d, path) if row] for d in DELIMITERS}
    for delimiter, counts in cells.items():
        if counts[0] > 1 and len(set(counts)) == 1:
            return delimiter
    return max(reversed(DELIMITERS), key=lambda d: cells[d][0])


def _is_header(first: list[str], columns: Sequence[str]) -> bool:
    """Whether the first line names columns: it holds an expected name, or no number; or it counts 0, 1, 2, ... as pandas does."""
    cells = [cell.strip() for cell in first]
    if set(cells) & set(columns):
        return True
    if len(cells) > 1 and cells in ([str(i) for i in range(len(cells))], ["", *(str(i) for i in range(len(cells) - 1))]):
        return True
    return bool(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").isna().all() and "?" not in cells)


def _find_ragged(data: bytes, delimiter: str, path: Path) -> None:
    """Raise DataError naming the first line with more or fewer cells than the first; return if there is none."""
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=delimiter, skipinitialspace=True)
    width, row = 0, -1
    try:
        for cells in reader:
            if not cells:
                continue
            width, row = width or len(cells), row + 1
            if len(cells) != width:
                raise DataError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells where the first line has {width}; "
                    "correct it, or put quotes around cells that hold the delimiter"
                )
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} cannot be read: {error}; correct it") from None


def _find_open_quote(data: bytes, delimiter: str, path: Path) -> None:
    """Raise DataError naming the line of a quote that is never closed; return if there is none."""
    text = io.StringIO(data.decode("utf-8"), newline="")
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error as error:
        if "end of data" in str(error) or "field limit" in str(error):
            raise DataError(f"{path}: a quote that opens in line {line} is never closed; close or remove it") from None


def _parquet(path: Path) -> pd.DataFrame:
    need_file(path)
    if path.suffix.lower() == ".gz":
        raise DataError(f"{path}: Parquet is packed already; unpack the .gz first")
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise DataError(f"{path}: reading Parquet needs pyarrow; install it with: pip install 'nnzoo[parquet]'") from None
    except (OSError, ValueError, NotImplementedError, KeyError, TypeError) as error:
        why = (str(error).splitlines() or ["it is damaged"])[0].rstrip(".")
        raise DataError(f"{path} cannot be read as Parquet ({why}); write or copy it again") from None
    return frame.reset_index(drop=True)


def _json_records(data: bytes, path: Path) -> pd.DataFrame:
    """One object a line, or one list of objects."""
    text = data.decode("utf-8")
    records: list[Any] = []
    if text.lstrip().startswith("["):
        try:
            records = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is not valid JSON: {error}; write one list of objects, or one object a line") from None
    elif suffix_of(path) == ".json" and _is_object(text):
        raise DataError(
            f"{path} holds one object where one for each row is needed; write a list of objects, as pandas does with "
            "to_json(orient='records')"
        )
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    records.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{path}: line {number} is not valid JSON ({_reason(error)}); correct that line") from None
    for row, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise DataError(f'{path}: row {row} is not an object with named values; write one like {{"a": 1}} a line')
        if (half := next((name for name, cell in record.items() if has_half(name) or has_half(cell)), None)) is not None:
            name = half.encode("utf-8", "backslashreplace").decode()
            raise DataError(
                f"{path}: column '{name}', row {row} holds half of a character (a lone surrogate); decode it from UTF-8 anew"
            )
    return pd.DataFrame(records)


def has_half(cell: object) -> bool:
    """Whether a cell is a text with half of a character, as JSON can write and UTF-8 cannot."""
    return isinstance(cell, str) and not cell.isascii() and HALF.search(cell) is not None


def _is_object(text: str) -> bool:
    """Whether a whole text is one JSON object that holds others or lists, as a table by columns does."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(whole, dict) and any(isinstance(value, (dict, list)) for value in whole.values())


def _reason(error: Exception) -> str:
    """What json says against a line, which is always its line 1."""
    return f"{error.msg} in column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
