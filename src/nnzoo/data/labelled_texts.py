"""Texts that stand in a table: a column of prose and a column of labels are texts to be judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.raw import RawTable, RawTexts
from nnzoo.data.tables import known_column

WORDS = 3  # in a cell of prose on average
DISTINCT = 0.5  # share of cells that no other repeats


def prose_of(raw: RawTable, target: str) -> list[str]:
    """Columns of prose, the longest first: texts of 3 words or more on average, most of them different."""
    found = {}
    for name in raw.frame.columns:
        cells = raw.frame[name].dropna()
        if name == target or not len(cells) or not cells.map(lambda cell: isinstance(cell, str)).all():
            continue
        words = float(cells.str.count(r"\S+").mean())
        if words >= WORDS and cells.nunique() >= DISTINCT * len(cells):
            found[str(name)] = words
    return sorted(found, key=found.__getitem__, reverse=True)


def judged(raw: RawTable, target: str, asked: bool) -> RawTexts | None:
    """A table as texts with labels, if it is one: all its columns are one of prose and the labels, or texts were `asked` for.
    Raises DataError where they were and there is no prose."""
    columns = prose_of(raw, target)
    if not columns:
        if asked:
            raise DataError(f"{raw.name} has no column of texts beside '{target}'; give one with sentences, or leave --task out")
        return None
    others = [str(name) for name in raw.frame.columns if name not in (columns[0], target)]
    if others and not asked:
        return None
    made = texts_of(raw, columns[0], target)
    made.notes.append(f"column '{columns[0]}' is read as text" + (f", {', '.join(others)} left out" if others else ""))
    return made


def texts_of(raw: RawTable, column: str, label: str = "") -> RawTexts:
    """The texts of a column, with the labels of another where it is there. Empty cells are empty texts. Raises DataError."""
    cells = raw.frame[known_column(raw, column)]
    texts = ["" if pd.isna(cell) else str(cell) for cell in cells]
    labels = None
    if label and label in raw.frame.columns:
        known = [not pd.isna(cell) and bool(str(cell).strip()) for cell in raw.frame[label]]
        labels = np.array([_label(cell) if there else None for cell, there in zip(raw.frame[label], known)], dtype=object)
    made = RawTexts(raw.name, texts, lines=True, labels=labels, label_name=label or "label", column=column)
    made.part, made.notes = raw.part, list(raw.notes)
    return made


def _label(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, (float, np.floating)) and float(cell).is_integer() else str(cell)
