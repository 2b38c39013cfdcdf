"""Tracking: what happens in a run, told to TensorBoard or MLflow while it happens.

A listener of the events, like the progress bar. Names of figures: `loss/train`, `loss/valid`, `rate/<optimiser>` and a kind's own
metrics, at every look at the validation part or safe point of a rule; `test/<score>` and `validation/<score>` at the end. Where a
kind learns in several stages, each counts its own steps and its names begin with `<number>-<stage>/`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import Interrupted, NnzooError
from nnzoo.core.events import Event, Saved, Solving, StageEnded, StageStarted, Validated, Warned
from nnzoo.training.journal import read_journal
from nnzoo.zoo.records import Figure, How, Record, RecordError, open_record, plain_name

if TYPE_CHECKING:
    from nnzoo.zoo.fitting import Trained

Listen = Sequence[Callable[[Event], Any]]
EVERY = 1.0  # seconds between two writes: a tracker must not slow down what it watches
OF_A_LOOK = {"event", "best", "stage", "step", "epoch", "train", "valid", "seconds"}  # of a journal's line, the rest are metrics


class Tracking:
    """A listener that keeps the records of one run. A record that fails is given up with a warning; the run goes on.

    `folder` is the run's, whose journal says what a killed process told nobody; None where it has none and is never resumed.
    """

    def __init__(self, records: Sequence[Record], folder: Path | None = None, listen: Listen = ()):
        self.records, self.folder, self.listen = list(records), folder, listen
        self.known = {id(record): record.known() for record in records}
        self.waiting: list[Figure] = []
        self.written = time.monotonic()
        self.prefix, self.last = "", 0

    def __call__(self, event: Event) -> None:
        if not self.records:
            return
        match event:
            case StageStarted():
                self.prefix = f"{event.stage + 1}-{event.name}/" if event.stages > 1 else ""
                if event.resumed_at and self.folder is not None:
                    self._catch_up(event, self.folder)
            case Validated():
                self.look(event.step, event.train, event.valid, event.metrics, event.rates)
            case Solving():
                self.figures(event.step, event.metrics)
            case Saved() | StageEnded() if self.folder is not None:  # what a run goes on from, its record must have
                self.flush()

    def look(
        self, step: int, train: float | None, valid: float | None, metrics: Mapping[str, float], rates: Mapping[str, float] = {}
    ) -> None:
        """The figures of a look at the validation part."""
        losses = {"loss/train": train, "loss/valid": valid}
        self.figures(step, {**losses, **metrics, **{f"rate/{name}": rate for name, rate in rates.items()}})

    def figures(self, step: int, values: Mapping[str, float | None], prefix: str | None = None) -> None:
        """Figures at a step; those that are None are not there."""
        self.last = max(self.last, step)
        before = self.prefix if prefix is None else prefix
        self.waiting += [
            Figure(plain_name(before + name), step, float(value), time.time())
            for name, value in values.items()
            if value is not None
        ]
        if time.monotonic() - self.written > EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what waits, but for what a record holds already."""
        waiting, self.waiting, self.written = self.waiting, [], time.monotonic()
        if not waiting:
            return

        def new(record: Record) -> None:
            known = self.known[id(record)]
            record.write([figure for figure in waiting if figure.step > known.get(figure.name, -1)])

        self.each(new)

    def each(self, do: Callable[[Record], Any]) -> None:
        """Do something with every record; one that fails is the last of it."""
        for record in list(self.records):
            try:
                do(record)
            except RecordError as error:
                self.records.remove(record)
                for listener in self.listen:
                    listener(Warned(f"{error}; the run goes on without {record.tracker}", "warning"))

    def describe(self, facts: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
        """Write down the settings and the names of the scores to come, once."""
        flat = dict(_flat(facts))
        self.each(lambda record: None if self.known[id(record)] else record.describe(flat, scores))

    def result(self, trained: Trained) -> None:
        """The final scores, and the finished run."""
        part = "validation" if trained.test is None else "test"
        scores: dict[str, float | None] = {f"{part}/{name}": value for name, value in trained.scores.items()}
        if trained.test is not None:
            scores[f"validation/{trained.metric}"] = trained.validation
        self.figures(trained.steps, {**scores, "seconds": trained.seconds}, prefix="")
        self.flush()
        self.each(lambda record: record.keep(Path(trained.run)))

    def end(self, how: How) -> None:
        """Write what waits and close the records."""
        self.flush()
        self.each(lambda record: record.end(how))
        self.records = []

    def _catch_up(self, event: StageStarted, folder: Path) -> None:
        """What the journal holds of this stage and a record may lack."""
        for line in read_journal(folder):
            if line["event"] == "look" and line["stage"] == event.stage:
                metrics = {name: value for name, value in line.items() if name not in OF_A_LOOK}
                self.look(line["step"], line["train"], line["valid"], metrics)
            elif line["event"] == "solving" and line["stage"] == event.name:
                self.figures(line["step"], {name: v for name, v in line.items() if name not in ("event", "stage", "step")})


@contextmanager
def tracking(
    trackers: Sequence[str],
    folder: Path,
    facts: Mapping[str, Any],
    resume: bool = False,
    listen: Listen = (),
    scores: Sequence[str] = (),
) -> Iterator[Tracking]:
    """A listener for the run in `folder`, closed whatever happens: as finished, failed, or stopped by a signal.

    `trackers` are names that `known_trackers` has checked, `facts` the settings to write down, `scores` the names of the task's
    scores. Raises ConfigError where a tracker cannot be reached.
    """
    listener = Tracking(open_all(trackers, folder, resume), folder, listen)
    how: How = "FAILED"
    try:
        listener.describe(facts, [f"test/{score}" for score in scores])
        yield listener
        how = "FINISHED"
    except (Interrupted, KeyboardInterrupt):
        how = "KILLED"
        raise
    finally:
        listener.end(how)


def open_all(trackers: Sequence[str], folder: Path, resume: bool = False) -> list[Record]:
    """A record for each of some trackers that `known_trackers` has checked. Raises ConfigError, RunError."""
    opened: list[Record] = []
    try:
        for tracker in trackers:
            opened.append(open_record(tracker, folder, resume))
    except NnzooError:
        for record in opened:
            record.end("FAILED")
        raise
    return opened


def _flat(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings within settings by names with points: `config.lr`."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif value not in (None, [], ()):
            yield before + name, value
