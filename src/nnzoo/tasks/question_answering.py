"""Question answering, as text to text: "question: ... context: ..." in, the answer out, in words of its own.

    exact match = share of answers that are the right one after both are made plain
    F1          = 2 P R / (P + R) of the words that both have, as bags, mean over rows         (Rajpurkar et al. 2016, section 6.1)

Made plain: small letters, without punctuation, without the articles a, an and the, spaces made single, as SQuAD's scorer has it.
Two answers of nothing are equal. Nats per token: `_text_to_text.py`.

Shapes: N rows of a part.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from nnzoo.tasks._text_to_text import Compared, TextToText

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


class QuestionAnswering(TextToText):
    """A question and what it is about in, an answer out."""

    higher = {"exact_match": True, "f1": True, "nats_per_token": False}

    def compare(self, said: Sequence[str], right: Sequence[str]) -> Compared:
        """Exact match and F1 of plain words, means and of each row."""
        words = [[plain(text) for text in side] for side in (said, right)]
        rows = {
            "exact_match": np.array([a == b for a, b in zip(*words)], dtype=float),
            "f1": np.array([f1(a.split(), b.split()) for a, b in zip(*words)]),
        }
        return {name: float(each_N.mean()) for name, each_N in rows.items()}, rows, {}


def plain(text: str) -> str:
    """A text as SQuAD compares it."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def f1(said: Sequence[str], right: Sequence[str]) -> float:
    """F1 of two bags of words."""
    if not said or not right:
        return float(len(said) == len(right))
    return 2 * (Counter(said) & Counter(right)).total() / (len(said) + len(right))
