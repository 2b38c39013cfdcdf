"""The house is in order: every kind and task has what belongs to it, files are short, nothing is left half done."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from nnzoo import networks
from nnzoo import tasks as task_files
from nnzoo.core.network import Card, Network, NetworkConfig

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "nnzoo"
PYTHON = sorted(path for room in ("src", "tests", "benchmarks") for path in (ROOT / room).rglob("*.py"))
OURS = [path for path in PYTHON if SOURCE in path.parents]
KINDS = list(networks.files())
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")


def name(path: Path) -> str:
    """The path as it is shown to a person."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_its_file_test_and_reproduction(kind: str) -> None:
    assert (ROOT / "tests" / "networks" / f"test_{kind}.py").is_file(), f"{kind} has no test"
    assert (SOURCE / "reproductions" / f"{kind}.py").is_file(), f"{kind} has no reproduction"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_a_whole_card_and_a_documented_config(kind: str) -> None:
    cls = networks.find(kind)
    assert cls.kind == kind and issubclass(cls.Config, NetworkConfig) and cls.Config is not NetworkConfig
    for field in fields(Card):
        if field.name != "export":
            assert getattr(cls.card, field.name), f"the card of {kind} says nothing on {field.name}"
    assert 1900 < cls.card.year < 2100
    bases = [base for base in cls.__mro__[1:] if issubclass(base, Network)]
    assert all(base.__module__.startswith(("nnzoo.blocks.", "nnzoo.core.")) for base in bases), f"{kind} inherits from another kind"


@pytest.mark.parametrize("task", task_files.names())
def test_a_task_has_a_test(task: str) -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "tasks").glob("test_*.py"))
    assert re.search(rf"\b{task}\b|\b{task.replace('-', '_')}\b", tests), f"no test under tests/tasks names {task}"


def half_done(text: str) -> Iterator[str]:
    """What a file leaves half done or swallows, in words, with the line."""
    tree, lines = ast.parse(text), text.splitlines()
    for number, line in enumerate(lines, 1):
        if found := UNFINISHED.search(line):
            yield f"{number}: {found[0]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else {"Exception"}
            if caught & {"Exception", "BaseException"}:
                yield f"{node.lineno}: catches everything"
        if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.dump(node.exc):  # noqa: SIM102
            if "# abstract" not in lines[node.lineno - 1]:
                yield f"{node.lineno}: not implemented"


def silent(text: str) -> Iterator[str]:
    """What is public in a file and has no docstring."""
    tree = ast.parse(text)
    if tree.body and not ast.get_docstring(tree):
        yield "1: the file itself"
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{node.lineno}: {node.name}"


def test_files_are_short() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert not {path: lines for path, lines in lengths.items() if lines > 400}, "a file that long holds two ideas"


def test_nothing_is_left_half_done_or_swallowed() -> None:
    assert [f"{name(path)}:{fault}" for path in PYTHON for fault in half_done(path.read_text(encoding="utf-8"))] == []


def test_what_is_public_has_a_docstring() -> None:
    assert [f"{name(path)}:{fault}" for path in OURS for fault in silent(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept (OSError, Exception):\n    pass",
        "def f():\n    raise NotImplementedError",
        "x = 1  # TO" + "DO",
    ],
)
def test_something_half_done_is_found(text: str) -> None:
    assert list(half_done(text))


@pytest.mark.parametrize("text", ["x = 1", '"""A."""\ndef f(): ...', '"""A."""\nclass A: ...'])
def test_something_silent_is_found(text: str) -> None:
    assert list(silent(text))


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
