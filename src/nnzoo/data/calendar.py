"""The calendar as numbers that a network reads: where a date stands in its day, its week and its year, each a point on a circle.

    phase = place of the date in the cycle / length of the cycle,   two channels: sin(2 pi phase), cos(2 pi phase)

The calendar is known in advance. So the channels of step t hold the date of step t + H, H the horizon: the last H steps of a window
describe the very steps that are to be forecast, and the network needs no second input for them. The date of step t + H is counted
from that of step t, never looked up in a later row, so that nothing is read that was not known at step t. The history's own dates
are not lost: a horizon further on, a point of a circle is the same point turned by a fixed angle (of the year, nearly).

M steps, K parts of the calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.series import DAY, Step, later, step_of

CYCLES = {"hour": DAY, "weekday": 7 * DAY, "day of year": 365 * DAY}  # microseconds
SEEN = 2  # whole cycles that the training part must hold: what came round only once is no sign that it comes again


@dataclass(frozen=True)
class Calendar:
    """Which parts of the calendar are read, how far a step goes, and whether dates are the last of their months."""

    parts: tuple[str, ...]
    step: Step
    month_end: bool = False

    @classmethod
    def fit(cls, dates: np.ndarray | None) -> Calendar:
        """The parts that the dates (M, datetime64[us]) of the training part can teach: cycles of which a step is at most a half and
        which came round twice at least. Raises DataError where there are no dates, or no such part."""
        if dates is None:
            raise DataError(
                "it has no column of dates, and --calendar reads them; name the column with --split time:COLUMN, "
                "or leave --calendar out"
            )
        step, month_end = step_of(dates), bool(pd.DatetimeIndex(dates).is_month_end.all())
        span = int((later(dates[-1:], 1, step, month_end)[0] - dates[0]) / np.timedelta64(1, "us"))
        long = {"us": step.length, "weekday": DAY, "month": round(step.length * 30.44 * DAY)}[step.unit]
        parts = tuple(
            part
            for part, cycle in CYCLES.items()
            if 2 * long <= cycle and span >= SEEN * cycle and len(np.unique(_phase(part, dates))) > 1
        )
        if not parts:
            raise DataError(
                f"its training part, {len(dates)} steps from {pd.Timestamp(dates[0])} to {pd.Timestamp(dates[-1])}, holds neither "
                "day nor week nor year twice in steps of at most half of it; give a longer series, or leave --calendar out"
            )
        return cls(parts, step, month_end)

    @property
    def names(self) -> tuple[str, ...]:
        """What the channels are called."""
        return tuple(f"{part} ({wave})" for part in self.parts for wave in ("sine", "cosine"))

    def channels(self, dates: np.ndarray | None, ahead: int) -> np.ndarray:
        """Sine and cosine of each part (M 2K, float64), those of the dates `ahead` steps further on. Raises DataError where
        there are no dates."""
        if dates is None:
            raise DataError("it has no column of dates, and the network was trained with --calendar; give dates")
        coming = later(dates, ahead, self.step, self.month_end)
        angle_KM = 2 * np.pi * np.array([_phase(part, coming) for part in self.parts])
        return np.stack([np.sin(angle_KM), np.cos(angle_KM)], 1).reshape(-1, len(dates)).T

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {"parts": list(self.parts), "step": list(self.step), "month_end": self.month_end}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Calendar:
        """The inverse of `facts`."""
        strange = set(facts["parts"]) - set(CYCLES)
        if strange or not facts["parts"]:
            raise ValueError(f"its calendar has no part '{min(strange, default='')}'")
        length, unit = facts["step"]
        return cls(tuple(facts["parts"]), Step(int(length), unit), bool(facts["month_end"]))


def _phase(part: str, dates: np.ndarray) -> np.ndarray:
    """Where each date stands in the cycle (M, 0 to 1): the time of day; the weekday, Monday 0, which changes at midnight; the day
    of the year."""
    index = pd.DatetimeIndex(dates)
    if part == "hour":
        return np.asarray((index - index.normalize()) / pd.Timedelta(days=1), dtype=np.float64)
    if part == "weekday":
        return index.day_of_week.to_numpy() / 7
    return (index.day_of_year.to_numpy() - 1) / np.where(index.is_leap_year, 366, 365)
