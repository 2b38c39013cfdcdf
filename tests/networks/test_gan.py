"""GAN: the two losses by hand and at the best judge, what each move reaches, and modes that a broken game does not find."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.blocks.players import deceived, slope, told_apart
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Category, Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.adversarial.gan import GAN, Config
from nnzoo.tasks._generation import modes
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK, PICTURES = tasks.find("unconditional-generation"), tasks.find("unconditional-image-generation")
POINTS = Table(numeric=("x", "y"), mean=(0.0, 0.0), std=(1.0, 1.0))
SPEC = Spec(inputs={"point": POINTS}, train_size=1000)


def points(x_BD: Tensor) -> Dataset:
    return Dataset(SPEC, {"point": {"numeric": x_BD, "codes": torch.zeros(len(x_BD), 0, dtype=torch.long)}})


def network(**config: Any) -> GAN:
    torch.manual_seed(0)
    return GAN(Config(**{"width": 16, **config}), SPEC, TASK)


def test_the_best_judges_loss_is_twice_the_divergence_below_that_of_a_coin() -> None:
    torch.manual_seed(0)
    x_B = torch.randn(400_000, dtype=torch.float64)
    loss = told_apart(0.5 - x_B, 0.5 - (x_B + 1)).mean()  # made rows from N(1, 1)
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    p, q = (torch.exp(-((grid - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0, 1))
    middle = (p + q) / 2
    divergence = torch.trapezoid(p * (p / middle).log() + q * (q / middle).log(), grid) / 2
    assert float(loss) == pytest.approx(math.log(4) - 2 * float(divergence), abs=3e-3)


def test_the_generators_loss_does_not_saturate_where_the_judge_wins() -> None:
    logit = torch.tensor([-20.0], requires_grad=True)
    loss = deceived(logit)
    loss.sum().backward()
    assert float(loss.detach()) == pytest.approx(20) and float(logit.grad) == pytest.approx(-1)  # log(1 - D) would give 2e-9


def test_losses_are_those_of_the_paper() -> None:
    net, batch = network(penalty=0.0), points(torch.randn(32, 2)).all()
    torch.manual_seed(5)
    total, weight, metrics = net.discriminator_loss(batch, Clock())
    torch.manual_seed(5)
    made_BD = net.sample(32)
    real_B, made_B = (torch.sigmoid(net.discriminator(x)[:, 0]) for x in (batch["point"].numeric_BF, made_BD.detach()))
    wanted = -(real_B.log() + (1 - made_B).log()).mean()
    assert weight == 32 and torch.allclose(total / weight, wanted, atol=1e-5)
    assert torch.allclose(metrics["real"], real_B.mean()) and torch.allclose(metrics["made"], made_B.mean())
    total.backward()
    assert all(p.grad is None for p in net.generator.parameters()), "the discriminator's move must not reach the generator"
    torch.manual_seed(5)
    loss = net.generator_loss(batch, Clock())
    assert torch.allclose(loss.sum / loss.weight, -made_B.log().mean(), atol=1e-5)
    loss.sum.backward()
    assert all(p.grad is not None for p in net.generator.parameters())


def test_the_slope_is_that_of_the_logit_at_real_rows() -> None:
    x_BD, square_DD = torch.randn(6, 3, requires_grad=True), torch.tensor([[2.0, 1.0, 0.0], [1.0, 0.0, 3.0], [0.0, 3.0, -1.0]])
    logit_B = torch.einsum("bi,ij,bj->b", x_BD, square_DD, x_BD) / 2  # whose gradient is x times the (symmetric) matrix
    assert torch.allclose(slope(logit_B, x_BD), (x_BD @ square_DD).square().sum(1))


def test_the_judge_pays_half_gamma_for_its_slope_at_real_rows() -> None:
    batch = points(torch.randn(8, 2)).all()
    losses = []
    for penalty in (0.0, 4.0):
        net = network(penalty=penalty)
        torch.manual_seed(3)
        losses.append(net.discriminator_loss(batch, Clock()))
    x_BD, step = batch["point"].numeric_BF, 1e-3
    with torch.no_grad():  # differences in place of gradients
        along_BD = [(net.logit(x_BD + step * e) - net.logit(x_BD - step * e)) / (2 * step) for e in torch.eye(2)]
    wanted = 2.0 * torch.stack(along_BD).square().sum()
    assert torch.allclose(losses[1].sum - losses[0].sum, wanted, rtol=1e-2)
    losses[1].sum.backward()
    assert float(losses[1].metrics["slope"]) * 16 == pytest.approx(float(wanted), rel=1e-2)
    assert all(p.grad is not None for p in net.discriminator[1][0].parameters()), "the slope is learned, not only shown"


def test_what_is_left_open_is_filled_in_for_the_data() -> None:
    assert (network().config.noise, network().config.penalty) == (2, 0.1)
    spec = Spec(inputs={"image": Image(channels=1, height=5, width=6)}, train_size=9)
    config = GAN(Config(), spec, PICTURES).config
    assert (config.noise, config.penalty) == (64, 3.0) and network(penalty=0.5).config.penalty == 0.5


def test_rows_count_by_their_weight() -> None:
    x_BD = torch.randn(4, 2)
    net, data = network(), points(x_BD)
    data.weight = torch.tensor([1.0, 0.0, 0.0, 3.0])
    torch.manual_seed(2)
    loss = net.discriminator_loss(data.all(), Clock())
    torch.manual_seed(2)
    data.columns["point"]["numeric"] = torch.where(torch.tensor([[False], [True], [True], [False]]), 9.0, x_BD)
    assert torch.allclose(net.discriminator_loss(data.all(), Clock()).sum, loss.sum) and float(loss.weight) == 4


def test_the_judge_learns_faster_and_data_come_from_averaged_weights() -> None:
    stage, settle = network(lr=1e-3, judging=3.0, ema=0.9).stages(TASK)
    judge, forger = stage.moves
    assert judge.optimizer.lr == pytest.approx(3e-3) and forger.optimizer.lr == 1e-3  # type: ignore[union-attr]
    assert judge.params == ("discriminator",) and forger.params == ("generator",) and stage.ema == 0.9  # type: ignore[union-attr]
    assert settle.trains == ("generator",)


def test_it_finds_four_modes() -> None:
    draw = torch.Generator().manual_seed(0)
    centres_KD = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    x_ND = centres_KD[torch.randint(4, (2000,), generator=draw)] + 0.1 * torch.randn(2000, 2, generator=draw)
    settings = Settings(budget="1200steps", device="cpu")
    net = train(network(width=64, batch=128), Parts(points(x_ND), None, None), settings).network
    torch.manual_seed(1)
    with torch.no_grad():
        found = modes(net.sample(2000), centres_KD, 0.1)  # type: ignore[operator]
    assert found["modes"] == 4 and found["rarest"] > 0.05, found
    assert found["share_within_3_sigma"] > 0.6, found


def test_pictures_are_made_in_their_shape_and_range() -> None:
    image = Image(channels=3, height=5, width=6, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    net = GAN(Config(width=8), Spec(inputs={"image": image}, train_size=9), PICTURES)
    made = net.sample(7).detach()
    pixels = image.restore(made)
    assert made.shape == (7, 3, 5, 6) and float(pixels.min()) >= 0 and float(pixels.max()) <= 1
    assert net.logit(made).shape == (7,)


def test_it_refuses_what_it_cannot_make_with_a_sentence() -> None:
    mixed = Table(numeric=("x",), mean=(0.0,), std=(1.0,), categories=(Category(name="c", size=3),))
    refused = [
        (Spec(inputs={"x": mixed}, train_size=9), TASK),
        (Spec(inputs={"x": Table()}, train_size=9), TASK),
        (Spec(inputs={"x": Image(channels=1, height=4, width=4)}, train_size=9), TASK),
        (Spec(inputs={"x": POINTS}, outputs={"y": Classes(labels=("a", "b"))}, train_size=9), TASK),
        (SPEC, PICTURES),
    ]
    for spec, task in refused:
        answer = GAN.can(spec, task)
        assert isinstance(answer, No) and "gan" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            GAN(Config(), spec, task)
