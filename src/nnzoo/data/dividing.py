"""Which rows of a source have an answer, which bear one label, and which part each belongs to.

N rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from nnzoo.core.errors import ConfigError, DataError, about
from nnzoo.data import splits
from nnzoo.data.columns import days_of, kind_of, numbers_of, texts_of
from nnzoo.data.raw import Raw, RawTable
from nnzoo.data.table_preprocessing import output_kind
from nnzoo.data.tables import known_column

T = TypeVar("T")
OF_LABELS = ("classification", "class-conditional")  # tasks for which each label gets the same shares of the parts


def naming_the_data(function: Callable[..., T]) -> Callable[..., T]:
    """A function of raw data whose errors say which data."""

    @functools.wraps(function)
    def run(raw: Raw, *args: Any, **kwargs: Any) -> T:
        with about(raw.name):
            return function(raw, *args, **kwargs)

    return run


@naming_the_data
def answered(raw: Raw, targets: tuple[str, ...], task: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows that have an answer, and the codes of their labels where they have labels."""
    rows = np.arange(len(raw))
    if isinstance(raw, RawTable):
        cells = {name: raw.frame[known_column(raw, name, "target column")] for name in targets}
        if not cells:
            return rows, None
        if len(cells) == 1 and output_kind(cells[targets[0]], task) == "classes":
            codes = texts_of(cells[targets[0]])[0]
        else:
            texts = [
                numbers_of(column) if output_kind(column, task) == "values" else texts_of(column)[0] for column in cells.values()
            ]
            known = np.any([~np.isnan(t) if t.dtype.kind == "f" else t >= 0 for t in texts], axis=0)
            return _some(raw, rows[known], targets), None
    elif (labels := getattr(raw, "labels", None)) is not None:
        codes = pd.factorize(pd.Series(labels, dtype=object))[0]
    else:
        return rows, None
    kept = _some(raw, rows[codes >= 0], targets)
    if "classification" in task and len(np.unique(codes[kept])) == 1 and len(raw) > 1 and not isinstance(raw, RawTable):
        raise DataError(f"{raw.name} has only one label, '{_label_of(raw, kept[0])}'; give data with at least two")
    return kept, codes[kept] if any(sort in task for sort in OF_LABELS) else None


def _label_of(raw: Raw, row: int) -> str:
    return str(raw.labels[row])  # type: ignore[attr-defined]


def _some(raw: Raw, rows: np.ndarray, targets: tuple[str, ...]) -> np.ndarray:
    if not len(rows):
        raise DataError(f"{raw.name}: target {', '.join(targets) or 'label'} is missing in every row; name another with --target")
    return rows


@naming_the_data
def divide(
    raw: Raw, usable: np.ndarray, labels: np.ndarray | None, split: str, seed: int, wanted: dict[str, float]
) -> tuple[dict[str, np.ndarray], str | None]:
    """Rows of each part, and the column that must not be an input."""
    how, _, column = split.partition(":")
    if how not in ("random", "group", "time") or (how != "random") != bool(column):
        raise ConfigError(f"--split {split} is not known; write random, group:COLUMN or time:COLUMN")
    if how == "random":
        if raw.part is not None:
            three = splits.official_split(raw.part[usable], labels, seed=seed, **wanted)
        else:
            three = splits.random_split(len(usable), labels, seed=seed, **wanted)
    elif not isinstance(raw, RawTable):
        raise ConfigError(f"--split {split} needs a table; {raw.name} has no columns; leave --split out")
    else:
        cells = raw.frame[known_column(raw, column)].iloc[usable]
        three = (
            splits.group_split(texts_of(cells)[0], seed=seed, **wanted)
            if how == "group"
            else splits.time_split(_times(cells), **wanted)
        )
    return {part: usable[index] for part, index in zip(("train", "valid", "test"), three)}, column if how == "group" else None


def _times(cells: pd.Series) -> np.ndarray:
    kind = kind_of(cells)
    if kind.kind not in ("date", "number"):
        raise DataError(f"column '{cells.name}' holds neither dates nor numbers, so rows cannot be ordered by it; name another")
    return days_of(cells, kind.form) if kind.kind == "date" else numbers_of(cells)
