"""What a case of a broken input is, and how it is run: through the real command line, in this process, with warnings as errors."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from nnzoo.cli.app import app

FIT = "--budget 2steps --set hidden=4 --out run"  # a training as short as can be


@dataclass(frozen=True)
class Fault:
    """One broken input. `make` writes it into the folder where the test runs; `command` is what a person then types.

    Refused: `line` is the one line on stderr ("..." stands for what other libraries say); it names `file` and `place` and tells
    what to do in words that hold `remedy`. Accepted: `rule` says what is done instead, and the answer must say `line` somewhere.
    """

    title: str
    make: Callable[[], Any]
    command: str
    line: str
    file: str = ""
    place: str = ""
    remedy: str = ""
    rule: str = ""

    @property
    def words(self) -> list[str]:
        """The command as a list of words."""
        return shlex.split(self.command)

    @property
    def shown(self) -> str:
        """What happens, as the table of the documentation says it."""
        return f"accepted: {self.rule}" if self.rule else f"refused: `{self.line}`"


def fit(data: str, *more: str) -> str:
    """The command that trains a small network on `data`."""
    return " ".join(["train mlp", shlex.quote(data), FIT, *more])


def run(words: list[str]) -> Any:
    """The command line in this process: an unforeseen error is raised, a stray warning is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        return CliRunner().invoke(app, words, catch_exceptions=False)


def matches(line: str, said: str) -> bool:
    """Whether `said` is `line`, in which "..." stands for anything on the line."""
    return re.fullmatch(re.escape(line).replace(re.escape("..."), ".*"), said) is not None
