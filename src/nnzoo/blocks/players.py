"""What two players say to each other: the losses of a discriminator and of who makes what it judges, and figures that tell how they
stand.

    L_D = -E[log D(x)] - E[log(1 - D(G(z)))]         D(x) = sigmoid(logit), the chance that x is real     (Goodfellow 2014, eq. 1)
    L_G = -E[log D(G(z))]                            "non-saturating": its gradient is largest where D wins      (section 3 there)

R1 (Mescheder 2018, eq. 9) asks D's logit to be flat at real rows,  R_1 = gamma / 2 E_{x~data}[||grad logit D(x)||^2]:  where made
rows are as real ones, D has nothing left to say, and the two players come to rest there in place of circling (his theorem 4.1).

Shapes: B batch, any further dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus


def told_apart(real_B: Tensor, made_B: Tensor) -> Tensor:
    """L_D of each pair of logits, at a real and at a made row."""
    return softplus(-real_B) + softplus(made_B)


def deceived(made_B: Tensor) -> Tensor:
    """L_G of each made row by its logit: -log D(G(z))."""
    return softplus(-made_B)


def slope(real_B: Tensor, x: Tensor) -> Tensor:
    """||grad logit D(x)||^2 of each real row (B) of `x` (B ...), which asks for gradients, from its logit; D must not mix rows."""
    (slope,) = torch.autograd.grad(real_B.sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(1).float()


@torch.no_grad()
def answers(real_B: Tensor, made_B: Tensor) -> dict[str, Tensor]:
    """D's answers to each row, from logits: metrics "real" and "made", which are watched while it learns."""
    return {"real": real_B.float().sigmoid(), "made": made_B.float().sigmoid()}


@torch.no_grad()
def spread(made: Tensor, real: Tensor) -> Tensor:
    """How far made rows (B ...) lie apart from each other, relative to real ones (0-dim): the root of the ratio of their variances.

    1 is right, 0 means that all made rows are alike.
    """
    if len(made) < 2 or len(real) < 2:
        return made.new_ones((), dtype=torch.float32)
    variance, wanted = (rows.float().var(0).sum() for rows in (made, real))
    return (variance / wanted.clamp(min=1e-12)).sqrt()
