"""Which rows are learned from, which choose, and which are used once at the end: functions of the seed and of nothing else.

Every function returns sorted row numbers. N rows, K labels; a label code below 0 is a missing label.
"""

from __future__ import annotations

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.core.seeds import mix

VALID = TEST = 0.15
Three = tuple[np.ndarray, np.ndarray, np.ndarray]


def random_split(n: int, labels: np.ndarray | None = None, *, valid: float = VALID, test: float = TEST, seed: int = 0) -> Three:
    """Train, valid and test rows at random, each label with the same shares. Labels of one or two rows go to train.

    Raises DataError where a part that was asked for would be empty.
    """
    rank, size = _ranks(n, labels, seed)
    n_test, n_valid = _count(size, test), _count(size, valid)
    if labels is None and n > 2:
        n_test, n_valid = np.maximum(n_test, test > 0), np.maximum(n_valid, valid > 0)
    if n and ((test and not n_test.any()) or (valid and not n_valid.any())) and labels is not None:
        return random_split(n, None, valid=valid, test=test, seed=seed)  # every label is rare: shares by label cannot be kept
    parts = _three(np.where(rank < n_test, 2, np.where(rank < n_test + n_valid, 1, 0)))
    _check(parts, n, valid, test)
    return parts


def official_split(
    part: np.ndarray, labels: np.ndarray | None = None, *, valid: float = VALID, test: float = TEST, seed: int = 0
) -> Three:
    """The division that the set came with; what it lacks is taken from its training rows at random, by label.

    A training part too small to spare a row of any label (one example each) keeps all, and the part stays empty. A row whose part
    is "" belongs to none. Raises DataError.
    """
    known = {"train": 0, "valid": 1, "test": 2, "": 3}
    if set(np.unique(part)) - set(known):
        raise DataError(f"the official parts are {', '.join(map(str, np.unique(part)))}; they must be called train, valid and test")
    code = np.array([known[str(p)] for p in part])
    pool = np.flatnonzero(code == 0)
    has_valid, has_test = bool((code == 1).any()), bool((code == 2).any())
    rank, size = _ranks(len(pool), None if labels is None else labels[pool], seed)
    n_test, n_valid = _count(size, 0 if has_test else test), _count(size, 0 if has_valid else valid)
    code[pool] = np.where(rank < n_test, 2, np.where(rank < n_test + n_valid, 1, 0))
    parts = _three(code)
    _check(parts, len(part), 0, 0)
    return parts


def group_split(groups: np.ndarray, *, valid: float = VALID, test: float = TEST, seed: int = 0) -> Three:
    """No group (codes N) on two sides: groups in random order, each to the part that lacks most rows."""
    names, member = np.unique(groups, return_inverse=True)
    sizes = np.bincount(member)
    shares = np.array([1 - valid - test, valid, test])
    wanted = int((shares > 0).sum())
    if len(names) < wanted:
        raise DataError(f"the rows form {len(names)} groups, and {wanted} parts need one each at least; split at random or by time")
    lack = shares * len(groups)
    part_of = np.empty(len(names), np.int64)
    empty = {int(p) for p in np.flatnonzero(shares > 0)}
    for done, group in enumerate(_random(seed).permutation(len(names))):
        open_parts = sorted(empty) if len(names) - done <= len(empty) else [p for p in range(3) if shares[p] > 0]
        chosen = max(open_parts, key=lambda p: lack[p])
        part_of[group] = chosen
        lack[chosen] -= sizes[group]
        empty.discard(chosen)
    return _three(part_of[member])


def time_split(times: np.ndarray, *, valid: float = VALID, test: float = TEST) -> Three:
    """The newest rows are the test part, those before them validation. Rows of one time stay together where that is possible."""
    missing = np.flatnonzero(np.isnan(times))
    if len(missing):
        raise DataError(f"the time of row {missing[0] + 1} is missing, so it cannot be ordered; fill it in or remove the row")
    n = len(times)
    order = np.argsort(times, kind="stable")
    n_test, n_valid = (max(1, round(share * n)) if share else 0 for share in (test, valid))
    first_test = _between(times[order], n - n_test)
    first_valid = _between(times[order][:first_test], max(0, first_test - n_valid)) if n_valid else first_test
    parts = (np.sort(order[:first_valid]), np.sort(order[first_valid:first_test]), np.sort(order[first_test:]))
    _check(parts, n, valid, test)
    return parts


def folds(n: int, labels: np.ndarray | None = None, k: int = 10, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """k-fold cross-validation: (train rows, test rows) k times; every row is tested once, labels spread evenly."""
    if not 2 <= k <= n:
        raise DataError(f"{n} rows make no {k} folds; choose from 2 to {n}")
    keys = np.zeros(n) if labels is None else labels
    order = np.lexsort((_random(seed).permutation(n), keys))
    fold = np.empty(n, np.int64)
    fold[order] = np.arange(n) % k
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k)]


def _random(seed: int) -> np.random.RandomState:
    """numpy promises that this generator's stream never changes; the newer ones may."""
    return np.random.RandomState(mix(seed, 0x5B11) % (1 << 32))


def _ranks(n: int, labels: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row's random place among the rows of its label, and how many those are."""
    key = _random(seed).permutation(n)
    if labels is None:
        return key, np.full(n, n)
    _, code, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.lexsort((key, code))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - np.repeat(first, sizes)
    return rank, sizes[code]


def _count(size: np.ndarray, share: float) -> np.ndarray:
    """How many of `size` rows a share is, rounded; none of one or two rows."""
    return np.where(size > 2, np.floor(size * share + 0.5), 0).astype(np.int64)


def _between(times: np.ndarray, position: int) -> int:
    """The place nearest to `position` where sorted times change, not at the ends; `position` itself where they never do."""
    if not 0 < position < len(times):
        return position
    changes = np.flatnonzero(np.diff(times)) + 1
    return int(changes[np.argmin(np.abs(changes - position))]) if len(changes) else position


def _three(code: np.ndarray) -> Three:
    return np.flatnonzero(code == 0), np.flatnonzero(code == 1), np.flatnonzero(code == 2)


def _check(parts: Three, n: int, valid: float, test: float) -> None:
    for name, rows, wanted in zip(("training", "validation", "test"), parts, (1.0, valid, test)):
        if wanted and not len(rows):
            raise DataError(
                f"the split leaves no {name} rows of {n}; give more rows, another --split, or parts of your own (--valid, --test)"
            )
