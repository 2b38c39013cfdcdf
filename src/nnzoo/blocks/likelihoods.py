"""Likelihoods of data given what a decoder says of them: normal for numbers, Bernoulli for pixels.

    normal:     log p(x|z) = sum over d of log N(x_d; mu_d(z), sigma_d(z)^2)          (Kingma & Welling 2014, appendix C.2)
    Bernoulli:  log p(v|z) = sum over d of v_d log y_d(z) + (1 - v_d) log(1 - y_d(z))            (appendix C.1)

A density has no upper bound where numbers repeat exactly, so sigma has a lower one: pixels are no finer than their grey levels.
For shades v between 0 and 1 the second is the mean of the log likelihood over pixels drawn as ones with probability v; it is a log
likelihood for pictures of zeros and ones.

Shapes: B batch, D numbers of a row, P parameters of their distribution, dots: draws.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from nnzoo.blocks.flat_codec import Flat
from nnzoo.blocks.gaussian_code import log_normal

LEAST_STD = 5e-3  # of standardised numbers


class Normal:
    """Numbers x (B D) under a mean and a log variance for each: P = 2 D."""

    def __init__(self, flat: Flat):
        self.flat, self.size = flat, 2 * flat.size
        picture = flat.picture
        self.least = 2 * math.log(LEAST_STD if picture is None else 1 / (255 * max(picture.std)))

    def data(self, x_BD: Tensor) -> Tensor:
        """What the likelihood is of: standardised numbers as they are."""
        return x_BD

    def log_prob(self, x_BD: Tensor, told: Tensor) -> Tensor:
        """log p(x|z) (... B) in nats, from what a decoder told (... B P)."""
        mean, log_variance = self.moments(told)
        return log_normal(x_BD, mean, log_variance).sum(-1)

    def mean(self, told: Tensor) -> Tensor:
        """The expected data, standardised (... D)."""
        return self.moments(told)[0]

    def drawn(self, told: Tensor, eps: Tensor) -> Tensor:
        """Data from noise N(0, I) (... D)."""
        mean, log_variance = self.moments(told)
        return mean + (0.5 * log_variance).exp() * eps

    def moments(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (... D each); the variance bends smoothly to its bound."""
        mean, log_variance = told.float().chunk(2, dim=-1)
        return mean, self.least + softplus(log_variance - self.least)


class Bernoulli:
    """Pixels v (B D) in 0..1 under the log odds of each: P = D."""

    def __init__(self, flat: Flat):
        self.flat, self.size = flat, flat.size

    def data(self, x_BD: Tensor) -> Tensor:
        """What the likelihood is of: brightness in 0..1 of standardised pixels."""
        return self.flat.shades(x_BD)

    def log_prob(self, v_BD: Tensor, told: Tensor) -> Tensor:
        """log p(v|z) (... B) in nats, from what a decoder told (... B P)."""
        told = told.float()
        return (v_BD * told - softplus(told)).sum(-1)

    def mean(self, told: Tensor) -> Tensor:
        """The expected picture, standardised (... D)."""
        return self.flat.standardised(torch.sigmoid(told.float()))
