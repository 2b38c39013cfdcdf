"""Autoencoder: principal components where it is linear, better where the data are bent, error as surprise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.abilities import Encodes, Surprise
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Category, Classes, Image, Rows, Spec, Table
from nnzoo.core.network import No
from nnzoo.networks.autoencoder.autoencoder import Autoencoder, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("reconstruction")


def spec_of(columns: int) -> Spec:
    names = tuple(f"x{k}" for k in range(columns))
    return Spec(inputs={"row": Table(numeric=names, mean=(0.0,) * columns, std=(1.0,) * columns)}, train_size=1000)


def rows(x_ND: Tensor) -> Dataset:
    codes = torch.zeros(len(x_ND), 0, dtype=torch.long)
    return Dataset(spec_of(x_ND.shape[1]), {"row": {"numeric": x_ND, "codes": codes}})


def learned(x_ND: Tensor, steps: int, **config: Any) -> Autoencoder:
    torch.manual_seed(0)
    net = Autoencoder(Config(**config), spec_of(x_ND.shape[1]), TASK)
    parts = Parts(rows(x_ND), rows(x_ND[:200]), None)
    train(net, parts, Settings(budget=f"{steps}steps", seed=0, device="cpu"))
    return net.eval()


def error(net: Autoencoder, x_ND: Tensor) -> float:
    with torch.no_grad():
        return float((net(rows(x_ND).all().inputs)["row"] - x_ND).square().sum(1).mean())


def left_by_components(x_ND: Tensor, components: int) -> float:
    """Squared error of the projection on so many principal components: the sum of the other eigenvalues of the covariance."""
    return float(torch.linalg.eigvalsh(torch.cov(x_ND.T, correction=0))[: x_ND.shape[1] - components].sum())


def test_without_bends_it_finds_the_principal_components() -> None:
    torch.manual_seed(1)
    x_ND = torch.randn(2000, 6) * torch.tensor([2.0, 1.5, 1.0, 0.5, 0.4, 0.3]) @ torch.linalg.qr(torch.randn(6, 6))[0]
    net = learned(x_ND, 800, code=3, hidden=(), lr=1e-2)
    assert error(net, x_ND) == pytest.approx(left_by_components(x_ND, 3), rel=0.03)


def test_one_number_tells_where_on_an_arc_a_point_lies_which_no_line_does() -> None:
    torch.manual_seed(1)
    angle_N = 4.5 * torch.rand(2000)
    x_ND = torch.stack([angle_N.cos(), angle_N.sin(), (2 * angle_N).cos(), (2 * angle_N).sin()], 1)
    net = learned(x_ND, 800, code=1, hidden=(64, 64))
    assert error(net, x_ND) < 0.03 < 1.0 < left_by_components(x_ND, 1)


def test_surprise_is_the_mean_squared_error_and_greater_off_the_arc() -> None:
    torch.manual_seed(1)
    angle_N = 4.5 * torch.rand(1000)
    x_ND = torch.stack([angle_N.cos(), angle_N.sin(), (2 * angle_N).cos(), (2 * angle_N).sin()], 1)
    net = learned(x_ND, 400, code=1, hidden=(64,))
    odd_ND = 1.5 * x_ND[:, [1, 0, 3, 2]].flip(0)
    with torch.no_grad():
        usual_N, odd_N = net.surprise(rows(x_ND).all().inputs), net.surprise(rows(odd_ND).all().inputs)
    assert usual_N.shape == (1000,)
    assert float(usual_N.mean()) == pytest.approx(error(net, x_ND) / 4, rel=1e-4)
    assert float((odd_N > usual_N.quantile(0.95)).float().mean()) > 0.8


def test_a_code_is_shorter_than_its_row() -> None:
    net = Autoencoder(Config(code=30), spec_of(5), TASK)
    codes = net.encode({"row": Rows(torch.randn(3, 5), torch.zeros(3, 0, dtype=torch.long))})
    assert codes.shape == (3, 2) and net.decode(codes).shape == (3, 5)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 7)])
def test_pictures_of_any_size_come_back_in_their_shape_between_black_and_white(shape: tuple[int, int, int]) -> None:
    mean, std = (0.3, 0.5, 0.2)[: shape[0]], (0.2, 0.4, 0.1)[: shape[0]]
    field = Image(channels=shape[0], height=shape[1], width=shape[2], mean=mean, std=std)
    net = Autoencoder(Config(code=4, hidden=(16,)), Spec(inputs={"image": field}, train_size=100), TASK)
    assert isinstance(net, Encodes) and isinstance(net, Surprise)
    made_BCHW = net.decode(50 * torch.randn(20, 4)).detach()
    assert made_BCHW.shape == (20, *shape)
    pixels = field.restore(made_BCHW)
    assert float(pixels.min()) == pytest.approx(0, abs=1e-5) and float(pixels.max()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(AssertionError):
        net({"image": torch.randn(2, shape[0], shape[1] + 1, shape[2])})


def test_it_refuses_targets_categories_and_other_tasks() -> None:
    table = Table(numeric=("x",), mean=(0.0,), std=(1.0,), categories=(Category(name="c", size=3),))
    assert isinstance(Autoencoder.can(Spec(inputs={"row": table}, train_size=9), TASK), No)
    labelled = Spec(inputs=spec_of(4).inputs, outputs={"y": Classes(labels=("a", "b"))}, train_size=9)
    assert "target" in str(Autoencoder.can(labelled, TASK))
    assert "vae" in str(Autoencoder.can(spec_of(4), tasks.find("unconditional-generation")))
    with pytest.raises(Unsuitable):
        Autoencoder(Config(), labelled, TASK)
