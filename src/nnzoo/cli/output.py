"""Where words go: answers to stdout, everything on the way there to stderr; errors as one line."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from nnzoo.core.errors import ConfigError, Interrupted, NnzooError
from nnzoo.core.launch import rank, world

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")
WRONG, STOPPED = 2, 130  # exit codes
TOGETHER = ("train",)  # commands that several processes run together
WIDE = 160  # columns where there is no terminal to ask


def console(stderr: bool = False) -> Console:
    """A console that shows text as it is: people's column names may hold brackets and colons."""
    from rich.console import Console

    made = Console(stderr=stderr, quiet=rank() > 0, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = WIDE
    return made


def say(text: str) -> None:
    """One line on stderr."""
    print("nnzoo:", " ".join(str(text).split()), file=sys.stderr, flush=True)


def told(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose errors for people end in one line on stderr and exit code 2; interrupted work in 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            _check_alone(command.__name__)
            return command(*args, **kwargs)
        except NnzooError as error:
            if not error.said:
                say(str(error))
            code = STOPPED if isinstance(error, Interrupted) else WRONG
        except KeyboardInterrupt:
            say("stopped")
            code = STOPPED
        except BrokenPipeError:  # the reader of our output has gone, as in `nnzoo kinds | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 1
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            say(f"{where}{error.strerror or error}")
            code = WRONG
        raise typer.Exit(code)

    return run


def _check_alone(command: str) -> None:
    """Under torchrun every process runs the command: only training is made for that. Raises ConfigError."""
    if world() > 1 and command not in TOGETHER:
        error = ConfigError(f"nnzoo {command} does its work in one process; start it without torchrun, which is for nnzoo train")
        error.said = rank() > 0
        raise error


@contextlib.contextmanager
def working() -> Iterator[None]:
    """While work is done, whatever prints goes to stderr, so that stdout holds the answer and nothing else."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """The value in JSON's terms: numbers that are not finite become null, arrays lists, paths text."""
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # arrays, tensors and their single numbers
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value) if isinstance(value, Path) or hasattr(value, "isoformat") else _refuse(value)


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} has no place in JSON")
