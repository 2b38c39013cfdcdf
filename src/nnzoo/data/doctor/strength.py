"""How well one column alone tells the target: each row is answered from the rows nearest to it in that column, itself left out.

0 is no better than the commonest label (or the mean), 1 is perfect. Numbers are judged by their ranks too, so that a few huge
targets do not decide. N rows, K labels.
"""

from __future__ import annotations

import numpy as np

from nnzoo.data.doctor.view import Seen, View

MOST_ROWS = 4000  # looked at; enough to tell 0.98 from 1
MOST_LABELS = 50
MOST_TARGETS = 5
NEIGHBOURS = 2  # on either side
FEW = 50  # as many distinct values are groups, more are neighbours


class Strength:
    """The target of a sample of rows, against which columns are held."""

    def __init__(self, view: View):
        self.view = view
        known = self._known()
        if len(known) > MOST_ROWS:
            known = np.sort(np.random.RandomState(0).choice(known, MOST_ROWS, replace=False))
        self.rows = known
        self.targets: list[np.ndarray] = []  # each (N K) of indicators, or (N 2) of numbers and their ranks
        if view.codes is not None and len(view.labels) <= MOST_LABELS:
            self.targets = [np.eye(len(view.labels))[view.codes[known]]]
        elif view.values is not None:
            numbers = view.values[known, :MOST_TARGETS].T
            self.targets = [np.stack([values, _ranks(values)], 1) for values in numbers]

    def _known(self) -> np.ndarray:
        if self.view.codes is not None:
            return np.flatnonzero(self.view.codes >= 0)
        if self.view.values is not None:
            return np.flatnonzero(~np.isnan(self.view.values).any(1))
        return np.empty(0, np.int64)

    def of(self, seen: Seen) -> float:
        """The strength of a column: of the target that it tells best."""
        return self.of_keys(seen.keys, len(seen.known) <= FEW or seen.kind == "category")

    def of_keys(self, keys: np.ndarray, groups: bool) -> float:
        """The strength of any value a row (N): as groups of equal values, or in their order."""
        if len(self.rows) < 10 or not self.targets:
            return 0.0
        keys = keys[self.rows]
        if groups:
            member = np.unique(keys, return_inverse=True, equal_nan=True)[1]
            return max(self._skill(target, _group_means(member, target)) for target in self.targets)
        order = np.argsort(keys, kind="stable")
        return max(self._skill(target[order], _neighbour_means(target[order])) for target in self.targets)

    def _skill(self, target_NK: np.ndarray, answer_NK: np.ndarray) -> float:
        """The share of an ignorant answer's errors that is avoided."""
        if self.view.codes is not None:
            ignorant = 1 - target_NK.mean(0).max()
            wrong = (answer_NK.argmax(1) != target_NK.argmax(1)).mean()
        else:
            ignorant, wrong = target_NK.var(0), ((target_NK - answer_NK) ** 2).mean(0)
        return float(np.max(1 - wrong / np.where(ignorant > 0, ignorant, np.inf)))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks in 0..1; equal values share theirs."""
    _, member, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return middle[member] / len(values)


def _group_means(member: np.ndarray, target_NK: np.ndarray) -> np.ndarray:
    """The mean target of the other rows of each row's group; the overall mean where there is none."""
    counts = np.bincount(member)
    sums = np.stack([np.bincount(member, weights=column) for column in target_NK.T], 1)
    others = counts[member][:, None] - 1
    return np.where(others > 0, (sums[member] - target_NK) / np.maximum(others, 1), target_NK.mean(0))


def _neighbour_means(target_NK: np.ndarray) -> np.ndarray:
    """The mean target of the neighbours in order, the row itself left out."""
    total, near = np.zeros_like(target_NK), np.zeros((len(target_NK), 1))
    for step in range(1, NEIGHBOURS + 1):
        total[step:] += target_NK[:-step]
        total[:-step] += target_NK[step:]
        near[step:] += 1
        near[:-step] += 1
    return total / near
