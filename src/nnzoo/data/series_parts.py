"""Series divided in time: what is learned from comes first, then what chooses, then what is tested.

A window belongs to the part in which all the steps it is asked for lie. It may read history from the part before, as a forecast
of tomorrow reads yesterday, so no step to forecast is ever learned from.

M steps, N windows, L history, H horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import ConfigError, DataError, about
from nnzoo.data.calendar import Calendar
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawSeries, RawTable
from nnzoo.data.series import series_of
from nnzoo.data.series_preprocessing import SeriesPreprocessing

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

TASK = "time-series-forecasting"
VALID, TEST = 0.1, 0.2  # of the steps
HORIZON, HISTORY = 24, 96  # steps, where neither the data nor a person says


def is_series(raw: Raw, task: str | None, inherit: Preprocessing | None) -> bool:
    """Whether data are to be divided in time: series, and tables for which forecasting is asked."""
    asked = task == TASK or (task is None and isinstance(inherit, SeriesPreprocessing))
    return isinstance(raw, RawSeries) or (isinstance(raw, RawTable) and asked)


def prepare_series(
    raw: Raw,
    *,
    targets: tuple[str, ...] = (),
    task: str | None = None,
    split: str = "random",
    valid: Any = None,
    test: Any = None,
    horizon: int | None = None,
    history: int | None = None,
    calendar: bool = False,
    inherit: Preprocessing | None = None,
    weight: str | None = None,
) -> Prepared:
    """Series ready for learning, as `prepare` gives them. `split` is "random" (which here means: in time) or "time:COLUMN", which
    names the column of dates. Raises DataError or ConfigError."""
    from nnzoo.data.prepare import Prepared, open_like

    learned = inherit if isinstance(inherit, SeriesPreprocessing) else None
    if inherit is not None and learned is None:
        raise DataError(f"{raw.name} is read as series, and the run was trained on {inherit.sort}; name another run with --from")
    raw = _opened(raw, targets, split, learned)
    with about(raw.name):
        if learned is None:
            raw, notes = _sized(raw, horizon, history)
        else:
            for name, said, known in (("horizon", horizon, learned.horizon), ("history", history, learned.history)):
                if said not in (None, known):
                    raise DataError(f"the run was trained with --{name} {known}, not {said}; leave --{name} out")
            if calendar and learned.calendar is None:
                raise DataError("the run was trained without --calendar; leave --calendar out")
            raw, notes = replace(raw, horizon=learned.horizon, history=learned.history), []
        steps = _divide(raw, 0.0 if valid is not None else VALID, 0.0 if test is not None else TEST)
        if learned is None:
            ways: dict[str, Any] = {"targets": targets or raw.targets, "weight": weight, "calendar": calendar}
            learned = SeriesPreprocessing.fit(raw, np.arange(*steps["train"]), **ways)
        elif targets and targets != learned.targets:
            raise DataError(f"the run was trained to forecast {', '.join(learned.targets)}; leave --target out")
        if learned.calendar is not None:
            notes = [*notes, *_on_calendar(raw, learned.calendar)]
        windows = _windows(steps, learned.history, learned.horizon)
        made: dict[str, Dataset] = {}
        whole = learned.open(raw, len(windows["train"])).dataset
        made = {part: whole.part(torch.from_numpy(index)) for part, index in windows.items()}
    others: dict[str, tuple[Raw, np.ndarray]] = {}
    for part, other in (("valid", valid), ("test", test)):
        if other is not None:
            opened = open_like(learned, other, len(made["train"]))
            made[part], others[part] = opened.dataset, (opened.raw, np.empty(0, np.int64))
    spec, asked = learned.spec(len(made["train"])), tasks.find(task or TASK)
    if (refusal := asked.fits(spec)) is not None:
        raise DataError(f"{raw.name}: {refusal}; leave --task out, or see what fits with: nnzoo data {raw.name}")
    parts = Parts(made["train"], made.get("valid"), made.get("test"))
    return Prepared(raw.name, asked, spec, parts, learned, raw, [*raw.notes, *notes], {}, others, split)


def _opened(raw: Raw, targets: tuple[str, ...], split: str, learned: SeriesPreprocessing | None) -> RawSeries:
    how, _, column = split.partition(":")
    if how not in ("random", "time") or (how == "time") != bool(column):
        raise ConfigError(f"--split {split} does not suit series, which are divided in time; leave it out, or write time:COLUMN")
    if isinstance(raw, RawSeries):
        return raw
    assert isinstance(raw, RawTable)
    if learned is not None:
        return series_of(raw, time=learned.time, form=learned.form, columns=learned.names)
    return series_of(raw, time=column, targets=targets)


def _sized(raw: RawSeries, horizon: int | None, history: int | None) -> tuple[RawSeries, list[str]]:
    """The series with horizon and history, as a person says, or the set, or by rule: 24 steps (at most a twelfth of all) from the
    four times as many before them (at least 96, at most a third of all)."""
    for name, value in (("horizon", horizon), ("history", history)):
        if value is not None and value < 1:
            raise ConfigError(f"--{name} {value} must be 1 or more steps; give such a number")
    ahead = horizon or raw.horizon or max(1, min(HORIZON, len(raw) // 12))
    back = history or raw.history or max(1, min(max(HISTORY, 4 * ahead), len(raw) // 3))
    if len(raw) < ahead + back:
        raise DataError(
            f"it has {len(raw)} steps, and {back} steps of history with {ahead} to forecast need {ahead + back}; "
            "give more rows, or smaller --history and --horizon"
        )
    chosen = [] if horizon and history else [f"{ahead} steps are forecast from the {back} before them; --horizon and --history say"]
    return replace(raw, horizon=ahead, history=back), [f"{note} otherwise" for note in chosen]


def _on_calendar(raw: RawSeries, calendar: Calendar) -> list[str]:
    """Sentences on what is read of the calendar."""
    notes = [f"of the calendar the {', the '.join(calendar.parts)} of the steps to come is read"]
    if raw.faults.uneven or raw.faults.absent > raw.faults.put_in:
        notes.append("the steps are uneven, and the dates of coming ones are counted on from each as if they were even")
    return notes


def _divide(raw: RawSeries, valid: float, test: float) -> dict[str, tuple[int, int]]:
    """First step and end of each part: official, or in time by shares."""
    if raw.part is not None:
        found = {part: np.flatnonzero(raw.part == part) for part in ("train", "valid", "test")}
        kept = {
            part: steps for part, steps in found.items() if len(steps) and (part == "train" or {"valid": valid, "test": test}[part])
        }
        torn = [part for part, steps in kept.items() if len(steps) != steps[-1] - steps[0] + 1]
        if torn:
            raise DataError(f"its {torn[0]} part is not in one piece; give parts that follow one another in time")
        return {part: (int(steps[0]), int(steps[-1]) + 1) for part, steps in kept.items()}
    n, n_test, n_valid = len(raw), round(test * len(raw)), round(valid * len(raw))
    first_test = n - n_test
    first_valid = first_test - n_valid
    borders = {"train": (0, first_valid), "valid": (first_valid, first_test), "test": (first_test, n)}
    return {part: ends for part, ends in borders.items() if part == "train" or {"valid": valid, "test": test}[part]}


def _windows(steps: Mapping[str, tuple[int, int]], history: int, horizon: int) -> dict[str, np.ndarray]:
    """The windows of each part, whose futures lie wholly in it. Raises DataError where a part has none."""
    found = {}
    for part, (first, end) in steps.items():
        at = np.arange(max(first, history), end - horizon + 1) - history
        if part == "train":
            at = at[at >= first]
        if not len(at):
            need = history + horizon if part == "train" else horizon
            raise DataError(
                f"its {part} part has {end - first} steps, and one window needs {need}; give more rows, or smaller --horizon "
                "and --history"
            )
        found[part] = at
    return found
