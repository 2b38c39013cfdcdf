"""pix2pix: both losses by hand, what their weights switch on, patches that see only their surroundings, any size, learning."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import ConfigError, Unsuitable
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.adversarial.pix2pix import Config, PatchJudge, Pix2Pix
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("image-to-image")


def spec_of(before: int, after: int, height: int, width: int) -> Spec:
    source = Image(channels=before, height=height, width=width, mean=(0.2,) * before, std=(0.3,) * before)
    target = Image(channels=after, height=height, width=width, mean=(0.3,) * after, std=tuple(0.1 * (c + 4) for c in range(after)))
    return Spec(inputs={"image": source}, outputs={"target": target}, train_size=100)


def network(shape: tuple[int, int, int, int] = (1, 2, 8, 8), **config: Any) -> Pix2Pix:
    torch.manual_seed(0)
    return Pix2Pix(Config(**{"width": 4, **config}), spec_of(*shape), TASK)


def pairs(x: Tensor, y: Tensor) -> Dataset:
    spec = spec_of(x.shape[1], y.shape[1], *x.shape[2:])
    return Dataset(spec, {"image": {"pixels": x}, "target": {"pixels": y}})


def some(rows: int = 6) -> Dataset:
    draw = torch.Generator().manual_seed(1)
    return pairs(torch.rand(rows, 1, 8, 8, generator=draw), torch.rand(rows, 2, 8, 8, generator=draw))


def test_losses_are_those_of_the_paper() -> None:
    net, batch = network(l1=30.0, adversarial=2.0), some().all()
    x, y = batch["image"], batch["target"]
    torch.manual_seed(7)
    total, weight, _ = net.discriminator_loss(batch, Clock())
    torch.manual_seed(7)
    made = net(batch.inputs)["target"]
    real_Bhw, made_Bhw = (torch.sigmoid(net.discriminator(x, of)) for of in (y, made.detach()))
    wanted = -(real_Bhw.log().mean() + (1 - made_Bhw).log().mean()) / 2
    assert weight == 6 and torch.allclose(total / weight, wanted, atol=1e-5)
    total.backward()
    assert all(p.grad is None for p in net.generator.parameters()), "the discriminator's move must not reach the generator"
    torch.manual_seed(7)
    loss = net.generator_loss(batch, Clock())
    image = net.spec.outputs["target"]
    assert isinstance(image, Image)
    pixels, wanted_pixels = (2 * image.restore(of) - 1 for of in (made, y))  # in -1..1
    l1 = (pixels - wanted_pixels).abs().mean()
    assert torch.allclose(loss.metrics["l1"], l1, atol=1e-6)
    assert torch.allclose(loss.sum / loss.weight, 30 * l1 - 2 * made_Bhw.log().mean(), atol=1e-4)


def test_each_loss_can_stand_alone_and_one_must() -> None:
    def moves(**config: Any) -> list[str]:
        (stage,) = network(**config).stages(TASK)
        return [move.name for move in stage.moves]

    assert moves() == ["discriminator", "generator"] and moves(l1=0.0) == ["discriminator", "generator"]
    assert moves(adversarial=0.0) == ["generator"]
    with pytest.raises(ConfigError, match="both 0"):
        Config.read({"l1": 0, "adversarial": 0}, "pix2pix")


def test_a_patch_sees_eighteen_pixels_and_nothing_beyond() -> None:
    torch.manual_seed(0)
    judge = PatchJudge(2, 4).eval()
    x, y = torch.zeros(1, 1, 48, 48, requires_grad=True), torch.zeros(1, 1, 48, 48)
    (gradient,) = torch.autograd.grad(judge(x, y)[0, 6, 6], x)
    rows = gradient[0, 0].abs().sum(1).nonzero()[:, 0]
    assert int(rows.max() - rows.min()) + 1 == 18


def test_the_same_picture_has_the_same_answer_and_while_learning_many() -> None:
    net, inputs = network(), some().all().inputs
    one, two = net(inputs)["target"], net(inputs)["target"]
    assert not torch.allclose(one, two)  # dropout is the noise z
    net.eval()
    assert torch.equal(net(inputs)["target"], net(inputs)["target"])


def test_what_was_seen_on_the_way_down_stands_beside_what_comes_up() -> None:
    net = network().eval()
    unet = net.generator[0]
    for layer in unet.down[-1]:  # type: ignore[union-attr, index]
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.zeros_(layer.weight)  # the narrow middle says nothing any more
            nn.init.zeros_(layer.bias)
    a, b = net({"image": torch.randn(1, 1, 8, 8)})["target"], net({"image": torch.randn(1, 1, 8, 8)})["target"]
    assert not torch.allclose(a, b)


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (1, 3, 32, 32), (3, 1, 37, 22), (2, 2, 5, 4)])
def test_pairs_of_any_size(shape: tuple[int, int, int, int]) -> None:
    before, after, height, width = shape
    net = network(shape)
    x = torch.randn(3, before, height, width)
    made = net({"image": x})["target"]
    assert made.shape == (3, after, height, width) and net.discriminator(x, made).ndim == 3


@pytest.mark.parametrize(("config", "most"), [({}, 0.1), ({"l1": 0.0}, 0.2)])
def test_it_learns_to_turn_pictures_into_their_mirrored_negatives(config: dict[str, float], most: float) -> None:
    draw = torch.Generator().manual_seed(1)
    x = torch.rand(256, 1, 2, 2, generator=draw).repeat_interleave(4, 2).repeat_interleave(4, 3)  # four flat quarters
    data = pairs(x, 1 - x.flip(3))
    settings = Settings(budget="300steps", device="cpu")
    net = train(network((1, 1, 8, 8), width=16, batch=16, **config), Parts(data, None, None), settings)
    image = data.spec.outputs["target"]
    assert isinstance(image, Image)
    with torch.no_grad():
        error = (image.restore(net.network(data.all().inputs)["target"]) - (1 - x.flip(3))).square().mean()
    assert float(error) / float(x.var()) < most


def test_it_refuses_what_it_cannot_do_with_a_sentence() -> None:
    one = spec_of(1, 1, 8, 8)
    small = Image(channels=1, height=4, width=4)
    refused = [
        (Spec(inputs=one.inputs, outputs={"y": Classes(labels=("a", "b"))}, train_size=9), TASK),
        (Spec(inputs=one.inputs, outputs={"target": small}, train_size=9), TASK),
        (spec_of(1, 1, 3, 9), TASK),
        (one, tasks.find("image-classification")),
    ]
    for spec, task in refused:
        answer = Pix2Pix.can(spec, task)
        assert isinstance(answer, No) and "pix2pix" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            Pix2Pix(Config(), spec, task)
