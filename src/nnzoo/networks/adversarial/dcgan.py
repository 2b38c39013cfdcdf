"""DCGAN: a forger of pictures and a judge of them learn from each other, both made of convolutions all the way.

    min_G max_D  E_{x~data}[log D(x)] + E_{z~N(0, I)}[log(1 - D(G(z)))]                           (Goodfellow 2014, eq. 1)
    L_D = -E[log D(x)] - E[log(1 - D(G(z)))],   L_G = -E[log D(G(z))]                             (his section 3: non-saturating)

The guidelines of Radford 2016 (section 3): no pooling, strided convolutions in D and transposed ones in G; batch normalisation in
G, but not at its output; no hidden fully connected layers; ReLU in G, leaky ReLU in D; G's weights from N(0, .02^2).

Beside the paper's: D's logit is held flat at real pictures, which brings the two players to rest,

    L_D + gamma / 2 E_{x~data}[||grad logit D(x)||^2]                                             (R1, Mescheder 2018, eq. 9)

so that D has no batch normalisation (the slope is of each picture alone), which the paper gives it, and both have no momentum
(Gidel 2019). Both rates fall to zero; pictures come from the moving average of G's weights (Karras 2018), with the statistics of
batch normalisation counted for it (Brock 2019); G ends in a sigmoid, since pixels lie in 0..1 here.

Shapes: B batch, Z noise, C H W picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.players import answers, deceived, slope, spread, told_apart
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.scaling_convolutions import SMALLEST, Down, Pixels, Up, normal_weights
from nnzoo.blocks.standing_statistics import counted
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Done, Loss, Schedule, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the two players; channels double at every halving of the picture."""

    noise: int = Field(64, ge=1)  # Z
    width: int = Field(32, ge=1)  # channels of the largest hidden pictures
    penalty: float = Field(20.0, ge=0)  # gamma
    lr: float = Field(2e-3, gt=0)  # of G
    judging: float = Field(1.0, gt=0)  # D's rate is so many times G's
    ema: float = Field(0.99, ge=0, lt=1)
    batch: int = Field(64, ge=2)
    epochs: int = Field(15, ge=1)
    bfloat16: bool = True  # convolutions; weights are float32
    search: ClassVar[Space] = {
        "noise": LogIntegers(16, 128),
        "width": Choice((16, 32, 64)),
        "penalty": LogUniform(1, 100),
        "lr": LogUniform(2e-4, 4e-3),
        "judging": LogUniform(0.2, 4),
    }


class DCGAN(Network):
    """A generator of transposed convolutions, a discriminator of strided ones."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Image)
        if name is None:
            return No("dcgan makes pictures of one size; for points or a table of numbers use gan or wgan_gp")
        if spec.outputs:
            return No("dcgan makes pictures and knows no labels; leave the target out, or use cgan to make pictures of a label")
        if task.name != "unconditional-image-generation":
            return No(f"dcgan makes new pictures, which is not {task.name}; ask for unconditional-image-generation")
        image = spec.inputs[name]
        assert isinstance(image, Image)
        if min(image.height, image.width) < 2 * SMALLEST:
            return No(
                f"dcgan halves pictures, which needs {2 * SMALLEST} x {2 * SMALLEST} pixels or more, and these are "
                f"{image.height} x {image.width}; use gan"
            )
        return Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        image = spec.inputs[self.name]
        assert isinstance(image, Image)
        size = (image.height, image.width)
        self.generator = nn.Sequential(
            Up(config.noise, image.channels, size, config.width, nn.BatchNorm2d, config.bfloat16), Pixels(image)
        )
        down = Down(image.channels, size, config.width, bfloat16=config.bfloat16)
        self.discriminator = nn.Sequential(down, nn.Linear(down.features, 1))
        self.made = Probe()
        normal_weights(self.generator)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Pictures (B C H W), standardised, from {"noise": (B Z)}."""
        z_BZ = inputs["noise"]
        assert z_BZ.ndim == 2 and z_BZ.shape[1] == self.config.noise
        return {self.name: self.made(self.generator(z_BZ))}  # G(z)

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many pictures of."""
        return {"noise": torch.randn(rows, self.config.noise, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new pictures (n C H W), standardised."""
        return self(self.noise_like(n))[self.name]

    def logit(self, x_BCHW: Tensor) -> Tensor:
        """log D / (1 - D) of each picture (B)."""
        return self.discriminator(x_BCHW)[:, 0].float()

    def discriminator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """L_D and R1."""
        x_BCHW = batch.inputs[self.name].detach().requires_grad_()
        with torch.no_grad():
            made_BCHW = self.sample(len(batch))
        real_B, made_B = self.logit(x_BCHW), self.logit(made_BCHW)
        slope_B = slope(real_B, x_BCHW)
        loss_B = told_apart(real_B, made_B) + self.config.penalty / 2 * slope_B
        loss = summed(loss_B, batch, **answers(real_B, made_B), slope=slope_B)
        return loss._replace(metrics={**loss.metrics, "spread": spread(made_BCHW, x_BCHW)})

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """L_G."""
        loss_B = deceived(self.logit(self.sample(len(batch))))
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
        """Count what batch normalisation sees in the averaged generator."""
        yield from counted(self.generator, lambda: self.sample(self.config.batch), clock)

    card = Card(
        idea="A generator of transposed convolutions forges pictures, a discriminator of strided ones tells them from real ones.",
        equation="min_G max_D E[log D(x)] + E[log(1 - D(G(z)))], G descending -log D(G(z))",
        paper="Radford, Metz & Chintala, Unsupervised representation learning with deep convolutional GANs, ICLR",
        year=2016,
        learns="unsupervised, two players by gradient",
        good_at="sharp pictures at once: one pass through the generator makes one",
        weak_at="kinds of pictures that are left out, no likelihood, large and varied pictures",
        cost="a step is two passes through G, three through D, and a gradient of a gradient for R1; making is one pass through G",
        processes="gradients are averaged over processes; batch normalisation uses each process's own batch and noise",
    )
