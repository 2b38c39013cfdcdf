"""Numbers as people write them: with decimal commas, and with separators of thousands.

A column in which every cell is a whole number or has one comma is read with decimal points, and a note says so. Where each comma
stands before exactly three digits, in a file whose cells are delimited by commas, it may as well separate thousands: then it is
refused, as are numbers with separators that cannot be anything else (1,234,567 or 1.234,50 or 1'234).
"""

from __future__ import annotations

import pandas as pd

from nnzoo.core.errors import DataError

_MARKS = ",'\u2019\u00a0\u202f"
_COMMA = r"[+-]?\d+(?:,\d+)?"
_GROUPED = (
    rf"[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|[+-]?\d{{1,3}}(?:\.\d{{3}})+,\d+|[+-]?\d{{1,3}}(?:[{_MARKS[1:]}]\d{{3}})+(?:[.,]\d+)?"
)
_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"


def decimal_points(frame: pd.DataFrame, name: str, delimiter: str, data: bytes) -> tuple[pd.DataFrame, list[str]]:
    """The frame of the file `data` (cells are texts) with decimal points, and a note for each column that had commas.

    Raises DataError naming column and row where numbers have separators of thousands.
    """
    marks = [mark for mark in _MARKS if mark.encode() in data and (mark != delimiter or b'"' in data)]
    changed: dict[str, pd.Series] = {}
    for column in frame.columns[~frame.columns.duplicated(keep=False)] if marks else []:
        cells = frame[column]
        if not any(cells.str.contains(mark, regex=False).any() for mark in marks):
            continue
        cells = cells.str.strip()
        comma = cells.str.contains(",", regex=False)
        if comma.any() and _all(cells, _COMMA) and not (delimiter == "," and _all(cells[comma], r"[+-]?\d{1,3},\d{3}")):
            changed[column] = cells.str.replace(",", ".", regex=False)
        elif _all(cells, f"{_NUMBER}|{_GROUPED}"):
            row = int(cells.str.fullmatch(_GROUPED).to_numpy(dtype=bool).argmax())
            raise DataError(
                f"{name}: column '{column}', row {row + 1}: '{cells.iloc[row]}' has a separator of thousands, or one that may be; "
                "write numbers like 1234.5"
            )
    return frame.assign(**changed), [f"commas in column '{column}' are read as decimal points" for column in changed]


def _all(cells: pd.Series, form: str) -> bool:
    """Whether every cell that is not empty has that form."""
    return bool((cells.str.fullmatch(form) | (cells == "")).all())
