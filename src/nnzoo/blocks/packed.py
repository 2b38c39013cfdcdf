"""Matrices laid out as a processor reads them fastest, while a network writes.

A linear layer keeps W (N K), and the product of a few rows x with it walks down columns: for one row or sixteen of a small network
that takes up to three times as long as the same product with W' (K N), laid out once. Large matrices, which do not fit the cache,
are packed by the library for so many rows instead, once and not at every call: down to half of the time for 4 to 16 rows. With one
row these take as long as memory takes to tell them, however they lie, and laying one out takes as long as ten products: they stay
as they are. The numbers are the same to rounding. Measured on two cores, microseconds a product, as it is / transposed / packed:

    rows x K x N     16 x 128 x 512: 55 / 18 / 87    16 x 384 x 1536: 150 / 108 / 93    4 x 768 x 3072: 887 / 651 / 526
                     1 x 128 x 512: 14 / 9 / 39      1 x 384 x 1536: 44 / 30 / 77       1 x 768 x 3072: 429 / 373 / 488

Only linear layers on a processor, in float32, are exchanged, and only as long as the context lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST_ROWS = 64
LEAST_TIMES = 16  # products of each matrix, after which it has paid to lay it out
LARGE = 512 * 1024  # numbers in a matrix, from which on it is packed for several rows


class Tied(nn.Module):
    """The table of embeddings as the last matrix: logits E h. It has no parameters of its own."""

    def __init__(self, embed: nn.Embedding):
        super().__init__()
        self.shared = (embed,)  # in a tuple, so that the table is not named twice

    @property
    def weight(self) -> Tensor:
        """E (V D)."""
        return self.shared[0].weight

    def forward(self, h_BTD: Tensor) -> Tensor:
        """Logits (B T V)."""
        return F.linear(h_BTD, self.weight)


@contextmanager
def packed(network: object, rows: int, times: int) -> Iterator[None]:
    """While it lasts, linear layers multiply `rows` rows with matrices laid out for it; where this would not pay for so many
    `times`, nothing happens."""
    changed = []
    if isinstance(network, nn.Module) and 1 <= rows <= MOST_ROWS and times >= LEAST_TIMES:
        for module in network.modules():
            if type(module) in (nn.Linear, Tied) and _suits(module.weight, rows):  # type: ignore[arg-type]
                module.forward = _product(module.weight, getattr(module, "bias", None), rows)  # type: ignore[assignment, arg-type]
                changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            vars(module).pop("forward", None)


def _suits(weight: Tensor, rows: int) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and (rows > 1 or weight.numel() < LARGE)


def _product(weight: Tensor, bias: Tensor | None, rows: int) -> Callable[[Tensor], Tensor]:
    """x W^T + b with W laid out once for so many rows; others, as in reading a prompt, are multiplied as usual."""
    fast = _packed(weight, bias, rows) if weight.numel() >= LARGE and _known() else _transposed(weight, bias)

    def product(x: Tensor) -> Tensor:
        if x.numel() // x.shape[-1] > 2 * rows or torch.is_grad_enabled():
            return F.linear(x, weight, bias)
        return fast(x)

    return product


def _transposed(weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    laid_out_NK = weight.detach().t().contiguous().t()
    return lambda x: F.linear(x, laid_out_NK, bias)


def _packed(weight: Tensor, bias: Tensor | None, rows: int) -> Callable[[Tensor], Tensor]:
    ready = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, ready, bias, "none", [], "")


def _known() -> bool:
    """Whether this torch packs."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
