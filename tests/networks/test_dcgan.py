"""DCGAN: losses by hand, what each move reaches, sizes of any kind, statistics that belong to averaged weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnzoo import tasks
from nnzoo.blocks.players import spread, told_apart
from nnzoo.blocks.scaling_convolutions import Pixels, halvings
from nnzoo.blocks.standing_statistics import count_statistics
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.adversarial.dcgan import DCGAN, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("unconditional-image-generation")


def spec_of(channels: int, height: int, width: int) -> Spec:
    image = Image(channels=channels, height=height, width=width, mean=(0.3,) * channels, std=(0.4,) * channels)
    return Spec(inputs={"picture": image}, train_size=100)


def network(shape: tuple[int, int, int] = (1, 8, 8), **config: Any) -> DCGAN:
    torch.manual_seed(0)
    return DCGAN(Config(**{"width": 4, "noise": 6, "bfloat16": False, **config}), spec_of(*shape), TASK)


def pictures(rows: int = 10, shape: tuple[int, int, int] = (1, 8, 8)) -> Dataset:
    draw = torch.Generator().manual_seed(3)
    return Dataset(spec_of(*shape), {"picture": {"pixels": torch.rand(rows, *shape, generator=draw)}})


def slopes(net: DCGAN, x_BCHW: Tensor) -> Tensor:
    """||grad logit D||^2 of each picture (B), by one backward pass each."""
    found = []
    for x_CHW in x_BCHW:
        x_CHW = x_CHW.clone().requires_grad_()
        net.discriminator(x_CHW[None]).backward()
        assert x_CHW.grad is not None
        found.append(x_CHW.grad.square().sum())
    net.zero_grad()
    return torch.stack(found)


def test_losses_are_those_of_the_papers() -> None:
    net, batch = network(penalty=6.0), pictures().all()
    torch.manual_seed(7)
    total, weight, metrics = net.discriminator_loss(batch, Clock())
    torch.manual_seed(7)
    made = net.sample(10)
    real_B, made_B = (torch.sigmoid(net.discriminator(x)[:, 0]) for x in (batch["picture"], made.detach()))
    slope_B = slopes(net, batch["picture"])
    wanted = (-real_B.log() - (1 - made_B).log() + 6.0 / 2 * slope_B).mean()
    assert float(slope_B.mean()) > 1e-3, "large enough to be missed"
    assert weight == 10 and float(total / weight) == pytest.approx(float(wanted), abs=1e-5)
    assert float(metrics["real"]) == pytest.approx(float(real_B.mean()), abs=1e-5)
    assert float(metrics["made"]) == pytest.approx(float(made_B.mean()), abs=1e-5)
    total.backward()
    assert all(p.grad is None for p in net.generator.parameters()), "the discriminator's move must not reach the generator"
    torch.manual_seed(7)
    loss = net.generator_loss(batch, Clock())
    assert float(loss.sum / loss.weight) == pytest.approx(float(-made_B.log().mean()), abs=1e-5)


def test_extreme_logits_have_finite_losses_and_gradients() -> None:
    real_B, made_B = (torch.tensor([200.0, -200.0], requires_grad=True) for _ in range(2))
    loss_B = told_apart(real_B, made_B)
    assert torch.allclose(loss_B, torch.tensor([200.0, 200.0]))
    loss_B.sum().backward()
    assert real_B.grad is not None and torch.allclose(real_B.grad, torch.tensor([0.0, -1.0]))
    assert made_B.grad is not None and torch.allclose(made_B.grad, torch.tensor([1.0, 0.0]))


def test_rows_count_by_their_weight() -> None:
    net, data = network().eval(), pictures(4)  # batch normalisation off, so that rows do not mix
    data.weight = torch.tensor([1.0, 0.0, 0.0, 3.0])
    torch.manual_seed(2)
    loss = net.discriminator_loss(data.all(), Clock())
    data.columns["picture"]["pixels"][1:3] = 1.0
    torch.manual_seed(2)
    again = net.discriminator_loss(data.all(), Clock())
    assert torch.allclose(loss.sum, again.sum) and float(loss.weight) == 4


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 37, 22), (2, 9, 17)])
def test_pictures_of_any_size_are_made_and_judged(shape: tuple[int, int, int]) -> None:
    net = network(shape)
    made = net.sample(3)
    assert made.shape == (3, *shape) and net.logit(made).shape == (3,)
    assert net.logit(pictures(3, shape).all()["picture"]).shape == (3,)


def test_in_bfloat16_it_makes_the_same_pictures_and_its_weights_stay_float32() -> None:
    exact, coarse = network((1, 28, 28)), network((1, 28, 28), bfloat16=True)
    assert all(torch.equal(a, b) for a, b in zip(exact.parameters(), coarse.parameters()))
    noise, batch = exact.noise_like(16), pictures(16, (1, 28, 28)).all()
    made, again = (net(noise)["picture"] for net in (exact, coarse))
    assert again.dtype == torch.float32 and 0 < float((made - again).abs().mean()) < 0.01
    for net in (exact, coarse):
        torch.manual_seed(1)
        net.discriminator_loss(batch, Clock()).sum.backward()
    for a, b in zip(exact.discriminator.parameters(), coarse.discriminator.parameters()):
        assert a.grad is not None and b.grad is not None and b.grad.dtype == torch.float32
        assert torch.cosine_similarity(a.grad.flatten(), b.grad.flatten(), 0) > 0.98


def test_halvings_end_where_three_pixels_are_left_but_there_are_two() -> None:
    assert halvings(28, 28) == [(28, 28), (14, 14), (7, 7), (3, 3)] and halvings(8, 8) == [(8, 8), (4, 4), (2, 2)]
    assert halvings(64, 64)[-1] == (4, 4) and halvings(9, 17) == [(9, 17), (4, 8), (2, 4)]


def test_made_pictures_reach_black_and_white_and_nothing_beyond() -> None:
    image = spec_of(2, 8, 8).inputs["picture"]
    assert isinstance(image, Image)
    pixels = image.restore(Pixels(image)(torch.tensor([-99.0, 0.0, 99.0]).view(1, 1, 1, 3).expand(1, 2, 1, 3)))
    assert torch.allclose(pixels, torch.tensor([0.0, 0.5, 1.0]), atol=1e-6)


def test_spread_is_how_far_made_rows_lie_apart() -> None:
    real = torch.randn(4000, 1, 5, 5)
    assert float(spread(0.5 * torch.randn(4000, 1, 5, 5) + 3, real)) == pytest.approx(0.5, abs=0.01)
    assert float(spread(real[:1].expand(50, 1, 5, 5), real)) == 0


def test_statistics_are_counted_anew_for_the_weights_there_are() -> None:
    draw = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)).eval()
    net[1].running_mean += 9  # what other weights had left behind
    seen = []

    def batch() -> None:
        x = torch.randn(16, 3, generator=draw)
        seen.append(net[0](x).detach())
        net(x)

    count_statistics(net, batch, 8)
    h = torch.stack(seen)
    assert torch.allclose(net[1].running_mean, h.mean((0, 1)), atol=1e-6)
    assert torch.allclose(net[1].running_var, h.var(1).mean(0), atol=1e-6)
    assert not net[1].training and net[1].momentum == 0.1


def test_averaged_weights_answer_with_statistics_of_their_own() -> None:
    net = train(network(ema=0.9), Parts(pictures(64), None, None), Settings(budget="30steps", device="cpu")).network
    assert isinstance(net, DCGAN)
    norm = next(m for m in net.generator.modules() if isinstance(m, nn.BatchNorm2d))
    seen: list[Tensor] = []
    norm.register_forward_hook(lambda m, given, out: seen.append(given[0]))
    with torch.no_grad():
        net.sample(4000)
    assert norm.running_mean is not None and norm.running_var is not None
    assert torch.allclose(seen[0].mean((0, 2, 3)), norm.running_mean, atol=0.1 * float(norm.running_var.sqrt().mean()))


def test_it_refuses_what_it_cannot_make_with_a_sentence() -> None:
    table = Table(numeric=("a",), mean=(0.0,), std=(1.0,))
    labelled = Spec(inputs=spec_of(1, 8, 8).inputs, outputs={"y": Classes(labels=("a", "b"))}, train_size=9)
    refused = [
        (Spec(inputs={"x": table}, train_size=9), TASK),
        (spec_of(1, 7, 20), TASK),
        (labelled, TASK),
        (spec_of(1, 8, 8), tasks.find("image-classification")),
    ]
    for spec, task in refused:
        answer = DCGAN.can(spec, task)
        assert isinstance(answer, No) and "dcgan" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            DCGAN(Config(), spec, task)
