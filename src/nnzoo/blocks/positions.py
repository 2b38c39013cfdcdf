"""Where something stands, as waves of many lengths: a number becomes a vector that a network can tell apart.

B batch, D width, Z numbers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoids(position_B: Tensor, width: int, longest: float = 10_000.0) -> Tensor:
    """Sines, then cosines, of each position at wavelengths from 2 pi to `longest` x 2 pi (B D) (Vaswani 2017, section 3.5)."""
    assert position_B.ndim == 1 and width % 2 == 0
    rates_H = torch.exp(torch.arange(width // 2, device=position_B.device) * (-math.log(longest) / (width // 2)))
    angles_BH = position_B[:, None].to(torch.float32) * rates_H
    return torch.cat((angles_BH.sin(), angles_BH.cos()), dim=1)


def octaves(x_BZ: Tensor, waves: int) -> Tensor:
    """The numbers themselves, then sines and cosines of 1, 2, 4, ... times them (B Z (1 + 2 waves)), so that a network can tell
    near points apart (Mildenhall 2020, eq. 4; why it helps: Tancik 2020)."""
    angles_BWZ = x_BZ[:, None] * (2.0 ** torch.arange(waves, device=x_BZ.device))[:, None]
    return torch.cat((x_BZ[:, None], angles_BWZ.sin(), angles_BWZ.cos()), dim=1).flatten(1)
