"""Made sets: what they claim of themselves is true, and they are functions of (n, seed)."""

import numpy as np
import pandas as pd
import pytest

from nnzoo.data import made


@pytest.mark.parametrize("make, modes, sigma", [(made.ring8, 8, 0.02), (made.grid25, 25, 0.05)])
def test_points_lie_about_their_centres_as_stated(make, modes, sigma):
    raw = make(20_000, seed=1)
    centres, points = np.array(raw.truth["centres"]), raw.frame.to_numpy()
    assert raw.truth["sigma"] == sigma and centres.shape == (modes, 2) and raw.targets == ()
    distance = np.linalg.norm(points[:, None] - centres, axis=2)
    nearest = distance.argmin(1)
    assert np.bincount(nearest, minlength=modes).min() > 0.8 * 20_000 / modes
    assert abs((points - centres[nearest]).std() / sigma - 1) < 0.02
    assert abs((distance.min(1) < 3 * sigma).mean() - (1 - np.exp(-4.5))) < 0.003  # Rayleigh


def test_geometry_of_ring_and_grid():
    assert np.allclose(np.linalg.norm(made.ring8(8).truth["centres"], axis=1), 2)
    assert sorted({x for x, _ in made.grid25(8).truth["centres"]}) == [-4, -2, 0, 2, 4]


@pytest.mark.parametrize("make", [made.ring8, made.grid25, made.moons, made.two_moons_classes, made.planted_polynomial])
def test_the_seed_decides(make):
    assert make(50, seed=1).frame.equals(make(50, seed=1).frame) and not make(50, seed=1).frame.equals(make(50, seed=2).frame)


def test_moons_are_two_half_circles():
    raw = made.two_moons_classes(4000)
    assert raw.targets == ("moon",) and set(raw.frame["moon"]) == {"upper", "lower"} and "moon" not in made.moons(10).frame
    upper = raw.frame[raw.frame["moon"] == "upper"]
    assert abs(np.hypot(upper["x"], upper["y"]).mean() - 1) < 0.05 and upper["y"].mean() > 0.5
    lower = raw.frame[raw.frame["moon"] == "lower"]
    assert abs(np.hypot(lower["x"] - 1, lower["y"] - 0.5).mean() - 1) < 0.05 and lower["y"].mean() < 0


def test_names_are_distinct_of_different_length_and_repeat_by_seed():
    names = made.names_like().texts
    assert len(set(names)) == len(names) == 3000 and names == made.names_like().texts
    assert len({len(name) for name in names}) > 8 and all(
        name.isascii() and name.islower() and 2 <= len(name) <= 15 for name in names
    )
    assert made.names_like(10, seed=1).texts != names[:10]


def test_python_docs_are_one_long_text():
    raw = made.python_docs()
    assert len(raw) == 1 and not raw.lines and len(raw.texts[0]) > 300_000 and "assert_stmt" in raw.texts[0]


@pytest.mark.parametrize("variables", [(2, 4), (1, 3, 5)])
def test_the_planted_polynomial_is_the_stated_one(variables):
    raw = made.planted_polynomial(200, seed=3, variables=variables)
    frame, y = raw.frame, pd.Series(0.0, index=raw.frame.index)
    for name, value in raw.truth["coefficients"].items():
        columns = name.replace("^2", "*" + name.split("^")[0]).split("*") if name != "1" else []
        inside = all(int(column[1:]) in variables for column in columns)
        assert (value != 0) == inside
        y += value * frame[columns].prod(axis=1)
    planted = [made.planted_polynomial(1, seed).truth["coefficients"] for seed in range(60)]
    assert all(sum(value != 0 for value in one.values()) == 6 for one in planted)
    assert len(raw.truth["coefficients"]) == 21 and np.abs(y - frame["y"]).max() < 1e-12
