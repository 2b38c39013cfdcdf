"""How much of the data is left at each step of a diffusion: alpha-bar from 1 towards 0.

T steps. q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),  abar_t = prod_s (1 - beta_s)          (Ho 2020, eq. 4)
"""

from __future__ import annotations

import torch
from torch import Tensor


def scaled_linear_betas(steps: int, first: float = 0.0015, last: float = 0.0195) -> Tensor:
    """beta_t (T) whose root rises evenly: more of the steps at little noise (Rombach 2022, table 12 and code)."""
    return torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2
