"""VAE: the bound's terms against torch.distributions, the evidence where it is known in closed form, and what is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import FactorAnalysis
from torch import Tensor
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from nnzoo import tasks
from nnzoo.core.abilities import Predicts, Samples
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import Classes, Image, Rows, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import Can, No
from nnzoo.networks.autoencoder.vae import VAE, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

POINTS = Table(numeric=("a", "b", "c", "d"), mean=(0.0,) * 4, std=(1.0,) * 4)
PICTURE = Image(channels=1, height=3, width=3, mean=(0.3,), std=(0.5,))


def network(field: Any = POINTS, task: str = "", **config: Any) -> VAE:
    torch.manual_seed(0)
    task = task or ("unconditional-generation" if field is POINTS else "unconditional-image-generation")
    return VAE(Config(**{"hidden": (16,), "latent": 2, **config}), Spec(inputs={"x": field}, train_size=1000), tasks.find(task))


def values(x_ND: Tensor) -> dict[str, Any]:
    return {"x": Rows(x_ND, torch.zeros(len(x_ND), 0, dtype=torch.long))}


def rows(x_ND: Tensor) -> Dataset:
    spec = Spec(inputs={"x": POINTS}, train_size=len(x_ND))
    return Dataset(spec, {"x": {"numeric": x_ND, "codes": torch.zeros(len(x_ND), 0, dtype=torch.long)}})


def linear_with_exact_posterior() -> tuple[VAE, MultivariateNormal]:
    """x = W z + b + N(0, v), W's columns at right angles: the true posterior has no correlations, and the encoder can give it."""
    net, v = network(hidden=()), 0.25
    W_DZ = torch.linalg.qr(torch.randn(4, 2))[0] * torch.tensor([2.0, 0.7])
    b_D = torch.randn(4)
    precision_Z = 1 + W_DZ.square().sum(0) / v
    with torch.no_grad():
        net.decoder[-1].weight.copy_(W_DZ)  # type: ignore[operator, union-attr]
        net.decoder[-1].bias.copy_(b_D)  # type: ignore[operator, union-attr]
        encode_ZD = W_DZ.T / v / precision_Z[:, None]
        net.encoder[-1].weight.copy_(torch.cat((encode_ZD, torch.zeros(2, 4))))  # type: ignore[operator, union-attr]
        net.encoder[-1].bias.copy_(torch.cat((-encode_ZD @ b_D, -precision_Z.log())))  # type: ignore[operator, union-attr]
        net.likelihood.log_spread.fill_(np.log(v) / net.likelihood.QUICK)  # type: ignore[operator, union-attr]
    return net, MultivariateNormal(b_D, W_DZ @ W_DZ.T + v * torch.eye(4))


def test_with_the_exact_posterior_bound_and_likelihood_are_the_evidence() -> None:
    net, evidence = linear_with_exact_posterior()
    x_BD = evidence.sample((5,))
    with torch.no_grad():
        assert torch.allclose(net.log_likelihood(values(x_BD), 1), evidence.log_prob(x_BD), atol=1e-3)  # all weights are equal
        terms = [net.evidence_lower_bound(x_BD) for _ in range(3000)]
    bound_B = torch.stack([log_likelihood_B - kl_B for log_likelihood_B, kl_B in terms]).mean(0)
    assert torch.allclose(bound_B, evidence.log_prob(x_BD), atol=0.12)


def test_with_another_posterior_the_bound_is_lower_by_the_divergence_and_many_draws_make_up_for_it() -> None:
    net, evidence = linear_with_exact_posterior()
    x_BD = evidence.sample((5,))
    exact = Normal(*(m if k == 0 else (0.5 * m).exp() for k, m in enumerate(net.q(x_BD))))
    with torch.no_grad():
        net.encoder[-1].bias.add_(torch.tensor([0.3, -0.2, 0.8, 0.5]))  # type: ignore[operator, union-attr]
        other = Normal(*(m if k == 0 else (0.5 * m).exp() for k, m in enumerate(net.q(x_BD))))
        bound_B = torch.stack([a - b for a, b in (net.evidence_lower_bound(x_BD) for _ in range(5000))]).mean(0)
        many_B = net.log_likelihood(values(x_BD), 20_000)
    true_B = evidence.log_prob(x_BD)
    gap_B = kl_divergence(other, exact).sum(1)
    assert bool((gap_B > 0.5).all())
    assert torch.allclose(bound_B, true_B - gap_B, atol=0.2)
    assert torch.allclose(many_B, true_B, atol=0.05)
    assert bool((many_B > bound_B).all())


def test_it_learns_the_best_factor_model_of_normal_data() -> None:
    """Linear and with one code number, the best bound is the log likelihood of maximum likelihood factor analysis."""
    torch.manual_seed(1)
    x_ND = torch.randn(3000, 1) @ torch.tensor([[1.0, -0.8, 0.5, 0.9]]) + torch.randn(3000, 4) * torch.tensor([0.7, 0.8, 0.9, 0.6])
    net = network(hidden=(), latent=1, lr=1e-2, warmup=0.0)
    train(net, Parts(rows(x_ND), None, None), Settings(budget="1500steps", seed=0, device="cpu"))
    torch.manual_seed(2)
    with torch.no_grad():
        bound = float(torch.stack([(a - b).mean() for a, b in (net.evidence_lower_bound(x_ND) for _ in range(50))]).mean())
        made_nD = net.sample(20_000)
    best = FactorAnalysis(1).fit(x_ND.numpy()).score(x_ND.numpy())
    assert best - 0.03 < bound < best + 0.01
    assert torch.allclose(torch.cov(made_nD.T), torch.cov(x_ND.T), atol=0.08)  # points are drawn from p(x|z), not its mean


