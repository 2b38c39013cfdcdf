"""Tables for networks: numbers standardised, categories as codes, dates as numbers and angles; fitted on the training rows.

N rows, F numbers, K category columns, O targets. What a column is, is decided in `columns.py`; what becomes of it, here:

    number    (v - mean) / std; missing: 0, and an indicator `<name> missing` if any were missing in training
    boolean   0 or 1, then like a number
    date      days since 1970, like a number; month and weekday as sine and cosine
    category  code 1.. of its levels in training, sorted; 0: unseen or missing
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.fields import AnyField, Category, Classes, Rows, Spec, Stored, Table, Values
from nnzoo.data.columns import days_of, kind_of, numbers_of, sorted_labels, target_kind, texts_of, truths_of
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawTable
from nnzoo.data.tables import known_column, read_table

DATE_PARTS = ("month sin", "month cos", "weekday sin", "weekday cos")


@dataclass(frozen=True)
class Column:
    """What was learned of an input column. `numbers` names the numeric columns that it becomes; `mean` and `std` are theirs."""

    name: str
    kind: str
    numbers: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    missing: bool = False  # the last of `numbers` says whether the cell is missing
    whole: bool = False  # all numbers were whole
    form: str = ""
    levels: tuple[str, ...] = ()  # of a category; of a boolean, its words

    def values(self, cells: pd.Series) -> np.ndarray:
        """Cells as the numbers (N F) that they become, not yet standardised; NaN where missing. Raises DataError."""
        if self.kind == "number":
            main = numbers_of(cells)[:, None]
        elif self.kind == "boolean":
            main = truths_of(cells)[:, None]
        else:
            main = _date_numbers(days_of(cells, self.form))
        return np.column_stack([main, np.isnan(main[:, 0])]) if self.missing else main


class TablePreprocessing(Preprocessing):
    """What was learned of a table: its input columns, its targets, what was left out and why (`notes`)."""

    sort = "table"

    def __init__(
        self,
        columns: Sequence[Column],
        order: Sequence[str],
        targets: Sequence[str],
        output: Classes | Values | None,
        weight: str | None,
        notes: Sequence[str],
    ):
        self.columns, self.order, self.targets = tuple(columns), tuple(order), tuple(targets)
        self.output, self.weight, self.notes = output, weight, list(notes)
        single = self.targets[0] if len(self.targets) == 1 else "targets"
        self.output_name = "target" if single == "x" else single

    @classmethod
    def fit(
        cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...] = (), task: str = "", weight: str | None = None
    ) -> TablePreprocessing:
        """Learn from the training `rows`. A `task` that names classification or regression decides what the target is.

        The names of labels are taken from all rows: they are part of the question, not of the answer.
        """
        assert isinstance(raw, RawTable)
        for name in targets:
            known_column(raw, name, "target column")
        if weight is not None:
            known_column(raw, weight, "weight column")
        if len(set(targets)) < len(targets) or weight in targets:
            raise DataError(f"targets {', '.join(targets)} and weight {weight or 'none'} must be different columns; name others")
        order = [name for name in raw.frame.columns if name not in targets and name != weight]
        if len(rows) < 2:
            raise DataError(f"{raw.name} has {len(raw)} rows, which leaves {len(rows)} to learn from; give more rows")
        train = raw.frame.iloc[rows]
        columns, notes = [], []
        for name in order:
            column, note = _learn_column(train[name])
            columns += [column] if column else []
            notes += [note] if note else []
        if not columns:
            why = "; ".join(notes[:5]) + ("; ..." if len(notes) > 5 else "") or "all are targets"
            raise DataError(f"{raw.name} has no column to learn from ({why}); add columns that vary")
        output, more = _learn_output(raw.frame, rows, targets, task)
        return cls(columns, order, targets, output, weight, notes + more)

    @property
    def table(self) -> Table:
        """The input field."""
        with_numbers = [c for c in self.columns if c.kind != "category"]
        return Table(
            numeric=tuple(n for c in with_numbers for n in c.numbers),
            mean=tuple(m for c in with_numbers for m in c.mean),
            std=tuple(s for c in with_numbers for s in c.std),
            categories=tuple(Category(name=c.name, size=len(c.levels) + 1) for c in self.columns if c.kind == "category"),
        )

    def spec(self, train_size: int) -> Spec:
        outputs: dict[str, AnyField] = {} if self.output is None else {self.output_name: self.output}
        return Spec(inputs={"x": self.table}, outputs=outputs, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """All rows: `x` (numeric N F, codes N K), and the output where any of its columns is there. Raises DataError."""
        assert isinstance(raw, RawTable)
        table = self.table
        numeric_NF = np.empty((len(raw), len(table.numeric)), np.float32)
        codes_NK = np.empty((len(raw), len(table.categories)), np.int64)
        f = k = 0
        for column in self.columns:
            cells = raw.frame[known_column(raw, column.name)]
            if column.kind == "category":
                codes_NK[:, k] = _codes(cells, column.levels)
                k += 1
            else:
                values = column.values(cells)
                standard = (values - np.array(column.mean)) / np.array(column.std)
                numeric_NF[:, f : f + values.shape[1]] = np.nan_to_num(standard, nan=0.0)  # missing: the mean
                f += values.shape[1]
        stored: dict[str, Stored] = {"x": {"numeric": torch.from_numpy(numeric_NF), "codes": torch.from_numpy(codes_NK)}}
        there = [name for name in self.targets if name in raw.frame.columns]
        if isinstance(self.output, Classes) and there:
            stored[self.output_name] = {"codes": torch.from_numpy(self._label_codes(raw.frame[there[0]], self.output.labels))}
        elif isinstance(self.output, Values) and there:
            absent = np.full(len(raw), np.nan)
            numbers = [numbers_of(raw.frame[name]) if name in there else absent for name in self.targets]
            stored[self.output_name] = {"numbers": torch.from_numpy(np.column_stack(numbers).astype(np.float32))}
        return stored

    def _label_codes(self, cells: pd.Series, labels: tuple[str, ...]) -> np.ndarray:
        """Codes of labels (N), -1 where missing. A label that training never met is an error: a score without it would flatter."""
        codes = _codes(cells, labels) - 1
        missing = texts_of(cells)[0] < 0
        unknown = np.flatnonzero((codes < 0) & ~missing)
        if len(unknown):
            shown = f"{', '.join(labels[:10])}{', ...' if len(labels) > 10 else ''}"
            raise DataError(
                f"column '{cells.name}', row {unknown[0] + 1}: label '{cells.iloc[unknown[0]]}' was not among those learned "
                f"({shown}); correct it or leave it empty"
            )
        return codes

    def weights(self, raw: Raw) -> np.ndarray | None:
        """Row weights (N), None where there is no such column. Raises DataError for missing or negative ones."""
        assert isinstance(raw, RawTable)
        if self.weight is None or self.weight not in raw.frame.columns:
            return None
        weight = numbers_of(raw.frame[self.weight])
        wrong = np.flatnonzero(~(weight >= 0))
        if len(wrong):
            raise DataError(f"weight column '{self.weight}', row {wrong[0] + 1} is missing or negative; give a weight of 0 or more")
        if not weight.any():
            raise DataError(f"weight column '{self.weight}' is 0 in every row; give some rows a weight, or leave it out")
        return weight

    def read(self, source: Any) -> RawTable:
        """A path, a frame, records, or an array whose columns are the inputs in order."""
        raw = read_table(source, columns=self.order)
        if raw.name == "arrays" and raw.frame.shape[1] != len(self.order) and not set(self.order) & set(raw.frame.columns):
            raise DataError(
                f"the array has {raw.frame.shape[1]} columns, the network reads {len(self.order)}: {', '.join(self.order)}"
            )
        return raw

    def restore(self, name: str, value: Any) -> pd.DataFrame:
        """Standardised rows (`Rows`, or numbers alone B F) as a frame in original units; missing where the indicator says so."""
        numeric_BF, codes_BK = (value.numeric_BF, value.codes_BK) if isinstance(value, Rows) else (value, None)
        numbers = numeric_BF.detach().cpu().double().numpy()
        codes = None if codes_BK is None else codes_BK.cpu().numpy()
        frame: dict[str, Any] = {}
        f = k = 0
        for column in self.columns:
            if column.kind == "category":
                if codes is not None:
                    frame[column.name] = np.array([None, *column.levels], dtype=object)[codes[:, k]]
                k += 1
                continue
            width = len(column.numbers)
            values = numbers[:, f : f + width] * np.array(column.std) + np.array(column.mean)
            f += width
            first = np.where(values[:, -1] > 0.5, np.nan, values[:, 0]) if column.missing else values[:, 0]
            frame[column.name] = _cells(column, first)
        return pd.DataFrame(frame)

    def facts(self) -> dict[str, Any]:
        return {
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "order": list(self.order),
            "targets": list(self.targets),
            "output": None if self.output is None else self.output.model_dump(mode="json"),
            "weight": self.weight,
            "notes": self.notes,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> TablePreprocessing:
        frozen: list[dict[str, Any]] = [
            {key: tuple(value) if isinstance(value, list) else value for key, value in column.items()}
            for column in facts["columns"]
        ]
        columns = [Column(**column) for column in frozen]
        output = facts["output"]
        kind = Classes if output and output["type"] == "classes" else Values
        field = None if output is None else kind.model_validate(output)
        return cls(columns, facts["order"], facts["targets"], field, facts["weight"], facts["notes"])


def _learn_column(cells: pd.Series) -> tuple[Column | None, str]:
    """What the training cells of one column teach, or None; and a note where one is due."""
    name = str(cells.name)
    kind = kind_of(cells)
    if not kind.kind:
        return None, f"column '{name}' is left out: it {kind.why}"
    if kind.kind == "category":
        return Column(name, "category", levels=sorted_labels(texts_of(cells)[1])), ""
    words = tuple(sorted(texts_of(cells)[1], key=str.lower)) if kind.kind == "boolean" else ()
    column = Column(name, kind.kind, form=kind.form, levels=words[:: len(words) - 1] if words else ())
    main = column.values(cells)
    missing = bool(np.isnan(main[:, 0]).any())
    moments = [_moments(values) for values in main.T] + ([(0.0, 1.0)] if missing else [])
    parts = (name, *(f"{name} {part}" for part in DATE_PARTS)) if kind.kind == "date" else (name,)
    column = dataclasses.replace(
        column,
        numbers=(*parts, f"{name} missing") if missing else parts,
        mean=tuple(m for m, _ in moments),
        std=tuple(s for _, s in moments),
        missing=missing,
        whole=bool((np.nan_to_num(main[:, 0]) % 1 == 0).all()),
    )
    read_as = kind.form and kind.form != "ISO8601"
    return column, f"dates in '{name}' are read as {kind.form} (Y year, m month, d day)" if read_as else ""


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of what is there; where nothing varies, 1, so that nothing is divided by zero."""
    known = values[~np.isnan(values)]
    mean, std = float(known.mean()), float(known.std())
    return mean, std if std > 1e-12 * max(1e-12, abs(mean)) else 1.0


