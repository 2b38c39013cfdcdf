"""How far a fetch is."""

from __future__ import annotations

import time

from rich.console import Console

from nnzoo.cli.progress import QUIET, Watch
from nnzoo.core.events import Event
from nnzoo.data.fetch import Fetching


class FetchWatch(Watch):
    """A bar for each file."""

    def __init__(self, on: Console | None = None) -> None:
        super().__init__(on)
        self.file, self.began, self.first = "", 0.0, 0

    def other(self, event: Event) -> None:
        if not isinstance(event, Fetching):
            return
        now = time.monotonic()
        if event.file != self.file:
            self._remove()
            self.file, self.began, self.first = event.file, now, event.bytes
            self.row = self.add(event.file, event.total)
        speed = (event.bytes - self.first) / max(now - self.began, 1e-6)
        left = (event.total - event.bytes) / speed if event.total is not None and speed > 0 else None
        facts = f"{event.bytes / 1e6:.1f}" + (f" of {event.total / 1e6:.1f} MB" if event.total is not None else " MB")
        self.bar(self.row, left, completed=event.bytes, total=event.total, facts=facts)
        if not self.live and now - self.said > QUIET:
            self.line(f"{event.file}: {facts}")
