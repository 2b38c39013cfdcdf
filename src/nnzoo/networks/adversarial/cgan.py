"""Conditional GAN: forger and judge are both told what is to be seen, so that one can be asked for it.

    min_G max_D  E_{x, y~data}[log D(x | y)] + E_{z~N(0, I), y~data}[log(1 - D(G(z | y) | y))]     (Mirza & Osindero 2014, eq. 2)
    L_D = -E[log D(x | y)] - E[log(1 - D(G(z | y) | y))],     L_G = -E[log D(G(z | y) | y)]

The label y enters both players (his figure 1): G reads a vector of it beside the noise. D weighs what it sees in the picture by a
vector of the label (an inner product, Miyato & Koyama 2018) in place of his hidden layer of both, so that another label is
found out soon. Made pictures bear the labels of the batch.

D's logit is held flat at real pictures, without which G makes nearly one picture of each label (seen on `digits`):

    L_D + gamma / 2 E_{x, y~data}[||grad_x logit D(x | y)||^2]                                   (R1, Mescheder 2018, eq. 9)

The players are the convolutions of `dcgan` in place of the paper's perceptrons with dropout; D has no batch normalisation, since
the slope is of each picture alone, and both have no momentum (Gidel 2019). Their rates fall to zero; pictures come from G's moving
average (Karras 2018) with statistics of its own (Brock 2019); G ends in a sigmoid. Once it has learned, G reads t z with t below 1
(Brock's truncation, without cutting): pictures are a little less varied, and more of them show what was asked for.

Shapes: B batch, Z noise, K labels, L numbers that tell G of a label, F seen by D, C H W picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.players import answers, deceived, slope, spread, told_apart
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.scaling_convolutions import SMALLEST, Down, Pixels, Up
from nnzoo.blocks.standing_statistics import counted
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Done, Loss, Schedule, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the two players; channels double at every halving of the picture."""

    noise: int = Field(64, ge=1)  # Z
    told: int = Field(32, ge=1)  # L
    width: int = Field(32, ge=1)  # channels of the largest hidden pictures
    penalty: float = Field(20.0, ge=0)  # gamma
    lr: float = Field(2e-3, gt=0)  # of G
    judging: float = Field(1.0, gt=0)  # D's rate is so many times G's
    ema: float = Field(0.99, ge=0, lt=1)
    truncation: float = Field(0.85, gt=0, le=1)  # t
    batch: int = Field(64, ge=2)
    epochs: int = Field(15, ge=1)
    bfloat16: bool = True  # convolutions; weights are float32
    before: ClassVar[Mapping[str, Any]] = {"truncation": 1.0}
    search: ClassVar[Space] = {
        "noise": LogIntegers(16, 128),
        "width": Choice((16, 32, 64)),
        "penalty": LogUniform(1, 100),
        "lr": LogUniform(2e-4, 4e-3),
        "judging": LogUniform(0.2, 4),
    }


class Generator(nn.Module):
    """G(z | y): a vector of the label beside the noise."""

    def __init__(self, config: Config, labels: int, image: Image):
        super().__init__()
        self.label = nn.Embedding(labels, config.told)
        code, size = config.noise + config.told, (image.height, image.width)
        self.up = Up(code, image.channels, size, config.width, nn.BatchNorm2d, config.bfloat16)
        self.pixels = Pixels(image)

    def forward(self, z_BZ: Tensor, y_B: Tensor) -> Tensor:
        return self.pixels(self.up(torch.cat((z_BZ, self.label(y_B)), 1)))


