"""Faults that fit any table of numbers, planted in real sets. Each function takes a frame, its target and a random stream, and
gives the frame with the fault, or None where the table has no column for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

Random = np.random.RandomState


def _numbers(frame: pd.DataFrame, target: str) -> list[str]:
    """Number columns with many values."""
    names = frame.select_dtypes("number").columns.drop(target, errors="ignore")
    return [name for name in names if frame[name].nunique() > 30]


def _some(frame: pd.DataFrame, share: float, random: Random) -> np.ndarray:
    return random.permutation(len(frame))[: max(3, int(share * len(frame)))]


def target_again(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame:
    """The target under another name: labels in capitals, numbers in another unit."""
    cells = frame[target]
    again = cells * 0.45 - 3 if pd.api.types.is_numeric_dtype(cells) else cells.astype(str).str.upper() + "!"
    return frame.assign(outcome=again)


def target_blurred(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame:
    """The target with a little noise: numbers by a fiftieth of their spread, one label and one in four hundred."""
    cells = frame[target]
    if pd.api.types.is_numeric_dtype(cells):
        return frame.assign(outcome=cells + 0.02 * cells.std() * random.randn(len(frame)))
    again = cells.astype(str).to_numpy(dtype=object)
    again[random.permutation(len(frame))[: 1 + len(frame) // 400]] = "other"
    return frame.assign(outcome=again)


def another_unit(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame | None:
    """A column once more, in another unit and with four digits."""
    names = _numbers(frame, target)
    if not names:
        return None
    values = frame[random.choice(names)] * 0.3048 + 7
    digits = 3 - np.floor(np.log10(values.std()))
    return frame.assign(again=(values * 10**digits).round() / 10**digits)


def minus_999(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame | None:
    """-999 for missing, in one cell of fifty."""
    names = _numbers(frame, target)
    if not names:
        return None
    name = random.choice(names)
    cells = frame[name].astype(float).to_numpy(copy=True)
    cells[_some(frame, 0.02, random)] = -999 if cells.max() - cells.min() < 900 or cells.min() >= 0 else -99999
    return frame.assign(**{name: cells})


def rows_twice(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame:
    """A quarter of the rows twice."""
    return pd.concat([frame, frame.iloc[_some(frame, 0.25, random)]], ignore_index=True)


def rows_nearly_twice(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame | None:
    """A quarter of the rows twice, all measures off by up to a thousandth of their spread."""
    names = _numbers(frame, target)
    if len(names) < 3:
        return None
    again = frame.iloc[_some(frame, 0.25, random)].copy()
    for name in names:
        again[name] = again[name] + 1e-3 * frame[name].std() * random.uniform(-1, 1, len(again))
    return pd.concat([frame, again], ignore_index=True)


def thousand_fold(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame | None:
    """A twentieth of a column in a unit a thousand times smaller."""
    names = [n for n in _numbers(frame, target) if frame[n].min() > 0 and frame[n].max() < 300 * frame[n].min()]
    if not names:
        return None
    name = random.choice(names)
    cells = frame[name].astype(float).to_numpy(copy=True)
    cells[_some(frame, 0.05, random)] *= 1000
    return frame.assign(**{name: cells})


def slipped_point(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame | None:
    """One cell a hundred thousand times too large."""
    names = [n for n in _numbers(frame, target) if frame[n].abs().median() > 0]
    if not names:
        return None
    name = random.choice(names)
    cells = frame[name].astype(float).to_numpy(copy=True)
    cells[int(np.argsort(np.abs(cells))[len(cells) // 2])] *= 1e5
    return frame.assign(**{name: cells})


def with_unit(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame | None:
    """A column with its unit in each cell."""
    names = _numbers(frame, target)
    if not names:
        return None
    name = random.choice(names)
    return frame.assign(**{name: frame[name].map(lambda value: f"{value:.4g} mg" if np.isfinite(value) else "")})


def numbered_by_target(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame:
    """Rows sorted by the target and numbered."""
    ordered = frame.sort_values(target, kind="stable").reset_index(drop=True)
    return ordered.assign(sample_number=np.arange(1, len(ordered) + 1))


def other_answers(frame: pd.DataFrame, target: str, random: Random) -> pd.DataFrame:
    """A tenth of the rows again, with answers of other rows."""
    again = frame.iloc[_some(frame, 0.15, random)].copy()
    again[target] = random.permutation(again[target].to_numpy())
    return pd.concat([frame, again], ignore_index=True)


FAULTS = (
    (target_again, "target-copy"),
    (target_blurred, "target-leak"),
    (another_unit, "duplicate-column"),
    (minus_999, "sentinel-value"),
    (rows_twice, "copies-across-parts"),
    (rows_nearly_twice, "near-copies-across-parts"),
    (thousand_fold, "mixed-units"),
    (slipped_point, "outliers"),
    (with_unit, "numbers-as-text"),
    (numbered_by_target, "identifier-predicts"),
    (other_answers, "conflicting-labels"),
)
HOSTS = (
    "iris wine breast-cancer diabetes uci/concrete uci/energy uci/power-plant uci/yacht uci/kin8nm california-housing "
    "wine-quality-white adult two-moons-classes planted-polynomial"
)
