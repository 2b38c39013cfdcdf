"""Small data of every shape that a kind may meet, prepared as a person's would be, and how long each kind may learn from them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from nnzoo.core.network import No
from nnzoo.data.known import digits, read_known
from nnzoo.data.made_sequences import adding
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawImages, RawPairs, RawQuestions, RawSequences, RawSeries, RawTable, RawTexts
from nnzoo.data.sequences import sequences_from_arrays
from nnzoo.networks import find, names


def _mixed() -> RawTable:
    """Numbers, categories, dates, missing values; two targets, some of them missing."""
    draw = np.random.default_rng(5)
    n = 240
    size, kind = draw.normal(size=n), draw.choice(["oak", "elm", "ash"], n)
    bonus = pd.Series(kind).map({"oak": 1.0, "elm": -1.0, "ash": 0.0}).to_numpy()
    frame = pd.DataFrame(
        {
            "size": np.where(draw.random(n) < 0.05, np.nan, size),
            "kind": np.where(draw.random(n) < 0.05, None, kind),
            "planted": pd.date_range("2001-01-01", periods=n, freq="D").strftime("%Y-%m-%d"),
            "tall": size + bonus + draw.normal(size=n) * 0.1,
            "wide": np.where(draw.random(n) < 0.1, np.nan, size - bonus + draw.normal(size=n) * 0.1),
        }
    )
    return RawTable("mixed", frame, ("tall", "wide"))


def _mixed_classes() -> RawTable:
    raw = _mixed()
    frame = raw.frame.drop(columns=["wide"]).assign(tall=np.where(raw.frame.tall > 0, "tall", "short"))
    return RawTable("mixed-classes", frame, ("tall",))


def _conditions() -> Prepared:
    """A picture from given conditions: a bright bar whose place and brightness are told."""
    import torch

    from nnzoo.core.dataset import Dataset, Parts
    from nnzoo.core.fields import Image, Spec
    from nnzoo.tasks import find as find_task

    draw = np.random.default_rng(3)
    frame = pd.DataFrame({"place": draw.uniform(0, 5, 300), "bright": draw.uniform(0.3, 1, 300)})
    prepared = prepare(RawTable("bars", frame), task="unconditional-generation")
    column = np.arange(6)
    pixels = frame.bright.to_numpy()[:, None] * np.exp(-((column - frame.place.to_numpy()[:, None]) ** 2))
    picture = torch.from_numpy(np.repeat(pixels[:, None, None, :], 4, axis=2).astype(np.float32))
    field = Image(channels=1, height=4, width=6, mean=(float(picture.mean()),), std=(float(picture.std()),))
    spec = Spec(inputs=prepared.spec.inputs, outputs={"picture": field}, train_size=prepared.spec.train_size)
    whole = Dataset(spec, {**prepared.parts.train.columns, "picture": {"pixels": picture}})

    def part(name: str) -> Dataset:
        return whole.part(torch.from_numpy(prepared.rows[name]))

    parts = Parts(part("train"), part("valid"), part("test"))
    return Prepared("bars", find_task("tabular-to-image"), spec, parts, prepared.preprocessing, prepared.raw, [], prepared.rows)


def _measured() -> RawTable:
    """Nine numbers of which two hidden ones say nearly all, partly round a bend. (Of shuffled ones a code of n says n ninths.)"""
    draw = np.random.default_rng(29)
    a, b = draw.normal(size=(2, 400))
    clean = [a, b, a + b, a - b, 2 * a + b, a - 2 * b, a + 0.5 * a**2, b + 0.5 * a**2, a * b + b]
    numbers = np.stack(clean, 1) + draw.normal(size=(400, 9)) * 0.1
    return RawTable("measured", pd.DataFrame(numbers, columns=[f"m{k}" for k in range(9)]))


def _ink() -> Prepared:
    """A number from a picture: how much ink a digit has."""
    raw = digits()
    ink = raw.pixels.reshape(len(raw.pixels), -1).mean(1) / 255
    return prepare(RawImages("ink", raw.pixels, ink, label_name="ink"), task="image-regression")


def _reviews() -> RawTexts:
    """Lines of different length with two labels: whether the line asks or tells."""
    draw = np.random.default_rng(11)
    words = ["moon", "river", "stone", "cloud", "bread", "horse", "light", "paper", "green", "quiet"]
    lines, labels = [], []
    for k in range(400):
        text = " ".join(draw.choice(words, draw.integers(1, 7)))
        lines.append(("is " if k % 2 else "") + text + ("?" if k % 2 else "."))
        labels.append("asks" if k % 2 else "tells")
    return RawTexts("questions", lines, labels=np.array(labels, dtype=object))


def _waves() -> RawSeries:
    """Three series of 500 hours: a day's wave with a trend, one half a day behind, one twice as quick, all with noise."""
    draw = np.random.default_rng(23)
    hour = np.arange(500)
    day = 2 * np.pi * hour / 24
    noise = draw.normal(size=(500, 3)) * 0.2
    clean = np.stack([np.sin(day) + hour / 500, np.cos(day), np.sin(2 * day)], 1)
    frame = pd.DataFrame((clean + noise) * [3.0, 1.0, 0.1] + [10.0, 0.0, -1.0], columns=["rising", "even", "quick"])
    dates = pd.date_range("2020-01-01", periods=500, freq="h").to_numpy().astype("datetime64[us]")
    return RawSeries("waves", frame, dates=dates, time="hour", form="ISO8601")


