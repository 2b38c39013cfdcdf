"""Rows of one label alone, to learn what is normal: pictures whose label is known, or a table with a column of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.asking import choose_targets, unlabelled
from nnzoo.data.columns import texts_of
from nnzoo.data.raw import Raw, RawImages, RawTable
from nnzoo.data.tables import known_column

LEAST = 3


@dataclass
class OneLabel:
    """`raw` is the source without its labels, `rows` are those that bear `label` in `column` ("": pictures have no columns)."""

    raw: Raw
    rows: np.ndarray
    label: str
    column: str

    @classmethod
    def of(cls, raw: Raw, label: str, targets: Sequence[str] | str = (), task: str | None = None) -> OneLabel:
        """What there is to learn of one label. Raises DataError, ConfigError."""
        if task is not None and not unlabelled(task):
            raise ConfigError(
                f"--normal {label} is for what learns without labels, such as --task reconstruction; leave it out for {task}"
            )
        column = label_column(raw, targets)
        rows = rows_of(raw, label, column)
        if len(rows) < LEAST:
            raise DataError(f"{raw.name}: only {len(rows)} rows have the label '{label}'; give at least {LEAST}")
        if isinstance(raw, RawTable):
            bare: Raw = replace(raw, frame=raw.frame.drop(columns=column), targets=(), guess=False)
        else:
            bare = replace(raw, labels=None)  # type: ignore[call-arg]
        return cls(bare, rows, label, column)

    @property
    def note(self) -> str:
        """What was done, in a sentence."""
        return f"{len(self.rows):,} of {len(self.raw):,} rows have the label '{self.label}'; only these are learned from"

    def rows_of(self, raw: Raw) -> np.ndarray:
        """The rows of another source that bear the label."""
        return rows_of(raw, self.label, self.column)


def label_column(raw: Raw, targets: Sequence[str] | str = ()) -> str:
    """The column of a table that holds its labels: the one named, else the one that would be predicted; "" of pictures. Raises
    DataError, ConfigError where there are no labels."""
    if isinstance(raw, RawImages):
        if raw.labels is None:
            raise DataError(f"{raw.name} has no labels; put the pictures into one folder a label, or leave --normal out")
        return ""
    if not isinstance(raw, RawTable):
        raise DataError(f"{raw.name}: --normal needs pictures or a table with labels; leave it out")
    names, _ = choose_targets(raw, targets)
    if len(names) != 1:
        raise DataError(f"{raw.name}: --normal needs the one column with the labels; name it with --target")
    return str(known_column(raw, names[0], "target column"))


def labels_of(raw: Raw, column: str) -> np.ndarray:
    """Labels (N) as strings, None where missing."""
    if isinstance(raw, RawTable):
        codes, texts = texts_of(raw.frame[known_column(raw, column, "target column")])
        return np.array([*texts, None], dtype=object)[codes]
    labels = getattr(raw, "labels", None)
    if labels is None:
        raise DataError(f"{raw.name} has no labels; put the pictures into one folder a label, or leave --normal out")
    return np.asarray(labels, dtype=object)


def rows_of(raw: Raw, label: str, column: str) -> np.ndarray:
    """Rows that bear a label. Raises DataError naming the labels there are."""
    labels = labels_of(raw, column)
    rows = np.flatnonzero(labels == label)
    if not len(rows):
        known = sorted({str(one) for one in labels if one is not None})
        shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        raise DataError(f"{raw.name} has no label '{label}'; labels are: {shown}")
    return rows
