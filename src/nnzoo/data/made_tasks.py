"""Texts with answers that the program makes itself, so that what is right is known: three tasks told apart by a prefix, lists of
facts of which one sort is to be kept, questions whose answer stands in the context."""

from __future__ import annotations

import numpy as np
import torch

from nnzoo.core.seeds import generator
from nnzoo.data.raw import RawPairs

_LETTERS = "abcdefghijkl"
_DOES = {"copy": lambda text: text, "reverse": lambda text: text[::-1], "sort": lambda text: "".join(sorted(text))}
_WORDS = {
    "names": "anna ben clara david emma felix grace henry ida jacob karla leo mia nora oscar paula",
    "places": "rome oslo paris lima cairo tokyo delhi quito berlin dakar vienna perth",
    "work": "baker doctor farmer painter pilot singer teacher writer tailor judge nurse driver",
    "likes": "apples chess tea music tennis books horses rain maps bread films snow",
}
_NAMES, _PLACES, _WORK, _LIKES = (words.split() for words in _WORDS.values())
_FACTS = {  # how a fact is told, how it is asked for, what may stand in it
    "lives": ("{name} lives in {what}.", "where does {name} live?", _PLACES),
    "born": ("{name} was born in {what}.", "where was {name} born?", _PLACES),
    "works": ("{name} works as a {what}.", "what is the work of {name}?", _WORK),
    "likes": ("{name} likes {what}.", "what does {name} like?", _LIKES),
}


def copy_reverse_sort(length: int | None = None, n: int = 30_000, seed: int = 0) -> RawPairs:
    """Strings of 1 to 10 of 12 letters with what is to be done to them before: "reverse: hab" is "bah". Each of `n` different pairs
    is in one part: a twentieth for validation, a twentieth for the test. With a `length`, 600 strings of so many letters."""
    random = generator(seed, 2017, length or 0)
    n = 600 if length else n
    lengths = torch.randint(1, 11, (2 * n,), generator=random).tolist() if length is None else [length] * 2 * n
    texts = ["".join(_LETTERS[k] for k in torch.randint(len(_LETTERS), (size,), generator=random)) for size in lengths]
    tasks = list(_DOES)
    drawn = [(tasks[k % 3], text) for k, text in enumerate(texts)]
    pairs = list(dict.fromkeys(drawn))[:n]
    pairs = [pairs[k] for k in torch.randperm(len(pairs), generator=random)]  # short ones, all drawn soon, anywhere
    source, target = [f"{task}: {text}" for task, text in pairs], [_DOES[task](text) for task, text in pairs]
    name = "copy-reverse-sort" + (f":{length}" if length else "")
    return RawPairs(name, source, target, ("text", "text"), part=_parts(len(pairs)))


def summaries(n: int = 6_000, seed: int = 0) -> RawPairs:
    """Six facts about six people; the summary keeps, in order, those that say where somebody lives (one to three)."""
    random = generator(seed, 2004)
    texts, kept = [], []
    for _ in range(n):
        lives = 1 + int(torch.randint(3, (1,), generator=random))
        others = [str(_pick(["born", "works", "likes"], random)) for _ in range(6 - lives)]
        sorts = [(["lives"] * lives + others)[k] for k in torch.randperm(6, generator=random)]
        told = [_told(sort, name, random)[0] for sort, name in zip(sorts, _several(_NAMES, 6, random))]
        texts.append(" ".join(told))
        kept.append(" ".join(fact for fact, sort in zip(told, sorts) if sort == "lives"))
    return RawPairs("made-summaries", texts, kept, ("text", "summary"), part=_parts(n), asks="summarization")


def questions(n: int = 8_000, seed: int = 0) -> RawPairs:
    """Four facts about two of eight people, two of each, and a question that one of them answers."""
    random = generator(seed, 2016)
    asked, answers = [], []
    for _ in range(n):
        facts = [(sort, name) for name in _several(_NAMES[:8], 2, random) for sort in _several(list(_FACTS), 2, random)]
        told = [_told(sort, name, random) for sort, name in facts]
        k = int(torch.randint(4, (1,), generator=random))
        sort, name = facts[k]
        context = " ".join(told[place][0] for place in torch.randperm(4, generator=random))
        asked.append(f"question: {_FACTS[sort][1].format(name=name)} context: {context}")
        answers.append(told[k][1])
    return RawPairs("made-questions", asked, answers, ("text", "answer"), part=_parts(n), asks="question-answering")


def _told(sort: str, name: str, random: torch.Generator) -> tuple[str, str]:
    """A fact as a sentence, and what it says of the name."""
    form, _, words = _FACTS[sort]
    what = _pick(words, random)
    return form.format(name=name, what=what), what


def _pick(words: list[str], random: torch.Generator) -> str:
    return words[int(torch.randint(len(words), (1,), generator=random))]


def _several(words: list[str], count: int, random: torch.Generator) -> list[str]:
    """Different ones."""
    return [words[k] for k in torch.randperm(len(words), generator=random)[:count]]


def _parts(n: int) -> np.ndarray:
    """A twentieth for the test, a twentieth for validation."""
    part = np.full(n, "train", dtype=object)
    part[: n // 20], part[n // 20 : 2 * (n // 20)] = "test", "valid"
    return part
