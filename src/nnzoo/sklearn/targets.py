"""y as what nnzoo predicts: codes of labels, or numbers.

N rows, K classes, O targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Values


@dataclass(frozen=True)
class Target:
    """What is to be predicted: codes of labels (N) with the labels' names, or numbers (N O) without."""

    values: np.ndarray
    labels: tuple[str, ...] = ()

    @property
    def codes(self) -> np.ndarray | None:
        """Codes of labels (N), None where the target is numbers."""
        return self.values if self.labels else None

    @property
    def names(self) -> list[str]:
        """What its columns are called."""
        several = self.values.ndim == 2 and self.values.shape[1] > 1
        return [f"y{o}" for o in range(self.values.shape[1])] if several else ["y"]

    @property
    def frame(self) -> pd.DataFrame:
        """The values as columns that no column of X is called like."""
        return pd.DataFrame(self.values.reshape(len(self.values), -1)).add_prefix("target\n")

    def field(self, names: list[str], rows: np.ndarray) -> Classes | Values:
        """What nnzoo knows of it: its labels, or mean and deviation over the training rows. Raises DataError where it is still."""
        if self.labels:
            return Classes(labels=self.labels)
        mean_O, std_O = self.values[rows].mean(0), self.values[rows].std(0)
        for name, mean, std in zip(names, mean_O, std_O):
            if std <= 1e-12 * abs(mean):
                raise DataError(f"target '{name}' is {mean:g} in every training row; there is nothing to learn")
        return Values(names=tuple(names), mean=tuple(mean_O.tolist()), std=tuple(std_O.tolist()))

    def stored(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Some of its rows as nnzoo stores them."""
        if self.labels:
            return {"codes": torch.from_numpy(self.values[rows])}
        return {"numbers": torch.from_numpy(self.values[rows].astype(np.float32))}


def of_labels(y: np.ndarray) -> tuple[np.ndarray, Target]:
    """The classes in order (K), and labels (N) as their codes. Raises ValueError where there are not two."""
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has {len(classes)} class in the rows that have a weight, and a classifier tells classes apart; "
            "give rows of at least two classes"
        )
    return classes, Target(codes.astype(np.int64), tuple(str(label) for label in classes))


def of_numbers(y: np.ndarray) -> Target:
    """Numbers (N, or N O)."""
    return Target(np.asarray(y, dtype=np.float64).reshape(len(y), -1))
