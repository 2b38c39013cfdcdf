"""What the tasks need to know of a part's rows."""

from __future__ import annotations

import numpy as np

from nnzoo.core.dataset import Dataset


def row_weights(dataset: Dataset) -> np.ndarray:
    """Weights of a view's rows (N, float64), ones where the data have none."""
    weights = dataset.weights()
    return np.ones(len(dataset)) if weights is None else weights.cpu().double().numpy()
