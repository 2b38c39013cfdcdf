"""Which rows of a test part were scored, with what weights, and where they came from: rows without a label are not scored.

N rows of the part, S of them scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes
from nnzoo.data.raw import Raw

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared


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


def test_source(prepared: Prepared) -> tuple[Raw, np.ndarray | None]:
    """The data that the test part came from, as opened, and the numbers of its rows there (N); None where its parts are no rows."""
    return prepared.others.get("test") or (prepared.raw, prepared.rows.get("test"))
