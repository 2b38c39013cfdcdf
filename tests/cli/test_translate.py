"""Translation from the command line: pairs in files, a trained run, a text in and its translation out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nnzoo.cli.app import app

NUMBERS = {"one": "1", "two": "2", "three": "3", "four": "4"}
PAIRS = [(f"{a} {b}", NUMBERS[a] + NUMBERS[b]) for a in NUMBERS for b in NUMBERS] * 8


def run(*words: str | Path) -> Any:
    """The command line in this process; an unforeseen error is raised."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned figures from words, and its data."""
    folder = tmp_path_factory.mktemp("pairs")
    for stem, pairs in (("train", PAIRS), ("valid", PAIRS[:16]), ("test", PAIRS[:16])):
        for side, ending in enumerate(("words", "fig")):
            ending = {"words": "en", "fig": "num"}[ending]
            (folder / f"{stem}.{ending}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
    small = ("--set", "hidden=24", "--set", "width=16", "--set", "attention=16", "--set", "batch=32", "--set", "lr=0.02")
    done = run("train", "attention_seq2seq", folder, "--budget", "70steps", *small, "--out", folder / "run", "--target", "num")
    assert done.exit_code == 0, done.stderr
    return folder


def test_a_bare_text_is_answered_by_its_translation_alone(trained: Path) -> None:
    assert run("predict", trained / "run", "three one").stdout == "31\n"
    assert run("predict", trained / "run", "three one", "--beam", "1").stdout == "31\n"
    found = json.loads(run("predict", trained / "run", "two two", "--json").stdout)
    assert found["predictions"] == [{"source": "two two", "target": "22"}]


def test_files_are_answered_line_by_line_and_scored(trained: Path) -> None:
    (trained / "new.txt").write_text("four two\n\none three\n")
    shown = run("predict", trained / "run", trained / "new.txt").stdout.splitlines()
    assert shown == ["source,target", "four two,42", ",", "one three,13"]
    scored = json.loads(run("evaluate", trained / "run", trained / "test", "--json").stdout)
    assert scored["metric"] == "exact_match" and scored["score"] == 1 and scored["scores"]["nats_per_token"] < 0.2
    beside = run("predict", trained / "run", trained / "test").stdout.splitlines()
    assert beside[:2] == ["source,target,predicted_target", "one one,11,11"]


def test_data_are_told_and_wrong_words_are_refused(trained: Path) -> None:
    found = json.loads(run("data", trained, "--json").stdout)
    assert (found["sort"], found["task"], found["rows"]) == ("pairs", "translation", 160)
    assert [field["name"] for field in found["fields"]] == ["en", "num"]
    assert "can" in found["kinds"]["attention_seq2seq"] and "cannot" in found["kinds"]["mlp"]
    assert "en" in run("data", trained).stdout
    for words, said in (
        (("train", "attention_seq2seq", trained, "--units", "letters"), "characters, words, bpe"),
        (("predict", trained / "run", "two", "--beam", "0"), "beam=0"),
        (("train", "lstm", trained), "lstm"),
        (("train", "attention_seq2seq", "iris"), "pairs of texts"),
    ):
        result = run(*words)
        assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1
