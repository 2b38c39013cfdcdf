"""Autoencoder: data squeezed through a short code and rebuilt from it, so that the code must hold what matters.

    c = f(x),   y = g(c),   min over f and g of  E ||x - y||^2                        (Hinton & Salakhutdinov 2006)

f and g are layers of falling and rising width, y_l = phi(W_l y_(l-1) + b_l), the code without bounds; pictures end in a sigmoid, so
that black and white can be reached and not passed. Without phi the best code of C numbers is the projection on the first C
principal components (Baldi & Hornik 1989); what is won beyond it, phi has won. A row that is rebuilt badly is unlike those learned
from:

    surprise(x) = 1/D ||x - g(f(x))||^2

The paper began from weights of stacked restricted Boltzmann machines; Adam and a smooth phi make that needless.

Shapes: B batch, D numbers of a row, C numbers of its code.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from nnzoo.blocks.flat_codec import Flat, funnel, numbers_only
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.core.abilities import Encodes, Predicts, Surprise
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the layers and of the descent. A code is at most half as long as its row, lest nothing be squeezed."""

    code: int = Field(30, ge=1)  # C
    hidden: tuple[int, ...] = (512, 256)  # widths on the way to the code; the way back mirrors them
    lr: float = Field(2e-3, gt=0)
    batch: int = Field(256, ge=1)
    epochs: int = Field(60, ge=1)
    search: ClassVar[Space] = {
        "code": LogIntegers(4, 128),
        "hidden": Choice(((256,), (512, 256), (1000, 500, 250))),
        "lr": LogUniform(3e-4, 6e-3),
    }


class Autoencoder(Network):
    """An encoder f and a decoder g, learned together."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Image, Table)
        if name is None or not numbers_only(spec.inputs[name]):
            return No("autoencoder rebuilds pictures or rows of numbers; leave categories out, and for text use lstm")
        if spec.outputs:
            return No("autoencoder learns from its input alone; leave the target out, or use mlp to predict it")
        if task.name != "reconstruction":
            return No(f"autoencoder rebuilds what it is given, which is not {task.name}; use the task reconstruction, or vae")
        return Can((Predicts, Encodes, Surprise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        self.flat = Flat(spec.inputs[self.name])
        C = min(config.code, max(1, self.flat.size // 2))
        self.encoder = funnel((self.flat.size, *config.hidden, C))  # f
        self.decoder = funnel((C, *reversed(config.hidden), self.flat.size))  # g
        self.code, self.rebuilt = Probe(), Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Rows rebuilt from their codes, standardised, in the shape they came in."""
        return {self.name: self.decode(self.encode(inputs))}

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """Codes (B C)."""
        return self.code(self.encoder(self.flat.vector(inputs[self.name])))

    def decode(self, codes: Tensor) -> Tensor:
        """Rows from codes (B C): standardised pictures (B C H W), or numbers (B D)."""
        return self.flat.shaped(self.rebuilt(self.flat.bounded(self.decoder(codes))))

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        """Mean squared error of each row's reconstruction (B), in standardised units."""
        x_BD = self.flat.vector(inputs[self.name])
        return ((x_BD - self.decode(self.encode(inputs)).flatten(1)) ** 2).mean(1)

    def rebuilding_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||x - g(f(x))||^2, as a mean over the numbers of a row."""
        return summed(self.surprise(batch.inputs).float(), batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Descend("rebuild", self.rebuilding_loss, optimizer=Adam(c.lr, schedule=Schedule(warmup=0.05, decay="cosine")))
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, validate=self.rebuilding_loss),)

    card = Card(
        idea="Data are squeezed through a short code and rebuilt from it, so that the code must hold what matters.",
        equation="min E ||x - g(f(x))||^2, with a code f(x) much shorter than x",
        paper="Hinton & Salakhutdinov, Reducing the dimensionality of data with neural networks, Science 313",
        year=2006,
        learns="unsupervised, by gradient",
        good_at="short codes of pictures and of rows of many numbers, with less error than principal components of the same number",
        weak_at="making new data: codes between those of the data mean nothing; it also rebuilds some things it never saw",
        cost="two passes through dense layers; rows of D numbers make D x the first width weights at either end",
    )
