"""The verbs exist in Python under the names of the command line, each loaded when it is first used."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import nnzoo
from nnzoo.cli.app import app

IN_PYTHON = {
    "data": "understand",
    "import_": "import_model",
    "export": "export_model",
}  # `nnzoo.data` is a room, import a word of Python


@pytest.mark.parametrize("command", [command.callback.__name__ for command in app.registered_commands if command.callback])
def test_every_command_is_a_function(command: str) -> None:
    name = IN_PYTHON.get(command, command)
    assert name in nnzoo.__all__ and name in dir(nnzoo)
    assert isinstance(getattr(nnzoo, name), Callable)


def test_everything_public_is_there() -> None:
    assert all(getattr(nnzoo, name) is not None for name in nnzoo.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        nnzoo.tarin  # noqa: B018
