"""Conditional GAN: forger and judge are both told what is to be seen, so that one can be asked for it.

    min_G max_D  E_{x, y~data}[log D(x | y)] + E_{z~N(0, I), y~data}[log(1 - D(G(z | y) | y))]     (Mirza & Osindero 2014, eq. 2)
    L_D = -E[log D(x | y)] - E[log(1 - D(G(z | y) | y))],     L_G = -E[log D(G(z | y) | y)]

The label y enters both players (his figure 1): G reads a vector of it beside the noise, D a picture of it beside the picture, so
that what D says of a picture's parts depends on y from the first layer on. Made pictures bear the labels of the batch.

The players are those of `dcgan` in place of the paper's perceptrons, with what is added there: one-sided label smoothing (Salimans
2016), rates that fall to zero, G's moving average (Karras 2018) with statistics of its own (Brock 2019), a sigmoid at G's end.

Shapes: B batch, Z noise, K labels, L numbers that tell G of a label, C H W picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.players import answers, deceived, spread, told_apart
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.scaling_convolutions import SMALLEST, Down, Pixels, Up, normal_weights
from nnzoo.blocks.standing_statistics import counted
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Done, Loss, Schedule, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the two players; channels double at every halving of the picture."""

    noise: int = Field(64, ge=1)  # Z
    told: int = Field(32, ge=1)  # L
    width: int = Field(32, ge=1)  # channels of the largest hidden pictures
    smooth: float = Field(0.9, gt=0.5, le=1)  # the answer wanted at real pictures
    lr: float = Field(1.2e-3, gt=0)
    ema: float = Field(0.99, ge=0, lt=1)
    batch: int = Field(32, ge=2)
    epochs: int = Field(15, ge=1)
    search: ClassVar[Space] = {
        "noise": LogIntegers(16, 128),
        "width": Choice((16, 32, 64)),
        "smooth": Uniform(0.8, 1.0),
        "lr": LogUniform(2e-4, 4e-3),
    }


class Generator(nn.Module):
    """G(z | y): a vector of the label beside the noise."""

    def __init__(self, config: Config, labels: int, image: Image):
        super().__init__()
        self.label = nn.Embedding(labels, config.told)
        code, size = config.noise + config.told, (image.height, image.width)
        self.up = Up(code, image.channels, size, config.width, nn.BatchNorm2d)
        self.pixels = Pixels(image)

    def forward(self, z_BZ: Tensor, y_B: Tensor) -> Tensor:
        return self.pixels(self.up(torch.cat((z_BZ, self.label(y_B)), 1)))


class Discriminator(nn.Module):
    """The logit of D(x | y): a picture of the label beside the picture."""

    def __init__(self, config: Config, labels: int, image: Image):
        super().__init__()
        self.size = (1, image.height, image.width)
        self.label = nn.Embedding(labels, image.height * image.width)
        self.down = Down(image.channels + 1, self.size[1:], config.width, nn.BatchNorm2d)
        self.answer = nn.Linear(self.down.features, 1)

    def forward(self, x_BCHW: Tensor, y_B: Tensor) -> Tensor:
        y_B1HW = self.label(y_B).unflatten(1, self.size)
        return self.answer(self.down(torch.cat((x_BCHW, y_B1HW), 1)))[:, 0].float()


