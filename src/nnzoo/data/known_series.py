"""Well-known series from their files, looked for in the folder timeseries of NNZOO_DATA and then of the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.places import find_file, find_folder
from nnzoo.data.raw import RawSeries, RawTable
from nnzoo.data.series import series_of
from nnzoo.data.tables import read_table

MONTH = 30 * 24  # hours, as the authors of ETT count


def etth1() -> RawSeries:
    """ETTh1 (Zhou et al. 2021): an electricity transformer every hour, 12 months of 30 days to learn from, 4 to choose, 4 to test;
    the rest belongs to no part. Horizon and history as in Zeng et al. 2023."""
    raw = _read("etth1", "ETTh1.csv")
    raw.part = np.full(len(raw), "", dtype=object)
    for part, (first, end) in {"train": (0, 12), "valid": (12, 16), "test": (16, 20)}.items():
        raw.part[first * MONTH : end * MONTH] = part
    raw.horizon, raw.history = 96, 336
    return raw


def plain(name: str) -> RawSeries:
    """A series of one column from the Time Series Data Library; no official division."""
    return _read(name, f"{name}.csv")


def beijing_pm25() -> RawSeries:
    """Fine dust and weather at the US embassy in Beijing (Liang et al. 2015); the wind's direction is left out, and so is the first
    day, which has no measure of dust."""
    table = read_table(_path("beijing-pm25", "beijing-pm25-pollution.csv"))
    parts = table.frame[["year", "month", "day", "hour"]].astype(int)
    frame = table.frame.drop(columns=["No", "cbwd", *parts.columns])
    frame.insert(0, "date", pd.to_datetime(parts))
    raw = series_of(RawTable("beijing-pm25", frame.iloc[24:].reset_index(drop=True)))
    raw.targets = ("pm2.5",)
    return raw


def _read(name: str, file: str) -> RawSeries:
    table = read_table(_path(name, file))
    table.name = name
    return series_of(table)


def _path(name: str, file: str) -> Path:
    folder = find_folder("timeseries", file)
    if folder is None:
        raise DataError(f"the data set '{name}' is not on this machine; set NNZOO_DATA to the folder that holds timeseries/{file}")
    path = find_file(folder, file)
    assert path is not None
    return path