def test_the_terms_of_the_bound_of_pictures_are_those_of_torch_distributions() -> None:
    net = network(PICTURE)
    x_BD = net.flat.standardised(torch.bernoulli(torch.full((4, 9), 0.4)))
    torch.manual_seed(3)
    log_likelihood_B, kl_B = net.evidence_lower_bound(x_BD)
    mean_BZ, log_variance_BZ = net.encoder(x_BD).chunk(2, 1)
    q = Normal(mean_BZ, (0.5 * log_variance_BZ).exp())
    torch.manual_seed(3)
    told_BD = net.decoder(mean_BZ + q.stddev * torch.randn(4, 2))
    pixels_BD = x_BD * 0.5 + 0.3
    assert torch.allclose(log_likelihood_B, Bernoulli(logits=told_BD).log_prob(pixels_BD.round()).sum(1), atol=1e-4)
    assert torch.allclose(kl_B, kl_divergence(q, Normal(0.0, 1.0)).sum(1), atol=1e-5)


def test_learning_from_drawn_pixels_draws_them_by_their_brightness() -> None:
    net, seen = network(PICTURE, binarise=True), []
    net.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0] * 0.5 + 0.3))
    data = Dataset(Spec(inputs={"x": PICTURE}, train_size=4000), {"x": {"pixels": torch.full((4000, 1, 3, 3), 0.7)}})
    net.bound_loss(data.all(), Clock())
    (drawn_BD,) = seen
    assert bool(((drawn_BD - drawn_BD.round()).abs() < 1e-5).all()) and float(drawn_BD.mean()) == pytest.approx(0.7, abs=0.01)


def test_the_divergence_comes_to_count_over_the_warmup_and_counts_fully_where_nothing_is_learned() -> None:
    net, batch = network(warmup=0.5), rows(torch.randn(50, 4)).all()
    with torch.no_grad():
        net.encoder[-1].bias.add_(1.0)  # type: ignore[operator, union-attr]

    def loss(clock: Clock) -> tuple[float, float, float]:
        torch.manual_seed(4)
        found = net.bound_loss(batch, clock)
        return float(found.sum.detach() / found.weight), float(found.metrics["error"]), float(found.metrics["kl"])

    for clock, weight in (
        (Clock(steps=100), 0.0),
        (Clock(step=25, steps=100), 0.5),
        (Clock(step=80, steps=100), 1.0),
        (Clock(training=False), 1.0),
    ):
        total, error, kl = loss(clock)
        assert kl > 0.5 and total == pytest.approx(error + weight * kl, rel=1e-4)


def test_surprise_is_the_negative_bound_the_same_every_time_and_alone() -> None:
    net, evidence = linear_with_exact_posterior()
    x_BD = evidence.sample((300,))
    with torch.no_grad():
        one_B = net.surprise(values(x_BD))
        assert torch.equal(one_B, net.surprise(values(x_BD)))
        assert torch.allclose(one_B[7:8], net.surprise(values(x_BD[7:8])), atol=1e-4)
        assert float(one_B.mean()) == pytest.approx(float(-evidence.log_prob(x_BD).mean()), abs=0.3)
        assert float(net.surprise(values(x_BD + 5)).mean()) > float(one_B.mean()) + 10


def test_pictures_are_made_as_means_within_black_and_white_and_rebuilt_in_their_shape() -> None:
    net = network(PICTURE)
    made = net.sample(7).detach()
    assert made.shape == (7, 1, 3, 3) and net.noise_like(4)["noise"].shape == (4, 2)
    assert float(PICTURE.restore(made).min()) >= 0 and float(PICTURE.restore(made).max()) <= 1
    same = net({"noise": net.encode({"x": made})})["x"]
    assert torch.equal(net({"x": made})["x"], same)  # rebuilt from the mean of the code
    assert network(PICTURE, pixels="gaussian").sample(2).shape == (2, 1, 3, 3)


def test_it_says_what_it_can_do_for_each_task() -> None:
    points, generation = Spec(inputs={"x": POINTS}, train_size=10), tasks.find("unconditional-generation")
    rebuilding = tasks.find("reconstruction")
    assert Samples in VAE.can(points, generation) and Predicts in VAE.can(points, rebuilding)  # type: ignore[operator]
    assert isinstance(VAE.can(points, tasks.find("unconditional-image-generation")), No)
    labelled = Spec(inputs={"x": PICTURE}, outputs={"y": Classes(labels=("a", "b"))}, train_size=10)
    assert "conditional_vae" in str(VAE.can(labelled, tasks.find("unconditional-image-generation")))
    assert isinstance(VAE.can(points, rebuilding), Can)