class CGAN(Network):
    """A generator and a discriminator that are told the label."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        label, name = spec.only("inputs", Classes), spec.only("outputs", Image)
        if task.name != "class-conditional-image-generation":
            return No(f"cgan makes pictures of a label, which is not {task.name}; ask for class-conditional-image-generation")
        if label is None or name is None:
            return No("cgan makes pictures of a label; give pictures with one label each, or use dcgan for pictures alone")
        image = spec.outputs[name]
        assert isinstance(image, Image)
        if min(image.height, image.width) < 2 * SMALLEST:
            return No(
                f"cgan halves pictures, which needs {2 * SMALLEST} x {2 * SMALLEST} pixels or more, and these are {image.height} x "
                f"{image.width}; enlarge them"
            )
        return Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.label, classes),) = spec.inputs.items()
        ((self.name, image),) = spec.outputs.items()
        assert isinstance(classes, Classes) and isinstance(image, Image)
        self.labels = classes.size
        self.generator = Generator(config, classes.size, image)
        self.discriminator = Discriminator(config, classes.size, image)
        self.made = Probe()
        normal_weights(self)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Pictures (B C H W), standardised, from {label's name: codes (B), "noise": (B Z)}."""
        y_B, z_BZ = inputs[self.label], inputs["noise"]
        assert z_BZ.shape == (len(y_B), self.config.noise)
        return {self.name: self.made(self.generator(z_BZ, y_B))}  # G(z | y)

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many pictures of: labels drawn evenly, and noise."""
        y_B = torch.randint(self.labels, (rows,), device=self.device)
        return {self.label: y_B, "noise": torch.randn(rows, self.config.noise, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new pictures (n C H W), standardised, of the labels whose codes `condition` holds (n); None: drawn evenly."""
        told = self.noise_like(n)
        return self(told if condition is None else {**told, self.label: condition})[self.name]

    def known(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B C H W), their labels (B), and how much each row counts (B): not at all where the label is missing."""
        y_B = batch.inputs[self.label]
        weight_B = (y_B >= 0).float()
        return batch.outputs[self.name], y_B.clamp(min=0), weight_B if batch.weight is None else weight_B * batch.weight

    def discriminator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """L_D. Real and made pictures are normalised apart, each kind by its own statistics."""
        x_BCHW, y_B, weight_B = self.known(batch)
        with torch.no_grad():
            made_BCHW = self.sample(len(batch), y_B)
        real_B, made_B = self.discriminator(x_BCHW, y_B), self.discriminator(made_BCHW, y_B)
        counted = Batch(batch.inputs, batch.outputs, batch.size, weight_B)
        loss = summed(told_apart(real_B, made_B, self.config.smooth), counted, **answers(real_B, made_B))
        return loss._replace(metrics={**loss.metrics, "spread": spread(made_BCHW, x_BCHW)})

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """L_G."""
        _, y_B, _ = self.known(batch)
        loss_B = deceived(self.discriminator(self.sample(len(batch), y_B), y_B))
        return Loss(loss_B.sum(), len(batch), {"generator": loss_B.detach().mean()})

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        adam = Adam(c.lr, betas=(0.5, 0.999), schedule=Schedule(decay="linear"))
        discriminator = Descend("discriminator", self.discriminator_loss, ("discriminator",), adam)
        generator = Descend("generator", self.generator_loss, ("generator",), adam)
        play = Stage((discriminator, generator), feed=shuffled(c.batch), epochs=c.epochs, name="play", ema=c.ema)
        return (play, Stage((Solve("statistics", self.settle, chance=True),), trains=("generator",), name="settle"))

    def settle(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Count what batch normalisation sees in the averaged generator."""
        yield from counted(self.generator, lambda: self.sample(self.config.batch), clock)

    card = Card(
        idea="A generator and a discriminator that are both told the label, so that pictures of it can be asked for.",
        equation="min_G max_D E[log D(x | y)] + E[log(1 - D(G(z | y) | y))], G descending -log D(G(z | y) | y)",
        paper="Mirza & Osindero, Conditional generative adversarial nets, arXiv:1411.1784",
        year=2014,
        learns="two players by gradient, from pictures with labels",
        good_at="sharp pictures of a given label at once; more rows for a classifier to learn from",
        weak_at="rare labels, variety within a label, no likelihood",
        cost="a step is two passes through G and three through D, with their gradients; making is one pass through G",
        processes="gradients are averaged over processes; batch normalisation uses each process's own batch and noise",
    )
