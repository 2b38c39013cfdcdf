"""Translation: a text from another text.

    BLEU, chrF     = as the library sacrebleu has them (Post 2018), without regard to capitals; 0 to 100

beside exact match and nats per token (`_text_to_text.py`). The score to judge by is exact match where answers are made of single
characters, and BLEU where they are made of words or byte-pair units; without sacrebleu it is then nats per token.

Shapes: N rows of a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Spec, Tokens
from nnzoo.core.task import Task
from nnzoo.tasks._text_to_text import Compared, TextToText


class Translation(TextToText):
    """Text in, text out, each a whole of its own."""

    higher = {"exact_match": True, "bleu": True, "chrf": True, "nats_per_token": False}

    def suited(self, spec: Spec) -> Task:
        """Judged by exact match, BLEU or nats per token by the rule above."""
        (field,) = spec.outputs.values()
        assert isinstance(field, Tokens)
        if max((len(symbol) for symbol in field.symbols), default=1) <= 1:
            return self
        return self.judged_by("bleu" if find_spec("sacrebleu") else "nats_per_token")

    def judged_by(self, metric: str) -> Task:
        """This task with another of its scores as the metric."""
        other = super().judged_by(metric)
        other.perfect = 100.0 if metric in ("bleu", "chrf") else other.perfect  # type: ignore[misc]
        return other

    def compare(self, said: Sequence[str], right: Sequence[str]) -> Compared:
        """BLEU and chrF; of each row BLEU's counts, and the signatures of both."""
        if find_spec("sacrebleu"):
            scores, extra = corpus_scores(said, right)
            return scores, {}, extra
        if self.metric in ("bleu", "chrf"):
            raise ConfigError(f'{self.metric} needs the package sacrebleu; install it with: pip install "nnzoo[text]"')
        return {}, {}, {}


def corpus_scores(said: Sequence[str], right: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """BLEU and chrF of texts, without regard to capitals; their signatures, and for BLEU what each row adds: lengths of answer and
    reference, then hits and counts of 1- to 4-grams (N 10)."""
    from sacrebleu.metrics import BLEU, CHRF

    metrics = {"bleu": BLEU(lowercase=True), "chrf": CHRF(lowercase=True)}
    scores = {name: float(metric.corpus_score(said, [right]).score) for name, metric in metrics.items()}
    signatures = {name: str(metric.get_signature()) for name, metric in metrics.items()}
    one = BLEU(lowercase=True, effective_order=True)  # for its counts, which are those of the corpus
    rows_N10 = np.array([_bleu_counts(one.sentence_score(a, [b])) for a, b in zip(said, right)])
    return scores, {"signatures": signatures, "bleu_rows": rows_N10}


def _bleu_counts(score: Any) -> list[float]:
    return [score.sys_len, score.ref_len, *score.counts, *score.totals]
