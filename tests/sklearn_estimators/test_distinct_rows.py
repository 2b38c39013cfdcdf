"""Equal rows are one row with copies, wherever they stand; they never part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nnzoo.sklearn.rows import FEWEST, MOST_COPIES, distinct, divide

TABLE = pd.DataFrame({"a": [1.0, np.nan, 1.0, 2.0, np.nan], "b": ["x", None, "x", "x", None]})


def named(table: pd.DataFrame, row: int) -> str:
    """A row as a text."""
    return f"{table['a'].iloc[row]:g} {'-' if pd.isna(table['b'].iloc[row]) else table['b'].iloc[row]}"


def shown(table: pd.DataFrame, weight: np.ndarray | None = None) -> dict[str, tuple[int, float | None]]:
    """Copies and weight of each different row."""
    rows = distinct(table, weight)
    weights = [None] * len(rows.first) if rows.weight is None else rows.weight.tolist()
    names = [named(table, first) for first in rows.first]
    return {name: (int(copies), one) for name, copies, one in zip(names, rows.copies, weights)}


def test_equal_rows_are_counted_missing_cells_included() -> None:
    assert shown(TABLE) == {"1 x": (2, None), "nan -": (2, None), "2 x": (1, None)}


def test_whole_weights_are_copies_and_others_are_weights() -> None:
    whole = shown(TABLE, np.array([1.0, 2.0, 3.0, 5.0, 1.0]))
    assert whole == {"1 x": (4, None), "nan -": (3, None), "2 x": (5, None)}
    parts = shown(TABLE, np.array([0.5, 2.0, 1.0, 5.0, 1.0]))
    assert parts == {"1 x": (2, 0.75), "nan -": (2, 1.5), "2 x": (1, 5.0)}
    many = shown(TABLE, np.full(5, MOST_COPIES + 1.0))
    assert many["1 x"] == (2, MOST_COPIES + 1.0)


def test_the_order_depends_on_contents_alone() -> None:
    order = [3, 1, 0, 4, 2]
    first, again = distinct(TABLE).first, distinct(TABLE.iloc[order].reset_index(drop=True)).first
    assert [named(TABLE, i) for i in first] == [named(TABLE, order[i]) for i in again]


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_copies_stay_on_one_side_and_labels_keep_their_shares(fraction: float) -> None:
    draw = np.random.default_rng(0)
    values = draw.integers(0, 60, 400)
    rows = distinct(pd.DataFrame({"a": values}))
    codes = (values[rows.first] < 20).astype(int)
    train, valid = divide(rows, codes, fraction, seed=1)
    assert not set(train) & set(valid) and len(train) + len(valid) == 400
    assert np.unique(valid).size == round(fraction * 60) or abs(np.unique(valid).size - fraction * 60) <= 1
    assert codes[np.unique(valid)].mean() == pytest.approx(1 / 3, abs=0.05)


def test_few_rows_are_all_learned_from() -> None:
    rows = distinct(pd.DataFrame({"a": np.arange(FEWEST * 5.0)}))
    assert len(divide(rows, None, 0.2, seed=0)[1]) == FEWEST
    train, valid = divide(rows, None, 0.19, seed=0)
    assert len(train) == FEWEST * 5 and not len(valid)
