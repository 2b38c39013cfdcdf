"""Losses of single rows as a loss of a batch, so that row weights mean the same in every kind.

B batch.
"""

from __future__ import annotations

from torch import Tensor

from nnzoo.core.dataset import Batch
from nnzoo.core.learning import Loss


def summed(loss_B: Tensor, batch: Batch, **metrics_B: Tensor) -> Loss:
    """The sum of the rows' losses (B) under the rows' weights; `metrics_B` are shown as means over the same rows."""
    assert loss_B.shape == (len(batch),)
    if batch.weight is None:
        return Loss(loss_B.sum(), len(batch), {name: value_B.detach().mean() for name, value_B in metrics_B.items()})
    total = batch.weight.sum()
    means = {name: (value_B.detach() * batch.weight).sum() / total for name, value_B in metrics_B.items()}
    return Loss((loss_B * batch.weight).sum(), total, means)
