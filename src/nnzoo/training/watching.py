"""Watching a stage from look to look: two players that do not learn from each other, and a loss that runs away.

It reads what a look has anyway, the mean loss and metrics by name, and no network has code for it. A kind of two players names
in its losses' metrics

    real, made     the discriminator's mean answer at real and at made rows, in 0..1
    distance       in their place, what a critic says real rows lie above made ones
    spread         how far made rows lie apart, relative to real ones (1 is right)
    generator      the generator's loss, for the eye and for divergence

A condition has to hold over a window of looks, a third of the stage, so that a bad beginning is no alarm. What is found depends on
the looks of the stage alone, which a resumed run has from its checkpoint, so that it says the same once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Look = Mapping[str, Any]

WINDOW = 1 / 3  # of the planned looks
FEWEST = 5  # looks that a window has at least
EARLY = 200  # steps in which players may still be anything
ALIKE = 0.25  # spread of made rows below which nearly all of them are the same
EQUAL = 0.02  # a judge whose answers at real rows were higher by so much once has told something apart
CONSTANT = 1e-4  # a judge whose mean answers differ by less gives one answer to everything
PLEASED = 0.005  # by so much the mean answer at made rows lies above that at real ones where a generator exploits a judge
SURE = 0.02  # the mean answer at made rows below which the judge believes none
RUNAWAY = 100.0  # times the first loss (or 1, if that is less)


def news(looks: Sequence[Look], planned: int, first: float | None) -> list[str]:
    """What the last of the `looks` of a stage shows for the first time, a sentence each. `planned` is how many looks the stage will
    have, `first` the loss at its first step."""
    detectors: list[Callable[[Sequence[Look]], str | None]] = [
        lambda some: _runaway(some, first),
        lambda some: _collapsed(some, planned),
        lambda some: _undivided(some, planned),
        lambda some: _overpowered(some, planned),
    ]
    found = []
    for detector in detectors:
        sentence = detector(looks)
        if sentence and not any(detector(looks[:k]) for k in range(1, len(looks))):
            found.append(sentence)
    return found


def _window(looks: Sequence[Look], planned: int, *names: str) -> list[Look]:
    """The last looks that fill a window and have all these metrics; none if it is too early."""
    size = max(FEWEST, round(WINDOW * planned))
    some = list(looks[-size:])
    known = len(some) == size and all(look.get(name) is not None for look in some for name in names)
    return some if known and looks[-1]["step"] >= EARLY else []


def _runaway(looks: Sequence[Look], first: float | None) -> str | None:
    for name in ("train", "generator"):
        begin = first if name == "train" else looks[0].get(name)
        bound = RUNAWAY * max(1.0, abs(begin or 0.0))
        last = [look.get(name) for look in looks[-2:]]
        if len(last) == 2 and all(value is not None and abs(value) > bound for value in last):
            whose = "the loss" if name == "train" else "the generator's loss"
            began = f"it is {last[-1]:.3g} and began at {begin or 0:.3g}"
            return f"{whose} diverges: {began}; lower the learning rate (lr) and begin anew"
    return None


def _collapsed(looks: Sequence[Look], planned: int) -> str | None:
    window = _window(looks, planned, "spread")
    if not window or max(look["spread"] for look in window) >= ALIKE:
        return None
    return (
        f"mode collapse: what is made is nearly all alike (its spread is {window[-1]['spread']:.2g} of that of the data); lower "
        "the learning rate, give the generator more noise, or use wgan_gp, whose critic asks for all modes"
    )


def _gap(look: Look) -> float | None:
    """What the judge says real rows lie above made ones."""
    if look.get("distance") is not None:
        return look["distance"]
    return None if look.get("real") is None or look.get("made") is None else look["real"] - look["made"]


def _undivided(looks: Sequence[Look], planned: int) -> str | None:
    window = _window(looks, planned)
    gaps = [_gap(look) for look in window]
    if not window or any(gap is None for gap in gaps):
        return None
    # of one that does not learn the generator soon finds out what pleases it more than real rows do. One that a penalty holds flat
    # and whose generator is good answers nearly alike everywhere: its mean is about 0, on whichever side
    mean = sum(gap or 0.0 for gap in gaps) / len(gaps)
    never = mean < -PLEASED and all((_gap(look) or 0.0) < EQUAL for look in looks)
    if not never and any(abs(gap or 0.0) >= CONSTANT for gap in gaps):
        return None
    return (
        "dead discriminator: it does not tell real rows from made ones, so that nothing is learned from it; raise its learning "
        "rate, and begin anew if its units are all off"
    )


def _overpowered(looks: Sequence[Look], planned: int) -> str | None:
    window = _window(looks, planned, "real", "made")
    if not window or max(look["made"] for look in window) >= SURE or min(look["real"] for look in window) <= 0.5:
        return None
    return (
        f"the discriminator always wins: made rows are real to it with a chance of {window[-1]['made']:.2g}, which teaches the "
        "generator little; lower its learning rate or the answer wanted at real rows (smooth), or widen the generator"
    )
