"""Which rows of a test part were scored, and with what weights: rows without a label are not.

N rows of the part, S of them scored.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes


def scored_rows(test: Dataset) -> Tensor:
    """The numbers of the scored rows (S, long, on the host) in the order of an evaluation's rows."""
    output = test.spec.only("outputs", Classes)
    if output is None:
        return torch.arange(len(test))
    return torch.nonzero(test.stored(output, "codes").cpu() >= 0).flatten()


def scored_weights(test: Dataset) -> np.ndarray | None:
    """The weights (S, float64) of the scored rows, None for all one."""
    if test.weight is None:
        return None
    weight_N = (test.weight if test.index is None else test.weight[test.index]).cpu().double()
    return weight_N[scored_rows(test)].numpy()
