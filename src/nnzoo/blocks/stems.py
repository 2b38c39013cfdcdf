"""How an input of a given field becomes what a network's body reads; explicit, named views of one field as another.

B batch, F numbers, K categories, C H W image, T time, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nnzoo.core.fields import AnyField, Course, Image, Rows, Sequences, Table


def embedding_width(codes: int) -> int:
    """Width of a category's embedding by its number of codes n: min(600, 1.6 n^.56), the rule of fast.ai's tabular models."""
    return min(600, round(1.6 * codes**0.56))


class FlatStem(nn.Module):
    """A row of a table or a picture as one vector (B D): numbers as they are, categories embedded, pixels in reading order.

    `size` is D.
    """

    def __init__(self, field: AnyField):
        super().__init__()
        assert isinstance(field, (Table, Image)), f"no flat view of {field.type}"
        self.image = isinstance(field, Image)
        categories = field.categories if isinstance(field, Table) else ()
        widths = [embedding_width(c.size) for c in categories]
        self.embeddings = nn.ModuleList(nn.Embedding(c.size, width) for c, width in zip(categories, widths))
        self.size = (field.size if isinstance(field, Image) else len(field.numeric)) + sum(widths)

    def forward(self, value: Tensor | Rows) -> Tensor:
        """Value of the field to (B D)."""
        if isinstance(value, Tensor):
            return value.flatten(1)
        embedded = [embed(value.codes_BK[:, k]) for k, embed in enumerate(self.embeddings)]
        return torch.cat([value.numeric_BF, *embedded], dim=1) if embedded else value.numeric_BF


class OneHotStem(nn.Module):
    """A row of a table or a picture as one vector without anything to learn: numbers, then categories as indicators."""

    def __init__(self, field: AnyField):
        super().__init__()
        assert isinstance(field, (Table, Image)), f"no flat view of {field.type}"
        self.sizes = [c.size for c in field.categories] if isinstance(field, Table) else []
        self.size = (field.size if isinstance(field, Image) else len(field.numeric)) + sum(self.sizes)

    def forward(self, value: Tensor | Rows) -> Tensor:
        """Value of the field to (B D)."""
        if isinstance(value, Tensor):
            return value.flatten(1)
        codes = [nn.functional.one_hot(value.codes_BK[:, k], n).to(value.numeric_BF) for k, n in enumerate(self.sizes)]
        return torch.cat([value.numeric_BF, *codes], dim=1) if codes else value.numeric_BF


def image_as_rows(image_BCHW: Tensor) -> Tensor:
    """A picture as a sequence of its rows, top to bottom: (B H C*W)."""
    return image_BCHW.permute(0, 2, 1, 3).flatten(2)


def last_of(states_BTD: Tensor, sequence: Sequences | Course) -> Tensor:
    """The state at each sequence's own last step (B D), not at the padding."""
    last_B = (sequence.lengths_B - 1).clamp(min=0)
    return states_BTD[torch.arange(len(last_B), device=last_B.device), last_B]


def mean_of(states_BTD: Tensor, sequence: Sequences | Course) -> Tensor:
    """The mean of each sequence's own states (B D), padding left out; zeros where there is none."""
    inside_BT1 = (torch.arange(states_BTD.shape[1], device=states_BTD.device) < sequence.lengths_B[:, None])[:, :, None]
    return (states_BTD * inside_BT1).sum(1) / sequence.lengths_B.clamp(min=1)[:, None]
