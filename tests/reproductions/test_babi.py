"""bAbI's copies: names change everywhere at once and nothing else does, so that each copy is as true as its story."""

from __future__ import annotations

from nnzoo.core.seeds import generator
from nnzoo.data.known_babi import Question
from nnzoo.reproductions._babi import exchanged, farthest, groups_of, place_of, points, thinned

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


def test_a_thinned_story_keeps_what_its_answer_rests_on_in_order() -> None:
    rests = STORY._replace(supporting=(1, 3))
    some = [thinned(rests, generator(0, k)) for k in range(60)]
    assert {len(one.facts) for one in some} == {2, 3, 4}
    for one in some:
        assert [one.facts[k] for k in one.supporting] == [STORY.facts[1], STORY.facts[3]]
        assert [fact for fact in STORY.facts if fact in one.facts] == list(one.facts)


def test_an_answer_is_pointed_at_in_the_fact_that_it_rests_on() -> None:
    text = " ".join(STORY.facts)
    assert place_of("garden", STORY.facts, (0,)) == text.index("garden") and place_of("Mary", STORY.facts) == text.rindex("Mary")
    assert place_of("mary", STORY.facts, (0, 1)) == 0 and place_of("art", STORY.facts) is None
    assert points([STORY]) and not points([STORY, STORY._replace(answer="yes")])
