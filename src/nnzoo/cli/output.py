"""Where words go: answers to stdout, everything on the way there to stderr; errors as one line."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer
from typer.core import TyperGroup

from nnzoo.core.errors import ConfigError, Interrupted, NnzooError
from nnzoo.core.launch import rank, world

if TYPE_CHECKING:
    from rich.console import Console

UsageError: Any = typer.BadParameter.__base__  # typer does not export it
P = ParamSpec("P")
R = TypeVar("R")
WRONG, STOPPED = 2, 130  # exit codes
TOGETHER = ("train",)  # commands that several processes run together
NO_MEMORY = "the memory is not enough; give fewer or smaller data, a smaller network or a smaller batch (--set batch=...)"
_NO_MEMORY_OF_TORCH = ("can't allocate memory", "out of memory")
WIDE = 160  # columns where there is no terminal to ask


def console(stderr: bool = False) -> Console:
    """A console that shows text as it is: people's column names may hold brackets and colons."""
    from rich.console import Console

    made = Console(stderr=stderr, quiet=rank() > 0, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = WIDE
    return made


def say(text: str) -> None:
    """One line on stderr. What cannot be printed (line breaks and escapes in the names of files) is shown as Python writes it."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text).strip())
    print("nnzoo:", shown, file=sys.stderr, flush=True)


class OneLine(TyperGroup):
    """The commands; what is wrong with an option or argument is told as all errors are, in one line with exit code 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Parse the command line and run the command it names."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except UsageError as error:
            if not (text := error.format_message()):  # nothing was asked for: the help
                error.show()
                sys.exit(WRONG)
            context = getattr(error, "ctx", None)
            command = " ".join(["nnzoo", *([context.info_name] if context is not None and context.parent is not None else [])])
            say(f"{text.rstrip('.')}; `{command} --help` says what there is")
            sys.exit(WRONG)
        sys.exit(code if isinstance(code, int) else 0)


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
            say(f"{where}{error.strerror or error}; check the place and the permissions")
            code = WRONG
        except MemoryError:
            say(NO_MEMORY)
            code = WRONG
        except RuntimeError as error:
            if not any(words in str(error) for words in _NO_MEMORY_OF_TORCH):
                raise
            say(NO_MEMORY)
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


def load(run: Path, device: str, own: Path | None) -> Any:
    """The model of a run, whose kind may be one of a person's own."""
    from nnzoo.zoo.loaded import load as load_model

    return load_model(run, {} if own is None else {own.stem: str(own)}, device)
