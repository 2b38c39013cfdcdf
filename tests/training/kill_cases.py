"""What the kill harness trains: toys, and kinds of every way of learning, each for a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import toys
from torch import Tensor

from nnzoo import networks, tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import AnyField, Classes, Image, Spec, Table, Values
from nnzoo.core.network import Network
from nnzoo.core.seeds import generator
from nnzoo.training.settings import Settings


@dataclass(frozen=True)
class Case:
    """A network and its data, made anew each time, and the settings of its run."""

    make: Callable[[], tuple[Network, Parts]]
    settings: Settings


Column = tuple[AnyField, dict[str, Tensor]]


def _parts(inputs: dict[str, Column], outputs: dict[str, Column]) -> Parts:
    every = {**inputs, **outputs}
    rows = len(next(iter(next(iter(every.values()))[1].values())))
    cut = rows * 3 // 4
    spec = Spec(inputs={n: f for n, (f, _) in inputs.items()}, outputs={n: f for n, (f, _) in outputs.items()}, train_size=cut)
    whole = Dataset(spec, {name: stored for name, (_, stored) in every.items()})
    return Parts(whole.part(torch.arange(cut)), whole.part(torch.arange(cut, rows)), None)


def _numbers(rows: int, columns: int) -> tuple[Table, dict[str, Tensor]]:
    field = Table(numeric=tuple("abcdef"[:columns]), mean=(0.0,) * columns, std=(1.0,) * columns)
    numeric = torch.randn(rows, columns, generator=generator(1))
    return field, {"numeric": numeric, "codes": torch.zeros(rows, 0, dtype=torch.long)}


def _labels(codes: Tensor) -> tuple[Classes, dict[str, Tensor]]:
    return Classes(labels=("no", "yes")), {"codes": codes.long()}


def _pictures(rows: int, side: int) -> tuple[Image, dict[str, Tensor]]:
    pixels = (torch.rand(rows, 1, side, side, generator=generator(2)) * 255).to(torch.uint8)
    return Image(channels=1, height=side, width=side), {"pixels": pixels}


def _kind(name: str, task: str, parts: Parts, **config: Any) -> Callable[[], tuple[Network, Parts]]:
    def make() -> tuple[Network, Parts]:
        torch.manual_seed(0)
        kind = networks.find(name)
        return kind(kind.Config(**config), parts.train.spec, tasks.find(task)), parts

    return make


OFTEN = Settings(device="cpu", checkpoint_seconds=0)
NOW_AND_THEN = Settings(device="cpu", checkpoint_seconds=0.005)


def _toy(kind: type[toys.Toy], settings: Settings = OFTEN) -> Case:
    def make() -> tuple[Network, Parts]:
        network = toys.new(kind)
        return network, toys.data_of(network)

    return Case(make, settings)


def _mlp() -> Callable[[], tuple[Network, Parts]]:
    table = _numbers(160, 4)
    parts = _parts({"x": table}, {"y": _labels(table[1]["numeric"].sum(1) > 0)})
    return _kind("mlp", "tabular-classification", parts, hidden=(16, 8), batch=24, epochs=6)


def _cnn() -> Callable[[], tuple[Network, Parts]]:
    pictures = _pictures(64, 8)
    parts = _parts({"x": pictures}, {"y": _labels(pictures[1]["pixels"].float().mean((1, 2, 3)) > 127)})
    return _kind("cnn", "image-classification", parts, channels=(4, 6), hidden=8, batch=12, epochs=5, shift=1, flip=True)


def _rbm() -> Callable[[], tuple[Network, Parts]]:
    return _kind(
        "rbm", "unconditional-image-generation", _parts({"x": _pictures(64, 5)}, {}), hidden=8, steps=2, batch=12, epochs=5
    )


def _wgan_gp() -> Callable[[], tuple[Network, Parts]]:
    parts = _parts({"x": _numbers(96, 2)}, {})
    return _kind("wgan_gp", "unconditional-generation", parts, width=8, depth=2, critic_steps=3, batch=24, epochs=8)


def _dcgan() -> Callable[[], tuple[Network, Parts]]:
    """Two players with batch normalisation and averaged weights, then statistics counted for these."""
    parts = _parts({"x": _pictures(64, 8)}, {})
    return _kind("dcgan", "unconditional-image-generation", parts, width=4, noise=4, ema=0.8, batch=12, epochs=4)


def _latent_diffusion() -> Callable[[], tuple[Network, Parts]]:
    """A codec of pictures, its scale, and a denoiser of its frozen codes with averaged weights."""
    parts = _parts({"x": _pictures(64, 8)}, {})
    sizes = {"codec_widths": (8,), "widths": (16,), "picture_steps": 20, "picture_batch": 12, "picture_epochs": 4}
    return _kind("latent_diffusion", "unconditional-image-generation", parts, **sizes)


def _gmdh() -> Callable[[], tuple[Network, Parts]]:
    table = _numbers(160, 5)
    x = table[1]["numeric"]
    y = x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] * x[:, 4] + 0.1 * torch.randn(160, generator=generator(3))
    two = torch.stack([y, -y * x[:, 0]], 1)
    field = Values(names=("y", "z"), mean=(0.0, 0.0), std=(1.0, 1.0))
    parts = _parts({"x": table}, {"y": (field, {"numbers": two})})
    return _kind("gmdh", "tabular-regression", parts, width=12, depth=8, improvement=0.0)


def _pnn() -> Callable[[], tuple[Network, Parts]]:
    table = _numbers(160, 4)
    parts = _parts({"x": table}, {"y": _labels(table[1]["numeric"].prod(1) > 0)})
    return _kind("pnn", "tabular-classification", parts, grid=8, refinements=5)


CASES: dict[str, Case] = {
    "toy short": _toy(toys.Smooth, Settings(device="cpu", checkpoint_seconds=0, budget="6steps")),
    "toy smooth": _toy(toys.Smooth),
    "toy long": _toy(toys.Reader, Settings(device="cpu", checkpoint_seconds=0, budget="60steps")),
    "toy players": _toy(toys.Players),
    "toy chains": _toy(toys.Chains),
    "toy grower": _toy(toys.Grower),
    "toy staged": _toy(toys.Staged),
    "toy reader": _toy(toys.Reader),
    "mlp": Case(_mlp(), NOW_AND_THEN),
    "cnn": Case(_cnn(), NOW_AND_THEN),
    "rbm": Case(_rbm(), NOW_AND_THEN),
    "wgan_gp": Case(_wgan_gp(), NOW_AND_THEN),
    "dcgan": Case(_dcgan(), NOW_AND_THEN),
    "latent_diffusion": Case(_latent_diffusion(), NOW_AND_THEN),
    "gmdh": Case(_gmdh(), NOW_AND_THEN),
    "pnn": Case(_pnn(), NOW_AND_THEN),
}
