"""What a case of a broken input is, and how it is run: through the real command line, in this process, with warnings as errors."""

from __future__ import annotations

import contextlib
import re
import shlex
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from nnzoo.cli.app import app

FIT = "--budget 2steps --set hidden=4 --out run"  # a training as short as can be


@dataclass(frozen=True)
class Fault:
    """One broken input. `make` writes it into the folder where the test runs; `command` is what a person then types. What `make`
    gives back, if it can be entered, lasts as long as the command (a held lock, a full disk).

    Refused: `line` is the one line on stderr ("..." stands for what other libraries or the machine say); it names `names` (file
    and place) and ends in what to do. `late` ones come up in the midst of training, after its notes. Accepted: `rule` says what is
    done instead, and one line of the answer is `line`.
    """

    title: str
    make: Callable[[], Any]
    command: str
    line: str
    names: Sequence[str] = ()
    rule: str = ""
    late: bool = False

    @property
    def remedy(self) -> str:
        """What the line says to do: its last clause (all of it where it has but one)."""
        return re.split(r"; |\. |\? |: (?=give )", self.line)[-1]

    @property
    def shown(self) -> str:
        """What happens, as the page for people says it."""
        return f"accepted: {self.rule}" if self.rule else f"`{self.line.replace('`', chr(39))}`"


def fit(data: str, *more: str) -> str:
    """The command that trains a small network on `data`."""
    return " ".join(["train mlp", shlex.quote(data), FIT, *more])


def run(words: Sequence[str]) -> Any:
    """The command line in this process: an unforeseen error is raised, a stray warning is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        return CliRunner().invoke(app, list(words), catch_exceptions=False)


def happens(fault: Fault) -> Any:
    """Make the broken input in this folder, and run the command on it."""
    made = fault.make()
    lasting = hasattr(made, "__exit__") and not isinstance(made, Path)
    with made if lasting else contextlib.nullcontext():
        return run(shlex.split(fault.command))


def matches(line: str, said: str) -> bool:
    """Whether `said` is `line`, in which "..." stands for anything on the line, and any space for several."""
    words = re.escape(" ".join(line.split())).replace(re.escape("..."), ".*")
    return re.fullmatch(words, " ".join(said.split())) is not None
