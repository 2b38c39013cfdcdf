"""Texts as vectors at rest: which lie near each other, and files of them.

    cosine(u, v) = u . v / (|u| |v|)

Shapes: N texts, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nnzoo.core.errors import ConfigError
from nnzoo.training.durable import replacing

MOST_COMPARED = 5000  # texts of which each is compared with every other


def of_length_one(vectors_ND: np.ndarray) -> np.ndarray:
    """The same directions at length 1; a vector of zeros stays one."""
    length_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return vectors_ND / np.where(length_N1 > 0, length_N1, 1)


def nearest(vectors_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each vector the number of the other that is nearest by cosine, and the cosine. There must be two or more."""
    unit_ND = of_length_one(vectors_ND)
    cosine_NN = unit_ND @ unit_ND.T
    np.fill_diagonal(cosine_NN, -np.inf)
    best_N = cosine_NN.argmax(1)
    return best_N, cosine_NN[np.arange(len(best_N)), best_N]


def check_ending(path: Path) -> None:
    """Raise ConfigError unless vectors can be written there."""
    if path.suffix not in (".npz", ".csv"):
        raise ConfigError(f"vectors cannot be written to {path}; give a file that ends in .npz or .csv")
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written; choose another --out")


def save_vectors(texts: Sequence[str], vectors_ND: np.ndarray, path: Path) -> None:
    """Write texts with their vectors: `text` and `vectors` of an .npz, or a .csv with a column a number. Raises ConfigError."""
    check_ending(path)
    with replacing(path) as file:
        if path.suffix == ".npz":
            np.savez_compressed(file, text=np.array(texts, dtype=str), vectors=vectors_ND)
        else:
            columns = [f"v{k + 1}" for k in range(vectors_ND.shape[1])]
            frame = pd.DataFrame(vectors_ND, columns=columns)
            frame.insert(0, "text", list(texts))
            frame.to_csv(file, index=False)
