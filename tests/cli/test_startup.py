"""Starting costs little: help without torch, `import nnzoo` without anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "pandas", "sklearn", "numpy", "matplotlib")


def child(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def loaded(stderr: str) -> set[str]:
    """The packages that `-X importtime` lists."""
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("--version",), ("kinds",), ("nonsense",)])
def test_help_and_names_load_nothing_heavy(words: tuple[str, ...]) -> None:
    done = child("-X", "importtime", "-m", "nnzoo", *words)
    assert done.returncode == (2 if words == ("nonsense",) else 0)
    packages = loaded(done.stderr)
    assert "typer" in packages
    assert not packages & set(HEAVY)


def test_help_answers_in_under_three_tenths_of_a_second() -> None:
    """The quickest of some tries, since other work on the machine only ever makes it slower."""
    quickest = 9.0
    for _ in range(10):
        began = time.perf_counter()
        assert child("-m", "nnzoo", "--help").returncode == 0
        quickest = min(quickest, time.perf_counter() - began)
        if quickest < 0.3:
            return
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    assert quickest < 0.3 * max(1.0, load), f"{quickest:.2f} s"


def test_import_nnzoo_adds_under_a_fifth_of_a_second_to_import_torch() -> None:
    text = (
        "import torch, sys, time; before = set(sys.modules); began = time.perf_counter(); import nnzoo; "
        "print(time.perf_counter() - began, len(set(sys.modules) - before))"
    )
    seconds, modules = child("-c", text).stdout.split()
    assert float(seconds) < 0.2
    assert int(modules) < 10


def test_import_nnzoo_loads_nothing_heavy() -> None:
    done = child("-c", f"import nnzoo, sys; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert done.stdout.strip() == "[]"
