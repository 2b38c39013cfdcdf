"""How many made rows lie where real ones do, and how much of what is real is made: improved precision and recall.

    M_k(X) = union of balls around x in X, each as wide as the distance from x to its k-th nearest other row of X
    precision = share of made rows in M_k(real),  recall = share of real rows in M_k(made)     (Kynkaanniemi et al. 2019, eq. 1, 2)

with k = 3. Shapes: N real rows, M made ones, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nnzoo.core.errors import DataError

NEIGHBOURS = 3  # k
ROWS_AT_ONCE = 1024


def precision_recall(real_ND: Tensor, made_MD: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """Precision and recall. Raises DataError with k rows or fewer on a side."""
    if min(len(real_ND), len(made_MD)) <= k:
        raise DataError(f"precision and recall by {k} nearest neighbours need at least {k + 1} rows on either side; give more rows")
    centre_D = real_ND.double().mean(0)  # distances between large numbers lose digits
    real_ND, made_MD = real_ND.double() - centre_D, made_MD.double() - centre_D
    return inside(made_MD, real_ND, k), inside(real_ND, made_MD, k)


def inside(x_ND: Tensor, balls_MD: Tensor, k: int) -> float:
    """The share of rows that lie in at least one of the balls around other rows."""
    width_M = torch.cat([torch.cdist(part, balls_MD).kthvalue(k + 1, dim=1).values for part in balls_MD.split(ROWS_AT_ONCE)])
    hits = sum(int((torch.cdist(part, balls_MD) <= width_M).any(1).sum()) for part in x_ND.split(ROWS_AT_ONCE))
    return hits / len(x_ND)
