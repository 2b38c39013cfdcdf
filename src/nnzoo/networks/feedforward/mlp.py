"""Multilayer perceptron: layers of weighted sums, each bent by a nonlinearity, trained by back-propagation.

    h_0 = x,   h_l = phi(W_l h_(l-1) + b_l),   y = W_L h_(L-1) + b_L        (Rumelhart, Hinton & Williams 1986, eq. 1-2)

Categories of a table enter as learned vectors beside the numbers (Guo & Berkhahn 2016); a picture enters as its pixels in
reading order. What comes out is whatever the data ask for: classes, one or many numbers, a picture from given conditions.

Shapes: B batch, D features of a layer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.heads import Heads
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import FlatStem
from nnzoo.core.abilities import Predicts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec, Table, Values
from nnzoo.core.learning import AdamW, Descend, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogUniform, Space, Uniform
from nnzoo.core.task import Task

NONLINEARITIES = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}


class Config(NetworkConfig):
    """Constants of the network and of its descent."""

    hidden: tuple[int, ...] = (256, 128)
    nonlinearity: Literal["relu", "tanh", "sigmoid", "gelu"] = "relu"  # phi
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    batch: int = Field(128, ge=1)
    epochs: int = Field(60, ge=1)
    search: ClassVar[Space] = {
        "hidden": Choice(((64,), (256,), (256, 128), (512, 256), (256, 256, 256))),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(1e-4, 1e-2),
        "weight_decay": LogUniform(1e-4, 1e-1),
    }


class MLP(Network):
    """Fully connected layers between a view of one input as a vector and a linear read-out for each output."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Table, Image) is None:
            return No("mlp reads one table row or one picture of fixed size; for text use lstm, for a graph gcn")
        if not spec.outputs:
            return No("mlp predicts an output and these data have none; name a target, or use a kind that generates")
        if not all(isinstance(field, (Classes, Values, Image)) for field in spec.outputs.values()):
            return No("mlp gives classes, numbers or a picture; the target here is none of these")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        self.stem = FlatStem(spec.inputs[self.name])
        widths = (self.stem.size, *config.hidden)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(before, after), NONLINEARITIES[config.nonlinearity](), Probe(), nn.Dropout(config.dropout))
            for before, after in pairwise(widths)
        )
        self.heads = Heads(widths[-1], spec.outputs)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        h_BD = self.stem(inputs[self.name])
        assert h_BD.ndim == 2 and h_BD.shape[1] == self.stem.size
        for layer in self.layers:
            h_BD = layer(h_BD)  # h_l = phi(W_l h_(l-1) + b_l)
        return self.heads(h_BD)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        descent = AdamW(lr=c.lr, weight_decay=c.weight_decay, schedule=Schedule(warmup=0.02, decay="cosine"))
        move = Descend("task", self.task_loss, optimizer=descent)
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, validate=self.task_loss),)

    card = Card(
        idea="Stacked weighted sums with a nonlinearity between them can approximate any continuous function.",
        equation="h_l = phi(W_l h_(l-1) + b_l)",
        paper="Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, Nature 323",
        year=1986,
        learns="supervised, by gradient",
        good_at="tables with many rows; small pictures; a strong, simple baseline",
        weak_at="pictures with shifts, sequences, little data; needs scaled inputs",
        cost="one product of (batch x in) by (in x out) a layer",
    )
