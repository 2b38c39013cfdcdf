"""Baselines for translation: the source as it is, and the answer to the likest source of the training part.

B rows, T symbols, N texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from nnzoo.comparing.baselines import Baseline
from nnzoo.comparing.sequence_baselines import MOST_NGRAMS, ngrams, texts_of
from nnzoo.core.dataset import Parts
from nnzoo.core.fields import Tokens

LIKENESSES_A_SECOND = 1e7  # pairs of texts that one core compares in a second, roughly


class _Answers(Baseline):
    """Answers as symbols (B T), as a network's `forward` gives them."""

    @property
    def name(self) -> str:
        """The answer's name."""
        return next(iter(self.spec.outputs))

    @property
    def fields(self) -> tuple[Tokens, Tokens]:
        """The source and the answer."""
        (source,), (answer,) = self.spec.inputs.values(), self.spec.outputs.values()
        assert isinstance(source, Tokens) and isinstance(answer, Tokens)
        return source, answer

    def _answered(self, rows: list[list[int]]) -> dict[str, Tensor]:
        longest = max(1, *map(len, rows)) if rows else 1
        return {self.name: torch.tensor([row + [0] * (longest - len(row)) for row in rows])}

    @property
    def parameters(self) -> int | None:
        return None


class CopySource(_Answers):
    """The source itself, so far as the answers' symbols have its own: right for names and numbers."""

    kind = "copy-the-source"

    def fit(self, parts: Parts) -> None:
        source, answer = self.fields
        code_of = {symbol: code for code, symbol in enumerate(answer.symbols) if code not in answer.unwritten}
        self.code_V = [code_of.get(symbol, 0) if symbol else 0 for symbol in source.symbols]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        (sequence,), (_, answer) = inputs.values(), self.fields
        copied = [[self.code_V[code] for code in text if code < len(self.code_V)] for text in texts_of(sequence)]
        return self._answered([[code for code in row if code] + [answer.end] for row in copied])

    def learned(self) -> Any:
        return self.code_V


class NearestSource(_Answers):
    """The answer to the training source that is likest, by counts of 1 to 3 symbols in a row weighted by rarity (TF-IDF)."""

    kind = "nearest-source"

    def fit(self, parts: Parts) -> None:
        batch = parts.train.all()
        (sequence,), answers = batch.inputs.values(), batch.outputs[self.name]
        sources = texts_of(sequence)
        rows = self._some_rows(len(sources), self.seconds * LIKENESSES_A_SECOND / 1000)
        self.counter = TfidfVectorizer(analyzer=ngrams, max_features=MOST_NGRAMS, sublinear_tf=True)
        self.x_ND = self.counter.fit_transform([sources[row] for row in rows])
        texts = texts_of(answers)
        self.answers = [texts[row][1:] for row in rows]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        (sequence,) = inputs.values()
        likeness_BN = self.counter.transform(texts_of(sequence)) @ self.x_ND.T
        return self._answered([self.answers[n] for n in np.asarray(likeness_BN.argmax(axis=1)).ravel().tolist()])

    def learned(self) -> Any:
        return self.counter.vocabulary_, self.counter.idf_, self.x_ND, self.answers