def _date_numbers(days: np.ndarray) -> np.ndarray:
    """Days since 1970 (N) with the month's and the weekday's place on a circle (N 5); NaN where missing."""
    known = ~np.isnan(days)
    dates = np.where(known, days, 0).astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    turns = np.column_stack([month / 12, weekday / 7]) * 2 * math.pi
    angles = np.column_stack([np.sin(turns[:, 0]), np.cos(turns[:, 0]), np.sin(turns[:, 1]), np.cos(turns[:, 1])])
    return np.column_stack([days, np.where(known[:, None], angles, np.nan)])


def _codes(cells: pd.Series, levels: tuple[str, ...]) -> np.ndarray:
    """Codes 1.. of cells (N) in `levels`; 0 where missing or not among them."""
    codes, texts = texts_of(cells)
    place = {level: i + 1 for i, level in enumerate(levels)}
    return np.array([place.get(text, 0) for text in texts] + [0], dtype=np.int64)[codes]


def _cells(column: Column, values: np.ndarray) -> Any:
    """Numbers in original units as cells of their kind."""
    known = ~np.isnan(values)
    if column.kind == "boolean":
        words = np.array([*column.levels, None], dtype=object)
        return words[np.where(known, np.nan_to_num(values) > 0.5, 2)]
    if column.kind == "date":
        microseconds = np.where(known, np.nan_to_num(values) * 86_400e6, 0).round().astype(np.int64)
        return np.where(known, microseconds.astype("datetime64[us]"), np.datetime64("NaT"))
    if column.whole:
        return (
            pd.array(np.where(known, values.round(), np.nan), dtype="Float64").astype("Int64")
            if not known.all()
            else values.round().astype(np.int64)
        )
    return values


