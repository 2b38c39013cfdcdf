"""Open questions whose answer is a piece of their context.

- A table (.jsonl, .csv, .tsv, .parquet, a frame, records) with columns for question, context and answer, by the names that
  `text_to_text.py` knows; of several answers the first. Where a column tells it (`answer_start`, as SQuAD's records do), that is
  where the answer begins; else it is where it stands first as words of its own, else where it stands first.
- SQuAD's own file: {"data": [{"paragraphs": [{"context", "qas": [{"question", "answers": [{"text", "answer_start"}]}]}]}]}.
- Pairs that were written as "question: ... context: ..." with an answer, as made sets have them.

A question without an answer is left out, and a note says how many; an answer that its context does not hold is an error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.archives import read_plain
from nnzoo.data.raw import Raw, RawPairs, RawQuestions, RawTable, RawTexts
from nnzoo.data.tables import read_table, suffix_of
from nnzoo.data.text_to_text import ANSWERS, CONTEXTS, QUESTIONS, TASKS, asked, first_of, is_table, named, read_pairs_for

TASK = "extractive-question-answering"
OF_TEXTS = (*TASKS, TASK)  # tasks that say which columns of a table they need
A_QUESTION = "a question"  # the name of one that stands for itself
_ASKED = re.compile(r"question: (?P<question>.*?) context: (?P<context>.*)", re.DOTALL)


def open_for(task: str, source: Any, target: str | None = None) -> RawPairs | RawQuestions:
    """Whatever a person gives, as a task of OF_TEXTS learns from it. Raises DataError."""
    if task == TASK:
        return open_questions(source, target)
    if task == "question-answering":
        if isinstance(source, (str, os.PathLike)) and _is_json(source):
            source = read_squad(Path(source)) or source
        if isinstance(source, RawQuestions):
            return as_pairs(source)
    return read_pairs_for(task, source, target)


def alike(sort: str, raw: Raw) -> Raw:
    """What was opened, as the sort of data that is needed, where the one is written as the other: questions with their contexts as
    pairs of texts and back, pairs as texts whose answers are labels."""
    if sort == "questions" and isinstance(raw, RawPairs):
        return open_questions(raw, to_learn=False)
    if sort == "pairs" and isinstance(raw, RawQuestions):
        return as_pairs(raw)
    if sort == "texts" and isinstance(raw, RawQuestions):
        raw = as_pairs(raw)
    if sort == "texts" and isinstance(raw, RawPairs):
        labels = None if raw.target is None else np.array(raw.target, dtype=object)
        return RawTexts(raw.name, raw.source, labels=labels, label_name=raw.languages[1], part=raw.part, notes=raw.notes)
    return raw


def _is_json(source: str | os.PathLike[str]) -> bool:
    return suffix_of(Path(source)) == ".json" and os.path.isfile(source)


def open_questions(source: Any, target: str | None = None, to_learn: bool = True) -> RawQuestions:
    """Whatever a person gives, as questions with their contexts; with answers where it has them, which it must `to_learn`. A text
    that begins with a brace is one record as JSON. `target` names the column of answers where it has another name. Raises
    DataError naming the row."""
    from nnzoo.data.reading import read, read_known

    raw: Raw | None
    if (record := record_of(source)) is not None:
        raw = replace(read_table([record]), name=A_QUESTION)
    elif isinstance(source, (str, os.PathLike)) and _is_json(source):
        raw = read_squad(Path(source)) or read_table(source)
    else:
        raw = read_known(source) or (read_table(source) if is_table(source) else read(source))
    match raw:
        case RawQuestions():
            found = raw
        case RawPairs():
            found = _from_pairs(raw)
        case RawTable():
            found = _from_table(raw, target)
        case _:
            raise DataError(f"{raw.name} holds no questions; give a table with question, context and answer, or SQuAD's JSON")
    if to_learn and found.answers is None:
        raise DataError(f"{found.name} has no column of answers; add one called answer, or name it with --target")
    return found if found.answers is None or found.starts is not None else placed(found)


def record_of(source: Any) -> dict[str, Any] | None:
    """The one record that a text in braces stands for, if it is one. Raises DataError where it is no JSON."""
    if not isinstance(source, str) or not source.lstrip().startswith("{"):
        return None
    try:
        record = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise DataError(f'the question is no JSON ({error}); write {{"question": "...", "context": "..."}}') from None
    return record


def read_squad(path: Path) -> RawQuestions | None:
    """SQuAD's own layout; None for other JSON. Raises DataError naming the question."""
    try:
        content = json.loads(read_plain(path).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None  # whoever reads tables says what is wrong
    if not isinstance(content, Mapping) or not isinstance(content.get("data"), list):
        return None
    rows: list[dict[str, Any]] = []
    try:
        for article in content["data"]:
            for paragraph in article["paragraphs"]:
                for one in paragraph["qas"]:
                    rows.append({"question": one["question"], "context": paragraph["context"], "answers": one.get("answers", [])})
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}, question {len(rows) + 1}: {error} is not where SQuAD's layout has it; save it again") from None
    if not rows:
        raise DataError(f"{path} holds no questions; give at least three")
    return _from_table(RawTable(str(path), pd.DataFrame(rows)), None)


