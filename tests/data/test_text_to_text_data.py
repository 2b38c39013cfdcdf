"""Summaries and questions from people's files, by the names of columns; made sets whose answers can be checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnzoo.core.errors import DataError
from nnzoo.data.known import read_known
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.raw import RawPairs

_ASKED = {"context": "It has number {}.", "answer": "number {}", "question": "Which number?"}
SQUAD = [{"id": str(k), **{name: text.format(k % 7) for name, text in _ASKED.items()}} for k in range(40)]


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pd.DataFrame(rows).to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_questions_contexts_and_answers_are_found_by_name(tmp_path: Path, name: str) -> None:
    ready = prepare(str(write(tmp_path / name, SQUAD)), task="question-answering")
    assert isinstance(ready.raw, RawPairs) and ready.task.name == "question-answering"
    assert ready.raw.source[0] == "question: Which number? context: It has number 0." and ready.raw.target[8] == "number 1"
    source, answer = ready.spec.inputs["source"], ready.spec.outputs["target"]
    assert source.symbols == answer.symbols and " number" in source.symbols  # words, those of both sides together


def test_answers_as_squad_has_them_and_other_names(tmp_path: Path) -> None:
    nested = [{**row, "answers": {"text": [row["answer"], "else"], "answer_start": [0]}} for row in SQUAD]
    path = write(tmp_path / "a.jsonl", [{k: v for k, v in row.items() if k != "answer"} for row in nested])
    assert prepare(str(path), task="question-answering").raw.target[:2] == ["number 0", "number 1"]
    articles = [{"highlights": f"So {k}", "id": k, "article": f"There was {k}"} for k in range(30)]
    assert prepare(pd.DataFrame(articles), task="summarization").raw.source[3] == "There was 3"
    other = [{"text": f"There was {k}", "gist": f"So {k}", "id": k} for k in range(30)]
    assert prepare(pd.DataFrame(other), task="summarization", targets="gist").raw.target[3] == "So 3"
    with pytest.raises(DataError, match="summarization needs text and summary"):
        prepare(pd.DataFrame(other), task="summarization")
    two = pd.DataFrame({"long": ["There it was"] * 30, "short": ["So there"] * 30})
    assert prepare(two, task="summarization").raw.target[0] == "So there"


def test_new_questions_need_no_answers_and_are_read_alike(tmp_path: Path) -> None:
    ready = prepare(str(write(tmp_path / "a.jsonl", SQUAD)), task="question-answering")
    again = type(ready.preprocessing).from_facts(json.loads(json.dumps(ready.preprocessing.facts())))
    new = write(tmp_path / "new.jsonl", [{"context": "It has number 3.", "question": "Which number?"}])
    opened = open_like(again, str(new))
    assert opened.raw.source == ["question: Which number? context: It has number 3."] and opened.raw.target is None
    assert again.read(pd.DataFrame(SQUAD[:2])).target == ["number 0", "number 1"]
    assert again.read("question: Which? context: one").source == ["question: Which? context: one"]
    one = again.read('{"question": "Which?", "context": "It has number 3."}')
    assert one.source == ["question: Which? context: It has number 3."] and one.name == "a text to translate"
    with pytest.raises(DataError, match="no column called question and context"):
        again.read(pd.DataFrame({"a": ["x"], "b": ["y"], "c": ["z"]}))


def test_copies_reversed_and_sorted_strings_are_so_and_no_test_pair_is_learned_from() -> None:
    raw, longer = read_known("copy-reverse-sort"), read_known("copy-reverse-sort:15")
    assert isinstance(raw, RawPairs) and len(set(raw.source)) == len(raw) == 30_000
    for each, lengths in ((raw, range(1, 11)), (longer, [15])):
        for source, target in list(zip(each.source, each.target))[:500]:
            task, text = source.split(": ")
            assert target == {"copy": text, "reverse": text[::-1], "sort": "".join(sorted(text))}[task] and len(text) in lengths
    assert {str(p): int((raw.part == p).sum()) for p in np.unique(raw.part)} == {"train": 27_000, "valid": 1500, "test": 1500}
    short = np.array([len(source.split(": ")[1]) < 3 for source in raw.source])
    assert short[raw.part == "test"].mean() == pytest.approx(short.mean(), abs=0.01)


def test_made_summaries_and_answers_stand_in_their_texts() -> None:
    kept = read_known("made-summaries")
    for text, summary in list(zip(kept.source, kept.target))[:200]:
        assert summary == " ".join(f"{fact}." for fact in text.rstrip(".").split(". ") if " lives in " in fact)
    told = {"live?": "lives in", "born?": "was born in", "like?": "likes"}
    asked = read_known("made-questions")
    for source, answer in list(zip(asked.source, asked.target))[:200]:
        question, context = source.removeprefix("question: ").split(" context: ")
        words = question.split()
        name, verb = (words[-1][:-1], "works as a") if "work of" in question else (words[2], told[words[-1]])
        assert f"{name} {verb} {answer}." in context and context.count(f"{name} {verb}") == 1
    assert prepare("made-summaries").task.name == "summarization" and asked.asks == "question-answering"
