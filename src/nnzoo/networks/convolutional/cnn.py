"""Convolutional network after LeNet: the same small detectors at every place of a picture, then a summary of what they found.

    a_l[o] = phi(BN(sum over i of  w_l[o, i] * a_(l-1)[i] + b_l[o]))       * is a k x k window slid over the picture
    p_l    = max (or mean) of a_l over each 2 x 2 square                      (LeCun, Bottou, Bengio & Haffner 1998, section II)
    y      = W' phi(W p_L + b) + b'

Sharing a window over all places makes a detector see the same thing wherever it is; pooling makes the answer care less where.
How much of the picture one unit sees, its receptive field, grows with every window of size k_l and every step s_l between windows:

    r_l = r_(l-1) + (k_l - 1) j_(l-1),   j_l = j_(l-1) s_l,   r_0 = j_0 = 1

Ours, beside the paper's: batch normalisation BN (Ioffe & Szegedy 2015), dropout, and ReLU for phi.

Shapes: B batch, C channels, H W height and width, D width of the fully connected layer.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from nnzoo.blocks.augment import ShiftFlip
from nnzoo.blocks.heads import Heads
from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Predicts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec, Values
from nnzoo.core.learning import AdamW, Descend, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task

POOLING = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
SMALLEST = 4  # pixels a side: below, nothing is left to slide over after the first pooling


class Config(NetworkConfig):
    """Constants of the network, of the pictures' random movement, and of the descent."""

    channels: tuple[int, ...] = Field((32, 64), min_length=1)  # of each block; a block ends in pooling
    convolutions: int = Field(1, ge=1)  # in each block
    kernel: int = Field(3, ge=1)  # k, odd
    stride: int = Field(1, ge=1)  # s of each block's first convolution
    pooling: Literal["max", "average"] = "max"
    normalise: bool = True
    hidden: int = Field(128, ge=1)  # D
    dropout: float = Field(0.25, ge=0, lt=1)
    shift: int = Field(2, ge=0)  # pixels, at most a twelfth of the picture: 8 x 8 digits lose by it
    flip: bool = False
    lr: float = Field(3e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    batch: int = Field(128, ge=1)
    epochs: int = Field(30, ge=1)
    search: ClassVar[Space] = {
        "channels": Choice(((16, 32), (32, 64), (64, 128), (32, 64, 128))),
        "hidden": LogIntegers(32, 512),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(3e-4, 2e-2),
        "weight_decay": LogUniform(1e-4, 1e-1),
    }

    @field_validator("kernel")
    @classmethod
    def odd(cls, kernel: int) -> int:
        """A window needs a middle, so that a convolution keeps the picture's size."""
        if kernel % 2 == 0:
            raise ValueError("must be odd, so that the window has a middle")
        return kernel


class Block(nn.Module):
    """Convolutions with their nonlinearity, then pooling by 2 where both sides have at least two pixels.

    `size` is the height and width that come out, `field` and `jump` the r and j of a unit in them.
    """

    def __init__(self, before: int, after: int, size: tuple[int, int], field: int, jump: int, config: Config):
        super().__init__()
        layers: list[nn.Module] = []
        for l in range(config.convolutions):
            k, s = config.kernel, config.stride if l == 0 else 1
            layers.append(nn.Conv2d(before, after, k, stride=s, padding=k // 2, bias=not config.normalise))
            if config.normalise:
                layers.append(nn.BatchNorm2d(after))
            layers += [nn.ReLU(inplace=True), Probe()]
            field, jump, before = field + (k - 1) * jump, jump * s, after
            size = (-(-size[0] // s), -(-size[1] // s))
        if min(size) >= 2:
            layers.append(POOLING[config.pooling](2))
            field, jump, size = field + jump, jump * 2, (size[0] // 2, size[1] // 2)
        self.layers = nn.Sequential(*layers)
        self.size, self.field, self.jump = size, field, jump

    def forward(self, a_BCHW: Tensor) -> Tensor:
        """Picture (B C H W) to picture of other channels and `size`."""
        return self.layers(a_BCHW)


class CNN(Network):
    """Blocks of convolution and pooling, one fully connected layer, a linear read-out for each output."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Image)
        if name is None:
            return No("cnn reads pictures of one size; for a table use mlp, for text lstm, for a graph gcn")
        image = spec.inputs[name]
        assert isinstance(image, Image)
        if min(image.height, image.width) < SMALLEST:
            return No(
                f"cnn needs pictures of at least {SMALLEST} x {SMALLEST} pixels, these are {image.height} x {image.width}; use mlp"
            )
        if not spec.outputs:
            return No("cnn predicts an output and these pictures have none; give labels or numbers, or use a kind that generates")
        if not all(isinstance(field, (Classes, Values)) for field in spec.outputs.values()):
            return No("cnn gives classes or numbers; the target here is neither")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        image = spec.inputs[self.name]
        assert isinstance(image, Image)
        self.shape = (image.channels, image.height, image.width)
        channels, size, field, jump = image.channels, (image.height, image.width), 1, 1
        self.blocks = nn.ModuleList()
        for after in config.channels:
            block = Block(channels, after, size, field, jump, config)
            channels, size, field, jump = after, block.size, block.field, block.jump
            self.blocks.append(block)
        self.hidden = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(channels * size[0] * size[1], config.hidden), nn.ReLU(inplace=True), Probe()
        )
        self.dropout = nn.Dropout(config.dropout)
        self.heads = Heads(config.hidden, spec.outputs)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def receptive_fields(self) -> tuple[int, ...]:
        """Pixels a side that one unit sees, after each block (r_l)."""
        return tuple(block.field for block in self.blocks)  # type: ignore[misc]

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        a_BCHW = inputs[self.name]
        assert a_BCHW.shape[1:] == self.shape, f"pictures of {tuple(a_BCHW.shape[1:])}, expected {self.shape}"
        a_BCHW = a_BCHW.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            a_BCHW = block(a_BCHW)
        h_BD = self.hidden(a_BCHW.flatten(1))
        return self.heads(self.dropout(h_BD))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        descent = AdamW(lr=c.lr, weight_decay=c.weight_decay, schedule=Schedule(warmup=0.2, decay="linear"))
        move = Descend("task", self.task_loss, optimizer=descent)
        shift = min(c.shift, min(self.shape[1:]) // 12)
        augment = ShiftFlip(self.name, shift, c.flip) if shift or c.flip else None
        return (Stage((move,), feed=shuffled(c.batch, augment), epochs=c.epochs, validate=self.task_loss),)

    card = Card(
        idea="The same small detectors slide over the whole picture; pooling keeps what was found and blurs where.",
        equation="a_l = phi(w_l * a_(l-1) + b_l), then the maximum over 2 x 2 squares",
        paper="LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, Proc. IEEE 86",
        year=1998,
        learns="supervised, by gradient",
        good_at="small pictures, with some thousand examples or more, where things may be anywhere",
        weak_at="turned or strongly scaled things, relations over long distances, tables and sets without neighbourhood",
        cost="places x k^2 x channels in x channels out for each convolution",
        processes="gradients are averaged over processes; batch normalisation uses each process's own batch",
    )
