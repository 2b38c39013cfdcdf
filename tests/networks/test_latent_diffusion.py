"""Latent diffusion: the codec's loss, the chain of noise and back, the stages, and modes made from noise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnzoo import tasks
from nnzoo.blocks.point_denoiser import PointDenoiser
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Category, Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.diffusion.latent_diffusion import Config, LatentDiffusion
from nnzoo.tasks._generation import modes
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("unconditional-generation")
POINTS = Table(numeric=("x", "y"), mean=(0.0, 0.0), std=(1.0, 1.0))
SPEC = Spec(inputs={"point": POINTS}, train_size=1000)


def points(x_ND: Tensor) -> Dataset:
    return Dataset(SPEC, {"point": {"numeric": x_ND, "codes": torch.zeros(len(x_ND), 0, dtype=torch.long)}})


def network(**config: Any) -> LatentDiffusion:
    torch.manual_seed(0)
    return LatentDiffusion(Config(**{"width": 16, **config}), SPEC, TASK)


class Perfect(PointDenoiser):
    """The best denoiser of codes that are N(m, s^2): eps* = sqrt(1 - abar) (z - sqrt(abar) m) / (abar s^2 + 1 - abar)."""

    def __init__(self, kept_T: Tensor, mean: float, std: float) -> None:
        super().__init__(2, 2, 1)
        self.kept_T, self.mean, self.std = kept_T, mean, std

    def times(self, t_B: Tensor) -> Tensor:
        return self.kept_T[t_B - 1, None]

    def eps(self, times: tuple[int, ...]) -> Any:
        return lambda z_BZ, t: self(z_BZ, self.times(torch.tensor([t])))

    def forward(self, z_BZ: Tensor, kept_B1: Tensor) -> Tensor:
        return (1 - kept_B1).sqrt() * (z_BZ - kept_B1.sqrt() * self.mean) / (kept_B1 * self.std**2 + 1 - kept_B1)


@pytest.mark.parametrize("std", [0.25, 0.05, 0.014])
def test_with_a_perfect_denoiser_the_way_back_makes_the_data(std: float) -> None:
    net = network()
    net.denoiser = Perfect(net.walk.kept_T, 0.7, std)  # type: ignore[assignment]
    net.codec.decoder = nn.Identity()  # type: ignore[assignment]
    torch.manual_seed(3)
    made_BD = net.sample(20_000)
    assert torch.allclose(made_BD.mean(0), torch.tensor(0.7), atol=0.01)
    assert torch.allclose(made_BD.std(0), torch.tensor(std), rtol=0.08)  # a finite number of steps costs 2 to 7 %
    assert abs(float(torch.corrcoef(made_BD.T)[0, 1])) < 0.03


def test_the_denoiser_learns_the_noise_that_was_added() -> None:
    net = network()
    net.denoiser = Perfect(net.walk.kept_T, 0.7, 0.25)  # type: ignore[assignment]
    data = points(torch.zeros(40_000, 2))
    mean_NZ = 0.7 + 0.2 * torch.randn(40_000, 2)
    data.extra["latent"] = torch.cat((mean_NZ, torch.full_like(mean_NZ, 0.15)), 1)  # .2^2 + .15^2 = .25^2
    loss = net.denoiser_loss(data.all(), Clock())
    best = (net.walk.kept_T * 0.25**2 / (net.walk.kept_T * 0.25**2 + 1 - net.walk.kept_T)).mean()  # no denoiser is better than this
    assert float(loss.sum / loss.weight) == pytest.approx(float(best), rel=0.02)


def test_noise_ends_all_information_and_begins_with_almost_none() -> None:
    kept_T = network().walk.kept_T
    assert kept_T[0] > 0.999 and kept_T[-1] < 0.005 and bool((kept_T.diff() < 0).all())


def test_the_codec_loss_is_error_and_divergence() -> None:
    net, x_BD = network(kl=0.3), torch.randn(5000, 2)
    torch.nn.init.constant_(net.codec.encoder[-1].bias, -1.5)  # type: ignore[arg-type]  # means and log variances far from 0
    mean_BZ, log_variance_BZ = net.codec.q(x_BD)
    q = torch.distributions.Normal(mean_BZ, (0.5 * log_variance_BZ).exp())
    kl_B = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    errors = torch.stack([((x_BD - net.codec.decoder(q.rsample())) ** 2).sum(1).mean() for _ in range(20)])
    loss = net.codec_loss(points(x_BD).all(), Clock())
    assert (loss.sum / loss.weight).item() == pytest.approx((errors.mean() + 0.3 * kl_B.mean()).item(), rel=0.03)


def test_codes_are_scaled_to_unit_variance_and_decoding_undoes_it() -> None:
    net, data = network(), points(torch.randn(3000, 2) * torch.tensor([1.0, 0.2]) + 0.5)
    with torch.no_grad():
        *_, last = net.scale(Parts(data, None, None), Clock())
        mean_NZ, std_NZ = net.latents(data.all()).chunk(2, 1)
        codes_NZ = mean_NZ + std_NZ * torch.randn_like(mean_NZ)
        assert torch.allclose(codes_NZ.mean(0), torch.zeros(2), atol=0.05)
        assert torch.allclose(codes_NZ.std(0), torch.ones(2), rtol=0.05)
        raw_NZ, _ = net.codec.q(data.all()["point"].numeric_BF)
        assert torch.allclose(net.encode(data.all().inputs), mean_NZ)
        assert torch.allclose(net.decode(mean_NZ), net.codec.decoder(raw_NZ), atol=1e-5)
    assert last.share == 1


def test_it_learns_the_codec_first_and_then_makes_four_modes() -> None:
    draw = torch.Generator().manual_seed(0)
    centres_KD = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    x_ND = centres_KD[torch.randint(4, (2000,), generator=draw)] + 0.1 * torch.randn(2000, 2, generator=draw)
    data = points(x_ND)
    net = network(width=64, steps=50, beta_last=0.3, ema=0.99, batch=128)
    after_codec: dict[str, Tensor] = {}

    def watch(event: Any) -> None:
        if type(event).__name__ == "StageEnded" and event.stage == 0:
            after_codec.update({name: tensor.clone() for name, tensor in net.codec.state_dict().items()})

    net = train(net, Parts(data, None, None), Settings(budget="2000steps"), listen=(watch,)).network  # type: ignore[assignment]
    assert after_codec and all(torch.equal(tensor, after_codec[name]) for name, tensor in net.codec.state_dict().items())
    torch.manual_seed(1)
    with torch.no_grad():
        again = net.decode(net.encode(data.all().inputs))
        found = modes(net.sample(2000), centres_KD, 0.1)
    assert float((again - x_ND).square().mean().sqrt()) < 0.05  # half the width of a mode
    assert found["modes"] == 4 and found["rarest"] > 0.18, found
    assert found["share_within_3_sigma"] > 0.85, found


def bars() -> Dataset:
    """Pictures whose left half or right one is bright, more or less, and which."""
    draw = torch.Generator().manual_seed(0)
    codes_N = torch.randint(2, (512,), generator=draw)
    pixels = torch.zeros(512, 1, 8, 8)
    bright_N = 0.5 + 0.5 * torch.rand(512, generator=draw)
    pixels[codes_N == 0, ..., :4] = bright_N[codes_N == 0, None, None, None]
    pixels[codes_N == 1, ..., 4:] = bright_N[codes_N == 1, None, None, None]
    field = Image(channels=1, height=8, width=8, mean=(0.375,), std=(0.4,))
    spec = Spec(inputs={"side": Classes(labels=("left", "right"))}, outputs={"image": field}, train_size=512)
    return Dataset(spec, {"side": {"codes": codes_N}, "image": {"pixels": pixels}})


def test_pictures_are_coded_and_made_of_their_labels() -> None:
    data = bars()
    config = {
        "codec_widths": (16,),
        "widths": (16,),
        "picture_lr": 4e-3,
        "picture_ema": 0.98,
        "picture_batch": 64,
        "sampling_steps": 15,
    }
    torch.manual_seed(0)
    net = LatentDiffusion(Config(**config), data.spec, tasks.find("class-conditional-image-generation"))
    net = train(net, Parts(data, None, None), Settings(budget="300steps")).network.eval()  # type: ignore[assignment]
    torch.manual_seed(1)
    condition, picture, real = torch.arange(200) % 2, data.spec.outputs["image"], data.all()["image"]
    with torch.no_grad():
        mean, std = net.latents(data.all()).chunk(2, 1)
        codes = mean + std * torch.randn_like(mean)
        assert codes.shape[1:] == (4, 4, 4)
        assert torch.allclose(codes.mean((0, 2, 3)), torch.zeros(4), atol=0.1)
        assert torch.allclose(codes.std((0, 2, 3)), torch.ones(4), rtol=0.1)
        assert float((net.decode(codes) - real).square().mean()) < 0.05  # of a variance of 1
        unit = picture.restore(net.sample(200, condition))  # type: ignore[union-attr]
        right = (unit[..., 4:].sum((1, 2, 3)) > unit[..., :4].sum((1, 2, 3))) == condition.bool()
        assert float(right.float().mean()) > 0.95
        assert net.sample(3, steps=4, sampler="ddim", guidance=1.0).shape == (3, 1, 8, 8)


def test_it_refuses_what_is_no_table_of_numbers_alone_with_a_sentence() -> None:
    mixed = Table(numeric=("x",), mean=(0.0,), std=(1.0,), categories=(Category(name="c", size=3),))
    refused = [
        (Spec(inputs={"x": mixed}, train_size=9), TASK),
        (Spec(inputs={"x": Image(channels=1, height=3, width=4)}, train_size=9), TASK),
        (Spec(inputs={"x": Image(channels=1, height=3, width=4)}, train_size=9), tasks.find("unconditional-image-generation")),
        (Spec(inputs={"x": POINTS}, outputs={"y": Classes(labels=("a", "b"))}, train_size=9), TASK),
        (SPEC, tasks.find("tabular-classification")),
    ]
    for spec, task in refused:
        answer = LatentDiffusion.can(spec, task)
        assert isinstance(answer, No) and "latent_diffusion" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            LatentDiffusion(Config(), spec, task)


def test_the_predict_path_exports() -> None:
    net = network(steps=5).eval()
    inputs = net.noise_like(4)
    exported = torch.export.export(net, (inputs,)).module()
    assert torch.allclose(exported(inputs)["point"], net(inputs)["point"], atol=1e-6)
