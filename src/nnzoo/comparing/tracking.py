"""A race told to trackers: a record of the whole, and in it one of every run, whichever process it is on.

Figures of a run are those of `zoo.trackers`; at its end `test/<metric>`, or `validation/<metric>` where it is a trial. The
record of the whole holds `mean/<kind>`, the verdict and the report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.comparing.running import Finished, Listen, Racing, Told
from nnzoo.core.errors import Interrupted
from nnzoo.core.events import Event
from nnzoo.zoo.beginning import run_folder
from nnzoo.zoo.records import How, Record, plain_name
from nnzoo.zoo.trackers import Tracking, open_all

if TYPE_CHECKING:
    from nnzoo.comparing.entries import Comparison
    from nnzoo.core.network import Network

Key = tuple[str, int, int | None]


class RaceTracking:
    """A listener that keeps the records of a race. `able` are the kinds in it, `metric` what they are judged by."""

    def __init__(self, whole: Tracking, able: Mapping[str, type[Network]], metric: str):
        self.whole, self.able, self.metric = whole, able, metric
        self.runs: dict[Key, Tracking] = {}
        self.here: Tracking | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case Racing():
                self._begin(event)
            case Told(kind=kind, seed=seed, trial=trial, event=inner) if (kind, seed, trial) in self.runs:
                self.runs[kind, seed, trial](inner)
            case Finished():
                self._finish(event)
            case _ if self.here is not None:  # the run that is on in this process
                self.here(event)

    def result(self, comparison: Comparison) -> None:
        """What came of it all."""
        means = {f"mean/{entry.kind}": entry.mean for entry in comparison.entries}
        self.whole.figures(0, {**means, "seconds": comparison.seconds})
        self.whole.flush()
        self.whole.each(lambda record: record.say("verdict", comparison.verdict.text))
        if comparison.report is not None:
            report = Path(comparison.report)
            self.whole.each(lambda record: record.keep(report))

    def end(self, how: How) -> None:
        """Close every record; runs that are still on were stopped with the race."""
        for run in self.runs.values():
            run.end("KILLED" if how == "KILLED" else "FAILED")
        self.runs = {}
        self.whole.end(how)

    def _begin(self, event: Racing) -> None:
        name = plain_name(f"{event.kind}-" + (f"seed-{event.seed}" if event.trial is None else f"trial-{event.trial}"))
        records: list[Record] = []
        self.whole.each(lambda record: records.append(record.inner(name.replace("/", "-"))))
        run = Tracking(records, listen=self.whole.listen)
        fields = self.able[event.kind].Config.model_fields if event.kind in self.able else {}
        defaults = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
        about = {"kind": event.kind, "role": event.role, "seed": event.seed, "trial": event.trial}
        part = "test" if event.trial is None else "validation"
        run.describe({**about, "config": {**defaults, **event.config}}, [f"{part}/{self.metric}"])
        self.runs[event.kind, event.seed, event.trial] = self.here = run

    def _finish(self, event: Finished) -> None:
        run = self.runs.pop((event.kind, event.seed, event.trial), None)
        if run is None:
            return
        self.here = None if run is self.here else self.here
        part = "test" if event.trial is None else "validation"
        run.figures(run.last, {f"{part}/{self.metric}": event.score, "seconds": event.seconds}, prefix="")
        if event.error:
            run.each(lambda record: record.say("error", event.error))
        run.end("FAILED" if event.error else "KILLED" if event.pruned else "FINISHED")


@contextmanager
def race_tracking(
    trackers: Sequence[str], able: Mapping[str, type[Network]], facts: Mapping[str, Any], listen: Listen = ()
) -> Iterator[RaceTracking]:
    """A listener for a race, closed whatever happens; its records lie in a new folder below runs/.

    `trackers` are names that `known_trackers` has checked, `facts` what is written down of the race, `data` and `metric` among
    them. Raises ConfigError where a tracker cannot be reached.
    """
    folder = run_folder(None, False, "compare", facts["data"]) if trackers else Path()
    tracker = RaceTracking(Tracking(open_all(trackers, folder), listen=listen), able, facts["metric"])
    how: How = "FAILED"
    try:
        tracker.whole.describe(facts)
        yield tracker
        how = "FINISHED"
    except (Interrupted, KeyboardInterrupt):
        how = "KILLED"
        raise
    finally:
        tracker.end(how)