def _excerpt() -> RawTexts:
    raw = read_known("python-docs")
    assert isinstance(raw, RawTexts)
    return RawTexts("python-docs-excerpt", ["".join(raw.texts)[:40_000]], lines=False)


def _mirrored() -> RawTexts:
    """Lines that read the same from both ends, four to eight letters: each letter stands twice."""
    draw = np.random.default_rng(13)
    halves = ["".join(draw.choice(list("abcdefgh"), draw.integers(2, 5))) for _ in range(400)]
    return RawTexts("mirrored", [half + half[::-1] for half in halves])


def _spelled() -> RawPairs:
    """Numbers in words and in figures, of different length: "three seven" is 37."""
    draw = np.random.default_rng(17)
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    figures = list(dict.fromkeys("".join(map(str, draw.integers(0, 10, draw.integers(1, 4)))) for _ in range(240)))
    return RawPairs("figures", [" ".join(words[int(f)] for f in figure) for figure in figures], figures, ("words", "figures"))


def _sought() -> RawQuestions:
    """Asked for the colour or the animal among other words; half of them have a word before that belongs to the answer."""
    draw = np.random.default_rng(19)
    words = {"colour": ("red", "green", "blue"), "animal": ("horse", "cat", "dog")}
    before = {"colour": ("dark", "pale"), "animal": ("old", "young")}
    questions, contexts, answers = [], [], []
    for _ in range(300):
        found = {sort: " ".join([*draw.choice(before[sort], draw.integers(2)), draw.choice(words[sort])]) for sort in words}
        others = [str(word) for word in draw.choice(["moon", "stone", "bread", "paper"], draw.integers(1, 5))]
        told, sort = [*found.values(), *others], str(draw.choice(list(words)))
        questions.append(f"which {sort}")
        contexts.append(" ".join(told[k] for k in draw.permutation(len(told))))
        answers.append(found[sort])
    return RawQuestions("sought", questions, contexts, answers)


def _climbs() -> RawSequences:
    """Numbers in pieces of different length, at every step whether it goes up or down from the one before (of the first: up)."""
    draw = np.random.default_rng(7)
    pieces = [draw.normal(size=(draw.integers(3, 10), 1)).astype(np.float32) for _ in range(300)]
    tags = [np.where(np.diff(piece[:, 0], prepend=-9.0) > 0, "up", "down") for piece in pieces]
    return sequences_from_arrays(pieces, tags, name="climbs")


def _leans() -> RawSequences:
    """Two channels in pieces of different length; the label is the one whose numbers are larger altogether."""
    draw = np.random.default_rng(8)
    pieces = [draw.normal(size=(draw.integers(2, 9), 2)).astype(np.float32) for _ in range(400)]
    labels = ["left" if piece[:, 0].sum() > piece[:, 1].sum() else "right" for piece in pieces]
    return sequences_from_arrays(pieces, labels, name="leans")


def _tunes() -> RawSequences:
    """Rolls of two notes, a fourth apart, that climb by one step on ten notes and begin again; the first is anywhere."""
    draw = np.random.default_rng(9)
    where = [draw.integers(10) + np.arange(draw.integers(4, 11)) for _ in range(200)]
    return sequences_from_arrays([np.eye(10)[at % 10] + np.eye(10)[(at + 3) % 10] for at in where], name="tunes")


_MAKERS = {
    "iris": lambda: prepare("iris"),
    "mixed-classes": lambda: prepare(_mixed_classes()),
    "diabetes": lambda: prepare("diabetes"),
    "mixed": lambda: prepare(_mixed()),
    "polynomial": lambda: prepare("planted-polynomial"),
    "bars": _conditions,
    "digits": lambda: prepare("digits"),
    "ink": _ink,
    "digits-unlabelled": lambda: prepare("digits", task="unconditional-image-generation"),
    "digits-by-label": lambda: prepare("digits", task="class-conditional-image-generation"),
    "digits-edges": lambda: prepare("digits", pairs="edges"),
    "digits-reconstruction": lambda: prepare("digits", task="reconstruction"),
    "measured": lambda: prepare(_measured(), task="reconstruction"),
    "ring8": lambda: prepare("ring8"),
    "names-like": lambda: prepare("names-like"),
    "questions": lambda: prepare(_reviews()),
    "mirrored": lambda: prepare(_mirrored(), task="fill-mask"),
    "figures": lambda: prepare(_spelled()),
    "sought": lambda: prepare(_sought()),
    "waves": lambda: prepare(_waves(), horizon=6, history=24),
    "excerpt": lambda: prepare(_excerpt()),
    "sums": lambda: prepare(adding(6, n=600)),
    "climbs": lambda: prepare(_climbs()),
    "leans": lambda: prepare(_leans()),
    "tunes": lambda: prepare(_tunes()),
    "karate": lambda: prepare("karate"),
}
DATA = tuple(_MAKERS)


