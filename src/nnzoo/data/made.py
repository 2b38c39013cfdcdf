"""Data sets that the program makes itself, so that what is true of them is known. Each is a function of (n, seed) alone."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nnzoo.core.seeds import generator
from nnzoo.data.raw import RawSeries, RawTable, RawTexts

_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "th",
    "v",
    "w",
    "z",
    "",
)
_VOWELS = ("a", "e", "i", "o", "u", "ae", "ia", "ea")
_CODAS = ("", "", "", "l", "n", "r", "s", "m", "th", "nd", "x")
_SUFFIXES = ("", "", "a", "o", "in", "us", "ette", "ella")
_SYLLABLES = (0.15, 0.55, 0.3)  # how often one, two, three


def ring8(n: int = 20_000, seed: int = 0) -> RawTable:
    """Points x, y from 8 equal Gaussians on a circle of radius 2, standard deviation .02 (Metz et al. 2017, Unrolled GANs)."""
    angles = [2 * math.pi * k / 8 for k in range(8)]
    return _gaussians("ring8", [[2 * math.cos(angle), 2 * math.sin(angle)] for angle in angles], 0.02, n, seed)


def grid25(n: int = 20_000, seed: int = 0) -> RawTable:
    """Points x, y from 25 equal Gaussians at (-4 + 2 i, -4 + 2 j), standard deviation .05 (Lin et al. 2018, PacGAN)."""
    return _gaussians("grid25", [[-4.0 + 2 * i, -4.0 + 2 * j] for i in range(5) for j in range(5)], 0.05, n, seed)


def _gaussians(name: str, centres: list[list[float]], sigma: float, n: int, seed: int) -> RawTable:
    random = generator(seed, len(centres))
    which_N = torch.randint(len(centres), (n,), generator=random)
    centres_K2 = torch.tensor(centres, dtype=torch.float64)
    points_N2 = centres_K2[which_N] + sigma * torch.randn(n, 2, generator=random, dtype=torch.float64)
    return RawTable(name, _frame(points_N2), truth={"centres": centres, "sigma": sigma})


def moons(n: int = 10_000, seed: int = 0) -> RawTable:
    """Points x, y along two half circles that reach into each other, with Gaussian noise of .05; no target."""
    points_N2, _ = _two_moons(n, seed, 0.05)
    return RawTable("moons", _frame(points_N2), truth={"noise": 0.05})


def two_moons_classes(n: int = 2_000, seed: int = 0) -> RawTable:
    """The two half circles with noise of .2 and the target "moon": upper or lower."""
    points_N2, lower_N = _two_moons(n, seed, 0.2)
    frame = _frame(points_N2).assign(moon=np.where(lower_N.numpy(), "lower", "upper"))
    return RawTable("two-moons-classes", frame, ("moon",), truth={"noise": 0.2})


def _two_moons(n: int, seed: int, noise: float) -> tuple[Tensor, Tensor]:
    random = generator(seed, 2)
    angle_N = math.pi * torch.rand(n, generator=random, dtype=torch.float64)
    lower_N = torch.rand(n, generator=random) < 0.5
    upper_N2 = torch.stack([angle_N.cos(), angle_N.sin()], 1)
    points_N2 = torch.where(lower_N[:, None], upper_N2.new_tensor([1.0, 0.5]) - upper_N2, upper_N2)
    return points_N2 + noise * torch.randn(n, 2, generator=random, dtype=torch.float64), lower_N


def _frame(points_N2: Tensor) -> pd.DataFrame:
    return pd.DataFrame(points_N2.numpy(), columns=["x", "y"])


def names_like(n: int = 3_000, seed: int = 0) -> RawTexts:
    """`n` different made-up names of 2 to 15 letters: one to three syllables (onset, vowel, coda) and an ending."""
    random = generator(seed, 26)
    names: dict[str, None] = {}
    while len(names) < n:
        syllables = 1 + int(torch.multinomial(torch.tensor(_SYLLABLES), 1, generator=random))
        name = "".join(_pick(_ONSETS, random) + _pick(_VOWELS, random) + _pick(_CODAS, random) for _ in range(syllables))
        name += _pick(_SUFFIXES, random)
        if 2 <= len(name) <= 15:
            names[name] = None
    return RawTexts("names-like", list(names), lines=True)


def _pick(pieces: tuple[str, ...], random: torch.Generator) -> str:
    return pieces[int(torch.randint(len(pieces), (), generator=random))]


def python_docs() -> RawTexts:
    """The reference text that CPython carries in `pydoc_data.topics`, topics in alphabetical order: one long text. It differs a
    little from one Python version to the next."""
    from pydoc_data.topics import topics

    return RawTexts("python-docs", ["\n\n".join(topics[name] for name in sorted(topics))], lines=False)


def mackey_glass(n: int = 3_000, tau: int = 17) -> RawSeries:
    """The equation of Mackey & Glass 1977, chaotic at tau 17, a step one unit of time:

        dx/dt = .2 x(t - tau) / (1 + x(t - tau)^10) - .1 x(t),    x(t) = 1.2 for t <= 0

    by Runge-Kutta's rule of fourth order in steps of .1, the delayed value between steps as the mean of its neighbours (Jaeger &
    Haas 2004). The first 500 units, in which it settles, are left out.
    """
    per_unit, settling = 10, 500
    step, delay = 1 / per_unit, tau * per_unit
    x = np.full(delay + 1 + (n + settling) * per_unit, 1.2)

    def slope(now: float, before: float) -> float:
        return 0.2 * before / (1 + before**10) - 0.1 * now

    for t in range(delay, len(x) - 1):
        now, old, next_old = float(x[t]), float(x[t - delay]), float(x[t - delay + 1])
        middle = (old + next_old) / 2
        k1 = slope(now, old)
        k2 = slope(now + step / 2 * k1, middle)
        k3 = slope(now + step / 2 * k2, middle)
        k4 = slope(now + step * k3, next_old)
        x[t + 1] = now + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    values = x[delay + settling * per_unit :: per_unit][:n]
    return RawSeries("mackey-glass", pd.DataFrame({"x": values}), horizon=17, history=102, truth={"tau": tau})


def planted_polynomial(n: int = 600, seed: int = 0, variables: tuple[int, ...] = (2, 4)) -> RawTable:
    """Five standard normal columns x1 to x5 and y, a full quadratic of the `variables` among them, without noise.

    `truth["coefficients"]` has all 21 monomials of the five ("1", "x1", "x1*x2", "x1^2", ...), zeros included. By default y depends
    on two columns: a network that is built of quadratics of pairs can find these exactly, and has to leave out the other three.
    """
    random = generator(seed, 5, *variables)
    x_N5 = torch.randn(n, 5, generator=random, dtype=torch.float64)
    monomials = polynomial_terms(5)
    coefficients = {}
    y_N = torch.zeros(n, dtype=torch.float64)
    for name, powers in monomials.items():
        inside = all(variable + 1 in variables for variable in powers)
        value = float(torch.randint(-30, 31, (), generator=random)) / 10 or 1.0  # one decimal, never zero
        coefficients[name] = value if inside else 0.0
        y_N += coefficients[name] * x_N5[:, list(powers)].prod(1)
    frame = pd.DataFrame(x_N5.numpy(), columns=[f"x{k + 1}" for k in range(5)]).assign(y=y_N.numpy())
    return RawTable("planted-polynomial", frame, ("y",), truth={"coefficients": coefficients, "noise": 0.0})


def polynomial_terms(count: int) -> dict[str, tuple[int, ...]]:
    """Monomials up to degree two of x1 to x`count`: name to the columns (from 0) whose product it is."""
    terms: dict[str, tuple[int, ...]] = {"1": ()}
    terms |= {f"x{k + 1}": (k,) for k in range(count)}
    terms |= {f"x{k + 1}^2": (k, k) for k in range(count)}
    return terms | {f"x{a + 1}*x{b + 1}": (a, b) for a, b in combinations(range(count), 2)}
