"""How much of the data is left at each step of a diffusion: alpha-bar from 1 towards 0.

T steps. q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),  abar_t = prod_s (1 - beta_s)          (Ho 2020, eq. 4)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def linear_betas(steps: int, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """beta_t (T) rising evenly (Ho 2020, section 4, which takes 1e-4 to .02 over 1000 steps)."""
    return torch.linspace(first, last, steps, dtype=torch.float64)


def scaled_linear_betas(steps: int, first: float = 0.0015, last: float = 0.0195) -> Tensor:
    """beta_t (T) whose root rises evenly: more of the steps at little noise (Rombach 2022, table 12 and code)."""
    return torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2


def cosine_betas(steps: int, offset: float = 0.008, most: float = 0.999) -> Tensor:
    """beta_t (T) for which sqrt(abar_t) follows a cosine (Nichol & Dhariwal 2021, eq. 17)."""
    at_T1 = torch.arange(steps + 1, dtype=torch.float64) / steps
    kept_T1 = torch.cos((at_T1 + offset) / (1 + offset) * math.pi / 2) ** 2
    return (1 - kept_T1[1:] / kept_T1[:-1]).clamp(max=most)
