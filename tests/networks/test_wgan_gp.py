"""WGAN-GP: the penalty, the two losses and their gradients, and modes that a broken game does not find."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnzoo import tasks
from nnzoo.core.dataset import Batch, Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Category, Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.adversarial.wgan_gp import WGANGP, Config
from nnzoo.tasks._generation import modes
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("unconditional-generation")
POINTS = Table(numeric=("x", "y"), mean=(0.0, 0.0), std=(1.0, 1.0))
SPEC = Spec(inputs={"point": POINTS}, train_size=1000)


def points(x_BD: Tensor) -> Dataset:
    return Dataset(SPEC, {"point": {"numeric": x_BD, "codes": torch.zeros(len(x_BD), 0, dtype=torch.long)}})


def network(**config: Any) -> WGANGP:
    torch.manual_seed(0)
    return WGANGP(Config(**{"width": 16, **config}), SPEC, TASK)


class Slope(nn.Module):
    """f(x) = w . x: its slope is |w| everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([3.0, 4.0]))

    def forward(self, x_BD: Tensor) -> Tensor:
        return (x_BD @ self.w)[:, None]


class Bowl(nn.Module):
    """f(x) = |x|^2 / 2: its slope at x is |x|, so the penalty shows where it was taken."""

    def forward(self, x_BD: Tensor) -> Tensor:
        return 0.5 * (x_BD**2).sum(1, keepdim=True)


def test_the_penalty_and_its_gradient_are_those_of_a_critic_whose_slope_is_known() -> None:
    net = network()
    net.critic = Slope()  # type: ignore[assignment]
    penalty_B = net.slope_penalty(torch.randn(6, 2), torch.randn(6, 2))
    assert torch.allclose(penalty_B, torch.full((6,), 16.0))  # (5 - 1)^2
    (gradient,) = torch.autograd.grad(penalty_B.mean(), net.critic.w)
    assert torch.allclose(gradient, 2 * 4.0 * torch.tensor([0.6, 0.8]))  # 2 (|w| - 1) w / |w|: second order


def test_the_penalty_is_taken_evenly_along_the_lines_between_real_and_made_points() -> None:
    net = network()
    net.critic = Bowl()  # type: ignore[assignment]
    real_BD, made_BD = torch.tensor([[2.0, 0.0]]).expand(4000, 2), torch.tensor([[4.0, 0.0]]).expand(4000, 2)
    place_B = net.slope_penalty(real_BD, made_BD).detach().sqrt() + 1  # |x^|
    assert 2 <= float(place_B.min()) < 2.05 and 3.95 < float(place_B.max()) <= 4
    assert float(place_B.mean()) == pytest.approx(3, abs=0.05)


def test_losses_are_those_of_the_paper() -> None:
    net, batch = network(penalty=10.0), points(torch.randn(32, 2)).all()
    torch.manual_seed(5)
    total, weight, metrics = net.critic_loss(batch, Clock())
    torch.manual_seed(5)
    made_BD = net.sample(32)
    x_BD = batch["point"].numeric_BF
    penalty = net.slope_penalty(x_BD, made_BD.detach()).mean()
    distance = net.critic(x_BD).mean() - net.critic(made_BD).mean()
    assert weight == 32 and torch.allclose(total / weight, 10 * penalty - distance, atol=1e-5)
    assert torch.allclose(metrics["distance"], distance, atol=1e-5)
    total.backward()
    assert all(p.grad is None for p in net.generator.parameters()), "the critic's move must not reach the generator"
    torch.manual_seed(5)
    loss = net.generator_loss(batch, Clock())
    assert torch.allclose(loss.sum / loss.weight, -net.critic(made_BD).mean(), atol=1e-5)


def test_rows_count_by_their_weight() -> None:
    x_BD = torch.randn(4, 2)
    net, data = network(), points(x_BD)
    data.weight = torch.tensor([1.0, 0.0, 0.0, 3.0])
    batch: Batch = data.all()
    torch.manual_seed(2)
    loss = net.critic_loss(batch, Clock())
    torch.manual_seed(2)
    data.columns["point"]["numeric"] = torch.where(torch.tensor([[False], [True], [True], [False]]), 9.0, x_BD)
    assert torch.allclose(net.critic_loss(data.all(), Clock()).sum, loss.sum) and float(loss.weight) == 4


