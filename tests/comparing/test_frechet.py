"""The Frechet distance is its formula, without the bias of few rows, with an interval as wide as chance makes it."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from nnzoo.comparing.judging.frechet import Normal, distance_of, frechet_distance, normal_of, plain_distance, resampled
from nnzoo.core.errors import DataError


def correlated(seed, width=5):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(width, width))
    return rng.normal(size=width), factor @ factor.T + 0.1 * np.eye(width)


def drawn(seed, n, mean, covariance):
    return torch.from_numpy(np.random.default_rng(seed).multivariate_normal(mean, covariance, n))


def test_one_number_has_a_closed_form():
    first, second = Normal(torch.tensor([1.0]), torch.tensor([[4.0]])), Normal(torch.tensor([-2.0]), torch.tensor([[0.25]]))
    assert distance_of(first, second) == pytest.approx(3**2 + (2 - 0.5) ** 2)


def test_correlated_normals_agree_with_the_matrix_root_of_scipy():
    (m, c), (n, d) = correlated(0), correlated(1)
    root = sqrtm(c @ d)
    expected = ((m - n) ** 2).sum() + np.trace(c + d - 2 * root.real)
    sides = (Normal(torch.from_numpy(m), torch.from_numpy(c)), Normal(torch.from_numpy(n), torch.from_numpy(d)))
    assert distance_of(*sides) == pytest.approx(expected, rel=1e-9)
    assert distance_of(*sides[::-1]) == pytest.approx(expected, rel=1e-9)
    assert distance_of(sides[0], sides[0]) == pytest.approx(0, abs=1e-7)


def test_constant_features_and_fewer_rows_than_features_do_no_harm():
    x = torch.randn(30, 40, generator=torch.Generator().manual_seed(0))
    x[:, 3] = 2.0
    assert plain_distance(x, x) == pytest.approx(0, abs=1e-4)
    assert plain_distance(x, x + 1) == pytest.approx(40, rel=1e-4)


def test_counted_rows_are_repeated_rows():
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(1)).double()
    count = torch.arange(12) % 3
    counted, repeated = normal_of(x, count), normal_of(x.repeat_interleave(count, 0))
    assert torch.allclose(counted.covariance_DD, repeated.covariance_DD) and torch.allclose(counted.mean_D, repeated.mean_D)
    assert torch.allclose(repeated.covariance_DD, x.repeat_interleave(count, 0).T.cov())


@pytest.mark.parametrize("n", [60, 240])
def test_few_rows_leave_the_distance_where_many_put_it(n):
    mean, covariance = correlated(2, 8)
    other_mean, other = mean + 0.3, covariance * 1.5
    truth = distance_of(
        Normal(torch.from_numpy(mean), torch.from_numpy(covariance)), Normal(torch.from_numpy(other_mean), torch.from_numpy(other))
    )
    found, plain = [], []
    for seed in range(60):
        x, y = drawn(seed, n, mean, covariance), drawn(1000 + seed, n, other_mean, other)
        found.append(frechet_distance(x, y))
        plain.append(plain_distance(x, y))
    error = np.std(found) / 60**0.5
    assert abs(np.mean(found) - truth) < 3.5 * error
    assert np.mean(plain) - truth > max(4 * error, 60 / n)  # what the correction takes away, falling as 1 / N


def test_one_distribution_scores_zero_on_average_and_may_score_below():
    mean, covariance = correlated(3, 8)
    found = [frechet_distance(drawn(s, 150, mean, covariance), drawn(500 + s, 150, mean, covariance)) for s in range(60)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 60**0.5 and min(found) < 0


def test_resampling_spreads_as_new_samples_do():
    mean, covariance = correlated(4, 6)
    away = mean + 1.0
    fresh = [frechet_distance(drawn(s, 200, away, covariance), drawn(900 + s, 200, mean, covariance)) for s in range(80)]
    made, real = drawn(0, 200, away, covariance), drawn(900, 200, mean, covariance)
    draws = resampled(real, made, seed=0)
    assert draws.mean() == pytest.approx(frechet_distance(made, real))
    assert 0.7 < draws.std() / np.std(fresh) < 1.4
    assert np.array_equal(draws, resampled(real, made, seed=0)) and not np.array_equal(draws, resampled(real, made, seed=1))


def test_real_rows_are_resampled_alike_for_all():
    mean, covariance = correlated(5, 4)
    real = drawn(0, 300, mean, covariance)
    near, far = drawn(1, 300, mean + 2, covariance), drawn(2, 300, mean + 2.2, covariance)
    a, b = resampled(real, near, seed=0), resampled(real, far, seed=1)
    assert np.corrcoef(a, b)[0, 1] > 0.3  # about half of the variance is that of the real rows, which both share


def test_other_numbers_of_rows_are_refused():
    x = torch.randn(50, 3)
    with pytest.raises(DataError, match="as many rows on either side"):
        frechet_distance(x, x[:40])
    with pytest.raises(DataError, match="20 or more"):
        frechet_distance(x[:10], x[:10])
