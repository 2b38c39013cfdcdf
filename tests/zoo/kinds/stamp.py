"""The mean picture of each label, with noise, for tests.

    x = mean_y + guidance e / steps

Shapes: B batch, K labels, P pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Parts
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Clock, Done, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants."""

    noise: float = 0.1


class Stamp(Network):
    """A picture for each label; one label of its own where there are none."""

    sampling: ClassVar[tuple[str, ...]] = ("steps", "guidance")

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if task.name not in ("class-conditional-image-generation", "unconditional-image-generation"):
            return No(f"stamp makes pictures, which is not {task.name}; ask for class-conditional-image-generation")
        return Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        self.label = spec.only("inputs", Classes)
        self.picture = spec.only("outputs", Image) or next(iter(spec.inputs))
        field = spec.field(self.picture)
        assert isinstance(field, Image)
        labels = 1 if self.label is None else spec.inputs[self.label].size
        self.register_buffer("means_KCHW", torch.zeros(labels, field.channels, field.height, field.width))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        return (Stage((Solve("mean", self.learn),)),)

    def learn(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Means of all rows of each label."""
        batch = parts.train.all()
        codes = batch[self.label] if self.label else torch.zeros(len(batch), dtype=torch.long)
        for code in range(len(self.means_KCHW)):
            self.means_KCHW[code] = batch[self.picture][codes == code].mean(0)
        yield Done(1.0)

    def sample(self, n: int, condition: Any = None, steps: int = 1, guidance: float = 1.0) -> Tensor:
        codes = torch.randint(len(self.means_KCHW), (n,)) if condition is None else condition
        means = self.means_KCHW[codes]
        return means + self.config.noise * guidance / steps * torch.randn_like(means)

    card = Card(
        idea="The mean picture of each label.",
        equation="x = mean_y + noise",
        paper="none: made for tests",
        year=2026,
        learns="in closed form",
        good_at="tests",
        weak_at="everything else",
        cost="one product a step",
    )
