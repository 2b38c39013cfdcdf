"""Conditional GAN: both players heed the label, losses are the paper's, rows without a label do not count, wishes are met."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.adversarial.cgan import CGAN, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("class-conditional-image-generation")
LABELS = Classes(labels=("left", "right", "none"))


def spec_of(channels: int, height: int, width: int) -> Spec:
    image = Image(channels=channels, height=height, width=width, mean=(0.3,) * channels, std=(0.4,) * channels)
    return Spec(inputs={"side": LABELS}, outputs={"picture": image}, train_size=100)


def network(shape: tuple[int, int, int] = (1, 8, 8), **config: Any) -> CGAN:
    torch.manual_seed(0)
    return CGAN(Config(**{"width": 4, "noise": 6, "bfloat16": False, **config}), spec_of(*shape), TASK)


def halves(rows: int = 12, seed: int = 3) -> Dataset:
    """Noisy pictures, bright on the side that the label names."""
    draw = torch.Generator().manual_seed(seed)
    codes = torch.arange(rows) % 3
    pixels = 0.3 * torch.rand(rows, 1, 8, 8, generator=draw)
    pixels[codes == 0, :, :, :4] += 0.6
    pixels[codes == 1, :, :, 4:] += 0.6
    return Dataset(spec_of(1, 8, 8), {"side": {"codes": codes}, "picture": {"pixels": pixels}})


def test_both_players_heed_the_label() -> None:
    net = network()
    net.eval()
    told = net.noise_like(4)
    other = {**told, "side": (told["side"] + 1) % 3}
    assert not torch.allclose(net(told)["picture"], net(other)["picture"])
    x = halves(4).all()["picture"]
    y = torch.tensor([0, 1, 2, 0])
    assert not torch.allclose(net.discriminator(x, y), net.discriminator(x, (y + 1) % 3))


def test_noise_is_narrower_once_it_has_learned_and_its_statistics_are_those_of_that_noise() -> None:
    net = network(truncation=0.5)
    told = net.noise_like(40)
    half = {**told, "noise": told["noise"] / 2}
    with torch.no_grad():
        learning = net(half)["picture"]
        (rule,) = net.stages(TASK)[1].moves
        torch.manual_seed(4)
        for _ in rule.rule(None, Clock()):  # type: ignore[union-attr, arg-type]
            pass
        norm = next(part for part in net.generator.modules() if isinstance(part, torch.nn.BatchNorm2d))
        seen: list[Tensor] = []
        norm.register_forward_hook(lambda module, given, out: seen.append(given[0]))
        net.train()
        net.generator(torch.randn(4000, 6) / 2, torch.arange(4000) % 3)
        assert torch.allclose(
            norm.running_var, seen[0].var((0, 2, 3)), rtol=0.3
        )  # of whole noise it would be nearly four times that
        net.eval()
        made = net(told)["picture"]
        assert torch.equal(made, net.generator(half["noise"], told["side"])) and not torch.allclose(made, learning)


def test_losses_are_those_of_the_paper() -> None:
    net, batch = network(penalty=0.0), halves().all()
    torch.manual_seed(7)
    total, weight, _ = net.discriminator_loss(batch, Clock())
    torch.manual_seed(7)
    y_B = batch["side"]
    made = net.sample(12, y_B)
    real_B, made_B = (torch.sigmoid(net.discriminator(x, y_B)) for x in (batch["picture"], made.detach()))
    wanted = -(real_B.log() + (1 - made_B).log()).mean()
    assert float(weight) == 12 and torch.allclose(total / weight, wanted, atol=1e-5)
    total.backward()
    assert all(p.grad is None for p in net.generator.parameters()), "the discriminator's move must not reach the generator"
    torch.manual_seed(7)
    loss = net.generator_loss(batch, Clock())
    assert torch.allclose(loss.sum / loss.weight, -made_B.log().mean(), atol=1e-5)


def test_the_judge_pays_half_gamma_for_its_slope_at_real_pictures() -> None:
    data, losses = halves(2), []
    data.columns["side"]["codes"][1] = -1  # a picture without a label pays nothing
    batch = data.all()
    for penalty in (0.0, 4.0):
        net = network(penalty=penalty)
        torch.manual_seed(3)
        losses.append(net.discriminator_loss(batch, Clock()))
    x_1CHW, step = batch["picture"][:1], 1e-2
    steps = step * torch.eye(64).view(64, 1, 8, 8)
    with torch.no_grad():  # differences in place of gradients
        y = batch["side"][:1].expand(64)
        along = (net.discriminator(x_1CHW + steps, y) - net.discriminator(x_1CHW - steps, y)) / (2 * step)
    assert float((losses[1].sum - losses[0].sum).detach()) == pytest.approx(2 * float(along.square().sum()), rel=2e-2)
    losses[1].sum.backward()
    assert net.discriminator.label.weight.grad[batch["side"][0]].any()


def test_rows_without_a_label_do_not_count() -> None:
    net, data = network().eval(), halves(6)  # G's batch normalisation off, so that rows do not mix
    data.columns["side"]["codes"][2:4] = -1
    torch.manual_seed(2)
    loss = net.discriminator_loss(data.all(), Clock())
    data.columns["picture"]["pixels"][2:4] = 1.0
    torch.manual_seed(2)
    assert torch.allclose(net.discriminator_loss(data.all(), Clock()).sum, loss.sum) and float(loss.weight) == 4


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 37, 22)])
def test_pictures_of_any_size_are_made_and_judged(shape: tuple[int, int, int]) -> None:
    net = network(shape)
    y = torch.tensor([2, 0, 1])
    made = net.sample(3, y)
    assert made.shape == (3, *shape) and net.discriminator(made, y).shape == (3,)


def test_without_a_wish_labels_are_drawn_evenly() -> None:
    torch.manual_seed(1)
    shares = torch.bincount(network().noise_like(3000)["side"], minlength=3) / 3000
    assert torch.allclose(shares, torch.full((3,), 1 / 3), atol=0.04)


def test_it_makes_what_it_is_asked_for() -> None:
    data = halves(600)
    net = train(network(width=8, batch=32), Parts(data, None, None), Settings(budget="500steps", device="cpu")).network
    y = torch.arange(3).repeat_interleave(40)
    with torch.no_grad():
        made = net.sample(120, y)  # type: ignore[operator]
    lean = made[..., :4].mean((1, 2, 3)) - made[..., 4:].mean((1, 2, 3))  # 0.6 / 0.4 = 1.5 in standardised units
    right = torch.where(y == 0, lean > 0.6, torch.where(y == 1, lean < -0.6, lean.abs() < 0.4))
    assert float(right.float().mean()) > 0.9, lean.view(3, 40).mean(1)


def test_it_refuses_what_it_cannot_make_with_a_sentence() -> None:
    table = Table(numeric=("a",), mean=(0.0,), std=(1.0,))
    picture = spec_of(1, 8, 8).outputs
    refused = [
        (Spec(inputs={"x": table}, outputs=picture, train_size=9), TASK),
        (spec_of(1, 7, 20), TASK),
        (Spec(inputs={"side": LABELS}, outputs={"y": LABELS}, train_size=9), TASK),
        (spec_of(1, 8, 8), tasks.find("image-classification")),
    ]
    for spec, task in refused:
        answer = CGAN.can(spec, task)
        assert isinstance(answer, No) and "cgan" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            CGAN(Config(), spec, task)


def test_spread_is_of_pictures_of_one_label_so_that_one_picture_of_each_is_seen_as_collapse() -> None:
    net, y_B = network(), torch.tensor([0, 0, 1, 1, 2])
    x_BCHW = torch.arange(5.0).view(-1, 1, 1, 1).expand(5, 1, 8, 8) ** 2
    assert net.about_labels(x_BCHW, y_B)[:, 0, 0, 0].tolist() == [-0.5, 0.5, -2.5, 2.5, 0.0]
    batch = halves(30).all()
    net.noise_like = lambda rows: {"side": torch.zeros(rows, dtype=torch.long), "noise": torch.zeros(rows, 6)}  # type: ignore[method-assign]
    _, _, metrics = net.discriminator_loss(batch, Clock())
    assert float(metrics["spread"]) < 0.01
