"""Data that turn into noise step by step, and what a network has to find in them.

    q(x_t|x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I)                                                   (Ho 2020, eq. 4)
    L = E ||eps - eps_theta(sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, t)||^2                             (Ho 2020, eq. 14)
    L / abar_t = E ||v - v_theta||^2,  v = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0,
    eps_theta = sqrt(1 - abar_t) x_t + sqrt(abar_t) v_theta                               (Salimans & Ho 2022, appendix D)

The last two tell the noise in another way: v is noise where there is little, and data where there is much, so that a small error of
the network stays a small error of the picture; at equal time much better pictures are learned.

What pictures look like is decided between much noise and little: most is learned from the same number of rows where steps are drawn
so that ln(sigma / alpha) is normal, alpha^2 = abar, sigma^2 = 1 - abar (Karras 2022, table 1, for a standard deviation of one).

Shapes: B batch, T steps; data may have any shape after B.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

MIDDLE, SPREAD = -0.5, 1.2  # of ln(sigma / alpha) in learning pictures; -1.2 + ln 2: Karras's data have half the deviation


class NoiseProcess(nn.Module):
    """T steps of noise. `kept` is abar_t by t from 0 (nothing but data) to T, in double precision; `kept_T` the same from 1."""

    kept_T: Tensor

    def __init__(self, beta_T: Tensor):
        super().__init__()
        kept_T = (1 - beta_T.double()).cumprod(0)
        self.kept = (1.0, *kept_T.tolist())
        self.register_buffer("kept_T", kept_T.float(), persistent=False)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.kept) - 1

    def noisy(self, x_0: Tensor, t_B: Tensor, eps: Tensor) -> Tensor:
        """x_t of rows at their steps t (B, 1 to T)."""
        kept_B = self.kept_T[t_B - 1].view(-1, *[1] * (x_0.ndim - 1))
        return kept_B.sqrt() * x_0 + (1 - kept_B).sqrt() * eps

    def any_steps(self, rows: int) -> Tensor:
        """A random step for each row (B, 1 to T)."""
        return torch.randint(1, self.steps + 1, (rows,), device=self.kept_T.device)

    def spread_steps(self, rows: int) -> Tensor:
        """A random step for each row (B), each as likely as another, the rows of a batch spread evenly over all: what a batch says
        of the loss then depends little on chance (Kingma 2021, appendix I.1)."""
        return (self._spread(rows) * self.steps).long().clamp(max=self.steps - 1) + 1

    def middle_steps(self, rows: int) -> Tensor:
        """A random step for each row (B), the rows of a batch spread evenly over a normal distribution of ln(sigma / alpha)."""
        normal_B = math.sqrt(2) * torch.erfinv(2 * self._spread(rows).clamp(1e-4, 1 - 1e-4) - 1)
        ln_T = ((1 - self.kept_T) / self.kept_T).log() / 2
        return torch.searchsorted(ln_T, MIDDLE + SPREAD * normal_B).clamp(max=self.steps - 1) + 1

    def _spread(self, rows: int) -> Tensor:
        """Places in 0..1 at equal distances, begun anywhere (B)."""
        return (torch.arange(rows, device=self.kept_T.device) + torch.rand((), device=self.kept_T.device)) / rows

    def error(self, eps_theta: Callable[[Tensor, Tensor], Tensor], x_0: Tensor, t_B: Tensor) -> Tensor:
        """||eps - eps_theta(x_t, t)||^2 of each row (B), a mean over its numbers."""
        eps = torch.randn_like(x_0)
        return ((eps - eps_theta(self.noisy(x_0, t_B, eps), t_B)) ** 2).flatten(1).mean(1)

    def velocity_error(self, v_theta: Callable[[Tensor, Tensor], Tensor], x_0: Tensor, t_B: Tensor) -> Tensor:
        """||v - v_theta(x_t, t)||^2 of each row (B), a mean over its numbers: the error of the noise, divided by abar_t."""
        eps = torch.randn_like(x_0)
        kept_B = self.kept_T[t_B - 1].view(-1, *[1] * (x_0.ndim - 1))
        v = kept_B.sqrt() * eps - (1 - kept_B).sqrt() * x_0
        return ((v - v_theta(self.noisy(x_0, t_B, eps), t_B)) ** 2).flatten(1).mean(1)
