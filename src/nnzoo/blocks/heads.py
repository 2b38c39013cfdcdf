"""How a body's features become the outputs of a spec: one linear read-out an output field.

B batch, D width, K classes, O numbers, C H W picture, T steps, H future steps of C series.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nnzoo.core.fields import AnyField, Classes, Future, Image, Tags, Values


class Heads(nn.Module):
    """Features (B D) to outputs by name: logits (B K), standardised numbers (B O), a standardised picture (B C H W) or the next
    steps of series (B H C); and states at every step (B T D) to logits at every step (B T K)."""

    def __init__(self, width: int, outputs: Mapping[str, AnyField]):
        super().__init__()
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.stepwise = [name for name, field in outputs.items() if isinstance(field, Tags)]
        self.linear = nn.ModuleDict()
        for name, field in outputs.items():
            assert isinstance(field, (Classes, Values, Image, Future, Tags)), f"no read-out for {field.type}"
            self.shapes[name] = _shape(field)
            self.linear[_safe(name)] = nn.Linear(width, field.size)

    def forward(self, features_BD: Tensor, states_BTD: Tensor | None = None) -> dict[str, Tensor]:
        """Outputs by field name. `states_BTD` are needed where labels are asked for at every step."""
        answers = {}
        for name, shape in self.shapes.items():
            if name in self.stepwise:
                assert states_BTD is not None, f"'{name}' is read at every step"
                answers[name] = self.linear[_safe(name)](states_BTD)
            else:
                answers[name] = self.linear[_safe(name)](features_BD).unflatten(1, shape)
        return answers

    def place(self, name: str) -> str:
        """Where the read-out of an output is, by module path."""
        return f"linear.{_safe(name)}"


def _shape(field: Classes | Values | Image | Future | Tags) -> tuple[int, ...]:
    match field:
        case Image():
            return (field.channels, field.height, field.width)
        case Future():
            return (field.horizon, len(field.names))
    return (field.size,)


def _safe(name: str) -> str:
    """A module's name may hold no dot and not be an attribute of ModuleDict."""
    return "to_" + name.replace(".", "_")
