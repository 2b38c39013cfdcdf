"""Denoising autoencoder: how rows are spoiled, that the error is to the clean ones, and the best cleaning in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.autoencoder.denoising_autoencoder import Config, DenoisingAutoencoder
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("reconstruction")
EIGHT = Table(numeric=tuple(f"x{k}" for k in range(8)), mean=(0.0,) * 8, std=(1.0,) * 8)
PICTURE = Image(channels=1, height=4, width=4, mean=(0.25,), std=(0.5,))


def network(field: Any = EIGHT, **config: Any) -> DenoisingAutoencoder:
    torch.manual_seed(0)
    return DenoisingAutoencoder(Config(**{"hidden": (16,), **config}), Spec(inputs={"x": field}, train_size=1000), TASK)


def rows(x_ND: Tensor) -> Dataset:
    spec = Spec(inputs={"x": EIGHT}, train_size=len(x_ND))
    return Dataset(spec, {"x": {"numeric": x_ND, "codes": torch.zeros(len(x_ND), 0, dtype=torch.long)}})


@pytest.mark.parametrize(("config", "expected"), [({"amount": 0.25}, 0.25 * 4), ({"noise": "gaussian", "amount": 0.5}, 0.25)])
def test_the_loss_is_the_distance_to_the_clean_rows_of_what_was_made_of_spoiled_ones(config: dict, expected: float) -> None:
    net = network(**config)
    net.encoder, net.decoder = nn.Identity(), nn.Identity()  # type: ignore[assignment]  # gives back what it reads: the damage is left
    loss = net.denoising_loss(rows(torch.full((20_000, 8), 2.0)).all(), Clock())
    assert float(loss.sum / loss.weight) == pytest.approx(expected, rel=0.02)


def test_a_mask_sets_its_share_of_pixels_black_and_leaves_the_others() -> None:
    net = network(PICTURE, amount=0.4)
    x_BD = torch.ones(5000, 16)
    spoiled_BD = net.spoiled(x_BD)
    black = spoiled_BD == (0 - 0.25) / 0.5
    assert bool((black | (spoiled_BD == 1)).all())
    assert float(black.float().mean()) == pytest.approx(0.4, abs=0.01)
    assert float(torch.corrcoef(black.float().T)[0, 1]) == pytest.approx(0, abs=0.05)  # each pixel for itself


def test_it_comes_near_the_best_cleaning_of_normal_data() -> None:
    """Of normal data with covariance S the best answer is S (S + nu^2 I)^-1 x~, its error tr(S - S (S + nu^2 I)^-1 S)."""
    torch.manual_seed(1)
    x_ND = torch.randn(4000, 2) @ torch.randn(2, 8) + 0.1 * torch.randn(4000, 8)
    x_ND = x_ND / x_ND.std(0)
    S_DD = torch.cov(x_ND.T)
    best = float((S_DD - S_DD @ torch.linalg.inv(S_DD + 0.5**2 * torch.eye(8)) @ S_DD).trace()) / 8
    net = network(noise="gaussian", amount=0.5, hidden=(64,), code=16, lr=5e-3)
    train(net, Parts(rows(x_ND[:3000]), rows(x_ND[3000:]), None), Settings(budget="700steps", seed=0, device="cpu"))
    net.eval()
    torch.manual_seed(2)
    with torch.no_grad():
        noisy_ND = x_ND[3000:] + 0.5 * torch.randn(1000, 8)
        cleaned_ND = net(rows(noisy_ND).all().inputs)["x"]
    left = float((cleaned_ND - x_ND[3000:]).square().mean())
    assert best * 0.9 < left < best * 1.2 < 0.5**2 / 2  # the noise itself is .25


def test_what_is_asked_for_later_is_read_as_it_is() -> None:
    net, inputs = network(PICTURE, code=4), {"x": torch.randn(6, 1, 4, 4)}
    assert torch.equal(net.encode(inputs), net.encode(inputs))
    answer = net(inputs)["x"]
    assert torch.equal(answer, net.decode(net.encode(inputs))) and answer.shape == (6, 1, 4, 4)
    assert torch.allclose(net.surprise(inputs), (answer - inputs["x"]).square().flatten(1).mean(1))


def test_a_mask_over_everything_and_other_tasks_are_refused() -> None:
    with pytest.raises(ConfigError, match="below 1"):
        Config.read({"amount": 1.0}, "denoising_autoencoder")
    assert Config.read({"amount": 1.5, "noise": "gaussian"}, "denoising_autoencoder")
    spec = Spec(inputs={"x": EIGHT}, train_size=10)
    assert isinstance(DenoisingAutoencoder.can(spec, tasks.find("unconditional-generation")), No)
