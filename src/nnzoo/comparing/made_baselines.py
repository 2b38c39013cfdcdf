"""Baselines that make data: one Gaussian for points, independent pixels for pictures.

n rows made, F numbers, C H W picture.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nnzoo.comparing.baselines import Baseline
from nnzoo.core.dataset import Parts


class Gaussian(Baseline):
    """One normal distribution with the training part's mean and covariance."""

    kind = "gaussian"

    def fit(self, parts: Parts) -> None:
        (name,) = self.spec.inputs
        x_NF = parts.train.stored(name, "numeric").double().cpu()
        self.mean_F = x_NF.mean(0)
        covariance_FF = torch.atleast_2d(x_NF.T.cov())
        self.root_FF = torch.linalg.cholesky(covariance_FF + 1e-9 * torch.eye(len(self.mean_F), dtype=torch.float64))

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` standardised points (n F)."""
        return (self.mean_F + torch.randn(n, len(self.mean_F), dtype=torch.float64) @ self.root_FF.T).float()

    @property
    def parameters(self) -> int:
        d = len(self.mean_F)
        return d + d * (d + 1) // 2

    def learned(self) -> Any:
        return self.mean_F.numpy(), self.root_FF.numpy()


class IndependentPixels(Baseline):
    """Each pixel drawn from a normal distribution of its own, without regard to its neighbours."""

    kind = "independent-pixels"

    def fit(self, parts: Parts) -> None:
        (name,) = self.spec.inputs
        total, squares, n = torch.zeros(()), torch.zeros(()), 0
        for batch in parts.train.batches(1024):
            x_BCHW = batch.inputs[name].cpu()
            total, squares, n = total + x_BCHW.sum(0), squares + x_BCHW.square().sum(0), n + len(x_BCHW)
        self.mean_CHW = total / n
        self.std_CHW = (squares / n - self.mean_CHW.square()).clamp(min=0).sqrt()

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` standardised pictures (n C H W)."""
        return self.mean_CHW + self.std_CHW * torch.randn(n, *self.mean_CHW.shape)

    @property
    def parameters(self) -> int:
        return 2 * self.mean_CHW.numel()

    def learned(self) -> Any:
        return self.mean_CHW.numpy(), self.std_CHW.numpy()
