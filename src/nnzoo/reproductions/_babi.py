"""bAbI's tasks: the question first, then the facts told before it. Where every training question's answer is a word of a fact that
it rests on, networks point at it (extractive question answering); else the answer is one of those that occur (a label).

Tasks whose every training question rests on a single fact are counted from the data. The 900 training questions (100 choose the
epoch) are joined by copies in which people, places and things change their names among each other, each name the same everywhere
in a story; from every other copy a random share of the facts is left out on which its answer does not rest: bAbI says which these
are, as its authors' memory network is told. All are made from the training questions alone, and as true as these. Where a task says
why people go to places, people alone change names. Of a story the last facts are read, as many as lie between a training question
and the farthest fact that any of them rests on (tasks of one fact: 5, but 2, 3 and 11 in tasks 4, 12 and 20).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnzoo.core.seeds import generator
from nnzoo.data.known_babi import TASKS, VALID, Question, babi_stories
from nnzoo.data.places import cache_folder
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.questions import TASK
from nnzoo.data.raw import Raw, RawQuestions, RawTexts
from nnzoo.data.text_to_text import asked
from nnzoo.reproductions.digests import code_digests, digest
from nnzoo.reproductions.running import Listeners, Reproduction, fit
from nnzoo.training.durable import write_text

COPIES = 8  # of every training question, with names exchanged
SINGLE = (1, 4, 5, 6, 9, 10, 12, 20)  # whose questions all rest on one fact: `rests_on_one`, tested
PEOPLE_ALONE = (20,)  # whose places have meanings of their own
_NO_NAMES = {"The", "Where", "What", "Who", "Is", "Why", "How", "Then", "After", "Following", "Yesterday", "This", "Before"}
_NO_NAMES |= {"Afterwards", "If", "Does", "Did", "Will", "Are", "In", "Wolves", "Sheep", "Cats", "Mice"}
_MEANING = {"left", "right", "morning", "afternoon", "evening"}  # say where or when, which no other word does
_PLACE = re.compile(r"\b(?:in|to|of|from|into) the ([a-z]+)")
_THING = re.compile(r"\b[Tt]he ([a-z]+)\b")
_NAME = re.compile(r"\b[A-Z][a-z]+\b")


def rests_on_one(number: int) -> bool:
    """Whether every training question of a task rests on a single fact."""
    return all(len(set(one.supporting)) == 1 for story in babi_stories(number, "train") for one in story)


def questions(number: int) -> dict[str, list[Question]]:
    """The questions of a task by part: the official test part, and of the training stories the last tenth to choose by."""
    stories = babi_stories(number, "train")
    held = round(len(stories) * VALID)
    parts = {"train": stories[:-held], "valid": stories[-held:], "test": babi_stories(number, "test")}
    return {part: [one for story in some for one in story] for part, some in parts.items()}


def farthest(learned: Sequence[Question]) -> int:
    """How many facts back the farthest lies that a question rests on; 1 is the last."""
    return max(len(one.facts) - place for one in learned for place in one.supporting)


def groups_of(learned: Sequence[Question], people_alone: bool) -> list[list[str]]:
    """Words that may change places with each other: people, places, things."""
    texts = [text for one in learned for text in (*one.facts, one.question)]
    people = {name for text in texts for name in _NAME.findall(text)} - _NO_NAMES
    if people_alone:
        return [sorted(people)]
    places = {place for text in texts for place in _PLACE.findall(text)} - _MEANING
    things = {thing for text in texts for thing in _THING.findall(text)} - places - _MEANING
    return [sorted(group) for group in (people, places, things) if len(group) > 1]


def exchanged(one: Question, groups: Sequence[Sequence[str]], random: torch.Generator) -> Question:
    """A question about the same story with names exchanged, in whatever letters they are written."""
    named: dict[str, str] = {}
    for group in groups:
        order = torch.randperm(len(group), generator=random).tolist()
        named |= {old: group[new] for old, new in zip(group, order)}
    named |= {old.lower(): new.lower() for old, new in named.items()}

    def say(text: str) -> str:
        return re.sub(r"[A-Za-z]+", lambda word: named.get(word[0], word[0]), text)

    return Question(tuple(map(say, one.facts)), say(one.question), say(one.answer), one.supporting)


def thinned(one: Question, random: torch.Generator) -> Question:
    """A question without a random share of the facts on which its answer does not rest."""
    share = float(torch.rand((), generator=random))
    chance = torch.rand(len(one.facts), generator=random).tolist()
    kept = [k for k in range(len(one.facts)) if k in one.supporting or chance[k] < share]
    return one._replace(facts=tuple(one.facts[k] for k in kept), supporting=tuple(map(kept.index, one.supporting)))


def copied(learned: Sequence[Question], number: int, random: torch.Generator) -> list[Question]:
    """Copies of training questions under other names, every other one thinned."""
    groups = groups_of(learned, number in PEOPLE_ALONE)
    copies = [exchanged(one, groups, random) for one in learned for _ in range(COPIES)]
    return [thinned(one, random) if k % 2 else one for k, one in enumerate(copies)]


def place_of(answer: str, facts: Sequence[str], likely: Sequence[int] = ()) -> int | None:
    """The first character of an answer in " ".join(facts): in a `likely` fact if it is there, else in the last that has it."""
    begins = [sum(len(fact) + 1 for fact in facts[:k]) for k in range(len(facts))]
    found = {k: re.search(rf"\b{re.escape(answer)}\b", fact, re.IGNORECASE) for k, fact in enumerate(facts)}
    for k in [*reversed(likely), *reversed(range(len(facts)))]:
        match = found[k]
        if match is not None:
            return begins[k] + match.start()
    return None


def points(learned: Sequence[Question]) -> bool:
    """Whether every answer is a word of a fact that it rests on."""
    return all(place_of(one.answer, [one.facts[k] for k in one.supporting]) is not None for one in learned)


def prepared(number: int, seed: int) -> tuple[Prepared, float]:
    """A task with its copies, ready for learning, and the share of the test questions that are in it: those whose answer no
    training question has, or is not in the facts that are read, cannot be right."""
    parts, random = questions(number), generator(seed, 2015, number)
    back, pointing = farthest(parts["train"]), points(parts["train"])
    answers = {one.answer for one in parts["train"]}
    parts["train"] += copied(parts["train"], number, random)
    asked_in_test = len(parts["test"])
    rows = []
    for part, some in parts.items():
        for one in some:
            first = max(0, len(one.facts) - back)
            start = place_of(one.answer, one.facts[first:], [k - first for k in one.supporting if k >= first])
            if start is not None if pointing else one.answer in answers:
                rows.append((part, one, one.facts[first:], start or 0))
    part_N = np.array([part for part, *_ in rows], dtype=object)
    if pointing:
        texts = [" ".join(facts) for _, _, facts, _ in rows]
        pieces = [text[start : start + len(one.answer)] for text, (_, one, _, start) in zip(texts, rows)]
        starts = [start for *_, start in rows]
        raw: Raw = RawQuestions(f"babi:{number}", [one.question for _, one, *_ in rows], texts, pieces, starts, part=part_N)
        ready = prepare(raw, task=TASK, units="words", seed=seed)
    else:
        texts = [asked(one.question, " ".join(facts)) for _, one, facts, _ in rows]
        labels = np.array([one.answer for _, one, *_ in rows], dtype=object)
        raw = RawTexts(f"babi:{number}", texts, labels=labels, label_name="answer", part=part_N)
        ready = prepare(raw, task="text-classification", units="words", seed=seed)
    return ready, len(ready.rows["test"]) / asked_in_test


def learn(kind: str, number: int, config: dict[str, Any], seed: int, listen: Listeners = ()) -> dict[str, float]:
    """Accuracy on the official test part, of the epoch that the validation part likes best. A task is learned once for a state of
    the code, by whichever process: what came of it stands in the cache, so that the table of all twenty can be broken off."""
    path = _path_of(kind, number, config, seed)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(_learn(kind, number, config, seed, listen)))
    found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _path_of(kind: str, number: int, config: dict[str, Any], seed: int) -> Path:
    code = {**code_digests(kind), "_babi.py": digest(Path(__file__).read_text(encoding="utf-8"))}
    told = json.dumps([kind, number, config, seed, code, torch.__version__], sort_keys=True)
    return cache_folder() / "reproductions" / f"babi-{hashlib.sha256(told.encode()).hexdigest()[:24]}.json"


def _learn(kind: str, number: int, config: dict[str, Any], seed: int, listen: Listeners) -> dict[str, float]:
    data, share = prepared(number, seed)
    network = fit(kind, data, seed, listen, config)
    parts = data.parts.to(network.device)
    assert parts.test is not None and parts.valid is not None
    score = "exact_match" if data.task.name == TASK else "accuracy"
    chosen = data.task.evaluate(network, parts.valid).scores[score]
    accuracy = data.task.evaluate(network, parts.test).scores[score] * share
    return {"score": accuracy, "validation": chosen, "parameters": network.count(), "pointing": float(data.task.name == TASK)}


_PUBLISHED: dict[str, Any] = {
    "metric": "accuracy",
    "better": "higher",
    "published": "mean of all 20 tasks: .487 (LSTM), .933 (memory network that is told which facts matter)",
    "source": "Weston et al. 2015 (1,000 training questions); the rule of .95 for a task that is solved is theirs",
}


def babi(kind: str, number: int, config: dict[str, Any], target: float = 0.99, note: str = "") -> Reproduction:
    """Accuracy of a kind on the official test part of one task."""
    said = f"{COPIES} copies of each training question with names exchanged, some without facts that do not matter; see _babi.py"

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        return learn(kind, number, config, seed, listen)

    return Reproduction(
        data=f"babi:{number}", run=run, target=target, seeds=(0,), note=f"{said}; {note}" if note else said, **_PUBLISHED
    )  # fmt: skip


def babi_all(kind: str, config: dict[str, Any]) -> Reproduction:
    """The mean accuracy over all twenty tasks, each learned alone, and that of each; reported only."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        each = {f"babi:{number}": learn(kind, number, config, seed, listen)["score"] for number in TASKS}
        return {"score": float(np.mean(list(each.values()))), **each}

    said = "the same recipe for all; a network for each task; long: several hours on a core"
    return Reproduction(data="babi, all 20", run=run, target=None, seeds=(0,), note=said, **_PUBLISHED)
