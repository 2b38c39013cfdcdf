"""What happened in a run, a JSON object a line. A checkpoint knows the journal's length, so a resumed run tells no part twice."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from nnzoo.training.durable import append_bytes, saving, sync_file


class Journal:
    """Appends to `journal.jsonl` of a run; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None):
        self.path = None if folder is None else folder / "journal.jsonl"

    def write(self, event: str, **facts: Any) -> None:
        """Append one line. JSON has no NaN: such a number is null. Raises RunError."""
        if self.path is None:
            return
        known = {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in facts.items()}
        line = json.dumps({"event": event, **known}, ensure_ascii=False, allow_nan=False) + "\n"
        append_bytes(self.path, line.encode("utf-8"))

    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size if self.path is not None and self.path.exists() else 0

    def settle(self) -> int:
        """Make all lines durable; their length in bytes, for a checkpoint to remember."""
        size = self.size()
        if self.path is not None and size:
            sync_file(self.path)
        return size

    def cut(self, size: int) -> None:
        """Forget what was written after `size` bytes (the part of a killed run that will be repeated)."""
        if self.path is not None and self.path.exists() and self.path.stat().st_size > size:
            with saving(self.path):
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
