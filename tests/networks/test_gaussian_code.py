"""Gaussian codes against torch.distributions, and the importance-sampled likelihood where the truth is known in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from nnzoo.blocks.gaussian_code import divergence, drawn, importance_sampled, log_normal, moments


def test_the_divergence_is_that_of_torch_distributions() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2)
    q, prior = Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(5, 3, 2, 2), torch.ones(5, 3, 2, 2))
    assert torch.allclose(divergence(mean, log_variance), kl_divergence(q, prior).sum((1, 2, 3)), rtol=1e-5)


def test_log_normal_is_that_of_torch_distributions() -> None:
    torch.manual_seed(0)
    x, mean, log_variance = torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4)
    assert torch.allclose(log_normal(x, mean, log_variance), Normal(mean, (0.5 * log_variance).exp()).log_prob(x), rtol=1e-5)
    assert torch.allclose(log_normal(x), Normal(0.0, 1.0).log_prob(x), rtol=1e-5)


def test_draws_have_the_moments_and_pass_gradients_to_both() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[0.5]], requires_grad=True), torch.tensor([[-2.0]], requires_grad=True)
    z = drawn(mean.expand(100_000, 1), log_variance.expand(100_000, 1))
    assert float(z.detach().mean()) == pytest.approx(0.5, abs=0.005)
    assert float(z.detach().var()) == pytest.approx(0.1353, rel=0.02)
    (z**2).mean().backward()  # E z^2 = mu^2 + s^2, whose slopes are 2 mu and s^2
    assert mean.grad is not None and log_variance.grad is not None
    assert float(mean.grad) == pytest.approx(1.0, abs=0.02) and float(log_variance.grad) == pytest.approx(0.1353, rel=0.03)


def test_moments_are_the_halves_of_what_an_encoder_gives() -> None:
    encoded = torch.arange(8.0).view(1, 4, 2) * 10
    mean, log_variance = moments(encoded)
    assert mean.flatten().tolist() == [0.0, 10.0, 20.0, 30.0]
    assert log_variance.flatten().tolist() == [20.0] * 4  # so much that the exponential is still a number


class Linear:
    """x = W z + b + noise of variance v, z ~ N(0, I): everything about it is known in closed form."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.W_DZ, self.b_D, self.v = torch.randn(4, 2, dtype=torch.float64), torch.randn(4, dtype=torch.float64), 0.3

    def log_likelihood(self, x_BD: Tensor) -> object:
        return lambda z_KBZ: log_normal(x_BD, z_KBZ @ self.W_DZ.T + self.b_D, torch.tensor(self.v).log()).sum(2)

    def evidence(self, x_BD: Tensor) -> Tensor:
        covariance = self.W_DZ @ self.W_DZ.T + self.v * torch.eye(4, dtype=torch.float64)
        return MultivariateNormal(self.b_D, covariance).log_prob(x_BD)

    def posterior(self, x_BD: Tensor) -> MultivariateNormal:
        covariance = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + self.W_DZ.T @ self.W_DZ / self.v)
        return MultivariateNormal((x_BD - self.b_D) @ self.W_DZ @ covariance / self.v, covariance)


def test_importance_sampling_ends_at_the_evidence_and_never_lies_below_the_bound_of_one_draw() -> None:
    model = Linear()
    x_BD = model.b_D + torch.randn(6, 4, dtype=torch.float64)
    true_B, posterior = model.evidence(x_BD), model.posterior(x_BD)
    mean_BZ = posterior.mean + 0.1
    log_variance_BZ = posterior.variance.mul(1.5).log()  # no correlations, shifted, too wide: an encoder's guess
    bound = {
        k: torch.stack([importance_sampled(model.log_likelihood(x_BD), mean_BZ, log_variance_BZ, k) for _ in range(n)]).mean(0)
        for k, n in ((1, 4000), (10, 1000), (20_000, 1))
    }
    assert bool((bound[1] < bound[10] - 0.02).all()) and bool((bound[10] < true_B - 0.005).all())
    assert torch.allclose(bound[20_000], true_B, atol=0.03)
    # one draw: log p(x) - KL(q || p(z|x)), the evidence lower bound
    q = MultivariateNormal(mean_BZ, torch.diag_embed(log_variance_BZ.exp()))
    assert torch.allclose(bound[1], true_B - kl_divergence(q, posterior), atol=0.08)


def test_importance_sampling_does_not_depend_on_how_many_draws_fit_in_memory() -> None:
    model = Linear()
    x_BD = torch.randn(8, 4, dtype=torch.float64)
    mean_BZ, log_variance_BZ = torch.zeros(8, 2, dtype=torch.float64), torch.zeros(8, 2, dtype=torch.float64)
    results = []
    for at_once in (1, 4, 10):
        torch.manual_seed(2)
        results.append(importance_sampled(model.log_likelihood(x_BD), mean_BZ, log_variance_BZ, 10, at_once))
    assert torch.allclose(results[0], results[1]) and torch.allclose(results[0], results[2])
