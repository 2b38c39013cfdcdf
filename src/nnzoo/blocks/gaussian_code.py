"""Codes that are normal distributions: q(z|x) = N(mu(x), diag s(x)^2), drawn so that gradients pass, held against N(0, I).

    z = mu + s eps,   eps ~ N(0, I)                                                   (Kingma & Welling 2014, eq. 4)
    KL(q(z|x) || N(0, I)) = 1/2 sum over j of (mu_j^2 + s_j^2 - 1 - log s_j^2)        (Kingma & Welling 2014, appendix B)
    log p(x) >= E log mean over k of  p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x)      (Burda, Grosse & Salakhutdinov 2016, eq. 8)

The last bound is the evidence lower bound for one draw; it rises with the number of draws and ends at log p(x).

Shapes: B batch, Z numbers of a code (or channels and places of it), K draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

LEAST, MOST = -30.0, 20.0  # log variances whose exponentials are still numbers


def moments(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance (B Z ... each) from what an encoder gives (B 2Z ...): the halves of dimension 1, in float32."""
    mean, log_variance = encoded.float().chunk(2, dim=1)
    return mean, log_variance.clamp(LEAST, MOST)


def drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    """One code from q for each row, a differentiable function of both moments (the shape of `mean`)."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q || N(0, I)) of each row (B), in nats, summed over all other dimensions."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)


def log_normal(x: Tensor, mean: Tensor | float = 0.0, log_variance: Tensor | float = 0.0) -> Tensor:
    """log N(x; mean, variance) of each number, in nats (the shape of all three together)."""
    log_variance = torch.as_tensor(log_variance, device=x.device)
    return -0.5 * ((x - mean) ** 2 * (-log_variance).exp() + log_variance + math.log(2 * math.pi))


def importance_sampled(
    log_likelihood: Callable[[Tensor], Tensor], mean_BZ: Tensor, log_variance_BZ: Tensor, samples: int, at_once: int = 8
) -> Tensor:
    """log mean over k of p(x|z_k) p(z_k) / q(z_k|x) (B), in nats, from `samples` draws, `at_once` of them in memory.

    `log_likelihood` gives log p(x|z) (K B) of codes (K B Z).
    """
    total_B = torch.full_like(mean_BZ[:, 0], -torch.inf)
    for first in range(0, samples, at_once):
        some = min(at_once, samples - first)
        z_KBZ = drawn(mean_BZ.expand(some, -1, -1), log_variance_BZ)
        log_prior_KB = log_normal(z_KBZ).sum(2)
        log_q_KB = log_normal(z_KBZ, mean_BZ, log_variance_BZ).sum(2)
        log_weight_KB = log_likelihood(z_KBZ) + log_prior_KB - log_q_KB
        total_B = torch.logaddexp(total_B, log_weight_KB.logsumexp(0))
    return total_B - math.log(samples)
