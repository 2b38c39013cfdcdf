"""How much of the data is left at each step of a diffusion: alpha-bar from 1 towards 0.

T steps. q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),  abar_t = prod_s (1 - beta_s)          (Ho 2020, eq. 4)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MOST_BETA = 0.999  # of one step, so that something is left to divide by


def linear_betas(steps: int, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """beta_t (T) that rises evenly between what Ho 2020 (section 4) has for 1,000 steps; of fewer steps each takes more away, so
    that about as much is left at the end."""
    scale = 1000 / steps
    return torch.linspace(scale * first, scale * last, steps, dtype=torch.float64).clamp(max=MOST_BETA)


def scaled_linear_betas(steps: int, first: float = 0.0015, last: float = 0.0195) -> Tensor:
    """beta_t (T) whose root rises evenly: more of the steps at little noise (Rombach 2022, table 12 and code)."""
    return torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2


def cosine_betas(steps: int, offset: float = 0.008) -> Tensor:
    """beta_t (T) of abar_t = f(t) / f(0), f(t) = cos^2((t / T + s) / (1 + s) pi / 2), beta at most .999 (Nichol & Dhariwal 2021,
    eq. 17): noise comes slowly at both ends, which small pictures need."""
    share_T = (torch.arange(steps + 1, dtype=torch.float64) / steps + offset) / (1 + offset)
    f_T = (share_T * math.pi / 2).cos() ** 2
    return (1 - f_T[1:] / f_T[:-1]).clamp(max=MOST_BETA)
