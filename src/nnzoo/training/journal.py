"""What happened in a run, a JSON object a line. A checkpoint knows how long the journal was, so a resumed run tells no part twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """Appends to `journal.jsonl` of a run; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None):
        self.path = None if folder is None else folder / "journal.jsonl"

    def write(self, event: str, **facts: Any) -> None:
        """Append one line; it is on disk when this returns."""
        if self.path is None:
            return
        line = json.dumps({"event": event, **facts}, ensure_ascii=False) + "\n"
        with open(self.path, "ab") as file:
            file.write(line.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())

    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size if self.path is not None and self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Forget what was written after `size` bytes (the part of a killed run that will be repeated)."""
        if self.path is not None and self.path.exists() and self.path.stat().st_size > size:
            os.truncate(self.path, size)


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """All complete lines of a run's journal; a line torn by a kill is left out."""
    path = folder / "journal.jsonl"
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
