"""How far it is, on stderr: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from nnzoo.cli.output import console
from nnzoo.core import events
from nnzoo.core.events import Event, Reading, StageEnded, StageStarted, Validated, Warned

QUIET = 10.0  # seconds between two plain lines


class Left(ProgressColumn):
    """Time left, counted down from what was last heard."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Hours, minutes and seconds, or nothing where it is not known."""
        until = task.fields.get("until")
        return Text("" if until is None else f"{clock(max(0.0, until - time.monotonic()))} left", style="progress.remaining")


class Watch:
    """A listener for what training and comparing tell; open it with `with`, hand it to `listen`."""

    def __init__(self, on: Console | None = None) -> None:
        self.console = on or console(stderr=True)
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[facts]}", markup=False),
            Left(),
            console=self.console,
            refresh_per_second=4,
            transient=True,
            disable=not self.live,
        )
        self.row: Any = None
        self.best: float | None = None
        self.name, self.said = "", time.monotonic()

    def __enter__(self) -> Watch:
        self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bars.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted():
                self._begin(event)
            case events.Progress():
                self._go_on(event)
            case Reading():
                self._read(event)
            case Validated():
                self._look(event)
            case StageEnded():
                self._end(event)
            case Warned(text, level):
                self.line(f"{level}: {text}")
            case _:
                self.other(event)

    def other(self, event: Event) -> None:
        """Events of rooms that a plain run does not enter."""

    def line(self, text: str) -> None:
        """A line that stays; bars go on below it."""
        self.console.print(text)
        self.said = time.monotonic()

    def bar(self, row: Any, left: float | None, **changes: Any) -> None:
        """Move a bar."""
        self.bars.update(row, until=None if left is None else time.monotonic() + left, **changes)

    def add(self, description: str, total: int | None, facts: str = "") -> Any:
        """A new bar."""
        return self.bars.add_task(description, total=total, facts=facts, until=None)

    def _begin(self, event: StageStarted) -> None:
        self.name = event.name if event.stages == 1 else f"{event.name} ({event.stage + 1} of {event.stages})"
        self.best = None
        self._remove()
        self.row = self.add(self.name, event.steps or None)
        self.bars.update(self.row, completed=event.resumed_at)
        if not self.live and self.tells_stages:
            length = f"{event.steps} steps" if event.steps else event.budget
            self.line(f"{self.name}: {length}" + (f", going on from step {event.resumed_at}" if event.resumed_at else ""))

    def _go_on(self, event: events.Progress) -> None:
        if self.row is None:
            return
        facts = [f"step {event.step}" + (f"/{event.steps}" if event.steps else "")]
        facts += [f"epoch {event.epoch}"] if event.epoch else []
        facts += (
            [f"loss {event.loss:.4g}"] if event.loss is not None else [f"{k} {v:.4g}" for k, v in list(event.metrics.items())[:2]]
        )
        facts += [f"best {self.best:.4g}"] if self.best is not None else []
        self.bar(self.row, event.left, completed=event.step, total=event.steps or None, facts=", ".join(facts))
        if not self.live and time.monotonic() - self.said > QUIET:
            self.line(f"{self.name}: {', '.join(facts)}" + ("" if event.left is None else f", {clock(event.left)} left"))

    def _read(self, event: Reading) -> None:
        if self.row is None or event.what != self.name:
            self._remove()
            self.name, self.row = event.what, self.add(event.what, event.total)
        many = event.unit == "bytes" or event.total >= 1e6
        unit = "MB" if event.unit == "bytes" else f"million {event.unit}" if many else event.unit
        done, total = (n / 1e6 if many else n for n in (event.done, event.total))
        facts = f"{done:,.0f} of {total:,.0f} {unit}"
        self.bar(self.row, event.left, completed=event.done, total=event.total, facts=facts)
        if not self.live and time.monotonic() - self.said > QUIET:
            self.line(f"{event.what}: {facts}" + ("" if event.left is None else f", {clock(event.left)} left"))

    def _look(self, event: Validated) -> None:
        if event.best:
            self.best = event.valid

    def _end(self, event: StageEnded) -> None:
        self._remove()
        if self.tells_stages:
            self.line(f"{self.name}: {event.stopped} ({event.step} steps, {event.seconds:.1f} s)")

    @property
    def tells_stages(self) -> bool:
        """Whether beginning and end of a stage are worth a line."""
        return True

    def _remove(self) -> None:
        if self.row is not None:
            self.bars.remove_task(self.row)
            self.row = None


def clock(seconds: float) -> str:
    """`1:05`, `1:02:05`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
