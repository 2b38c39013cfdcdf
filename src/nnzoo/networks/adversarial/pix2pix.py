"""pix2pix: a picture becomes another of the same size; a judge who sees both asks for detail that a plain error would blur.

    L_cGAN(G, D) = E_{x, y}[log D(x, y)] + E_{x, z}[log(1 - D(x, G(x, z)))]                                  (Isola 2017, eq. 1)
    L_L1(G)      = E_{x, y, z}[|y - G(x, z)|_1]                                                                        (eq. 3)
    G*           = arg min_G max_D  adversarial L_cGAN(G, D) + l1 L_L1(G)                                              (eq. 4)

G is a U-Net: halvings down, doublings up, and at each size what was seen on the way down beside what comes up, so that edges need
not pass the narrow middle. The noise z is dropout in the first doublings, without which G would give one picture for each x. D is
a "patch" judge: it gives an answer for every patch of 18 pixels a side, each told apart for itself, and their mean counts. G
descends -log D, not log(1 - D); D's loss is halved, so that it learns more slowly (section 3.3). |y - G| is taken with pixels in
-1..1.

l1 alone gives blurred pictures that are right on the whole, the judge alone sharp ones that may have little to do with x.
Ours, beside the paper's: while answering, dropout is off and batch normalisation uses what it has counted, so that the same picture
has the same answer; both rates fall to zero over the whole stage; G ends in a sigmoid, since pixels lie in 0..1 here.

Shapes: B batch, C channels, H W picture, h w patches.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nnzoo.blocks.players import answers, deceived, told_apart
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.scaling_convolutions import SMALLEST, Pixels, doubling, halving, normal_weights
from nnzoo.core.abilities import Predicts
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogUniform, Space, Uniform
from nnzoo.core.task import Task

MOST_HALVINGS = 8  # as in the paper, whose pictures have 256 pixels a side
NOISY = 3  # doublings with dropout, from the narrow end


class Config(NetworkConfig):
    """Weights of the two losses, and constants of the two players."""

    l1: float = Field(100.0, ge=0)  # lambda
    adversarial: float = Field(1.0, ge=0)
    width: int = Field(32, ge=1)  # channels after the first halving
    dropout: float = Field(0.5, ge=0, lt=1)
    lr: float = Field(5e-4, gt=0)
    batch: int = Field(32, ge=2)
    epochs: int = Field(20, ge=1)
    search: ClassVar[Space] = {
        "l1": LogUniform(1, 300),
        "width": Choice((16, 32, 64)),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(1e-4, 2e-3),
    }

    @model_validator(mode="after")
    def _asks_for_something(self) -> Config:
        if not self.l1 and not self.adversarial:
            raise ValueError("l1 and adversarial are both 0, which asks for nothing; give one of them a weight")
        return self


class UNet(nn.Module):
    """(B C H W) to (B C' H W), numbers of any size: down to 2 or 3 pixels a side, and up with what was seen beside."""

    def __init__(self, channels: int, after: int, size: tuple[int, int], width: int, dropout: float):
        super().__init__()
        sizes, wide = [size], [channels]
        while min(sizes[-1]) >= SMALLEST and len(sizes) <= MOST_HALVINGS:
            wide.append(width * min(2 ** (len(sizes) - 1), 8))
            sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
        levels = len(sizes) - 1
        self.down = nn.ModuleList(
            halving(wide[level], wide[level + 1], nn.BatchNorm2d if level else None) for level in range(levels)
        )
        self.up = nn.ModuleList()
        for level in range(levels - 1, -1, -1):
            before = wide[level + 1] * (1 if level == levels - 1 else 2)
            last = level == 0
            up = doubling(before, after if last else wide[level], sizes[level], nn.BatchNorm2d, last)
            noisy = not last and levels - 1 - level < NOISY
            self.up.append(nn.Sequential(up, nn.Dropout(dropout)) if noisy else up)
        self.middle = Probe()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        a_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
        seen = []
        for down in self.down:
            a_BCHW = down(a_BCHW)
            seen.append(a_BCHW)
        a_BCHW = self.up[0](self.middle(seen.pop()))
        for up in list(self.up)[1:]:
            a_BCHW = up(torch.cat((a_BCHW, seen.pop()), 1))
        return a_BCHW


class PatchJudge(nn.Module):
    """Logits (B h w) of whether each patch of a pair (x, y) is real: halvings, then a convolution that keeps the size."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            halving(channels, width),
            halving(width, 2 * width, nn.BatchNorm2d),
            nn.Conv2d(2 * width, 1, 3, padding=1),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x_BCHW: Tensor, y_BCHW: Tensor) -> Tensor:
        pair_BCHW = torch.cat((x_BCHW, y_BCHW), 1).contiguous(memory_format=torch.channels_last)
        return self.layers(pair_BCHW)[:, 0].float()


class Pix2Pix(Network):
    """A U-Net that answers, a judge of patches that sees question and answer."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if task.name != "image-to-image":
            return No(f"pix2pix turns a picture into another of its size, which is not {task.name}; give pairs for image-to-image")
        source, target = spec.only("inputs", Image), spec.only("outputs", Image)
        if source is None or target is None:
            return No("pix2pix learns from pairs of pictures; give two folders with equal file names, or make pairs of single ones")
        before, after = spec.inputs[source], spec.outputs[target]
        assert isinstance(before, Image) and isinstance(after, Image)
        if (before.height, before.width) != (after.height, after.width):
            return No("pix2pix keeps the size of a picture, and the two of a pair differ in it; bring them to one size")
        if min(before.height, before.width) < SMALLEST:
            return No(f"pix2pix halves pictures, which needs {SMALLEST} x {SMALLEST} pixels or more; enlarge them")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.source, before),) = spec.inputs.items()
        ((self.target, after),) = spec.outputs.items()
        assert isinstance(before, Image) and isinstance(after, Image)
        self.range_C = [2 * std for std in after.std]  # standardised pixels times this: differences of pixels in -1..1
        net = UNet(before.channels, after.channels, (after.height, after.width), config.width, config.dropout)
        self.generator = nn.Sequential(net, Pixels(after))
        self.discriminator = PatchJudge(before.channels + after.channels, config.width)
        self.made = Probe()
        normal_weights(self)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """G(x): pictures (B C H W), standardised."""
        return {self.target: self.made(self.generator(inputs[self.source]))}

    def pair(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What is given and what is wanted (B C H W each)."""
        return batch.inputs[self.source], batch.outputs[self.target]

    def discriminator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """-L_cGAN / 2, the mean over patches."""
        x_BCHW, y_BCHW = self.pair(batch)
        with torch.no_grad():
            made_BCHW = self.generator(x_BCHW)
        real_Bhw, made_Bhw = self.discriminator(x_BCHW, y_BCHW), self.discriminator(x_BCHW, made_BCHW)
        said = {name: value_Bhw.mean((1, 2)) for name, value_Bhw in answers(real_Bhw, made_Bhw).items()}
        return summed(0.5 * told_apart(real_Bhw, made_Bhw).mean((1, 2)), batch, **said)

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """adversarial (-log D(x, G(x, z))) + l1 |y - G(x, z)|_1, each the mean over patches or pixels."""
        x_BCHW, y_BCHW = self.pair(batch)
        made_BCHW = self.generator(x_BCHW)
        l1_B = ((y_BCHW - made_BCHW).abs() * made_BCHW.new_tensor(self.range_C).view(-1, 1, 1)).mean((1, 2, 3))
        loss_B, said = self.config.l1 * l1_B, {"l1": l1_B}
        if self.config.adversarial:
            fooled_B = deceived(self.discriminator(x_BCHW, made_BCHW)).mean((1, 2))
            loss_B, said = loss_B + self.config.adversarial * fooled_B, {**said, "generator": fooled_B}
        return summed(loss_B, batch, **said)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        adam = Adam(c.lr, betas=(0.5, 0.999), schedule=Schedule(decay="linear"))
        generator = Descend("generator", self.generator_loss, ("generator",), adam)
        discriminator = Descend("discriminator", self.discriminator_loss, ("discriminator",), adam)
        moves = (discriminator, generator) if c.adversarial else (generator,)  # without a say, the judge need not learn
        return (Stage(moves, feed=shuffled(c.batch), epochs=c.epochs, name="play"),)

    card = Card(
        idea="A U-Net turns a picture into another; a judge of patches, who sees both, asks for detail that an error would blur.",
        equation="min_G max_D E[log D(x, y)] + E[log(1 - D(x, G(x, z)))] + lambda E|y - G(x, z)|",
        paper="Isola, Zhu, Zhou & Efros, Image-to-image translation with conditional adversarial networks, CVPR",
        year=2017,
        learns="from pairs of pictures, two players by gradient",
        good_at="pairs that agree pixel by pixel: edges to objects, grey to colour, masks to scenes, with crisp detail",
        weak_at="pairs that are shifted or turned against each other, several answers to one picture, detail that matters",
        cost="a step is two passes through the U-Net and three through the judge, with their gradients",
        processes="gradients are averaged over processes; batch normalisation uses each process's own batch",
    )
