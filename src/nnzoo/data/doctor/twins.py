"""Rows that are equal, and rows that nearly are, found without comparing every pair.

Equal rows have equal fingerprints. Near ones fall into the same cell of a grid (locality-sensitive hashing, Indyk & Motwani 1998;
several shifted grids, since a border may part two neighbours) and are then measured. N rows, F numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

GRIDS = 4  # shifted grids
NEXT = 6  # neighbours within a cell that are measured
GROWTH = 2.0
WIDER = 4.0
_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_CHUNK = 1 << 22


@dataclass
class Twins:
    """`exact` (N): rows with the same number are equal. `near` (N): rows with the same number are linked by pairs that are equal or
    nearly so. Both count from 0."""

    exact: np.ndarray
    near: np.ndarray


def fingerprints(*arrays: np.ndarray) -> np.ndarray:
    """A number for each row (N, uint64), the same for equal rows of all `arrays` (N ...)."""
    total = np.zeros(len(arrays[0]), np.uint64)
    random = np.random.RandomState(7)
    for array in arrays:
        rows = array.reshape(len(array), -1)
        width = rows.shape[1] * rows.dtype.itemsize
        if not width:
            continue
        words = -(-width // 8)
        factors = random.randint(0, 1 << 62, words, dtype=np.int64).astype(np.uint64) * np.uint64(2) + np.uint64(1)
        step = max(1, _CHUNK // words)
        for start in range(0, len(rows), step):
            piece = np.ascontiguousarray(rows[start : start + step])
            if piece.dtype.kind == "f":
                piece = piece + piece.dtype.type(0)  # -0.0 is 0.0
            padded = np.zeros((len(piece), 8 * words), np.uint8)
            padded[:, :width] = piece.view(np.uint8).reshape(len(piece), width)
            w = padded.view(np.uint64)
            w ^= w >> np.uint64(33)  # murmur's finaliser: a sum of plain words would leave their low bits unmixed
            w *= _MIX[0]
            w ^= w >> np.uint64(29)
            w *= factors
            w ^= w >> np.uint64(32)
            total[start : start + step] = (total[start : start + step] + w.sum(1, dtype=np.uint64)) * _MIX[1]
    return total


def groups(*arrays: np.ndarray) -> np.ndarray:
    """Numbers from 0 (N), the same for equal rows of all `arrays`."""
    return np.unique(fingerprints(*arrays), return_inverse=True)[1]


def linked(exact: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Numbers from 0 (N), the same for rows linked by equality (`exact` N) or by `pairs` (P 2)."""
    nodes = int(exact.max(initial=-1)) + 1
    edges = exact[pairs]
    graph = coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][exact]


def near_pairs(x_NF: np.ndarray, reach: float, same: np.ndarray, grid_NG: np.ndarray, largest: bool) -> np.ndarray:
    """Pairs (P 2) of rows whose numbers differ by at most `reach`: each of them (`largest`), or all together (root of the sum of
    squares). `same` (N) must be equal in a pair. In `grid_NG` no two rows may be farther apart than in `x_NF`."""
    rows, found = len(x_NF), []
    cell = (8 if largest else 4) * reach
    random = np.random.RandomState(1)
    for _ in range(GRIDS):
        cells = np.floor(grid_NG / cell + random.rand(grid_NG.shape[1])).astype(np.int32)
        key = fingerprints(cells, same)
        order = np.lexsort((grid_NG[:, 0], key))
        sorted_key = key[order]
        for step in range(1, NEXT + 1):
            together = np.flatnonzero(sorted_key[step:] == sorted_key[:-step])
            if not len(together):
                break
            a, b = order[together], order[together + step]
            close = _within(grid_NG, a, b, reach, largest)
            found.append(np.minimum(a, b)[close] * rows + np.maximum(a, b)[close])
    both = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    a, b = both // rows, both % rows
    close = _within(x_NF, a, b, reach, largest)
    return np.stack([a[close], b[close]], 1)


def _within(x_NF: np.ndarray, a: np.ndarray, b: np.ndarray, reach: float, largest: bool) -> np.ndarray:
    """Which rows `a` and `b` (P) are within reach of each other."""
    close = np.zeros(len(a), bool)
    step = max(1, _CHUNK // max(1, x_NF.shape[1]))
    for start in range(0, len(a), step):
        away = x_NF[a[start : start + step]] - x_NF[b[start : start + step]]
        far = np.abs(away).max(1, initial=0) if largest else np.sqrt(np.einsum("pf,pf->p", away, away))
        close[start : start + step] = far <= reach
    return close


def copies_not_neighbours(
    x_NF: np.ndarray, reach: float, exact: np.ndarray, same: np.ndarray, grid_NG: np.ndarray, largest: bool = True
) -> np.ndarray:
    """`near_pairs` of unequal rows, or none where points simply lie close: rows that were copied and then touched are as many at
    four times the reach, rows that lie in a dense cloud are many more there."""
    pairs = _unequal(near_pairs(x_NF, reach, same, grid_NG, largest), exact)
    if not len(pairs):
        return pairs
    wider = _unequal(near_pairs(x_NF, WIDER * reach, same, grid_NG, largest), exact)
    return pairs if len(wider) <= GROWTH * len(pairs) else pairs[:0]


def _unequal(pairs: np.ndarray, exact: np.ndarray) -> np.ndarray:
    return pairs[exact[pairs[:, 0]] != exact[pairs[:, 1]]]
