"""bAbI: every question with the facts told before it, stories whole in one part, tasks of one fact counted from the data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes
from nnzoo.data.known import known_names, read_known
from nnzoo.data.known_babi import babi_stories, read_stories
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawPairs

LINES = "1 Mary ran.\n2 John sat.\n3 Who ran? \tMary\t1\n4 Mary sat.\n5 Who sat?\tJohn,Mary\t2 4\n1 Ann ran.\n2 Who ran?\tAnn\t1\n"
needs_data = pytest.mark.skipif(
    not Path(os.environ.get("NNZOO_DATA", "/none"), "babi").is_dir(), reason="NNZOO_DATA does not hold the folder babi"
)


def test_a_question_comes_with_the_facts_before_it_and_no_questions_among_them() -> None:
    first, second = read_stories(LINES, Path("qa"))
    assert [one.facts for one in first] == [("Mary ran.", "John sat."), ("Mary ran.", "John sat.", "Mary sat.")]
    assert [one.supporting for one in first] == [(0,), (1, 2)] and first[1].answer == "John,Mary"
    assert second[0].facts == ("Ann ran.",) and second[0].question == "Who ran?"


@pytest.mark.parametrize(("text", "line"), [("1 a.\nno number\n", 2), ("2 a.\n", 1), ("1 a.\n2 b?\tc\n", 2)])
def test_other_lines_are_refused_by_their_number(text: str, line: int) -> None:
    with pytest.raises(DataError, match=f"qa, line {line} is neither"):
        read_stories(text, Path("qa"))


@needs_data
def test_the_official_test_part_stays_and_stories_are_whole_in_a_part() -> None:
    raw = read_known("babi:1")
    assert isinstance(raw, RawPairs) and raw.asks == "question-answering" and "babi" in known_names()
    parts = [str(part) for part in raw.part]
    assert (parts.count("train"), parts.count("valid"), parts.count("test")) == (900, 100, 1000)
    asked_of = "question: Where is Mary? context: Mary moved to the bathroom. John went to the hallway."
    assert raw.source[0] == asked_of and raw.target[0] == "bathroom"
    begins = [row for row, source in enumerate(raw.source) if source.count(".") == 2]
    assert len(begins) == 400 and {parts[row - 1] for row in begins if parts[row] != parts[row - 1]} <= {"train", "valid", "test"}
    assert [row for row in range(1, 2000) if parts[row] != parts[row - 1]] == [900, 1000] and {900, 1000} <= set(begins)
    assert read_known("babi").source == raw.source
    for wrong in ("babi:0", "babi:21", "babi:x"):
        with pytest.raises(DataError, match="a number from 1 to 20"):
            read_known(wrong)


@needs_data
def test_tasks_of_a_single_fact_are_those_whose_questions_all_name_one() -> None:
    from nnzoo.reproductions._babi import SINGLE, rests_on_one

    assert tuple(number for number in range(1, 21) if rests_on_one(number)) == SINGLE == (1, 4, 5, 6, 9, 10, 12, 20)
    assert len(babi_stories(4, "test")) == 1000


@needs_data
def test_they_are_written_pointed_at_or_told_apart() -> None:
    assert prepare("babi:1").task.name == "question-answering"
    judged = prepare("babi:1", task="text-classification").spec.outputs["answer"]
    assert isinstance(judged, Classes) and judged.size == 6
    ready = prepare("babi:1", task="extractive-question-answering")
    assert len(ready.parts.train) == 900 and len(ready.parts.test) == 1000
    with pytest.raises(DataError, match="the answer 'no' does not stand in its context"):
        prepare("babi:6", task="extractive-question-answering")
