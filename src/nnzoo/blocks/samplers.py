"""Ways back from noise to data, for any network that says what noise there is in x_t: eps(x_t, t), t from T to 1.

Each goes through given steps, in falling order, `kept[t]` is abar_t (with abar_0 = 1), and s comes after t. Below, x_0(t) is what
eps makes of x_t:  x_0 = (x_t - sqrt(1 - abar_t) eps) / sqrt(abar_t).

    ancestral   x_s = (x_t - beta / sqrt(1 - abar_t) eps) / sqrt(1 - beta) + sqrt(beta) z, beta = 1 - abar_t / abar_s,
                no z at the last step                                                       (Ho 2020, algorithm 2)
    ddim        x_s = sqrt(abar_s) x_0 + sqrt(1 - abar_s - sigma^2) eps + sigma z,
                sigma = eta sqrt((1 - abar_s) / (1 - abar_t)) sqrt(1 - abar_t / abar_s)     (Song 2021, eq. 12 and 16)
    dpm_solver  x_s = sigma_s / sigma_t x_t - alpha_s (exp(-h) - 1) D, h = lambda_s - lambda_t,
                D = (1 + 1 / 2r) x_0(t) - 1 / 2r x_0(step before), r = h before / h         (Lu 2022, DPM-Solver++, algorithm 2)
                alpha = sqrt(abar), sigma = sqrt(1 - abar), lambda = log(alpha / sigma); D = x_0(t) at the first and the last step
    sde_dpm_solver  x_s = sigma_s / sigma_t exp(-h) x_t + alpha_s (1 - exp(-2h)) D + sigma_s sqrt(1 - exp(-2h)) z
                                                                                            (the same, SDE-DPM-Solver++ (2M))

The first needs many steps (all that training had); the second follows a differential equation to first order where eta is 0, the
third to second order, so that 20 steps do. The last does the same with the equation whose chance is that of the first: noise that
is added anew mends what a network got wrong before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from nnzoo.core.errors import ConfigError

Eps = Callable[[Tensor, int], Tensor]
SamplerName = Literal["sde_dpm_solver", "dpm_solver", "ddim", "ancestral"]
Even = Literal["steps", "root", "lambda"]
LEAST_KEPT = 3e-5  # of the data: where less is left, x_0 cannot be told from noise, and the way back may as well begin later


def way_back(kept: Sequence[float], steps: int | None = None, even: Even = "steps", least: float = LEAST_KEPT) -> tuple[int, ...]:
    """Falling steps, as many as wanted (None: all), then 0. Raises ConfigError where there are not so many.

    They are evenly spread over training's steps, over the roots of these (Song 2021, appendix D.2), or over lambda (Lu 2022,
    DPM-Solver, section 3.4): then most lie where there is little noise, so that the last of few need not jump over what is finer
    than theirs.
    """
    last = max(t for t, share in enumerate(kept) if share >= least or t == 1)
    if steps is None:
        return tuple(range(last, -1, -1))
    if not 1 <= steps <= last:
        raise ConfigError(f"steps={steps}: there are {last} steps from noise to data; give a number from 1 to {last}")
    if even == "steps":
        return tuple(math.ceil(last * n / steps - 1e-9) for n in range(steps, -1, -1))
    if even == "root":
        return tuple(max(n, math.ceil(last * (n / steps) ** 2 - 1e-9)) for n in range(steps, -1, -1))
    lambdas = [math.inf, *(math.log(share / (1 - share)) / 2 for share in kept[1 : last + 1])]
    times = [last]
    for n in range(steps - 1, 0, -1):
        wanted = lambdas[1] + (lambdas[last] - lambdas[1]) * (n - 1) / (steps - 1)
        nearest = min(range(1, last + 1), key=lambda t: abs(lambdas[t] - wanted))
        times.append(min(times[-1] - 1, max(n, nearest)))
    return (*times, 0)


def times_of(name: str, kept: Sequence[float], steps: int | None, usual: int, even: Even) -> tuple[int, ...]:
    """The steps of a way back by the sampler of that name. None: `usual`, or as many as there are if those are fewer; the random
    walk then takes all, and it always takes steps as training spread them. Raises ConfigError where there are not so many."""
    if name == "ancestral":
        return way_back(kept, steps)
    return way_back(kept, min(usual, len(kept) - 1) if steps is None else steps, even)


def ancestral(
    eps: Eps, kept: Sequence[float], x: Tensor, times: Sequence[int], added: Callable[[int], Tensor] | None = None
) -> Tensor:
    """A random walk back. `added` gives the noise to add after so many steps (None: it is drawn)."""
    for k, (t, s) in enumerate(pairwise(times)):
        beta = 1 - kept[t] / kept[s]
        x = (x - beta / math.sqrt(1 - kept[t]) * eps(x, t)) * (1 / math.sqrt(1 - beta))
        if s > 0:
            x = x + math.sqrt(beta) * (torch.randn_like(x) if added is None else added(k))
    return x


def ddim(eps: Eps, kept: Sequence[float], x: Tensor, times: Sequence[int], eta: float = 0.0) -> Tensor:
    """The way without chance where `eta` is 0; 1 is the ancestral one with the smaller variance."""
    for t, s in pairwise(times):
        noise = eps(x, t)
        sigma = eta * math.sqrt((1 - kept[s]) / (1 - kept[t]) * (1 - kept[t] / kept[s]))
        x_0 = (x - math.sqrt(1 - kept[t]) * noise) * (1 / math.sqrt(kept[t]))
        x = math.sqrt(kept[s]) * x_0 + math.sqrt(max(0.0, 1 - kept[s] - sigma**2)) * noise
        if sigma:
            x = x + sigma * torch.randn_like(x)
    return x


def dpm_solver(eps: Eps, kept: Sequence[float], x: Tensor, times: Sequence[int], eta: float = 0.0) -> Tensor:
    """DPM-Solver++ with two steps (2M): the x_0 of the step before says where x_0 is going. `eta` is the share of chance: 0 is the
    way without, 1 that of the random walk."""
    alpha = {t: math.sqrt(kept[t]) for t in times}
    sigma = {t: math.sqrt(1 - kept[t]) for t in times}
    before: Tensor | None = None
    h_before = 0.0
    for t, s in pairwise(times):
        x_0 = (x - sigma[t] * eps(x, t)) * (1 / alpha[t])
        if s == 0:
            return x_0
        h = math.log(alpha[s] / sigma[s]) - math.log(alpha[t] / sigma[t])
        towards = x_0 if before is None else x_0 + (x_0 - before) * (h / (2 * h_before))
        x = sigma[s] / sigma[t] * math.exp(-eta * h) * x - alpha[s] * math.expm1(-(1 + eta) * h) * towards
        if eta:
            x = x + sigma[s] * math.sqrt(-math.expm1(-2 * eta * h)) * torch.randn_like(x)
        before, h_before = x_0, h
    return x


SAMPLERS: dict[str, Callable[[Eps, Sequence[float], Tensor, Sequence[int]], Tensor]] = {
    "sde_dpm_solver": partial(dpm_solver, eta=1.0),
    "dpm_solver": dpm_solver,
    "ddim": ddim,
    "ancestral": ancestral,
}


def sampler_named(name: str) -> Callable[[Eps, Sequence[float], Tensor, Sequence[int]], Tensor]:
    """One of them. Raises ConfigError naming those there are."""
    if name not in SAMPLERS:
        raise ConfigError(f"there is no sampler '{name}'; there are {', '.join(SAMPLERS)}")
    return SAMPLERS[name]


def certain(name: str) -> str:
    """The sampler that goes where this one goes on average, without chance, for networks whose output is to depend on its input."""
    return name if name in ("dpm_solver", "ddim") else "dpm_solver"


def from_velocity(v: Eps, kept: Sequence[float]) -> Eps:
    """The noise where a network says v (`NoiseProcess.velocity_error`): eps = sqrt(1 - abar_t) x_t + sqrt(abar_t) v."""
    return lambda x, t: math.sqrt(1 - kept[t]) * x + math.sqrt(kept[t]) * v(x, t)


def within(eps: Eps, kept: Sequence[float], low: Tensor, high: Tensor) -> Eps:
    """The noise where x_0 is known to lie between two bounds: what eps says, moved so far that x_0 does (Ho 2020's code; Saharia
    2022, section 2.3: static thresholding)."""

    def bounded(x: Tensor, t: int) -> Tensor:
        alpha, sigma = math.sqrt(kept[t]), math.sqrt(1 - kept[t])
        x_0 = (x - sigma * eps(x, t)) * (1 / alpha)
        return (x - alpha * x_0.clamp(low, high)) * (1 / sigma)

    return bounded
