"""Momentum made orthogonal: an update of a matrix whose singular values are all about one (Jordan et al. 2024, Muon).

    M <- mu M + G,   U = orth(G + mu M),   W <- (1 - lr lambda) W - lr 0.2 sqrt(max(rows, columns)) U

orth(X) = P Q^T of X = P S Q^T, by five steps of X <- a X + b (X X^T) X + c (X X^T)^2 X from X / ||X||: near enough, and nothing but
products of matrices. The factor makes updates as large as Adam's (Liu et al. 2025, Muon is scalable, eq. 4), so that rates serve
both. A convolution's weights are a matrix with a row for each channel that is made. Directions that gradients seldom show are
learned as fast as those that they always show.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMALL = 3_000_000  # products of numbers in one of matrices: on a processor so few take up to six times as long in bfloat16
FEWEST = 16  # rows and columns of a matrix that is worth it
STEPS = 5
A, B, C = 3.4445, -4.7750, 2.0315  # Jordan et al. 2024


def is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter is a matrix, or a convolution's weights, of a size worth the work."""
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= FEWEST


def orthogonal(u: Tensor) -> Tensor:
    """Of a matrix (or weights of a convolution) the one with the same singular vectors and values of about one; large ones in
    bfloat16, which is exact enough."""
    x_RC = u.flatten(1)
    tall = x_RC.shape[0] > x_RC.shape[1]
    if tall:
        x_RC = x_RC.T
    if x_RC.device.type != "cpu" or x_RC.shape[0] * x_RC.numel() > SMALL:
        x_RC = x_RC.bfloat16()
    x_RC = x_RC / (x_RC.norm() + 1e-7)
    for _ in range(STEPS):
        s_RR = x_RC @ x_RC.T
        x_RC = torch.addmm(x_RC, torch.addmm(s_RR, s_RR, s_RR, beta=B, alpha=C), x_RC, beta=A)
    return (x_RC.T if tall else x_RC).to(u.dtype).reshape(u.shape)


@torch.no_grad()
def update(weight: Tensor, momentum: Tensor, lr: float, mu: float, weight_decay: float, bad: Tensor | None) -> None:
    """One update of a weight by its gradient; its momentum is changed too. Nothing changes where `bad` (0-dim) is 1."""
    gradient = weight.grad
    assert gradient is not None
    if bad is not None:
        gradient = torch.where(bad.bool(), 0.0, gradient)
    new = momentum.mul(mu).add_(gradient)
    step = orthogonal(gradient.add(new, alpha=mu)).mul_(lr * 0.2 * math.sqrt(max(len(weight), weight[0].numel())))
    if weight_decay:
        step = step.add_(weight, alpha=lr * weight_decay)
    if bad is not None:
        step, new = step.mul_(1 - bad), torch.where(bad.bool(), momentum, new)
    momentum.copy_(new)
    weight.sub_(step)
