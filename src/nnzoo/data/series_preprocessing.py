"""Series for networks: windows of history and the steps after them, scaled by what the training part shows.

Every window of a series is a row: window i reads the steps i .. i+L-1 and is asked for i+L .. i+L+H-1. Windows overlap, so the
numbers are stored once.

M steps, C series, N windows, L history, H horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError, about
from nnzoo.core.fields import AnyField, Course, Future, Series, Spec, Stored
from nnzoo.data.calendar import Calendar
from nnzoo.data.preprocessing import Opened, Preprocessing
from nnzoo.data.raw import Raw, RawSeries
from nnzoo.data.series import dates_after, series_of
from nnzoo.data.tables import known_column, read_table

INPUT, OUTPUT = "series", "future"


class SeriesPreprocessing(Preprocessing):
    """Facts: the series read, their mean and standard deviation (original units), those to forecast, how many steps are read and
    forecast, the column of dates with its form, and the calendar where it is read: channels after those of the series, which are
    never forecast."""

    sort: ClassVar[str] = "series"

    def __init__(
        self,
        names: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        targets: Sequence[str],
        horizon: int,
        history: int,
        time: str = "",
        form: str = "",
        drift: float = 0.0,
        calendar: Calendar | None = None,
    ):
        self.names, self.mean, self.std, self.targets = tuple(names), tuple(mean), tuple(std), tuple(targets)
        self.horizon, self.history, self.time, self.form = horizon, history, time, form
        self.drift, self.calendar = drift, calendar

    @classmethod
    def fit(
        cls,
        raw: Raw,
        rows: np.ndarray,
        *,
        targets: tuple[str, ...] = (),
        task: str = "",
        weight: str | None = None,
        calendar: bool = False,
    ) -> SeriesPreprocessing:
        """Learn the scale, and with `calendar` its parts, from the training steps `rows`. `raw` says horizon and history.

        Raises DataError."""
        assert isinstance(raw, RawSeries) and raw.horizon is not None and raw.history is not None
        for name in targets:
            known_column(raw, name, "target column")
        if weight is not None:
            raise DataError(f"{raw.name}: the steps of a series have no weights; leave --weight out")
        values_MC = raw.frame.to_numpy()[np.asarray(rows)]
        mean_C, std_C = values_MC.mean(0), values_MC.std(0)
        flat_C = std_C <= 1e-12 * np.maximum(1e-12, np.abs(mean_C))
        for name, flat in zip(raw.frame.columns, flat_C):
            if flat and (name in targets or (not targets and flat_C.all())):
                raise DataError(f"target '{name}' is the same at every training step; name one that varies")
        wanted = targets or tuple(raw.frame.columns)
        scale = np.where(flat_C, 1.0, std_C)
        names = [str(name) for name in raw.frame.columns]
        return cls(
            names,
            mean_C.tolist(),
            scale.tolist(),
            wanted,
            raw.horizon,
            raw.history,
            raw.time,
            raw.form,
            drift_of(values_MC, raw.history),
            Calendar.fit(None if raw.dates is None else raw.dates[np.asarray(rows)]) if calendar else None,
        )

    def spec(self, train_size: int) -> Spec:
        more = () if self.calendar is None else self.calendar.names
        series = Series(
            names=self.names + more,
            mean=self.mean + (0.0,) * len(more),
            std=self.std + (1.0,) * len(more),
            longest=self.history,
            drift=self.drift,
            calendar=len(more),
        )
        at = [self.names.index(name) for name in self.targets]
        mean, std = tuple(self.mean[c] for c in at), tuple(self.std[c] for c in at)
        future: AnyField = Future(names=self.targets, horizon=self.horizon, mean=mean, std=std)
        return Spec(inputs={INPUT: series}, outputs={OUTPUT: future}, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """All windows that have a future: `series` ("values" M C, "first" N, "length" N) and `future` ("values", "first").

        Raises DataError where there are fewer steps than a window and its future have.
        """
        assert isinstance(raw, RawSeries)
        windows = len(raw) - self.history - self.horizon + 1
        if windows < 1:
            raise DataError(
                f"{raw.name} has {len(raw)} steps, and {self.history} steps of history with {self.horizon} to forecast need "
                f"{self.history + self.horizon}; give more rows, or smaller --history and --horizon"
            )
        values_MC = self._values(raw)
        first_N = torch.arange(windows)
        at = [self.names.index(name) for name in self.targets]
        future_MC = values_MC if at == list(range(len(self.names))) else values_MC[:, at].contiguous()
        return {
            INPUT: {"values": self._read(raw, values_MC), "first": first_N, "length": torch.full((windows,), self.history)},
            OUTPUT: {"values": future_MC, "first": first_N + self.history},
        }

    def ask(self, raw: Raw, train_size: int = 0) -> Opened:
        """The last window alone, whose future is not known, and the dates of that future. Raises DataError."""
        assert isinstance(raw, RawSeries)
        with about(raw.name):
            if len(raw) < self.history:
                raise DataError(f"it has {len(raw)} steps, and the network reads {self.history}; give more rows before the future")
            first_N = torch.tensor([len(raw) - self.history])
            stored = {"values": self._read(raw, self._values(raw)), "first": first_N, "length": torch.tensor([self.history])}
        dates = None if raw.dates is None else dates_after(raw.dates, self.horizon)
        frame = pd.DataFrame({raw.time: dates}) if dates is not None else pd.DataFrame(index=range(self.horizon))
        coming = RawSeries(raw.name, frame, dates=dates, time=raw.time, form=raw.form)
        return Opened(Dataset(self.spec(train_size), {INPUT: stored}), coming)

    def _read(self, raw: RawSeries, values_MC: torch.Tensor) -> torch.Tensor:
        """What the network reads: the series, and beside them the calendar."""
        if self.calendar is None:
            return values_MC
        return torch.cat([values_MC, torch.from_numpy(self.calendar.channels(raw.dates, self.horizon)).float()], 1)

    def _values(self, raw: RawSeries) -> torch.Tensor:
        columns = [known_column(raw, name) for name in self.names]
        return torch.from_numpy(raw.frame[columns].to_numpy(np.float32, copy=True))

    def facts(self) -> dict[str, Any]:
        return {
            "names": list(self.names),
            "mean": list(self.mean),
            "std": list(self.std),
            "targets": list(self.targets),
            "horizon": self.horizon,
            "history": self.history,
            "time": self.time,
            "form": self.form,
            "drift": self.drift,
            "calendar": None if self.calendar is None else self.calendar.facts(),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> SeriesPreprocessing:
        calendar = facts.get("calendar")  # runs saved before there was one have none
        return cls(**{**facts, "calendar": None if calendar is None else Calendar.from_facts(calendar)})

    def read(self, source: Any) -> RawSeries:
        """A path, a frame or an array with the series that were learned from, and the column of dates if there was one."""
        table = read_table(source, columns=[self.time, *self.names] if self.time else self.names)
        return series_of(table, time=self.time, form=self.form, columns=self.names)

    def restore(self, name: str, value: Any) -> list[pd.DataFrame]:
        """Windows (a `Course`, or futures B H C) in original units, a frame each."""
        field = self.spec(0).field(name)
        assert isinstance(field, (Series, Future))
        x_BTC = field.restore((value.x_BTC if isinstance(value, Course) else value).double()).cpu().numpy()
        return [pd.DataFrame(x_TC, columns=list(field.names)) for x_TC in x_BTC]


def drift_of(values_MC: np.ndarray, window: int) -> float:
    """The share of variance that lies between the means of windows, at least four of them; the mean over series that vary."""
    pieces = max(4, len(values_MC) // window)
    whole_C = values_MC.var(0)
    if len(values_MC) < pieces or not (whole_C > 0).any():
        return 0.0
    between_C = np.stack([piece.mean(0) for piece in np.array_split(values_MC, pieces)]).var(0)
    return float(np.mean(between_C[whole_C > 0] / whole_C[whole_C > 0]))
