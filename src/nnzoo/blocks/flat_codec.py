"""Pictures and rows of numbers as plain vectors and back, and layers of given widths between them.

B batch, D numbers of a row, C H W picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from nnzoo.blocks.probe import Probe
from nnzoo.core.fields import AnyField, Image, Rows, Table


def funnel(sizes: Sequence[int], nonlinearity: Callable[[], nn.Module] = nn.SiLU) -> nn.Sequential:
    """Linear layers from (B, first size) to (B, last size); a nonlinearity and a probe after each but the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes[:-1]):
        layers += [nn.Linear(before, after), nonlinearity(), Probe()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def numbers_only(field: AnyField | None) -> bool:
    """Whether a field is a picture, or a table of numbers without categories."""
    return isinstance(field, Image) or (isinstance(field, Table) and bool(field.numeric) and not field.categories)


class Flat:
    """A picture or a row of numbers as a vector. `size` is D, `parts` how many channels or columns have a scale of their own."""

    def __init__(self, field: AnyField):
        assert numbers_only(field), f"no vector of numbers from {field.type}"
        self.picture = field if isinstance(field, Image) else None
        if isinstance(field, Image):
            self.shape: tuple[int, ...] = (field.channels, field.height, field.width)
            self.size, self.parts = field.size, field.channels
        else:
            assert isinstance(field, Table)
            self.shape = (len(field.numeric),)
            self.size = self.parts = len(field.numeric)

    def vector(self, value: Any) -> Tensor:
        """Standardised numbers (B D) of a field's value."""
        x = value.numeric_BF if isinstance(value, Rows) else value
        assert x.shape[1:] == self.shape, f"rows of shape {tuple(x.shape[1:])}, expected {self.shape}"
        return x.flatten(1)

    def shaped(self, x_BD: Tensor) -> Tensor:
        """Vectors (... D) in the shape of the field: (... C H W), or as they are."""
        return x_BD.unflatten(-1, self.shape)

    def each(self, values: Any) -> Tensor:
        """One value for each channel or column (a tensor, or a tuple of numbers), spread over the vector (D)."""
        return torch.as_tensor(values).repeat_interleave(self.size // self.parts)

    def bounded(self, y_BD: Tensor) -> Tensor:
        """What a last layer gave as standardised rows: of pictures the log odds of brightness, of numbers these themselves."""
        return y_BD if self.picture is None else self.standardised(torch.sigmoid(y_BD.float()))

    def shades(self, x_BD: Tensor) -> Tensor:
        """Standardised pixels (B D) as brightness in 0..1."""
        assert self.picture is not None
        return self.picture.restore(self.shaped(x_BD)).clamp(0, 1).flatten(1)

    def standardised(self, shades: Tensor) -> Tensor:
        """Brightness in 0..1 (... D) as standardised pixels."""
        assert self.picture is not None
        mean_D, std_D = (self.each(values).to(shades) for values in (self.picture.mean, self.picture.std))
        return (shades - mean_D) / std_D
