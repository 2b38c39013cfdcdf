"""Rotary positions: queries and keys are turned by where they stand (Su et al. 2021, eq. 34).

    (x_i, x_(i+K/2))  turned by the angle  t theta^(-2i/K),   i = 0 .. K/2 - 1

After it q_t . k_s depends on t - s alone: only the distance is seen, in every layer, and nothing is added to what symbols mean.
Which numbers make a pair is a convention; here it is that of Llama's published weights, a number and the one half a head further.

Shapes: B batch, H heads, T positions, K width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rotary(nn.Module):
    """Turns for up to `length` positions."""

    def __init__(self, size: int, length: int, theta: float = 10_000.0):
        super().__init__()
        assert size % 2 == 0, "pairs need an even width"
        angle_TI = torch.arange(length)[:, None] * theta ** (-torch.arange(0, size, 2) / size)
        both_TK = torch.cat([angle_TI, angle_TI], 1)
        self.register_buffer("cos_TK", both_TK.cos(), persistent=False)
        self.register_buffer("sin_TK", both_TK.sin(), persistent=False)

    def forward(self, x_BHTK: Tensor, first: int = 0) -> Tensor:
        """The same vectors, turned; the first stands at position `first`."""
        last, half = first + x_BHTK.shape[2], x_BHTK.shape[3] // 2
        assert last <= len(self.cos_TK), f"position {last - 1} of {len(self.cos_TK)}"  # type: ignore[arg-type]
        aside_BHTK = torch.cat([-x_BHTK[..., half:], x_BHTK[..., :half]], 3)
        return x_BHTK * self.cos_TK[first:last] + aside_BHTK * self.sin_TK[first:last]  # type: ignore[index]