@cache
def data(name: str) -> Prepared:
    """A data set of the catalogue, prepared."""
    return _MAKERS[name]()


@cache
def accepted(kind: str) -> tuple[str, ...]:
    """The data sets of the catalogue that a kind says it can do."""
    return tuple(name for name in DATA if not isinstance(find(kind).can(data(name).spec, data(name).task), No))


KINDS = tuple(names())
SETTINGS: dict[str, dict[str, Any]] = {  # kinds, or kinds on some data, that would take long with their defaults
    "autoencoder": {"code": 6, "hidden": (128,), "batch": 64},
    "bert": {"width": 32, "layers": 2, "heads": 2, "context": 32, "lr": 3e-3},
    "cgan": {"width": 16},
    "dcgan": {"width": 16},
    "conditional_vae": {"pixels": "gaussian", "latent": 4, "hidden": (128,), "batch": 64},
    "denoising_autoencoder": {"code": 5, "hidden": (128,), "amount": 0.1, "batch": 64},
    "ddpm": {"schedule": "cosine", "widths": (16,), "batch": 64, "lr": 1e-2, "ema": 0.97, "guidance": 1.0, "sampling_steps": 12},
    "ddpm ring8": {"batch": 64, "ema": 0.97, "sampling_steps": 12},
    "gpt": {"width": 64, "layers": 2, "context": 16, "batch": 64, "lr": 4e-3, "dropout": 0.0},
    "gru": {"hidden": 64},
    "latent_diffusion": {
        "codec_widths": (16,),
        "widths": (16,),
        "picture_batch": 64,
        "picture_lr": 1e-2,
        "picture_ema": 0.97,
        "guidance": 1.0,
        "sampling_steps": 12,
    },
    "llama": {"width": 64, "layers": 2, "context": 16, "batch": 64, "lr": 4e-3, "dropout": 0.0},
    "pix2pix": {"width": 16, "lr": 1e-3},
    "rnn": {"hidden": 64},
    "t5": {"width": 32, "layers": 1, "dropout": 0.1, "lr": 5e-3, "weight_decay": 0.3},
    "tcn": {"hidden": 32},
    "text_cnn": {"width": 32, "detectors": 32},
    "transformer": {"width": 32, "layers": 1, "lr": 8e-3},
    "vae": {"pixels": "gaussian", "latent": 4, "hidden": (128, 64), "batch": 64, "lr": 5e-3},
    "wgan_gp": {"channels": 16, "lr": 4e-3},
}


def config_of(kind: str, prepared: Prepared) -> dict[str, Any]:
    """What is set of a kind for some data."""
    return SETTINGS.get(f"{kind} {prepared.name}", SETTINGS.get(kind, {}))


STEPS: dict[str, int] = {  # of kinds, or of kinds on some data, for which `_budget` would take long
    "cgan": 400,
    "dcgan": 1200,
    "ddpm": 600,
    "ddpm digits-by-label": 300,
    "ddpm ring8": 1000,
    "gan": 800,
    "gan ring8": 700,
    "latent_diffusion digits-unlabelled": 1500,
    "latent_diffusion digits-by-label": 600,
    "pix2pix": 400,
    "vae": 1500,
    "vae ring8": 3000,
    "wgan_gp": 1500,
    "wgan_gp ring8": 1000,
}
TRACED: dict[str, dict[str, Any]] = {  # what is set beside, where a trace would hold one step many times
    "ddpm": {"sampling_steps": 3},
    "latent_diffusion": {"sampling_steps": 3, "steps": 10},
}
LEARNED = {("vae", "ring8"): 0.55}  # the share of the way from the floor where it is not the task's: gaps between modes are bridged
ELSEWHERE = {  # where the task's score says little of what was learned, and what does is tested
    ("vae", "digits-unlabelled"): "means of pictures vary less than pictures; its bounds are tested in test_vae.py",
    (
        "conditional_vae",
        "digits-by-label",
    ): "means of pictures vary less than pictures; see test_conditional_vae.py",
}
SMALL = {  # one small data set for each kind, for tests that need no more
    kind: next(iter(accepted(kind)), DATA[0]) for kind in KINDS
}
