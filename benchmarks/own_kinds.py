"""Two kinds of a user's own, so that five kinds learn by gradient in the benchmark: one layer, and one wide hidden layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nnzoo.blocks.heads import Heads
from nnzoo.blocks.stems import FlatStem
from nnzoo.core.abilities import Predicts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import AdamW, Descend, Stage
from nnzoo.core.network import Can, Card, Network, No
from nnzoo.core.task import Task


class Linear(Network):
    """Softmax regression on pixels."""

    kind = "linear"
    width = 0

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        fits = spec.only("inputs", Image) is not None and spec.only("outputs", Classes) is not None
        return Can((Predicts,)) if fits else No("this kind labels pictures")

    def __init__(self, config: Any, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        self.stem = FlatStem(spec.inputs[self.name])
        self.hidden = nn.Sequential(nn.Linear(self.stem.size, self.width), nn.ReLU()) if self.width else nn.Identity()
        self.heads = Heads(self.width or self.stem.size, spec.outputs)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        return self.heads(self.hidden(self.stem(inputs[self.name])))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        return (Stage((Descend("task", self.task_loss, optimizer=AdamW()),), feed=shuffled(128), validate=self.task_loss),)

    card = Card("one layer", "y = W x + b", "Fisher 1936", 1936, "supervised, by gradient", "a floor", "shapes", "one product")


class WideMLP(Linear):
    """One hidden layer of 512."""

    kind = "wide_mlp"
    width = 512