def test_the_generator_moves_once_in_so_many_steps_of_the_critic() -> None:
    (stage,) = network(critic_steps=3).stages(TASK)
    critic, generator = stage.moves
    assert (critic.every, generator.every) == (1, 3)  # type: ignore[union-attr]
    assert (critic.params, generator.params) == (("critic",), ("generator",))  # type: ignore[union-attr]


def test_it_finds_four_modes() -> None:
    draw = torch.Generator().manual_seed(0)
    centres_KD = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    x_ND = centres_KD[torch.randint(4, (2000,), generator=draw)] + 0.1 * torch.randn(2000, 2, generator=draw)
    net = train(network(width=64, batch=128), Parts(points(x_ND), None, None), Settings(budget="2000steps")).network
    torch.manual_seed(1)
    with torch.no_grad():
        found = modes(net.sample(2000), centres_KD, 0.1)  # type: ignore[operator]
    assert found["modes"] == 4 and found["rarest"] > 0.12, found
    assert found["share_within_3_sigma"] > 0.7, found


def test_it_refuses_what_is_no_table_of_numbers_alone_with_a_sentence() -> None:
    mixed = Table(numeric=("x",), mean=(0.0,), std=(1.0,), categories=(Category(name="c", size=3),))
    refused = [
        (Spec(inputs={"x": mixed}, train_size=9), TASK),
        (Spec(inputs={"x": Table()}, train_size=9), TASK),
        (Spec(inputs={"x": Image(channels=1, height=4, width=4)}, train_size=9), TASK),
        (Spec(inputs={"x": POINTS}, outputs={"y": Classes(labels=("a", "b"))}, train_size=9), TASK),
        (SPEC, tasks.find("tabular-classification")),
    ]
    for spec, task in refused:
        answer = WGANGP.can(spec, task)
        assert isinstance(answer, No) and "wgan_gp" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            WGANGP(Config(), spec, task)


PICTURES = Spec(inputs={"picture": Image(channels=2, height=9, width=8, mean=(0.3, 0.4), std=(0.4, 0.5))}, train_size=100)


def painter(**config: Any) -> WGANGP:
    torch.manual_seed(0)
    return WGANGP(Config(**{"channels": 4, **config}), PICTURES, tasks.find("unconditional-image-generation"))


class Weighing(nn.Module):
    """f(x) = w . x over all pixels: its slope is |w| everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.full((2, 9, 8), 0.5))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return (x_BCHW * self.w).sum((1, 2, 3))[:, None]


def test_the_slope_at_a_picture_is_that_over_all_its_pixels() -> None:
    net = painter()
    net.critic = Weighing()  # type: ignore[assignment]
    penalty_B = net.slope_penalty(torch.randn(6, 2, 9, 8), torch.randn(6, 2, 9, 8))
    assert torch.allclose(penalty_B, torch.full((6,), (6.0 - 1) ** 2), atol=1e-4)  # 0.5 sqrt(144) = 6


def test_the_penalty_of_a_picture_does_not_depend_on_the_others_in_its_batch() -> None:
    net = painter()
    x, made = torch.randn(4, 2, 9, 8), torch.randn(4, 2, 9, 8)
    torch.manual_seed(1)
    together_B = net.slope_penalty(x, made)
    x[2:], made[2:] = 5.0, -5.0
    torch.manual_seed(1)
    assert torch.allclose(net.slope_penalty(x, made)[:2], together_B[:2], atol=1e-5)


def test_what_a_config_leaves_open_suits_the_data() -> None:
    assert network().config.penalty == 0.1 and network().config.noise == 2
    assert painter().config.penalty == 10 and painter(penalty=3.0).config.penalty == 3
    again = WGANGP.Config.model_validate_json(painter().config.model_dump_json())
    assert again == painter().config and again.noise == 64


def test_made_pictures_have_the_size_and_range_of_real_ones() -> None:
    made = painter().sample(5)
    pixels = PICTURES.inputs["picture"].restore(made)  # type: ignore[union-attr]
    assert made.shape == (5, 2, 9, 8) and float(pixels.min()) >= 0 and float(pixels.max()) <= 1


def test_the_predict_path_exports() -> None:
    net = network().eval()
    inputs = net.noise_like(5)
    exported = torch.export.export(net, (inputs,)).module()
    assert torch.allclose(exported(inputs)["point"], net(inputs)["point"], atol=1e-6)
