"""The loader of tasks: a task's name is its file's name with dashes, under Hugging Face's names where they exist."""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nnzoo.core.errors import ConfigError

if TYPE_CHECKING:
    from nnzoo.core.task import Task


@cache
def names() -> list[str]:
    """The names of all tasks."""
    return [p.stem.replace("_", "-") for p in sorted(Path(__file__).parent.glob("*.py")) if not p.stem.startswith("_")]


@cache
def find(name: str) -> Task:
    """The task of that name. Raises ConfigError with the nearest names."""
    from nnzoo.core.task import Task

    if name not in names():
        near = difflib.get_close_matches(name, names(), 3, 0.4)
        raise ConfigError(
            f"no task '{name}'; " + (f"did you mean {' or '.join(near)}?" if near else f"tasks are: {', '.join(names())}")
        )
    module = importlib.import_module(f"nnzoo.tasks.{name.replace('-', '_')}")
    (task,) = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Task) and v.__module__ == module.__name__]
    task.name = name
    return task()
