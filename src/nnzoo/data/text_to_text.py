"""Pairs of texts for tasks that say which columns they need: a text and its summary; a question, its context and the answer.

Columns are found by name, whatever their order and whatever stands beside them: in .jsonl, .csv, .tsv, .parquet, a frame or
records. A question and its context become one source, "question: ... context: ...". Of several answers, as in
SQuAD, the first is taken. Where no column has such a name, two columns are a text and its answer, as for translation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.pairs import as_pairs, read_as_pairs, usable
from nnzoo.data.raw import Raw, RawPairs, RawTable
from nnzoo.data.tables import SUFFIXES, read_table, suffix_of

TEXTS = ("text", "document", "article", "dialogue", "body")
SUMMARIES = ("summary", "highlights", "abstract")
QUESTIONS, CONTEXTS, ANSWERS = ("question", "query"), ("context", "passage", "text", "document"), ("answer", "answers")
TASKS = ("translation", "summarization", "question-answering")


def read_pairs_for(task: str, source: Any, target: str | None = None) -> RawPairs:
    """Whatever a person gives, as the pairs that a task of TASKS learns from; `target` names the column of answers where it has
    another name. Raises DataError."""
    from nnzoo.data.reading import read, read_known

    if task == "translation":
        return read_as_pairs(source, target)
    raw: Raw | None = read_known(source)
    if raw is None:
        raw = read_table(source) if is_table(source) else read(source)
    if isinstance(raw, RawTable):
        answer = named(raw.frame, (target,) if target else SUMMARIES if task == "summarization" else ANSWERS)
        sources = sources_of(task, raw.frame, answer)
        if sources is not None and answer is not None:
            right = [first_of(cell) for cell in raw.frame[answer]]
            return usable(RawPairs(raw.name, sources, right, ("text", answer), part=raw.part, notes=raw.notes))
        if target is None and len(raw.frame.columns) != 2:
            wanted = "text and summary" if task == "summarization" else "question, context and answer"
            raise DataError(
                f"{raw.name} has the columns {', '.join(map(str, raw.frame.columns))}; {task} needs {wanted}, or two columns"
            )
    return as_pairs(raw, target)


def is_table(source: Any) -> bool:
    """Whether a source is a file, frame or records with named columns."""
    if isinstance(source, (str, os.PathLike)):
        return suffix_of(Path(source)) in SUFFIXES and os.path.exists(source)
    return isinstance(source, (pd.DataFrame, Mapping)) or (
        isinstance(source, list) and bool(source) and isinstance(source[0], Mapping)
    )


def read_questions(task: str, source: Any) -> RawPairs:
    """A table of what a trained model is to answer, with right answers or without. Raises DataError."""
    raw = read_table(source)
    answer = named(raw.frame, SUMMARIES if task == "summarization" else ANSWERS)
    sources = sources_of(task, raw.frame, answer)
    if sources is None:
        if len(raw.frame.columns) > 2:
            needed = "text" if task == "summarization" else "question and context"
            raise DataError(f"{raw.name} has no column called {needed}; it has {', '.join(map(str, raw.frame.columns))}")
        sources, answer = [_text(cell) for cell in raw.frame.iloc[:, 0]], raw.frame.columns[1] if raw.frame.shape[1] == 2 else None
    right = None if answer is None else [first_of(cell) for cell in raw.frame[answer]]
    return RawPairs(raw.name, sources, right, ("text", "answer" if answer is None else str(answer)))


def sources_of(task: str, frame: pd.DataFrame, answer: str | None) -> list[str] | None:
    """What is to be read in every row; None where no column is called so."""
    others = frame.drop(columns=[answer]) if answer is not None else frame
    if task == "summarization":
        text = named(others, TEXTS)
        return None if text is None else [_text(cell) for cell in frame[text]]
    question, context = named(others, QUESTIONS), named(others, CONTEXTS)
    if question is None:
        return None
    if context is None:
        return [asked(_text(cell)) for cell in frame[question]]
    return [asked(_text(a), _text(b)) for a, b in zip(frame[question], frame[context])]


def asked(question: str, context: str = "") -> str:
    """A question, and what it is about, as one text."""
    return f"question: {question}" + (f" context: {context}" if context else "")


def named(frame: pd.DataFrame, names: tuple[str | None, ...]) -> str | None:
    """The column that bears the first of these names, in whatever letters."""
    found = {str(column).strip().lower(): str(column) for column in reversed(frame.columns)}
    return next((found[name.lower()] for name in names if name is not None and name.lower() in found), None)


def _text(cell: Any) -> str:
    return "" if cell is None or cell != cell else str(cell)


def first_of(cell: Any) -> str:
    """A text, or the first of those that a cell holds."""
    while isinstance(cell, (dict, list)):
        inner = cell.get("text", []) if isinstance(cell, dict) else cell
        cell = inner if isinstance(inner, str) else (inner[0] if inner else "")
    return _text(cell)
