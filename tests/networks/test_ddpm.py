"""DDPM: its loss with the best denoiser there is, points and pictures made from noise, labels that are obeyed, and ways back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.blocks.point_denoiser import PointDenoiser
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import ConfigError, Unsuitable
from nnzoo.core.fields import Category, Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.diffusion.ddpm import DDPM, Config
from nnzoo.tasks._generation import modes
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

POINTS = Spec(inputs={"point": Table(numeric=("x", "y"), mean=(0.0, 0.0), std=(1.0, 1.0))}, train_size=1000)
PICTURE = Image(channels=1, height=8, width=8, mean=(0.375,), std=(0.4,))
PICTURES = Spec(inputs={"image": PICTURE}, train_size=1000)
LABELLED = Spec(inputs={"side": Classes(labels=("left", "right"))}, outputs={"image": PICTURE}, train_size=1000)
SMALL = {"widths": (8, 16), "width": 16}
OF_POINTS, OF_PICTURES = tasks.find("unconditional-generation"), tasks.find("unconditional-image-generation")
OF_LABELS = tasks.find("class-conditional-image-generation")


def network(spec: Spec = POINTS, task: Any = OF_POINTS, **config: Any) -> DDPM:
    torch.manual_seed(0)
    return DDPM(Config(**{**SMALL, **config}), spec, task)


def points(x_ND: Tensor) -> Dataset:
    return Dataset(POINTS, {"point": {"numeric": x_ND, "codes": torch.zeros(len(x_ND), 0, dtype=torch.long)}})


class Perfect(PointDenoiser):
    """The best denoiser of points that are N(m, s^2)."""

    def __init__(self, kept_T: Tensor, mean: float, std: float) -> None:
        super().__init__(2, 2, 1)
        self.kept_T, self.mean, self.std = kept_T, mean, std

    def times(self, t_B: Tensor) -> Tensor:
        return self.kept_T[t_B - 1, None]

    def forward(self, z_BZ: Tensor, kept_B1: Tensor) -> Tensor:
        return (1 - kept_B1).sqrt() * (z_BZ - kept_B1.sqrt() * self.mean) / (kept_B1 * self.std**2 + 1 - kept_B1)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_no_denoiser_has_a_smaller_loss_than_the_best(schedule: str) -> None:
    net = network(schedule=schedule)
    kept_T = net.walk.kept_T
    net.denoiser = Perfect(kept_T, 0.7, 0.25)
    loss = net.noise_loss(points(0.7 + 0.25 * torch.randn(40_000, 2)).all(), Clock())
    best = (kept_T * 0.25**2 / (kept_T * 0.25**2 + 1 - kept_T)).mean()
    assert float(loss.sum / loss.weight) == pytest.approx(float(best), rel=0.02)


@pytest.mark.parametrize("how", [{}, {"sampler": "ddim", "steps": 200}, {"sampler": "ancestral"}])
def test_with_a_perfect_denoiser_every_way_back_makes_the_data(how: dict[str, Any]) -> None:
    net = network()
    net.denoiser = Perfect(net.walk.kept_T, 0.7, 0.25)
    torch.manual_seed(3)
    made_BD = net.sample(20_000, **how)
    assert torch.allclose(made_BD.mean(0), torch.tensor(0.7), atol=0.01)
    assert torch.allclose(made_BD.std(0), torch.tensor(0.25), rtol=0.03)


def test_it_makes_four_modes_of_points() -> None:
    draw = torch.Generator().manual_seed(0)
    centres_KD = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    x_ND = centres_KD[torch.randint(4, (2000,), generator=draw)] + 0.1 * torch.randn(2000, 2, generator=draw)
    net = train(network(width=64), Parts(points(x_ND), None, None), Settings(budget="1200steps")).network
    torch.manual_seed(1)
    with torch.no_grad():
        found = modes(net.sample(2000), centres_KD, 0.1)  # type: ignore[operator]
    assert found["modes"] == 4 and found["rarest"] > 0.17, found
    assert found["share_within_3_sigma"] > 0.85, found


def bars(labelled: bool) -> Dataset:
    """Pictures whose left half or right one is bright, more or less; one label in ten is missing."""
    draw = torch.Generator().manual_seed(0)
    codes_N = torch.randint(2, (512,), generator=draw)
    pixels = torch.zeros(512, 1, 8, 8)
    bright_N = 0.5 + 0.5 * torch.rand(512, generator=draw)
    pixels[codes_N == 0, ..., :4] = bright_N[codes_N == 0, None, None, None]
    pixels[codes_N == 1, ..., 4:] = bright_N[codes_N == 1, None, None, None]
    if not labelled:
        return Dataset(PICTURES, {"image": {"pixels": pixels}})
    known_N = torch.where(torch.rand(512, generator=draw) < 0.1, -1, codes_N)
    return Dataset(LABELLED, {"side": {"codes": known_N}, "image": {"pixels": pixels}})


def sides(made_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """How bright each half of made pictures is (B)."""
    unit = PICTURE.restore(made_BCHW)
    return unit[..., :4].sum((1, 2, 3)), unit[..., 4:].sum((1, 2, 3))


def test_labels_are_obeyed_and_guidance_of_none_does_not_heed_them() -> None:
    data = bars(labelled=True)
    net = train(
        network(LABELLED, OF_LABELS, widths=(16,), lr=1e-2, batch=64, ema=0.97, sampling_steps=8),
        Parts(data, None, None),
        Settings(budget="150steps"),
    ).network.eval()
    torch.manual_seed(1)
    condition = torch.arange(100) % 2
    with torch.no_grad():
        for how in ({}, {"sampler": "ddim", "steps": 10, "guidance": 3.0}):
            left, right = sides(net.sample(100, condition, **how))  # type: ignore[operator]
            assert float(((right > left) == condition.bool()).float().mean()) > 0.9, how
            assert bool((torch.minimum(left, right) < 5).float().mean() > 0.8), how
        left, right = sides(net.sample(100, condition, guidance=0.0))  # type: ignore[operator]
        assert 0.3 < float(((right > left) == condition.bool()).float().mean()) < 0.7
        made = net.noise_like(4000)["side"]  # type: ignore[operator]
    assert set(made.tolist()) == {0, 1} and abs(float(made.float().mean()) - 0.5) < 0.05


def test_rows_without_a_label_are_learned_from_as_rows_of_any() -> None:
    net, batch = network(LABELLED, OF_LABELS, drop=0.0), bars(labelled=True).all()
    seen: list[Tensor] = []
    net.denoiser.labels.register_forward_hook(lambda module, given, out: seen.append(given[0]))  # type: ignore[union-attr, operator]
    net.noise_loss(batch, Clock())
    assert torch.equal(seen[0], batch.inputs["side"] + 1) and bool((seen[0] == 0).any())


@torch.no_grad()
def test_made_pictures_can_be_black_and_white_and_no_more() -> None:
    net = network(PICTURES, OF_PICTURES)
    for parameter in net.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    unit = PICTURE.restore(net.sample(50))
    assert float(unit.min()) == pytest.approx(0, abs=1e-5) and float(unit.max()) == pytest.approx(1, abs=1e-5)


def test_ways_back_that_there_are_not_are_refused_with_a_sentence() -> None:
    net = network(PICTURES, OF_PICTURES, steps=30, sampling_steps=5)
    with pytest.raises(ConfigError, match="leave guidance out"):
        net.sample(2, guidance=2.0)
    with pytest.raises(ConfigError, match="sde_dpm_solver, dpm_solver, ddim, ancestral"):
        net.sample(2, sampler="euler")
    with pytest.raises(ConfigError, match="from 1 to"):
        net.sample(2, steps=31)
    assert net.sample(2, steps=3, sampler="ancestral").shape == (2, 1, 8, 8)
    with pytest.raises(ConfigError, match="multiples of 8"):
        Config.read({"widths": (12,)}, "ddpm")


def test_it_refuses_what_it_cannot_make_with_a_sentence() -> None:
    mixed = Table(numeric=("x",), mean=(0.0,), std=(1.0,), categories=(Category(name="c", size=3),))
    refused = [
        (Spec(inputs={"x": mixed}, train_size=9), OF_POINTS),
        (Spec(inputs={"image": Image(channels=1, height=3, width=9)}, train_size=9), OF_PICTURES),
        (Spec(inputs=PICTURES.inputs, outputs={"y": Classes(labels=("a", "b"))}, train_size=9), OF_PICTURES),
        (LABELLED, OF_PICTURES),
        (PICTURES, OF_LABELS),
        (POINTS, tasks.find("tabular-classification")),
    ]
    for spec, task in refused:
        answer = DDPM.can(spec, task)
        assert isinstance(answer, No) and "ddpm" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            DDPM(Config(), spec, task)


def test_the_same_noise_makes_the_same_pictures_and_noise_is_all_that_is_drawn() -> None:
    net = network(PICTURES, OF_PICTURES).eval()
    inputs = net.noise_like(3)
    with torch.no_grad():
        torch.manual_seed(5)
        one = net(inputs)["image"]
        assert torch.equal(one, net(inputs)["image"])
        assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(5))
    assert math.prod(one.shape) == 3 * 64
