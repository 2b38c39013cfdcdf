"""A text as it is written, or how far several texts are; and the prompts that they begin with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console

from nnzoo.cli.progress import QUIET, Watch, clock
from nnzoo.core.errors import ConfigError
from nnzoo.core.events import Event, Reading, Wrote


def beginnings(prompts: Sequence[str], file: Path | None) -> str | list[str] | None:
    """The prompts given in the command and those in a file, one a line; a single one of a command as it is. Raises ConfigError,
    DataError for a file that is no text."""
    if file is None:
        return None if not prompts else prompts[0] if len(prompts) == 1 else list(prompts)
    if not file.is_file():
        raise ConfigError(f"--prompts {file} is no file; give a text file with one prompt a line")
    from nnzoo.data.texts import read_lines

    return [*prompts, *read_lines(file).texts]


class WritingWatch(Watch):
    """Shows a single text on `terminal`, its prompt first; of several texts a bar. `shown`: a text stands there."""

    def __init__(self, terminal: TextIO | None, prompts: str | list[str] | None, on: Console | None = None) -> None:
        super().__init__(on)
        self.terminal, self.prompt = terminal, prompts if isinstance(prompts, str) else (prompts or [""])[0]
        self.shown = False

    def __enter__(self) -> WritingWatch:
        return self  # bars would move the cursor in the text

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.shown and self.terminal is not None:
            self.terminal.write("\n")
            self.terminal.flush()
        if self.row is not None:
            self.bars.stop()

    def _read(self, event: Reading) -> None:
        self.bars.start()
        super()._read(event)

    def other(self, event: Event) -> None:
        if not isinstance(event, Wrote):
            return
        if event.rows == 1 and self.terminal is not None:
            self.terminal.write(event.text if self.shown else self.prompt + event.text)
            self.terminal.flush()
            self.shown = True
            return
        facts = f"{event.done} of {event.most} symbols"
        if self.live:
            if self.row is None:
                self.bars.start()
                self.row = self.add("writing", event.most)
            self.bar(self.row, event.left, completed=event.done, facts=facts)
        elif time.monotonic() - self.said > QUIET:
            self.line(f"writing: {facts}, {clock(event.left)} left at most")
