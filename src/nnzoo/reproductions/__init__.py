"""Published results beside ours, one file a kind: the only place where a target is written down.

A reproduction is found by its file's name, which is the kind's. `results/<kind>.json` is written by `nnzoo reproduce` and by
nothing else; the table in README.md is made from those files, misses and stale ones included.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import ConfigError

if TYPE_CHECKING:
    from nnzoo.reproductions.running import Reproduction

_NOT_KINDS = {"__init__", "running", "table", "digests"}


@cache
def names() -> list[str]:
    """Kinds that have a reproduction."""
    return [p.stem for p in sorted(Path(__file__).parent.glob("*.py")) if p.stem not in _NOT_KINDS and not p.stem.startswith("_")]


def find(kind: str) -> tuple[Reproduction, ...]:
    """The reproductions of a kind. Raises ConfigError."""
    if kind not in names():
        raise ConfigError(f"no reproduction of '{kind}'; there are: {', '.join(names())}")
    return importlib.import_module(f"nnzoo.reproductions.{kind}").REPRODUCTIONS


def reproduce(kind: str, listen: Any = (), folder: Path | None = None, only: str | None = None) -> list[dict[str, Any]]:
    """Run a kind's reproductions and write `results/<kind>.json` and the table; the results. See `running.reproduce`."""
    from nnzoo.reproductions.running import reproduce as run

    return run(kind, listen, folder, only)


def confirm(kind: str, listen: Any = (), folder: Path | None = None, only: str | None = None) -> list[dict[str, Any]]:
    """See whether a change of code touched a kind's results, by one seed of each. See `running.confirm`."""
    from nnzoo.reproductions.running import confirm as run

    return run(kind, listen, folder, only)