def _learn_output(
    frame: pd.DataFrame, rows: np.ndarray, targets: tuple[str, ...], task: str
) -> tuple[Classes | Values | None, list[str]]:
    """The output field, and notes."""
    if not targets:
        return None, []
    kinds = {name: output_kind(frame[name], task) for name in targets}
    if len(targets) > 1 and "classes" in kinds.values() and "regression" not in task:
        labels = [name for name, kind in kinds.items() if kind == "classes"]
        raise DataError(f"several targets must all be numbers, and {', '.join(labels)} hold labels; name one target at a time")
    if kinds[targets[0]] == "classes":
        return _learn_labels(frame[targets[0]], rows)
    moments = []
    for name in targets:
        numbers = numbers_of(frame[name].iloc[rows])
        if np.isnan(numbers).all():
            raise DataError(f"target '{name}' is missing in every training row; name another target or fill it in")
        if np.nanmin(numbers) == np.nanmax(numbers):
            raise DataError(f"target '{name}' is {np.nanmin(numbers):g} in every training row; give rows in which it varies")
        moments.append(_moments(numbers))
    return Values(names=targets, mean=tuple(m for m, _ in moments), std=tuple(s for _, s in moments)), []


def output_kind(cells: pd.Series, task: str = "") -> str:
    """ "classes" or "values": as the task says, else as the column looks."""
    if "classification" in task or "regression" in task:
        return "classes" if "classification" in task else "values"
    return target_kind(cells)


def _learn_labels(cells: pd.Series, rows: np.ndarray) -> tuple[Classes, list[str]]:
    codes, texts = texts_of(cells)
    met = np.unique(codes[rows])
    met = met[met >= 0]
    if not len(met):
        raise DataError(f"target '{cells.name}' is missing in every training row; name another target or fill it in")
    if len(met) == 1:
        wanted = "rows of at least two labels" if len(texts) == 1 else "more rows of the other labels, or another --split"
        raise DataError(f"target '{cells.name}' is '{texts[met[0]]}' in every training row; give {wanted}")
    if len(texts) > 20 and len(texts) > 0.5 * int((codes >= 0).sum()):
        raise DataError(
            f"target '{cells.name}' has {len(texts)} different labels in {len(cells)} rows; labels must repeat to be learned; "
            "name another target with --target, or --task tabular-regression if they are numbers"
        )
    without = sorted(texts[i] for i in set(range(len(texts))) - set(met.tolist()))
    notes = [f"no training row has the label {', '.join(without[:5])} of target '{cells.name}'"] if without else []
    return Classes(labels=sorted_labels(texts)), notes
