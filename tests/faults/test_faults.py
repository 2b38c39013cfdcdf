"""Broken inputs, one by one through the real command line: one line that names file, place and remedy, or a stated rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from faults import Fault, happens, matches
from page import FAULTS, PAGE, text_of

LATE = ("note: ", "warning: ", "learn: ")  # what training says before a late fault


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNZOO_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not fault.rule], ids=lambda fault: fault.title)
def test_refused_in_one_line_that_says_what_where_and_what_to_do(fault: Fault) -> None:
    result = happens(fault)
    said = result.stderr.splitlines()
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    assert [line for line in said[:-1] if not (fault.late and line.startswith(LATE))] == []
    assert matches(f"nnzoo: {fault.line}", said[-1]), said[-1]
    assert [name for name in fault.names if name not in said[-1]] == []
    assert not Path("canary").exists() and list(Path().rglob("*.tmp")) == []
    assert not (fault.late and Path("run/digests.json").exists())


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.rule], ids=lambda fault: fault.title)
def test_accepted_by_a_stated_rule(fault: Fault) -> None:
    result = happens(fault)
    said = [*result.stderr.splitlines(), *result.stdout.splitlines()]
    whole = " ".join(result.stderr.split())  # long notes are broken into several lines
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.stderr
    assert any(matches(fault.line, line) for line in said) or fault.line in whole, said


def test_every_line_is_specific_and_ends_in_what_to_do() -> None:
    for fault in FAULTS:
        known = re.sub(r"\.\.\.", "", fault.line)
        assert len(known) > 0.5 * len(fault.line) and len(known.split()) >= (1 if fault.rule else 6), fault.title
        if not fault.rule:
            assert fault.names or fault.title == "an empty name", fault.title
            assert fault.remedy != fault.line and len(fault.remedy.replace("...", "").split()) >= 2, fault.title


def test_no_two_inputs_are_the_same() -> None:
    titles = [fault.title for fault in FAULTS]
    assert len(set(titles)) == len(titles) >= 30


def test_the_page_for_people_says_what_is_tested() -> None:
    assert PAGE.read_text(encoding="utf-8") == text_of(), "write it anew: python tests/faults/page.py"
