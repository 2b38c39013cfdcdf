"""The rows of all parts one below the other, as the doctor looks at them. N rows.

Numbers come from what was encoded already, so nothing is read twice; of very large sets a sample of every part is looked at, and
every finding from it says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes, Values
from nnzoo.data.columns import texts_of
from nnzoo.data.doctor.finding import SHOWN
from nnzoo.data.raw import Raw, RawImages, RawPicturePairs, RawTable
from nnzoo.data.table_preprocessing import Column, TablePreprocessing

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

PARTS = ("train", "valid", "test")
SPOKEN = ("training", "validation", "test")
MOST_CELLS = 30_000_000  # cells or pixels that are looked at


@dataclass
class View:
    """Rows of all parts. `part` (N) is 0 train, 1 valid, 2 test; `row` (N) their numbers from 0 in their source; `codes` (N, -1
    missing) of `labels`, or `values` (N O, NaN missing) of the targets `names`."""

    prepared: Prepared
    part: np.ndarray
    row: np.ndarray
    datasets: tuple[Dataset, ...]
    total: int
    codes: np.ndarray | None = None
    values: np.ndarray | None = None
    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.part)

    @property
    def sampled(self) -> str:
        """What to add to a figure where not every row was looked at."""
        return "" if len(self) == self.total else f" (of {len(self):,} rows looked at, out of {self.total:,})"

    def of(self, *parts: int) -> np.ndarray:
        """Positions of the rows of these parts."""
        return np.flatnonzero(np.isin(self.part, parts))

    def stored(self, name: str, key: str) -> np.ndarray:
        """A stored tensor of all rows."""
        return np.concatenate([dataset.stored(name, key).cpu().numpy() for dataset in self.datasets])

    def raw_of(self, part: int) -> Raw:
        """The source that a part came from."""
        return self.prepared.source(PARTS[part])[0]

    def places(self, positions: np.ndarray, most: int = SHOWN) -> tuple[int | str, ...]:
        """What a person calls the rows at these positions: a file, or a number from 1."""
        return tuple(self.place(int(position)) for position in positions[:most])

    def place(self, position: int) -> int | str:
        """What a person calls one row."""
        return called(self.prepared, int(self.part[position]), int(self.row[position]))


def called(prepared: Prepared, part: int, row: int) -> int | str:
    """What a person calls a row of a part's source: a file, a number from 1, or words where the part came from elsewhere."""
    raw = prepared.source(PARTS[part])[0]
    if isinstance(raw, (RawImages, RawPicturePairs)) and raw.files:
        return raw.files[row]
    return row + 1 if raw is prepared.raw else f"row {row + 1} of the {SPOKEN[part]} data"


def view_of(prepared: Prepared, width: int = 1) -> View | None:
    """All rows, or a sample of so many that `width` cells each make no more than the doctor looks at. None where parts are not made
    of rows (one long text)."""
    there = [(code, name, part) for code, name in enumerate(PARTS) if (part := getattr(prepared.parts, name)) is not None]
    total = sum(len(part) for _, _, part in there)
    share = min(1.0, MOST_CELLS / max(1, width * total))
    parts, rows, datasets = [], [], []
    for code, name, part in there:
        _, own = prepared.source(name)
        if len(own) != len(part):
            return None
        chosen = np.arange(len(part))
        if share < 1:
            random = np.random.RandomState(code)
            chosen = np.sort(random.choice(len(part), max(1, int(share * len(part))), replace=False))
            part = part.part(torch.from_numpy(chosen))
        parts.append(np.full(len(chosen), code, np.int8))
        rows.append(own[chosen])
        datasets.append(part)
    view = View(prepared, np.concatenate(parts), np.concatenate(rows), tuple(datasets), total)
    for name, output in prepared.spec.outputs.items():
        if isinstance(output, Classes):
            view.codes, view.labels = view.stored(name, "codes"), output.labels
        elif isinstance(output, Values):
            view.values, view.names = view.stored(name, "numbers").astype(np.float64), output.names
    return view


@dataclass
class Seen:
    """One input column. `values` (N float64, NaN where missing) of numbers, truth values and dates (days since 1970); `codes`
    (N, 0 unseen or missing) into `levels` of categories. `known` are its distinct values sorted, `counts` how often each occurs."""

    learned: Column
    values: np.ndarray | None = None
    codes: np.ndarray | None = None
    levels: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The column's name."""
        return self.learned.name

    @property
    def kind(self) -> str:
        """number, boolean, date or category."""
        return self.learned.kind

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        if self.values is None:
            assert self.codes is not None
            counts = np.bincount(self.codes, minlength=len(self.levels) + 1)[1:]
            return np.arange(1, len(self.levels) + 1), counts
        there = self.values[~np.isnan(self.values)]
        if np.abs(there).max(initial=0) < 1 << 24:
            there = there.astype(np.float32)  # as exact as what was stored, and twice as fast to sort
        distinct, counts = np.unique(there, return_counts=True)
        return distinct.astype(np.float64), counts

    @property
    def known(self) -> np.ndarray:
        """Distinct values, sorted (codes of a category)."""
        return self._distinct[0]

    @property
    def counts(self) -> np.ndarray:
        """How many rows have each of them."""
        return self._distinct[1]

    @property
    def keys(self) -> np.ndarray:
        """Values or codes (N), to order and group rows by."""
        return self.values if self.values is not None else self.codes  # type: ignore[return-value]


class TableView:
    """The columns of a table beside its rows."""

    def __init__(self, view: View):
        self.view = view
        learned = view.prepared.preprocessing
        assert isinstance(learned, TablePreprocessing)
        self.learned = learned
        self.numeric = view.stored("x", "numeric")  # (N F) standardised
        self.codes = view.stored("x", "codes")  # (N K)
        self.columns: list[Seen] = []
        f = k = 0
        for column in learned.columns:
            if column.kind == "category":
                self.columns.append(Seen(column, codes=self.codes[:, k], levels=column.levels))
                k += 1
                continue
            values = self.numeric[:, f].astype(np.float64) * column.std[0] + column.mean[0]
            f += len(column.numbers)
            if column.missing:
                values[self.numeric[:, f - 1] > 0.5] = np.nan
            if column.whole:
                np.rint(values, out=values, where=np.abs(values - np.rint(values)) < 1e-2)
            self.columns.append(Seen(column, values=values))

    @cached_property
    def left_out(self) -> list[str]:
        """Input columns that the preprocessing does not use."""
        used = {column.name for column in self.learned.columns}
        return [name for name in self.learned.order if name not in used]

    def cells(self, name: str, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells of a column as they were opened, for some rows: codes (-1 missing) into distinct texts."""
        pieces = []
        for part in np.unique(self.view.part[positions]):
            raw = self.view.raw_of(int(part))
            assert isinstance(raw, RawTable)
            rows = self.view.row[positions[self.view.part[positions] == part]]
            pieces.append(raw.frame[name].iloc[rows].astype(object) if name in raw.frame else pd.Series([None] * len(rows)))
        return texts_of(pd.concat(pieces, ignore_index=True).rename(name))

    def missing(self) -> np.ndarray:
        """Which cells are missing (N C, bool), column by column. Where a category was never met in training it counts as missing
        only in training rows."""
        training = self.view.part == 0
        flags: list[Any] = [
            np.isnan(seen.values) if seen.values is not None else (seen.codes == 0) & training for seen in self.columns
        ]
        return np.stack(flags, 1) if flags else np.zeros((len(self.view), 0), bool)
