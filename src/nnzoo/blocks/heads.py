"""How a body's features become the outputs of a spec: one linear read-out an output field.

B batch, D width, K classes, O numbers, C H W picture, T steps, H future steps of C series.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.core.fields import AnyField, Classes, Future, Image, Sequences, Span, Tags, Values

OUTSIDE = -1e4  # the logit of a place where no answer can start or end; finite, so that sums and means stay so


class Heads(nn.Module):
    """Features (B D) to outputs by name: logits (B K), standardised numbers (B O), a standardised picture (B C H W) or the next
    steps of series (B H C); and states at every step (B T D) to logits at every step (B T K); a piece of the context (B T 2) with
    `OUTSIDE` at all symbols beside it."""

    def __init__(self, width: int, outputs: Mapping[str, AnyField]):
        super().__init__()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.spans = {name: field for name, field in outputs.items() if isinstance(field, Span)}
        self.stepwise = [name for name, field in outputs.items() if isinstance(field, (Tags, Span))]
        self.linear = nn.ModuleDict()
        for name, field in outputs.items():
            assert isinstance(field, (Classes, Values, Image, Future, Tags, Span)), f"no read-out for {field.type}"
            self.shapes[name] = _shape(field)
            self.linear[_safe(name)] = nn.Linear(width, field.size)

    def forward(
        self, features_BD: Tensor, states_BTD: Tensor | None = None, sequence: Sequences | None = None
    ) -> dict[str, Tensor]:
        """Outputs by field name. `states_BTD` are needed where an answer is read at every step, `sequence` where it is a piece of
        that sequence. Of steps beyond the states, which a network does not see, it knows nothing: zeros, or `OUTSIDE`."""
        answers = {}
        for name, shape in self.shapes.items():
            if name in self.stepwise:
                assert states_BTD is not None, f"'{name}' is read at every step"
                answers[name] = self._at_steps(name, states_BTD, sequence)
            else:
                answers[name] = self.linear[_safe(name)](features_BD).unflatten(1, shape)
        return answers

    def _at_steps(self, name: str, states_BTD: Tensor, sequence: Sequences | None) -> Tensor:
        logits_BTK = self.linear[_safe(name)](states_BTD)
        if sequence is not None:
            logits_BTK = F.pad(logits_BTK, (0, 0, 0, sequence.tokens_BT.shape[1] - states_BTD.shape[1]))
        if name not in self.spans:
            return logits_BTK
        assert sequence is not None, f"'{name}' is a piece of a sequence"
        inside_BT = self.spans[name].inside(sequence)
        seen_T = torch.arange(inside_BT.shape[1], device=inside_BT.device) < states_BTD.shape[1]
        return logits_BTK.masked_fill(~(inside_BT & seen_T)[:, :, None], OUTSIDE)

    def place(self, name: str) -> str:
        """Where the read-out of an output is, by module path."""
        return f"linear.{_safe(name)}"


def _shape(field: Classes | Values | Image | Future | Tags | Span) -> tuple[int, ...]:
    match field:
        case Image():
            return (field.channels, field.height, field.width)
        case Future():
            return (field.horizon, len(field.names))
    return (field.size,)


def _safe(name: str) -> str:
    """A module's name may hold no dot and not be an attribute of ModuleDict."""
    return "to_" + name.replace(".", "_")
