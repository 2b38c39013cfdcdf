"""Matrices in the layout that a processor reads fastest, while a network writes.

The usual product of a few rows with a large matrix keeps a processor waiting: its library packs the matrix anew at every call, and
reads it at half of the memory's speed where there is but one row. Packed once, the same product takes a third of the time for 8 to
16 rows and half of it for one (384 to 768 wide, two cores), and gives the same numbers to rounding. Small matrices fit the cache as
they are and are left alone.

Only linear layers on a processor, in float32, are exchanged, and only as long as the context lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST_ROWS = 64
SMALLEST = 384 * 384  # numbers in a matrix


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
    """While it lasts, large linear layers multiply `rows` rows with packed matrices; where this would not pay for so many `times`,
    or is not there, nothing happens."""
    changed = []
    if isinstance(network, nn.Module) and 1 <= rows <= MOST_ROWS and times >= 8 and _known():
        for module in network.modules():
            if type(module) in (nn.Linear, Tied) and _suits(module.weight):  # type: ignore[arg-type]
                module.forward = _product(module.weight, getattr(module, "bias", None), rows)  # type: ignore[assignment, arg-type]
                changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def _known() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _suits(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= SMALLEST


def _product(weight: Tensor, bias: Tensor | None, rows: int) -> Callable[[Tensor], Tensor]:
    """x W^T + b with W packed once for so many rows; others, as in reading a prompt, are multiplied as usual."""
    ready = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)

    def product(x: Tensor) -> Tensor:
        if x.numel() // x.shape[-1] > 2 * rows or torch.is_grad_enabled():
            return F.linear(x, weight, bias)
        return torch.ops.mkldnn._linear_pointwise(x, ready, bias, "none", [], "")

    return product
