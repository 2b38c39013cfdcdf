"""A narrow code and back, for tests: pictures or rows given back, or pictures made into others.

    z = W x + b,   f = V z + c

Shapes: B batch, P numbers in, Q numbers out, Z code.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Encodes, Predicts, Surprise
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Adam, Descend, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.task import Task
from nnzoo.tasks.reconstruction import numbers_of


class Config(NetworkConfig):
    """Constants."""

    code: int = Field(8, ge=1)


class Squeeze(Network):
    """Linear there and back."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if task.name == "image-to-image":
            return Can((Predicts,))
        if task.name != "reconstruction":
            return No(f"squeeze gives back what it reads, which is not {task.name}; ask for reconstruction")
        return Can((Predicts, Encodes, Surprise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.source, field),) = spec.inputs.items()
        ((self.target, other),) = (spec.outputs or spec.inputs).items()
        self.shape = (other.channels, other.height, other.width) if isinstance(other, Image) else (len(other.numeric),)
        sizes = [one.size if isinstance(one, Image) else len(one.numeric) for one in (field, other)]
        assert isinstance(field, (Image, Table))
        self.there, self.back, self.probe = nn.Linear(sizes[0], config.code), nn.Linear(config.code, sizes[1]), Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        return {self.target: self.decode(self.there(numbers_of(inputs[self.source]).flatten(1)))}

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        return self.there(numbers_of(inputs[self.source]).flatten(1))

    def decode(self, codes: Tensor) -> Tensor:
        return self.back(self.probe(codes)).unflatten(1, self.shape)

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        x = numbers_of(inputs[self.source])
        return (self(inputs)[self.target] - x).flatten(1).square().mean(1)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        move = Descend("task", self.task_loss, optimizer=Adam(lr=1e-2))
        return (Stage((move,), feed=shuffled(64), epochs=20, validate=self.task_loss),)

    card = Card(
        idea="A narrow code and back.",
        equation="f = V (W x + b) + c",
        paper="none: made for tests",
        year=2026,
        learns="by gradient",
        good_at="tests",
        weak_at="everything else",
        cost="one product a step",
    )
