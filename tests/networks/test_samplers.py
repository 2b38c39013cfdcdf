"""Noise schedules, the moments of noisy data, and ways back that must give a distribution whose noise is known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from nnzoo.blocks.noise_process import NoiseProcess
from nnzoo.blocks.noise_schedules import cosine_betas, linear_betas, scaled_linear_betas
from nnzoo.blocks.samplers import ancestral, certain, ddim, dpm_solver, from_velocity, sampler_named, way_back, within
from nnzoo.core.errors import ConfigError

MEAN, STD = 0.7, 0.3


def gaussian_noise(kept: Sequence[float]) -> Callable[[Tensor, int], Tensor]:
    """The exact noise in x_t where data are N(m, s^2): sqrt(1 - abar) (x_t - sqrt(abar) m) / (abar s^2 + 1 - abar)."""
    return lambda x, t: math.sqrt(1 - kept[t]) * (x - math.sqrt(kept[t]) * MEAN) / (kept[t] * STD**2 + 1 - kept[t])


def exact_way(kept: Sequence[float], x: Tensor, start: int, end: int) -> Tensor:
    """Where the equation without chance leads from x at `start`: quantiles of one normal distribution to those of another."""
    std = [math.sqrt(kept[t] * STD**2 + 1 - kept[t]) for t in (start, end)]
    return math.sqrt(kept[end]) * MEAN + std[1] / std[0] * (x - math.sqrt(kept[start]) * MEAN)


def slope(sampler: Callable[..., Tensor], counts: tuple[int, int, int]) -> list[float]:
    """Orders of convergence measured between numbers of steps, each twice the one before."""
    kept, (start, end) = NoiseProcess(linear_betas(1000)).kept, (1000, 100)
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)
    errors = []
    for count in counts:
        times = [start - (start - end) * k // count for k in range(count + 1)]
        errors.append(float((sampler(gaussian_noise(kept), kept, x, times) - exact_way(kept, x, start, end)).abs().max()))
    return [math.log2(coarse / fine) for coarse, fine in pairwise(errors)]


def test_dpm_solver_is_of_second_order_and_ddim_of_first() -> None:
    for order in slope(dpm_solver, (45, 90, 180)):
        assert 1.85 < order < 2.3, order
    for order in slope(ddim, (45, 90, 180)):
        assert 0.9 < order < 1.1, order


@pytest.mark.parametrize("betas", [linear_betas, cosine_betas])
@pytest.mark.parametrize(
    ("name", "steps", "off"),
    [("ancestral", None, 0.01), ("dpm_solver", 25, 0.03), ("sde_dpm_solver", 25, 0.03), ("ddim", 200, 0.03)],
)
def test_every_way_back_ends_at_the_data(betas: Callable[[int], Tensor], name: str, steps: int | None, off: float) -> None:
    kept = NoiseProcess(betas(1000)).kept
    torch.manual_seed(2)
    x = torch.randn(40_000, dtype=torch.float64)
    made = sampler_named(name)(
        gaussian_noise(kept),
        kept,
        (x - x.mean()) / x.std(),
        way_back(kept, steps, even="steps" if name == "ancestral" else "lambda"),
    )
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.006)
    assert float(made.std()) == pytest.approx(STD, rel=off)


def test_ddim_with_all_its_chance_makes_the_data_too_and_another_picture_each_time() -> None:
    kept = NoiseProcess(linear_betas(1000)).kept
    x = torch.zeros(40_000, dtype=torch.float64)
    torch.manual_seed(2)
    made = ddim(gaussian_noise(kept), kept, x, way_back(kept, 500), eta=1.0)
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.006) and float(made.std()) == pytest.approx(STD, rel=0.03)
    still = ddim(gaussian_noise(kept), kept, x, way_back(kept, 500))
    assert float(still.std()) < 1e-9


def test_two_steps_of_dpm_solver_are_those_of_the_paper() -> None:
    kept, x = (1.0, 0.9, 0.5, 0.1), torch.tensor([0.3, -1.2], dtype=torch.float64)
    a, s = [math.sqrt(k) for k in kept], [math.sqrt(1 - k) for k in kept]
    lam = [math.inf, *(math.log(a[t] / s[t]) for t in (1, 2, 3))]
    noise = gaussian_noise(kept)
    x0_3 = (x - s[3] * noise(x, 3)) / a[3]
    h1 = lam[2] - lam[3]
    x_2 = s[2] / s[3] * x - a[2] * (math.exp(-h1) - 1) * x0_3
    x0_2 = (x_2 - s[2] * noise(x_2, 2)) / a[2]
    h2 = lam[1] - lam[2]
    r = h1 / h2
    x_1 = s[1] / s[2] * x_2 - a[1] * (math.exp(-h2) - 1) * ((1 + 1 / (2 * r)) * x0_2 - 1 / (2 * r) * x0_3)
    assert torch.allclose(dpm_solver(noise, kept, x, (3, 2, 1)), x_1, atol=1e-12)
    assert torch.allclose(dpm_solver(noise, kept, x, (3, 2, 1, 0)), (x_1 - s[1] * noise(x_1, 1)) / a[1], atol=1e-12)


def test_dpm_solver_with_chance_is_that_of_the_paper_and_its_last_step_adds_nothing() -> None:
    kept, x = (1.0, 0.9, 0.5, 0.1), torch.tensor([0.3, -1.2], dtype=torch.float64)
    a, s = [math.sqrt(k) for k in kept], [math.sqrt(1 - k) for k in kept]
    lam = [math.inf, *(math.log(a[t] / s[t]) for t in (1, 2, 3))]
    noise, seen = gaussian_noise(kept), []
    torch.manual_seed(5)
    z = [torch.randn_like(x), torch.randn_like(x)]
    for t, later in ((3, 2), (2, 1)):
        h = lam[later] - lam[t]
        seen.append((x - s[t] * noise(x, t)) / a[t])
        d = seen[0] if t == 3 else (1 + h / (2 * (lam[2] - lam[3]))) * seen[1] - h / (2 * (lam[2] - lam[3])) * seen[0]
        gone = 1 - math.exp(-2 * h)
        x = s[later] / s[t] * math.exp(-h) * x + a[later] * gone * d + s[later] * math.sqrt(gone) * z[3 - t]
    torch.manual_seed(5)
    found = sampler_named("sde_dpm_solver")(noise, kept, torch.tensor([0.3, -1.2], dtype=torch.float64), (3, 2, 1, 0))
    assert torch.allclose(found, (x - s[1] * noise(x, 1)) / a[1], atol=1e-12)
    assert [certain(name) for name in ("sde_dpm_solver", "ancestral", "ddim")] == ["dpm_solver", "dpm_solver", "ddim"]


def test_a_step_of_the_random_walk_is_that_of_the_paper_and_the_last_adds_nothing() -> None:
    beta_T = scaled_linear_betas(3, 0.1, 0.4)
    kept, x = NoiseProcess(beta_T).kept, torch.tensor([0.3, -1.2], dtype=torch.float64)
    noise, z = gaussian_noise(kept), torch.tensor([0.5, 2.0], dtype=torch.float64)
    alpha, beta = 1 - float(beta_T[2]), float(beta_T[2])
    wanted = (x - beta / math.sqrt(1 - kept[3]) * noise(x, 3)) / math.sqrt(alpha) + math.sqrt(beta) * z
    assert torch.allclose(ancestral(noise, kept, x, (3, 2), lambda k: z), wanted, atol=1e-12)
    alpha, beta = 1 - float(beta_T[0]), float(beta_T[0])
    wanted = (x - beta / math.sqrt(1 - kept[1]) * noise(x, 1)) / math.sqrt(alpha)
    assert torch.allclose(ancestral(noise, kept, x, (1, 0), lambda k: z), wanted, atol=1e-12)


def test_noisy_data_have_the_moments_of_q() -> None:
    walk = NoiseProcess(linear_betas(100))
    torch.manual_seed(0)
    x_0 = torch.full((200_000, 1), 1.5)
    for t in (1, 30, 100):
        x_t = walk.noisy(x_0, torch.full((len(x_0),), t), torch.randn_like(x_0))
        kept = float(torch.prod(1 - linear_betas(100)[:t]))
        assert float(x_t.mean()) == pytest.approx(1.5 * math.sqrt(kept), abs=0.01)
        assert float(x_t.var()) == pytest.approx(1 - kept, rel=0.02)


def test_schedules_are_those_of_their_papers() -> None:
    beta_T = linear_betas(1000)
    assert float(beta_T[0]) == pytest.approx(1e-4) and float(beta_T[-1]) == pytest.approx(0.02)  # Ho 2020, section 4
    assert float(beta_T[499]) == pytest.approx(1e-4 + (0.02 - 1e-4) * 499 / 999)
    kept = NoiseProcess(cosine_betas(1000)).kept
    for t in (1, 10, 500, 900):  # Nichol & Dhariwal 2021, eq. 17
        f = [math.cos((u / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for u in (t, 0)]
        assert kept[t] == pytest.approx(f[0] / f[1], rel=1e-9)
    assert float(cosine_betas(1000).max()) == pytest.approx(0.999)
    short, long = NoiseProcess(linear_betas(250)).kept, NoiseProcess(linear_betas(1000)).kept
    assert math.log(short[125]) == pytest.approx(math.log(long[500]), rel=0.03)  # as much is left half the way


def test_steps_of_a_batch_are_spread_over_all_and_none_is_likelier() -> None:
    walk = NoiseProcess(linear_betas(40))
    torch.manual_seed(0)
    drawn = torch.stack([walk.spread_steps(10) for _ in range(20_000)])
    assert int(drawn.min()) == 1 and int(drawn.max()) == 40
    shares = torch.bincount(drawn.flatten(), minlength=41)[1:] / drawn.numel()
    assert torch.allclose(shares, torch.full((40,), 1 / 40), rtol=0.05)
    assert bool((drawn.sort(1).values.diff(dim=1) == 4).all())  # one in each tenth of the steps


def test_pictures_are_learned_most_where_half_of_them_is_noise_and_a_batch_is_spread_over_that() -> None:
    walk = NoiseProcess(linear_betas(1000))
    torch.manual_seed(0)
    drawn = torch.stack([walk.middle_steps(10) for _ in range(20_000)])
    kept = torch.tensor(walk.kept, dtype=torch.float64)[drawn]
    ln = ((1 - kept) / kept).log() / 2  # of sigma over alpha
    assert float(ln.mean()) == pytest.approx(-0.5, abs=0.02)
    assert float(ln.std()) == pytest.approx(1.2, abs=0.03)
    sixth = ln.sort(1).values[:, 5]  # of each batch, just above the median
    assert float(sixth.min()) > -0.55 and float(sixth.max()) < -0.5 + 1.2 * 0.2533 + 0.05


def test_a_way_back_has_as_many_steps_as_wanted_and_begins_where_something_is_left() -> None:
    kept = NoiseProcess(cosine_betas(1000)).kept
    for steps, even in product((1, 7, 20, 500), ("steps", "root", "lambda")):
        times = way_back(kept, steps, even)  # type: ignore[arg-type]
        assert len(times) == steps + 1 and times[-1] == 0 and times == tuple(sorted(set(times), reverse=True))
        assert kept[times[0]] >= 3e-5 > kept[times[0] + 1]
    kept = NoiseProcess(linear_betas(1000)).kept
    assert way_back(kept) == tuple(range(1000, -1, -1)) and way_back(kept, 4) == (1000, 750, 500, 250, 0)
    lambdas = [math.log(kept[t] / (1 - kept[t])) for t in way_back(kept, 9, "lambda")[:-1]]
    assert all(later - now == pytest.approx((lambdas[-1] - lambdas[0]) / 8, rel=0.05) for now, later in pairwise(lambdas[:6]))
    for steps in (0, 1001):
        with pytest.raises(ConfigError, match="from 1 to"):
            way_back(kept, steps)
    with pytest.raises(ConfigError, match="ancestral"):
        sampler_named("euler")


def test_bounds_hold_what_is_seen_through_the_noise_and_change_nothing_inside_them() -> None:
    kept, x = (1.0, 0.5), torch.tensor([2.0, 0.5, -3.0])
    still = lambda x, t: torch.zeros_like(x)  # noqa: E731
    bounded = within(still, kept, torch.tensor(-1.0), torch.tensor(1.0))
    x_0 = (x - math.sqrt(0.5) * bounded(x, 1)) / math.sqrt(0.5)
    assert torch.allclose(x_0, torch.tensor([1.0, 0.5 / math.sqrt(0.5), -1.0]), atol=1e-6)


def test_a_velocity_is_the_noise_told_in_another_way_and_its_error_that_of_the_noise_over_what_is_kept() -> None:
    walk = NoiseProcess(linear_betas(50))
    x_0, t = torch.randn(4, 1, 2, 2), torch.tensor([1, 9, 30, 50])
    v = torch.randn(4, 1, 2, 2)
    torch.manual_seed(4)
    of_velocity = walk.velocity_error(lambda x, t: v, x_0, t)
    torch.manual_seed(4)

    def told(x_t: Tensor, t_B: Tensor) -> Tensor:
        rows = [from_velocity(lambda x, t, one=one: one, walk.kept)(x, t) for one, x, t in zip(v, x_t, t_B.tolist())]
        return torch.stack(rows)

    of_noise = walk.error(told, x_0, t)
    assert torch.allclose(of_velocity, of_noise / walk.kept_T[t - 1], rtol=1e-3)
