"""Training on questions whose answers stand in their contexts, and answering: a file, a question written out, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnzoo.cli.app import app

NAMES = ("Ann", "Ben", "Clara", "David", "Emma", "Felix")
PLACES = ("Rome", "Oslo", "New York", "Lima")
SMALL = ["--set", "hidden=32", "--set", "width=32", "--set", "lr=0.01", "--set", "bidirectional=true", "--budget", "150steps"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extract")
    rows = [
        {"question": f"Where is {name}?", "context": f"{name} is in {place},  {other}.", "answer": place}
        for name in NAMES
        for place in PLACES
        for other in ("I hear", "they say", "I think")
    ]
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wanted = ["train", "gru", str(folder / "asked.jsonl"), "--task", "extractive-question-answering", *SMALL]
    done = CliRunner().invoke(app, [*wanted, "--out", str(folder / "run"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["test"] > 0.9
    return folder / "run"


def test_a_question_written_out_is_answered_with_the_words_of_its_context(run: Path) -> None:
    asked = json.dumps({"question": "Where is Ann?", "context": "ann is in  NEW  York, I hear."})
    done = CliRunner().invoke(app, ["predict", str(run), asked])
    assert done.exit_code == 0 and done.stdout == "NEW  York\n"


def test_a_file_is_answered_row_by_row_beside_what_it_says(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(
        'question,context,answer\nWhere is Ben?,"Ben is in Oslo, they say.",Oslo\nWhere is Emma?,"Emma is in Lima, I hear.",Lima\n'
    )
    done = CliRunner().invoke(app, ["predict", str(run), str(file), "--json"])
    answers = json.loads(done.stdout)["predictions"]
    assert [row["predicted_answer"] for row in answers] == [row["answer"] for row in answers] == ["Oslo", "Lima"]
    scored = CliRunner().invoke(app, ["evaluate", str(run), str(file), "--json"])
    assert json.loads(scored.stdout)["scores"] == {"exact_match": 1.0, "f1": 1.0}


def test_an_answer_that_its_context_lacks_is_named_by_its_row(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("question,context,answer\nWhere is Ben?,Ben is in Oslo.,Oslo\nWhere is Ben?,Ben is in Oslo.,Rome\n")
    done = CliRunner().invoke(app, ["evaluate", str(run), str(file)])
    assert done.exit_code == 2 and "row 2: the answer 'Rome' does not stand in its context" in done.output
    assert len(done.output.strip().splitlines()) == 1
