"""Clean data: two made tables as people have them (numbers, words, truth values, dates), made pictures and texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.reading import read

CITIES = ("Bergen", "Oslo", "Tromso", "Molde", "Bodo", "Narvik")
DISTRICTS = ("north", "east", "south", "west", "centre", "hill", "harbour", "park")
_WORDS = (
    "river stone window quiet morning train letter garden winter bridge answer yellow silver paper market island candle forest "
    "mirror engine summer kitchen pocket story shadow travel number doctor music planet corner ticket hammer button harvest "
    "village needle thunder blanket ladder school copper basket winding early simple carry follow gather listen answerless"
)
WORDS = _WORDS.split()


def people(n: int = 900, seed: int = 0) -> pd.DataFrame:
    """Customers and whether they leave: numbers, words, a truth value, a date; no column tells the target alone."""
    r = np.random.RandomState(seed)
    age = r.normal(45, 13, n).clip(18, 90).round()
    income = np.exp(r.normal(10.3, 0.5, n)).round(2)
    visits = r.poisson(6, n)
    height = r.normal(172, 9, n).round(1)
    hours = r.gamma(4, 2.5, n).round(2)
    smoker = r.rand(n) < 0.3
    city = r.choice(CITIES, n, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    joined = pd.Timestamp("2015-01-01") + pd.to_timedelta(r.randint(0, 3600, n), unit="D")
    logit = 0.05 * (age - 45) - 0.25 * (visits - 6) + 1.2 * smoker - 0.8 * (np.log(income) - 10.3) + r.normal(0, 0.8, n)
    return pd.DataFrame(
        {
            "age": age.astype(int),
            "income": income,
            "visits": visits,
            "height_cm": height,
            "hours": hours,
            "smoker": np.where(smoker, "yes", "no"),
            "city": city,
            "joined": joined.strftime("%Y-%m-%d"),
            "leaves": np.where(logit > 0, "leaves", "stays"),
        }
    )


def houses(n: int = 800, seed: int = 0) -> pd.DataFrame:
    """Houses and their prices: a number to predict."""
    r = np.random.RandomState(1000 + seed)
    area = r.gamma(9, 13, n).round(1)
    rooms = np.clip(np.rint(area / 28 + r.normal(0, 0.8, n)), 1, 9)
    built = r.randint(1900, 2022, n)
    distance = r.gamma(2, 3, n).round(2)
    district = r.choice(DISTRICTS, n)
    garden = r.rand(n) < 0.4
    sold = pd.Timestamp("2018-01-01") + pd.to_timedelta(r.randint(0, 2000, n), unit="D")
    price = 1900 * area + 9000 * rooms + 400 * (built - 1960) - 6000 * distance + 25000 * garden
    price += 12000 * np.array([DISTRICTS.index(d) for d in district]) + r.normal(0, 45000, n)
    return pd.DataFrame(
        {
            "area": area,
            "rooms": rooms.astype(int),
            "built": built,
            "distance_km": distance,
            "district": district,
            "garden": garden,
            "sold": sold.strftime("%d.%m.%Y"),
            "price": price.clip(20000).round(0),
        }
    )


def blobs(n: int = 400, seed: int = 0, side: int = 20, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N H W C, uint8) of a bright spot or a dark cross at a random place on a noisy ground, and their labels."""
    r = np.random.RandomState(seed)
    y, x = np.mgrid[:side, :side]
    pictures, labels = [], r.choice(["cross", "spot"], n)
    for label in labels:
        cx, cy, size = r.uniform(5, side - 5), r.uniform(5, side - 5), r.uniform(2, 4)
        ground = 110 + 20 * r.randn() + 25 * np.sin(x / r.uniform(2, 6) + r.uniform(0, 6)) + 25 * np.cos(y / r.uniform(2, 6))
        if label == "spot":
            shape = 110 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * size**2))
        else:
            shape = -90.0 * ((np.abs(x - cx) < 1.2) | (np.abs(y - cy) < 1.2)) * (np.hypot(x - cx, y - cy) < 2.2 * size)
        tint = 1 + 0.2 * r.randn(channels)
        pictures.append(((ground + shape)[..., None] * tint + 9 * r.randn(side, side, channels)).clip(0, 255))
    return np.stack(pictures).astype(np.uint8), labels.astype(object)


def notes(n: int = 400, seed: int = 0) -> tuple[list[str], list[str]]:
    """Sentences of made-up sense, and a label that some of their words hint at."""
    r = np.random.RandomState(seed)
    texts, labels = [], []
    for _ in range(n):
        label = str(r.choice(["journey", "home"]))
        favoured = WORDS[:20] if label == "journey" else WORDS[20:40]
        words = [str(r.choice(favoured if r.rand() < 0.4 else WORDS)) for _ in range(r.randint(9, 25))]
        texts.append(" ".join(words).capitalize() + ".")
        labels.append(label)
    return texts, labels


def ten() -> dict[str, dict[str, Any]]:
    """Ten sets without faults to speak of, named before any of them was looked at: scikit-learn's five, two made tables, and three
    real sets; where these are not at hand, three made ones in their place. What `prepare` is to be called with, by name."""
    sets: dict[str, dict[str, Any]] = {name: {"source": name} for name in ("iris", "wine", "breast-cancer", "diabetes", "digits")}
    sets["made customers"] = {"source": people(seed=100), "targets": "leaves"}
    sets["made houses"] = {"source": houses(seed=100), "targets": "price"}
    for name, instead in (
        ("uci/concrete", "planted-polynomial"),
        ("california-housing", "two-moons-classes"),
        ("fashion-mnist", "names-like"),
    ):
        try:
            sets[name] = {"source": read(name)}
        except DataError:
            sets[instead] = {"source": instead}
    return sets
