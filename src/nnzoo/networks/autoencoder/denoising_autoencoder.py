"""Denoising autoencoder: data are spoiled by chance and rebuilt whole, so that the code must hold how their numbers hang together.

    x~ ~ C(x~|x),   y = g(f(x~)),   min over f and g of  E ||x - y||^2               (Vincent et al. 2008, eq. 5; 2010, section 3)

The error is taken to the clean x, not to what was read. Two ways to spoil (Vincent et al. 2010, section 3.3):

    masking:   each number is set to nothing with probability nu      (a pixel black, a number of a table to its mean)
    gaussian:  x~ = x + nu eps,  eps ~ N(0, I)                        (nu in standardised units)

Since copying does not rebuild what is missing, the code need not be shorter than the data. The best g(f(x~)) is E[x|x~]; for small
Gaussian noise it points up the slope of the density, (E[x|x~] - x~) / nu^2 = grad log p(x~) (Alain & Bengio 2014, theorem 1). What
is asked for later is read as it is: clean data for their code, noisy data to be cleaned.

Shapes: B batch, D numbers of a row, C numbers of its code.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
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
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the noise, of the layers and of the descent."""

    noise: Literal["masking", "gaussian"] = "masking"
    amount: float = Field(0.25, ge=0)  # nu
    code: int = Field(128, ge=1)  # C
    hidden: tuple[int, ...] = (512,)  # widths on the way to the code; the way back mirrors them
    lr: float = Field(2e-3, gt=0)
    batch: int = Field(256, ge=1)
    epochs: int = Field(60, ge=1)
    search: ClassVar[Space] = {
        "amount": Uniform(0.05, 0.6),
        "code": LogIntegers(16, 512),
        "hidden": Choice(((256,), (512,), (1000, 500))),
        "lr": LogUniform(3e-4, 6e-3),
    }

    @model_validator(mode="after")
    def something_is_left(self) -> Config:
        """A mask hides a share of the numbers."""
        if self.noise == "masking" and self.amount >= 1:
            raise ValueError("'amount' is the share of numbers that a mask hides, which is below 1")
        return self


class DenoisingAutoencoder(Network):
    """An encoder f of spoiled rows and a decoder g to clean ones, learned together."""

    nothing_D: Tensor

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Image, Table)
        if name is None or not numbers_only(spec.inputs[name]):
            return No("denoising_autoencoder rebuilds pictures or rows of numbers; leave categories out, and for text use bert")
        if spec.outputs:
            return No("denoising_autoencoder learns from its input alone; leave the target out, or use mlp to predict it")
        if task.name != "reconstruction":
            return No(f"denoising_autoencoder rebuilds what it is given, which is not {task.name}; use the task reconstruction")
        return Can((Predicts, Encodes, Surprise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        self.flat = Flat(spec.inputs[self.name])
        self.encoder = funnel((self.flat.size, *config.hidden, config.code))  # f
        self.decoder = funnel((config.code, *reversed(config.hidden), self.flat.size))  # g
        self.code, self.rebuilt = Probe(), Probe()
        black = torch.zeros(self.flat.size)
        nothing_D = black if self.flat.picture is None else self.flat.standardised(black)
        self.register_buffer("nothing_D", nothing_D, persistent=False)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Rows as they would be without noise, standardised, in the shape they came in."""
        return {self.name: self.decode(self.encode(inputs))}

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """Codes (B C) of rows as they are."""
        return self.code(self.encoder(self.flat.vector(inputs[self.name])))

    def decode(self, codes: Tensor) -> Tensor:
        """Rows from codes (B C): standardised pictures (B C H W), or numbers (B D)."""
        return self.flat.shaped(self.rebuilt(self.flat.bounded(self.decoder(codes))))

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        """Mean squared error of each row's reconstruction (B), in standardised units; the row is read as it is."""
        x_BD = self.flat.vector(inputs[self.name])
        return ((x_BD - self.flat.bounded(self.decoder(self.encoder(x_BD)))) ** 2).mean(1)

    def spoiled(self, x_BD: Tensor) -> Tensor:
        """x~ ~ C(x~|x): rows with numbers masked or noise added."""
        if self.config.noise == "gaussian":
            return x_BD + self.config.amount * torch.randn_like(x_BD)
        return torch.where(torch.rand_like(x_BD) < self.config.amount, self.nothing_D, x_BD)

    def denoising_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||x - g(f(x~))||^2, as a mean over the numbers of a row."""
        x_BD = self.flat.vector(batch.inputs[self.name])
        y_BD = self.flat.bounded(self.decoder(self.encoder(self.spoiled(x_BD))))
        return summed(((x_BD - y_BD).float() ** 2).mean(1), batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Descend("denoise", self.denoising_loss, optimizer=Adam(c.lr, schedule=Schedule(warmup=0.05, decay="cosine")))
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, validate=self.denoising_loss),)

    card = Card(
        idea="Data are spoiled by chance and rebuilt whole, so that the code must hold how their numbers hang together.",
        equation="min E ||x - g(f(x~))||^2,  x~ = x with numbers masked or noise added",
        paper="Vincent, Larochelle, Bengio & Manzagol, Extracting and composing robust features with denoising autoencoders, ICML",
        year=2008,
        learns="unsupervised, by gradient, from spoiled data to clean ones",
        good_at="cleaning pictures and tables of noise or holes of the kind it learned with; codes that bear damage",
        weak_at="noise of another kind or strength than it learned with; making new data; sharp detail that noise has erased",
        cost="two passes through dense layers; rows of D numbers make D x the first width weights at either end",
        processes="gradients are averaged over processes, each with noise of its own; nothing else differs",
    )
