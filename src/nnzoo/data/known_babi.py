"""bAbI (Weston et al. 2015): twenty kinds of question about little stories, 1,000 to learn from and 1,000 to test of each.

A file has a line of "ID sentence" for each fact and of "ID question<TAB>answer<TAB>IDs of the supporting facts" for each question;
ID 1 begins a new story. A row here is a question with the facts of its story that were told before it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import open_zip, read_entry
from nnzoo.data.known_files import folder_of
from nnzoo.data.raw import RawPairs
from nnzoo.data.text_to_text import asked

TASKS = range(1, 21)
VALID = 0.1  # of the training stories, the last ones
_FOLDER, _ZIP, _MOST = "babi", "babi_tasksv11_en.zip", 8 << 20
_LINE = re.compile(r"(\d+) ([^\t]+)(?:\t([^\t]+)\t([\d ]+))?")


class Question(NamedTuple):
    """A question, the facts told before it in order, the answer, and which of the facts (from 0) it rests on."""

    facts: tuple[str, ...]
    question: str
    answer: str
    supporting: tuple[int, ...]


def babi(number: str) -> RawPairs:
    """The questions of one task, 1 to 20, to be answered from their stories: the official test part, and of the training stories
    the last tenth to choose by. Raises DataError."""
    if not number.isdecimal() or int(number) not in TASKS:
        raise DataError(f"'babi:{number}': a task of bAbI is a number from 1 to 20, as in babi:1")
    stories = {part: babi_stories(int(number), part) for part in ("train", "test")}
    held = round(len(stories["train"]) * VALID)
    parts = {"train": stories["train"][:-held], "valid": stories["train"][-held:], "test": stories["test"]}
    rows = [(part, one) for part, some in parts.items() for story in some for one in story]
    return RawPairs(
        f"babi:{number}",
        [asked(one.question, " ".join(one.facts)) for _, one in rows],
        [one.answer for _, one in rows],
        ("text", "answer"),
        part=np.array([part for part, _ in rows], dtype=object),
        truth={"supporting": [list(one.supporting) for _, one in rows]},
        asks="question-answering",
    )


def babi_stories(number: int, part: str) -> list[list[Question]]:
    """The questions of every story of an official part, in order. Raises DataError."""
    path = folder_of(_FOLDER, _FOLDER, _ZIP) / _ZIP
    archive, entries = open_zip(path)
    with archive:
        wanted = re.compile(rf"(.*/)?en/qa{number}_[\w-]+_{part}\.txt")
        entry = next((one for one in entries if wanted.fullmatch(one.filename)), None)
        if entry is None:
            raise DataError(f"{path} holds no {part} part of task {number}; download it again")
        text = read_entry(path, archive, entry, _MOST).decode("utf-8")
    return read_stories(text, path)


def read_stories(text: str, path: Path) -> list[list[Question]]:
    """Stories from the lines of a file. Raises DataError naming the line."""
    stories: list[list[Question]] = []
    told: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line.rstrip())
        if match is None or (not stories and match[1] != "1"):
            raise DataError(f"{path}, line {number} is neither a fact nor a question of bAbI; download it again")
        if match[1] == "1":
            stories.append([])
            told = {}
        if match[3] is None:
            told[int(match[1])] = match[2].strip()
            continue
        order = list(told)
        rests_on = tuple(order.index(int(fact)) for fact in match[4].split() if int(fact) in told)
        stories[-1].append(Question(tuple(told.values()), match[2].strip(), match[3].strip(), rests_on))
    return stories
