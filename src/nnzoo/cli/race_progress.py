"""How far a comparison is."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from nnzoo.cli.progress import Watch
from nnzoo.comparing.running import Finished, Racing, Told
from nnzoo.core import events
from nnzoo.core.events import Event


class RaceWatch(Watch):
    """A bar for the whole comparison above the bar of the run that is on, or of each where there are several workers."""

    def __init__(self, on: Console | None = None) -> None:
        super().__init__(on)
        self.whole: Any = None
        self.rows: dict[int, Any] = {}

    @property
    def tells_stages(self) -> bool:
        return False

    def other(self, event: Event) -> None:
        match event:
            case Racing():
                self._remove()
                if self.whole is None:
                    self.whole = self.add("comparing", event.total)
                facts = f"{run_name(event, event.trials)} ({event.index + 1} of {event.total})"
                self.bar(self.whole, event.left, completed=event.index, total=event.total, facts=facts)
            case Finished():
                self._remove()
                came = event.error or ("no score" if event.score is None else f"{event.score:.4g}")
                if event.trial is not None and not event.error:
                    came = "given up" if event.pruned else f"{came} on the validation part"
                self.line(f"{run_name(event)}: {came} ({event.seconds:.1f} s)")
            case Told():
                self._of_a_worker(event)

    def _of_a_worker(self, told: Told) -> None:
        match told.event:
            case events.StageStarted() as stage:
                if told.worker in self.rows:
                    self.bars.remove_task(self.rows[told.worker])
                self.rows[told.worker] = self.add(run_name(told), stage.steps or None)
            case events.Progress() as now if told.worker in self.rows:
                loss = "" if now.loss is None else f", loss {now.loss:.4g}"
                self.bar(self.rows[told.worker], now.left, completed=now.step, facts=f"step {now.step}{loss}")
            case events.StageEnded() if told.worker in self.rows:
                self.bars.remove_task(self.rows.pop(told.worker))
            case events.Warned(text, level):
                self.line(f"{level}: {run_name(told)}: {text}")


def run_name(run: Racing | Finished | Told, trials: int = 0) -> str:
    """Which run, in words; `trials` is how many there are of its kind, where that is to be said."""
    if run.trial is None:
        return f"{run.kind}, seed {run.seed}"
    return f"{run.kind}, trial {run.trial + 1}" + (f" of {trials}" if trials else "")
