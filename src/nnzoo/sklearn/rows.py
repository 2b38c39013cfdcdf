"""Rows and their weights as scikit-learn means them: a weight of 2 is the same row twice, of 0 no row, and order tells nothing.

Equal rows (inputs and target) are found, so that copies never stand on both sides of a division into training and validation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from nnzoo.data import splits

MOST_COPIES = 10  # a row on average: beyond, whole weights weigh the loss instead of repeating rows
FEWEST = 10  # different rows in a validation part: fewer choose by luck, and all are learned from instead


class Distinct(NamedTuple):
    """Different rows: where each first stands (D), how many copies it counts for (D), and the weight of a copy (D; None: all 1)."""

    first: np.ndarray
    copies: np.ndarray
    weight: np.ndarray | None


def distinct(table: pd.DataFrame, weight: np.ndarray | None = None) -> Distinct:
    """The different rows of a table (N rows) with positive weights (N), in an order that depends on what they hold alone.

    Whole weights count as copies, others are averaged over the copies there are.
    """
    order = np.argsort(pd.util.hash_pandas_object(table, index=False).to_numpy(), kind="stable")
    same = np.ones(len(table) - 1, dtype=bool)
    for _, cells in table.items():
        sorted_cells = cells.iloc[order]
        before, after = sorted_cells.iloc[:-1].to_numpy(), sorted_cells.iloc[1:].to_numpy()
        same &= np.asarray(before == after, dtype=bool) | (pd.isna(before) & pd.isna(after))
    begins = np.concatenate([[True], ~same])
    group = np.cumsum(begins) - 1
    w_N = np.ones(len(table)) if weight is None else weight[order]
    total, count = np.bincount(group, weights=w_N), np.bincount(group)
    if (w_N == np.round(w_N)).all() and w_N.sum() <= MOST_COPIES * len(w_N):
        return Distinct(order[begins], total.astype(np.int64), None)
    return Distinct(order[begins], count, total / count)


def divide(rows: Distinct, codes: np.ndarray | None, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in `rows`, each as often as it has copies, to learn from and to choose by; labels (codes D) keep their shares.

    The second is empty where `fraction` of the different rows are fewer than ten.
    """
    every = np.arange(len(rows.first))
    train, valid = every, every[:0]
    if len(every) * fraction >= FEWEST:
        train, valid, _ = splits.random_split(len(every), codes, valid=fraction, test=0.0, seed=seed)
    return np.repeat(train, rows.copies[train]), np.repeat(valid, rows.copies[valid])
