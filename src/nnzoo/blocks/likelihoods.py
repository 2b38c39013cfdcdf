"""Likelihoods of data given what a decoder says of them: normal for numbers, Bernoulli for pixels.

    normal:     log p(x|z) = sum over d of log N(x_d; mu_d(z), sigma^2)               (Kingma & Welling 2014, appendix C.2)
    Bernoulli:  log p(v|z) = sum over d of v_d log y_d(z) + (1 - v_d) log(1 - y_d(z))                          (appendix C.1)

sigma is learned, one for each column of a table or channel of a picture (Rybkin et al. 2021): it settles at the error that is left,
and so says how much of the data belongs into the code. A density has no upper bound where numbers repeat exactly, so sigma has a
lower one: pixels are no finer than their grey levels.
For shades v between 0 and 1 the second is the mean of the log likelihood over pixels drawn as ones with probability v; it is a log
likelihood for pictures of zeros and ones.

Shapes: B batch, D numbers of a row, dots: draws.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from nnzoo.blocks.flat_codec import Flat
from nnzoo.blocks.gaussian_code import log_normal

LEAST_STD = 5e-3  # of standardised numbers


class Normal(nn.Module):
    """Numbers x (B D) around a mean each, with one learned standard deviation for each column or channel."""

    QUICK = 20.0  # times as far as other parameters the log variance moves in a step: it has far to go, e^-8 on thin modes

    def __init__(self, flat: Flat):
        super().__init__()
        self.flat = flat
        self.log_spread = nn.Parameter(torch.zeros(flat.parts))
        self.least = 2 * math.log(LEAST_STD if flat.picture is None else 1 / (255 * max(flat.picture.std)))

    def data(self, x_BD: Tensor) -> Tensor:
        """What the likelihood is of: standardised numbers as they are."""
        return x_BD

    @property
    def log_variance_D(self) -> Tensor:
        """log sigma^2 of each number; it bends smoothly to its bound."""
        return self.flat.each(self.least + softplus(self.QUICK * self.log_spread - self.least))

    def log_prob(self, x_BD: Tensor, told: Tensor) -> Tensor:
        """log p(x|z) (... B) in nats, from what a decoder told (... B D)."""
        return log_normal(x_BD, told.float(), self.log_variance_D).sum(-1)

    def mean(self, told: Tensor) -> Tensor:
        """The expected data, standardised (... D)."""
        return told.float()

    def drawn(self, told: Tensor, eps: Tensor) -> Tensor:
        """Data from noise N(0, I) (... D)."""
        return told.float() + (0.5 * self.log_variance_D).exp() * eps


class Bernoulli(nn.Module):
    """Pixels v (B D) in 0..1 under the log odds of each: P = D."""

    def __init__(self, flat: Flat):
        super().__init__()
        self.flat = flat

    def data(self, x_BD: Tensor) -> Tensor:
        """What the likelihood is of: brightness in 0..1 of standardised pixels."""
        return self.flat.shades(x_BD)

    def log_prob(self, v_BD: Tensor, told: Tensor) -> Tensor:
        """log p(v|z) (... B) in nats, from what a decoder told (... B D)."""
        told = told.float()
        return (v_BD * told - softplus(told)).sum(-1)

    def mean(self, told: Tensor) -> Tensor:
        """The expected picture, standardised (... D)."""
        return self.flat.standardised(torch.sigmoid(told.float()))