def as_pairs(raw: RawQuestions) -> RawPairs:
    """The same for a network that writes its answers."""
    sources = [asked(*row) for row in zip(raw.questions, raw.contexts)]
    return RawPairs(
        raw.name, sources, raw.answers, ("text", "answer"), part=raw.part, notes=raw.notes, asks="question-answering"
    )  # fmt: skip


def _from_pairs(raw: RawPairs) -> RawQuestions:
    rows = [_ASKED.fullmatch(source) for source in raw.source]
    wrong = next((row for row, match in enumerate(rows) if match is None), None)
    if wrong is not None:
        raise DataError(f"{raw.name}, row {wrong + 1} is not written as 'question: ... context: ...'; give a table with columns")
    sides = {name: [match[name].strip() for match in rows if match is not None] for name in ("question", "context")}
    return RawQuestions(raw.name, sides["question"], sides["context"], raw.target, part=raw.part, notes=[*raw.notes])


def _from_table(raw: RawTable, target: str | None) -> RawQuestions:
    answer = named(raw.frame, (target,) if target else ANSWERS)
    others = raw.frame.drop(columns=[answer]) if answer is not None else raw.frame
    question, context = named(others, QUESTIONS), named(others, CONTEXTS)
    if question is None or context is None or (target is not None and answer is None):
        lacks = "question" if question is None else "context" if context is None else str(target)
        raise DataError(
            f"{raw.name} has no column '{lacks}'; {TASK} needs question, context and answer, and it has "
            + ", ".join(map(str, raw.frame.columns))
        )
    sides = {name: [first_of(cell) for cell in raw.frame[name]] for name in (question, context)}
    empty = next((row for row in range(len(raw)) if not (sides[question][row].strip() and sides[context][row].strip())), None)
    if empty is not None:
        raise DataError(f"{raw.name}, row {empty + 1} has no question or no context; fill it, or leave the row out")
    if answer is None:
        return RawQuestions(raw.name, sides[question], sides[context], part=raw.part, notes=[*raw.notes])
    answers = [first_of(cell) for cell in raw.frame[answer]]
    told = named(others, ("answer_start",))
    starts = [_start_of(cell) for cell in (raw.frame[answer] if told is None else raw.frame[told])]
    kept = [row for row in range(len(raw)) if answers[row].strip()]
    if not kept:
        return RawQuestions(raw.name, sides[question], sides[context], part=raw.part, notes=[*raw.notes])
    notes = [*raw.notes]
    if without := len(raw) - len(kept):
        notes.append(f"{without:,} of {len(raw):,} questions have no answer and are left out")
    asked_of, about, right = ([column[row] for row in kept] for column in (sides[question], sides[context], answers))
    part = None if raw.part is None else raw.part[kept]
    found = RawQuestions(raw.name, asked_of, about, right, part=part, notes=notes)
    return placed(found, [starts[row] for row in kept], [row + 1 for row in kept])


def placed(raw: RawQuestions, starts: list[int | None] | None = None, numbers: list[int] | None = None) -> RawQuestions:
    """The same with the first character of every answer; `starts` are those that data tell, `numbers` what rows are called.
    Raises DataError naming a row whose context does not hold its answer there."""
    assert raw.answers is not None
    answers = [answer.strip() for answer in raw.answers]
    found: list[int] = []
    for row, (answer, context) in enumerate(zip(answers, raw.contexts)):
        told = None if starts is None else starts[row]
        if told is not None:  # spaces before the answer were stripped above
            told += len(raw.answers[row]) - len(raw.answers[row].lstrip())
        place = _first_place(answer, context) if told is None else told if context[told : told + len(answer)] == answer else -1
        if place < 0 or not answer:
            number = row + 1 if numbers is None else numbers[row]
            where = f"at character {told}" if told is not None else "in its context"
            raise DataError(f"{raw.name}, row {number}: the answer '{answer[:60]}' does not stand {where}; correct the row")
        found.append(place)
    return replace(raw, answers=answers, starts=found)


def _first_place(answer: str, context: str) -> int:
    """Where an answer stands first as words of its own, else at all (small or capital letters); -1 where it does not."""
    for pattern in (rf"(?<!\w){re.escape(answer)}(?!\w)", re.escape(answer)):
        if match := re.search(pattern, context) or re.search(pattern, context, re.IGNORECASE):
            return match.start()
    return -1


def _start_of(cell: Any) -> int | None:
    """The place that an answer tells of itself: a number, or `answer_start` of the first of several."""
    while isinstance(cell, (dict, list)):
        cell = cell.get("answer_start") if isinstance(cell, dict) else (cell[0] if cell else None)
    return int(cell) if isinstance(cell, (int, float)) and cell == cell else None