class Discriminator(nn.Module):
    """The logit of D(x | y): w'h(x) + v_y'h(x) + b, of what is seen in the picture, h(x)."""

    def __init__(self, config: Config, labels: int, image: Image):
        super().__init__()
        self.down = Down(image.channels, (image.height, image.width), config.width, bfloat16=config.bfloat16)
        self.answer = nn.Linear(self.down.features, 1)
        self.label = nn.Embedding(labels, self.down.features)
        nn.init.normal_(self.label.weight, 0.0, 0.02)

    def forward(self, x_BCHW: Tensor, y_B: Tensor) -> Tensor:
        h_BF = self.down(x_BCHW)
        return self.answer(h_BF)[:, 0].float() + (self.label(y_B) * h_BF).sum(1).float()


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

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Pictures (B C H W), standardised, from {label's name: codes (B), "noise": (B Z)}; of narrower noise after learning."""
        y_B, z_BZ = inputs[self.label], inputs["noise"]
        assert z_BZ.shape == (len(y_B), self.config.noise)
        t = 1.0 if self.generator.training else self.config.truncation
        return {self.name: self.made(self.generator(t * z_BZ, y_B))}  # G(t z | y)

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
        """L_D and R1."""
        x_BCHW, y_B, weight_B = self.known(batch)
        x_BCHW = x_BCHW.detach().requires_grad_()
        with torch.no_grad():
            made_BCHW = self.sample(len(batch), y_B)
        real_B, made_B = self.discriminator(x_BCHW, y_B), self.discriminator(made_BCHW, y_B)
        counted = Batch(batch.inputs, batch.outputs, batch.size, weight_B)
        slope_B = slope(real_B, x_BCHW)
        loss_B = told_apart(real_B, made_B) + self.config.penalty / 2 * slope_B
        loss = summed(loss_B, counted, **answers(real_B, made_B), slope=slope_B)
        within = spread(self.about_labels(made_BCHW, y_B), self.about_labels(x_BCHW.detach(), y_B))
        return loss._replace(metrics={**loss.metrics, "spread": within})

    def about_labels(self, x_BCHW: Tensor, y_B: Tensor) -> Tensor:
        """Pictures less the mean of those of their label in the batch: where one picture of each label is made, nothing is left."""
        sums_KCHW = x_BCHW.new_zeros(self.labels, *x_BCHW.shape[1:]).index_add_(0, y_B, x_BCHW)
        each_K = x_BCHW.new_zeros(self.labels).index_add_(0, y_B, x_BCHW.new_ones(len(y_B))).clamp(min=1)  # bincount would wait
        return x_BCHW - (sums_KCHW / each_K[:, None, None, None])[y_B]

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """L_G."""
        _, y_B, _ = self.known(batch)
        loss_B = deceived(self.discriminator(self.sample(len(batch), y_B), y_B))
        return Loss(loss_B.sum(), len(batch), {"generator": loss_B.detach().mean()})

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        forge = Adam(c.lr, betas=(0.0, 0.99), schedule=Schedule(decay="linear"))
        judge = replace(forge, lr=c.lr * c.judging)
        discriminator = Descend("discriminator", self.discriminator_loss, ("discriminator",), judge)
        generator = Descend("generator", self.generator_loss, ("generator",), forge)
        play = Stage((discriminator, generator), feed=shuffled(c.batch), epochs=c.epochs, name="play", ema=c.ema)
        return (play, Stage((Solve("statistics", self.settle, chance=True),), trains=("generator",), name="settle"))

    def settle(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Count what batch normalisation sees in the averaged generator, of the noise that it will be given."""
        yield from counted(self.generator, lambda: self.sample(self.config.batch), clock)

    card = Card(
        idea="A generator and a discriminator that are both told the label, so that pictures of it can be asked for.",
        equation="min_G max_D E[log D(x | y)] + E[log(1 - D(G(z | y) | y))], G descending -log D(G(z | y) | y)",
        paper="Mirza & Osindero, Conditional generative adversarial nets, arXiv:1411.1784",
        year=2014,
        learns="two players by gradient, from pictures with labels",
        good_at="sharp pictures of a given label at once; more rows for a classifier to learn from",
        weak_at="rare labels, variety within a label, no likelihood",
        cost="a step is two passes through G, three through D, and a gradient of a gradient for R1; making is one pass through G",
        processes="gradients are averaged over processes; batch normalisation uses each process's own batch and noise",
    )
