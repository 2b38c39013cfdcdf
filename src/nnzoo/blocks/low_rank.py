"""Low-rank adapters: a trained matrix stays as it is, and what is learned on top of it has few numbers (Hu et al. 2022, eq. 3).

    h = W x + (alpha / r) B A x          A (r I) begins at random, B (O r) at zero, so that at first nothing is changed

W has O I numbers, A and B together r (O + I). Merged, W + (alpha / r) B A is a matrix like any other, and costs nothing more.

Shapes: I numbers in, O out, r rank.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ADDED = ("low_A", "low_B")  # the names of what is learned


class LowRank(nn.Linear):
    """A linear layer with an adapter; it is made of a plain one by `lower`, whose tensors keep their names."""

    low_A: nn.Parameter
    low_B: nn.Parameter
    scale: float

    def forward(self, x: Tensor) -> Tensor:
        """h (... O) of x (... I)."""
        return F.linear(x, self.weight, self.bias) + self.scale * F.linear(F.linear(x, self.low_A), self.low_B)


def lower(linear: nn.Linear, rank: int, alpha: float, generator: torch.Generator | None = None) -> None:
    """Give a plain linear layer an adapter; A is uniform within 1 / sqrt(I), as layers begin."""
    assert type(linear) is nn.Linear and 0 < rank < min(linear.weight.shape)
    O, I = linear.weight.shape
    bound = 1 / math.sqrt(I)
    A_rI = torch.empty(rank, I).uniform_(-bound, bound, generator=generator)
    like: Any = {"device": linear.weight.device, "dtype": linear.weight.dtype}
    linear.__class__ = LowRank
    low = cast(LowRank, linear)
    low.low_A, low.low_B = nn.Parameter(A_rI.to(**like)), nn.Parameter(torch.zeros(O, rank, **like))
    low.scale = alpha / rank


@torch.no_grad()
def merge(low: LowRank) -> None:
    """Make it a plain layer again, of the matrix W + (alpha / r) B A."""
    low.weight += low.scale * low.low_B @ low.low_A
    del low.low_A, low.low_B, low.scale
    cast(nn.Linear, low).__class__ = nn.Linear
