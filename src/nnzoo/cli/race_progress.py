"""How far a comparison is."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from nnzoo.cli.progress import Watch
from nnzoo.comparing.running import Finished, Racing
from nnzoo.core.events import Event


class RaceWatch(Watch):
    """A bar for the whole comparison above the bar of the run that is on."""

    def __init__(self, on: Console | None = None) -> None:
        super().__init__(on)
        self.whole: Any = None

    @property
    def tells_stages(self) -> bool:
        return False

    def other(self, event: Event) -> None:
        match event:
            case Racing():
                self._remove()
                if self.whole is None:
                    self.whole = self.add("comparing", event.total)
                facts = f"{event.kind}, seed {event.seed} ({event.index + 1} of {event.total})"
                self.bar(self.whole, event.left, completed=event.index, total=event.total, facts=facts)
            case Finished():
                self._remove()
                came = event.error or ("no score" if event.score is None else f"{event.score:.4g}")
                self.line(f"{event.kind}, seed {event.seed}: {came} ({event.seconds:.1f} s)")
