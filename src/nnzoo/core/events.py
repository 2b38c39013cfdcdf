"""What the loop tells the world while it works: one typed stream for progress bar, journal and trackers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class StageStarted(Event):
    """A stage begins; `steps` is its planned length (0: unknown, as in a closed-form solution)."""

    stage: int
    name: str
    stages: int
    steps: int
    epoch_steps: int
    budget: str
    resumed_at: int = 0


@dataclass(frozen=True)
class Progress(Event):
    """Learning goes on; sent at most ten times a second. `left` is the time left in the stage, in seconds, None if unknown."""

    stage: int
    step: int
    steps: int
    epoch: int
    loss: float | None
    left: float | None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Validated(Event):
    """A look at the validation part; `steps` is the stage's length as it is planned now, which a budget of time may change on
    the way; `best` says whether these are the best weights so far, `rates` the learning rate of each optimiser at the step before.
    """

    stage: int
    step: int
    steps: int
    epoch: int
    train: float | None
    valid: float | None
    best: bool
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Solving(Event):
    """A rule over the whole data set has come to its safe point number `step`, with these figures."""

    stage: int
    step: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved(Event):
    """A checkpoint is durably on disk."""

    stage: int
    step: int
    path: str


@dataclass(frozen=True)
class StageEnded(Event):
    """A stage is over, and why."""

    stage: int
    step: int
    stopped: str
    seconds: float


@dataclass(frozen=True)
class Warned(Event):
    """Something a person should know, in one sentence; `level` is note, warning or error."""

    text: str
    level: str = "note"


@dataclass(frozen=True)
class Reading(Event):
    """Much data are read or made: what is being done, how much of it is done, and the time left in seconds (None: unknown). `done`
    and `total` are bytes, characters, pictures or rows, as `unit` says."""

    what: str
    done: int
    total: int
    left: float | None = None
    unit: str = "bytes"


@dataclass(frozen=True)
class Wrote(Event):
    """Row number `row` of `rows` has `text` more, in whole characters. `done` of at most `most` symbols are written in all rows;
    `left` is the time left in seconds if none ends early."""

    row: int
    rows: int
    text: str
    done: int
    most: int
    left: float


Listener = Callable[[Event], Any]

_hearing: ContextVar[Sequence[Listener]] = ContextVar("hearing", default=())


@contextmanager
def hearing(listen: Sequence[Listener]) -> Iterator[None]:
    """While it lasts, `listen` hear what is told by work that is called through others who have no say in it, as a task that
    scores a network by what it makes."""
    before = _hearing.set(listen)
    try:
        yield
    finally:
        _hearing.reset(before)


def tell(event: Event) -> None:
    """Tell it to whoever is hearing."""
    for listener in _hearing.get():
        listener(event)
