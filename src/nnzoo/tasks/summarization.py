"""Summarization: what matters of a text, in fewer words.

    ROUGE-N  R = sum_g min(n_said(g), n_right(g)) / sum_g n_right(g),  P the same over n_said, g an n-gram  (Lin 2004, sec. 2)
    ROUGE-L  R = LCS(right, said) / |right|,  P = LCS(right, said) / |said|, LCS the longest common subsequence     (sec. 3.1)
    each as  F = 2 P R / (P + R)                                                                              (eq. 4, beta 1)

beside exact match and nats per token (`_text_to_text.py`). Words are runs of letters and digits in small letters, not stemmed; a
summary is one sequence, whatever sentences it has. Scores are means over rows, 0 to 1; an empty text has 0, unless both are so.

Shapes: N rows of a part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from nnzoo.tasks._text_to_text import Compared, TextToText

_WORD = re.compile(r"\w+")


class Summarization(TextToText):
    """A text in, its summary out."""

    metric = "rouge_l"
    higher = {"rouge_l": True, "rouge_1": True, "rouge_2": True, "exact_match": True, "nats_per_token": False}

    def compare(self, said: Sequence[str], right: Sequence[str]) -> Compared:
        """ROUGE-1, -2 and -L, means and of each row."""
        rows = {name: np.array([rouge(name[6:], a, b) for a, b in zip(said, right)]) for name in ("rouge_1", "rouge_2", "rouge_l")}
        return {name: float(each_N.mean()) for name, each_N in rows.items()}, rows, {}


def rouge(which: str, said: str, right: str) -> float:
    """The F-measure of ROUGE-"1", -"2", ... or -"l" of one answer."""
    words = [_WORD.findall(text.lower()) for text in (said, right)]
    if which == "l":
        return f_measure(common_subsequence(*words), len(words[0]), len(words[1]))
    counts = [Counter(zip(*(each[k:] for k in range(int(which))))) for each in words]
    return f_measure((counts[0] & counts[1]).total(), counts[0].total(), counts[1].total())


def f_measure(hits: int, said: int, right: int) -> float:
    """2 P R / (P + R) of so many hits among what was said and what is right."""
    if not said or not right:
        return float(said == right)
    return 2 * hits / (said + right)  # which is what P = hits / said and R = hits / right come to


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest sequence that both have in order, with gaps or without."""
    best = [0] * (len(other) + 1)  # of what was read of `one`, with each beginning of `other`
    for a in one:
        before = 0
        for k, b in enumerate(other, 1):
            before, best[k] = best[k], before + 1 if a == b else max(best[k], best[k - 1])
    return best[-1]
