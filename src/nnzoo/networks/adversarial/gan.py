"""GAN: a forger makes data out of noise, a judge tells them from real ones, and each learns from what the other does.

    min_G max_D V = E_{x~data}[log D(x)] + E_{z~N(0, I)}[log(1 - D(G(z)))]                              (Goodfellow 2014, eq. 1)
    for G fixed, the best D is  p_data(x) / (p_data(x) + p_G(x)),  and then V = 2 JS(p_data || p_G) - log 4        (eq. 2, thm. 1)
    L_D = -E[log D(x)] - E[log(1 - D(G(z)))],     L_G = -E[log D(G(z))]

L_G is his "non-saturating" loss (section 3): it has the same fixed point as eq. 1, and a gradient where D is sure of itself.
Nothing in it asks for all modes of the data: what G leaves out, it is never told of, which `wgan_gp` mends.

Both are plain stacks of linear layers, of points and of pictures alike (of pictures `dcgan` knows that neighbours belong together).
Beside the paper's: ReLU and leaky ReLU in place of maxout and dropout; D's logit is held flat at real rows, and G has batch
normalisation (Ioffe 2015; in a generator Radford 2016):

    L_D + gamma / 2 E_{x~data}[||grad logit D(x)||^2]                                                 (R1, Mescheder 2018, eq. 9)

On the pictures of `digits` with neither of these two made pictures are nearly alike (dropout of .3 in D did not help), and either
alone leads less near to the data than both. D learns faster than G (two time-scales, Heusel 2017), and both without momentum, which
makes players circle (Gidel 2019); both rates fall to zero, and data are made by the moving average of G's weights (Yazici 2019)
with statistics of its own (Brock 2019).

Shapes: B batch, Z noise, D numbers of a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.perceptron import perceptron
from nnzoo.blocks.players import answers, deceived, slope, spread, told_apart
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.scaling_convolutions import Pixels
from nnzoo.blocks.standing_statistics import counted
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Adam, Clock, Descend, Done, Loss, Schedule, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task

TASKS = {Table: "unconditional-generation", Image: "unconditional-image-generation"}
# what a config leaves open; much noise for few numbers, and all points run after one mode
POINTS, PICTURES = {"noise": 2, "penalty": 0.1}, {"noise": 64, "penalty": 3.0}


class Config(NetworkConfig):
    """Constants of the two players. None: what suits the data, points or pictures; a network's own config has it filled in."""

    noise: int | None = Field(None, ge=1)  # Z
    width: int = Field(128, ge=1)
    depth: int = Field(3, ge=1)
    penalty: float | None = Field(None, ge=0)  # gamma
    lr: float = Field(1e-3, gt=0)  # of G
    judging: float = Field(2.0, gt=0)  # D's rate is so many times G's
    ema: float = Field(0.99, ge=0, lt=1)
    batch: int = Field(128, ge=2)
    epochs: int = Field(60, ge=1)
    search: ClassVar[Space] = {
        "noise": LogIntegers(2, 128),
        "width": Choice((128, 256, 512)),
        "depth": Integers(2, 4),
        "penalty": LogUniform(0.03, 30),
        "lr": LogUniform(1e-4, 4e-3),
        "judging": LogUniform(1, 8),
    }


class GAN(Network):
    """Two perceptrons: a generator of rows and a discriminator that gives each row one number."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Table, Image)
        field = spec.inputs[name] if name is not None else None
        if not isinstance(field, (Table, Image)) or (isinstance(field, Table) and (field.categories or not field.numeric)):
            return No("gan makes numbers or pictures; give a table of numeric columns only, or pictures")
        if spec.outputs:
            return No("gan makes new rows and predicts nothing; leave the target out, or use cgan to make pictures of a label")
        if task.name != TASKS[type(field)]:
            return No(f"gan makes new rows, which is not {task.name}; ask for {TASKS[type(field)]}")
        return Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        usual = PICTURES if spec.only("inputs", Image) else POINTS
        config = config.model_copy(update={name: value for name, value in usual.items() if getattr(config, name) is None})
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert config.noise is not None
        if isinstance(field, Image):
            shape = (field.channels, field.height, field.width)
            size, finish = field.size, nn.Sequential(nn.Unflatten(1, shape), Pixels(field))
        else:
            assert isinstance(field, Table)
            size, finish = len(field.numeric), nn.Sequential()
        normed = lambda: nn.Sequential(nn.BatchNorm1d(config.width), nn.ReLU())  # noqa: E731
        self.generator = nn.Sequential(perceptron(config.noise, config.width, size, config.depth, normed), finish)
        leaky = partial(nn.LeakyReLU, 0.2)
        self.discriminator = nn.Sequential(nn.Flatten(), perceptron(size, config.width, 1, config.depth, leaky))
        self.made = Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Rows (B D) or pictures (B C H W), standardised, from {"noise": (B Z)}."""
        z_BZ = inputs["noise"]
        assert z_BZ.ndim == 2 and z_BZ.shape[1] == self.config.noise
        return {self.name: self.made(self.generator(z_BZ))}  # G(z)

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many rows of."""
        return {"noise": torch.randn(rows, self.config.noise, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new rows (n D) or pictures (n C H W), standardised."""
        return self(self.noise_like(n))[self.name]

    def logit(self, x: Tensor) -> Tensor:
        """log D / (1 - D) of each row (B)."""
        return self.discriminator(x)[:, 0].float()

    def real(self, batch: Batch) -> Tensor:
        """The rows of a batch (B D or B C H W)."""
        value = batch.inputs[self.name]
        return value if isinstance(value, Tensor) else value.numeric_BF

    def discriminator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """L_D and R1."""
        x = self.real(batch).detach().requires_grad_()
        with torch.no_grad():
            made = self.sample(len(batch))
        real_B, made_B = self.logit(x), self.logit(made)
        slope_B = slope(real_B, x)
        loss_B = told_apart(real_B, made_B) + self.config.penalty / 2 * slope_B
        loss = summed(loss_B, batch, **answers(real_B, made_B), slope=slope_B)
        return loss._replace(metrics={**loss.metrics, "spread": spread(made, x)})

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
        idea="A generator forges data out of noise, a discriminator tells forged from real; each learns from the other.",
        equation="min_G max_D E[log D(x)] + E[log(1 - D(G(z)))], G descending -log D(G(z))",
        paper="Goodfellow et al., Generative adversarial nets, NeurIPS",
        year=2014,
        learns="unsupervised, two players by gradient",
        good_at="the simplest way to make data in one pass, without a likelihood or a chain",
        weak_at="modes that are left out unseen; two players that circle; says nothing of how likely a point is",
        cost="a step is two passes through G and three through D, with their gradients, and a gradient of a gradient for R1",
        processes="gradients are averaged over processes; batch normalisation uses each process's own noise",
    )
