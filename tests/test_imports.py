"""Imports point one way: a room imports only itself and the rooms above it, also inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "nnzoo"
ROOMS = [
    "core",
    "blocks",
    "networks",
    "tasks",
    "data",
    "training",
    "zoo",
    "sklearn",
    "comparing",
    "reproductions",
    "looking",
    "serving",
    "cli",
]
HEAVY = {"pandas", "sklearn", "matplotlib"}
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE)


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str, bool]]:
    """Line, full module name and whether it is inside a function, for every import; also `import_module("nnzoo...")`."""
    inside = {id(node) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(f)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *([base] if base else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif (
            isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module" and node.args
        ):
            first = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names = [first.value]
        for name in names:
            yield node.lineno, name, id(node) in inside


def faults(text: str, path: Path) -> list[str]:
    """What is wrong with the imports of a file at `path` (relative to the package), in words."""
    room = path.parts[0]
    above = set(ROOMS[: ROOMS.index(room) + 1])
    package = ".".join(["nnzoo", *path.parent.parts])
    found = []
    for line, name, inside in imported(ast.parse(text), package):
        parts = name.split(".")
        where = f"{path}:{line}: {name}"
        if parts[0] == "nnzoo" and len(parts) > 1 and parts[1] in ROOMS:
            if parts[1] not in above:
                found.append(f"{where} ({room} imports {parts[1]}, which stands below it)")
            elif room == "networks" == parts[1] and len(path.parts) == 3:
                found.append(f"{where} (a network imports networks)")
        if parts[0] in HEAVY and (room == "core" or (room in ROOMS[:4] and not inside)):
            found.append(f"{where} (a heavy library)")
    return found


def test_every_file_stands_in_a_room() -> None:
    assert {path.relative_to(SOURCE).parts[0] for path in FILES} <= set(ROOMS)
    assert {path.name for path in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_upward_only(room: str) -> None:
    found = [
        fault
        for path in FILES
        if path.relative_to(SOURCE).parts[0] == room
        for fault in faults(path.read_text(encoding="utf-8"), path.relative_to(SOURCE))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("core/a.py", "from nnzoo.blocks.heads import Heads"),
        ("core/a.py", "def f():\n    import pandas as pd"),
        ("tasks/a.py", "import sklearn.metrics"),
        ("networks/feedforward/a.py", "from nnzoo.networks.feedforward.mlp import MLP"),
        ("networks/feedforward/a.py", "from . import mlp"),
        ("networks/feedforward/a.py", "def f():\n    from nnzoo.training.loop import train"),
        ("training/a.py", "from nnzoo import zoo"),
        ("data/a.py", "from ..training import loop"),
        ("blocks/a.py", "import importlib\nimportlib.import_module(f'nnzoo.tasks.{x}')"),
        ("sklearn/a.py", "from nnzoo.comparing import race"),
    ],
)
def test_a_wrong_import_is_found(path: str, text: str) -> None:
    assert faults(text, Path(path))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tasks/a.py", "from nnzoo.networks import find"),
        ("tasks/a.py", "def f():\n    import sklearn.metrics"),
        ("cli/a.py", "from nnzoo.zoo.fitting import train"),
        ("networks/__init__.py", "import importlib\nimportlib.import_module(f'nnzoo.networks.{x}')"),
        ("core/a.py", "from nnzoo import __version__"),
    ],
)
def test_a_right_import_is_left_alone(path: str, text: str) -> None:
    assert not faults(text, Path(path))
