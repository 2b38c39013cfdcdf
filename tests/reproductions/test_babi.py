"""bAbI's copies: names change everywhere at once and nothing else does, so that each copy is as true as its story."""

from __future__ import annotations

from nnzoo.core.seeds import generator
from nnzoo.data.known_babi import Question
from nnzoo.reproductions._babi import exchanged, farthest, groups_of

STORY = Question(
    ("Mary went to the garden.", "John is in the office.", "Mary took the apple there.", "Then she put the milk down."),
    "Where is mary?",
    "garden",
    (0,),
)


def test_people_places_and_things_are_told_apart_by_how_they_are_used() -> None:
    assert groups_of([STORY], False) == [["John", "Mary"], ["garden", "office"], ["apple", "milk"]]
    assert groups_of([STORY], True) == [["John", "Mary"]]


def test_a_copy_is_the_same_story_under_other_names() -> None:
    groups, random = groups_of([STORY], False), generator(0, 1)
    copies = [exchanged(STORY, groups, random) for _ in range(30)]
    assert len(set(copies)) == 2 * 2 * 2, "every exchange within a group, none between groups"
    for copy in copies:
        who, where = copy.facts[0].split()[0], copy.answer
        assert copy.question == f"Where is {who.lower()}?" and copy.facts[0] == f"{who} went to the {where}."
        other, place = ({"John", "Mary"} - {who}).pop(), ({"garden", "office"} - {where}).pop()
        assert copy.facts[1] == f"{other} is in the {place}." and copy.facts[2].startswith(f"{who} took the ")
        assert copy.supporting == (0,) and {"apple", "milk"} == {copy.facts[2].split()[3], copy.facts[3].split()[4]}


def test_as_many_facts_are_read_as_a_question_needs() -> None:
    assert farthest([STORY]) == 4 and farthest([STORY._replace(supporting=(1, 3)), STORY._replace(supporting=(3,))]) == 3
