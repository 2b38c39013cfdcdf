"""Conditional VAE: the label reaches encoder and decoder, pictures of a label, likelihood under a label."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.autoencoder.conditional_vae import ConditionalVAE, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("class-conditional-image-generation")
PICTURE = Image(channels=1, height=4, width=4, mean=(0.3,), std=(0.4,))
SPEC = Spec(inputs={"side": Classes(labels=("left", "right"))}, outputs={"image": PICTURE}, train_size=1000)


def network(**config: Any) -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(Config(**{"hidden": (32,), "latent": 2, **config}), SPEC, TASK)


def halves(n: int) -> tuple[Tensor, Tensor]:
    """Pictures (N C H W) of which one half is lit, how brightly is drawn, and on which side (N)."""
    torch.manual_seed(5)
    side_N, light_N = torch.randint(2, (n,)), 0.3 + 0.7 * torch.rand(n)
    lit_NW = (torch.arange(4) // 2 == side_N[:, None]).float() * light_N[:, None]
    return lit_NW[:, None, None, :].expand(n, 1, 4, 4).contiguous(), side_N


def dataset(pixels: Tensor, side_N: Tensor) -> Dataset:
    return Dataset(SPEC, {"side": {"codes": side_N}, "image": {"pixels": pixels}})


@pytest.fixture(scope="module")
def learned() -> ConditionalVAE:
    net, data = network(lr=5e-3), dataset(*halves(2000))
    train(net, Parts(data, None, None), Settings(budget="500steps", seed=0, device="cpu"))
    return net.eval()


def test_pictures_are_of_the_label_asked_for_and_one_code_means_the_same_under_every_label(learned: ConditionalVAE) -> None:
    torch.manual_seed(6)
    side_B = torch.arange(2).repeat(200)
    with torch.no_grad():
        pixels = PICTURE.restore(learned.sample(400, side_B))
        z_BZ = torch.randn(200, 2)
        left, right = (PICTURE.restore(learned.decode(z_BZ, torch.full((200,), k))) for k in (0, 1))
    light_B2 = pixels.mean((1, 2)).unflatten(1, (2, 2)).mean(2)
    asked_B, other_B = light_B2.gather(1, side_B[:, None])[:, 0], light_B2.gather(1, 1 - side_B[:, None])[:, 0]
    assert float(asked_B.mean()) == pytest.approx(0.65, abs=0.06) and float(other_B.max()) < 0.1
    assert 0.06 < float(asked_B.std()) < 0.3  # .2 in the data: the code says how brightly
    brightness = torch.stack([left[:, 0, :, :2].mean((1, 2)), right[:, 0, :, 2:].mean((1, 2))])
    assert float(torch.corrcoef(brightness)[0, 1].abs()) > 0.8


def test_the_likelihood_under_the_right_label_is_higher_and_not_below_the_bound(learned: ConditionalVAE) -> None:
    pixels, side_N = halves(300)
    x_BCHW = PICTURE.standardise(pixels)
    torch.manual_seed(7)
    with torch.no_grad():
        right_B, wrong_B = learned.log_likelihood(x_BCHW, side_N, 50), learned.log_likelihood(x_BCHW, 1 - side_N, 50)
        error_B, kl_B = learned.evidence_lower_bound(x_BCHW.flatten(1), learned.indicator(side_N))
    assert float((right_B > wrong_B + 3).float().mean()) > 0.99
    assert float((error_B - kl_B).mean()) < float(right_B.mean()) + 1e-3


def test_the_label_reaches_encoder_and_decoder() -> None:
    net, x_BD = network(), torch.randn(3, 16)
    one, other = (net.indicator(torch.full((3,), k)) for k in (0, 1))
    assert not torch.allclose(net.q(x_BD, one)[0], net.q(x_BD, other)[0])
    assert not torch.allclose(net.told(torch.zeros(3, 2), one), net.told(torch.zeros(3, 2), other))
    assert net.indicator(torch.tensor([1, -1])).tolist() == [[0.0, 1.0], [0.0, 0.0]]  # unknown: nothing is told


def test_the_loss_is_the_negative_bound() -> None:
    net, data = network(), dataset(*halves(64))
    torch.manual_seed(8)
    loss = net.bound_loss(data.all(), Clock(training=False))
    torch.manual_seed(8)
    batch = data.all()
    log_likelihood_B, kl_B = net.evidence_lower_bound(batch.outputs["image"].flatten(1), net.indicator(batch.inputs["side"]))
    assert float(loss.sum) == pytest.approx(float((kl_B - log_likelihood_B).sum()), rel=1e-5) and loss.weight == 64


def test_noise_brings_labels_evenly_and_sampling_takes_those_given() -> None:
    net = network()
    torch.manual_seed(9)
    like = net.noise_like(4000)
    assert float(like["side"].float().mean()) == pytest.approx(0.5, abs=0.03) and like["noise"].shape == (4000, 2)
    assert net.sample(3).shape == (3, 1, 4, 4) and net.sample(2, torch.tensor([1, 0])).shape == (2, 1, 4, 4)


def test_it_refuses_pictures_without_labels_and_other_tasks() -> None:
    alone = Spec(inputs={"image": PICTURE}, train_size=10)
    assert "vae" in str(ConditionalVAE.can(alone, TASK))
    assert isinstance(ConditionalVAE.can(SPEC, tasks.find("image-to-image")), No)
