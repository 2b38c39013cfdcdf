"""Baselines that make data: one Gaussian, independent pixels; of pictures of a label one of each label.

n rows made, F numbers, C H W picture, K labels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nnzoo.comparing.baselines import Baseline
from nnzoo.core.dataset import Parts
from nnzoo.core.fields import Classes, Image


class Gaussian(Baseline):
    """One normal distribution with the training part's mean and covariance."""

    kind = "gaussian"

    def fit(self, parts: Parts) -> None:
        ((name, field),) = self.spec.inputs.items()
        if isinstance(field, Image):
            batches = [batch.inputs[name].cpu().flatten(1) for batch in parts.train.batches(1024)]
            x_NF = torch.cat(batches)[self._some_rows(len(parts.train), 20_000)].double()
            self.shape: tuple[int, ...] = (field.channels, field.height, field.width)
        else:
            x_NF = parts.train.stored(name, "numeric").double().cpu()
            self.shape = (x_NF.shape[1],)
        self.mean_F = x_NF.mean(0)
        covariance_FF = torch.atleast_2d(x_NF.T.cov())
        self.root_FF = torch.linalg.cholesky(covariance_FF + 1e-9 * torch.eye(len(self.mean_F), dtype=torch.float64))

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` standardised points (n F) or pictures (n C H W)."""
        z_nF = torch.randn(n, len(self.mean_F), dtype=torch.float64)
        return (self.mean_F + z_nF @ self.root_FF.T).float().unflatten(1, self.shape)

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


class PixelsOfALabel(Baseline):
    """Each pixel drawn from a normal distribution that pictures of the label asked for have there, without regard to its
    neighbours."""

    kind = "independent-pixels"

    def fit(self, parts: Parts) -> None:
        ((label, field),), (name,) = self.spec.inputs.items(), self.spec.outputs
        assert isinstance(field, Classes)
        sums: list[Tensor] = []
        for batch in parts.train.batches(1024):
            known_B = batch.inputs[label].cpu() >= 0
            is_BK = torch.nn.functional.one_hot(batch.inputs[label].cpu()[known_B], field.size).float()
            x_BCHW = batch.outputs[name].cpu()[known_B]
            found = [is_BK.sum(0), *(torch.einsum("bk,bchw->kchw", is_BK, x_BCHW**power) for power in (1, 2))]
            sums = [a + b for a, b in zip(sums, found)] if sums else found
        count_K111 = sums[0].clamp(min=1)[:, None, None, None]
        self.mean_KCHW = sums[1] / count_K111
        self.std_KCHW = (sums[2] / count_K111 - self.mean_KCHW.square()).clamp(min=0).sqrt()

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` standardised pictures (n C H W) of labels `condition` (n; None: drawn evenly)."""
        codes_n = torch.randint(len(self.mean_KCHW), (n,)) if condition is None else condition.cpu()
        return self.mean_KCHW[codes_n] + self.std_KCHW[codes_n] * torch.randn(n, *self.mean_KCHW.shape[1:])

    @property
    def parameters(self) -> int:
        return 2 * self.mean_KCHW.numel()

    def learned(self) -> Any:
        return self.mean_KCHW.numpy(), self.std_KCHW.numpy()
