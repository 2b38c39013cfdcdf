"""Baselines for texts: n-grams weighted by rarity for labels; symbol frequencies and a smoothed n-gram model for writing.

B rows, T symbols, V vocabulary, N texts, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression as Logistic
from threadpoolctl import threadpool_limits
from torch import Tensor

from nnzoo.comparing.baselines import Baseline, labelled, logits_of
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import Classes, Sequences, Tokens
from nnzoo.tasks.text_generation import COUNTED, whole_text

LONGEST = 3  # symbols in an n-gram
MOST_NGRAMS = 50_000
LARGEST_TABLE = 4e6  # numbers in the table of the writing n-gram model


class WeightedNGrams(Baseline):
    """Counts of 1 to 3 symbols in a row, weighted by rarity (TF-IDF), under logistic regression."""

    kind = "tf-idf-logistic-regression"

    def fit(self, parts: Parts) -> None:
        sequence, codes_N, weight_N = labelled(parts.train)
        rows = self._some_rows(len(codes_N), self.seconds * 1e6 / max(1.0, float(sequence.lengths_B.float().mean()) * LONGEST))
        texts = texts_of(sequence)
        self.counter = TfidfVectorizer(analyzer=ngrams, max_features=MOST_NGRAMS, sublinear_tf=True)
        x_ND = self.counter.fit_transform([texts[i] for i in rows])
        self.only = int(codes_N[0]) if len(np.unique(codes_N[rows])) < 2 else None
        if self.only is None:
            with threadpool_limits(1):
                self.model = Logistic(C=10.0, max_iter=200).fit(x_ND, codes_N[rows], None if weight_N is None else weight_N[rows])

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        (sequence,), (output,) = inputs.values(), self.spec.outputs
        field = self.spec.outputs[output]
        assert isinstance(field, Classes)
        texts = texts_of(sequence)
        share_BK = np.zeros((len(texts), field.size))
        if self.only is not None:
            share_BK[:, self.only] = 1.0
        else:
            share_BK[:, self.model.classes_] = self.model.predict_proba(self.counter.transform(texts))
        return {output: logits_of(share_BK)}

    @property
    def parameters(self) -> int:
        return 1 if self.only is not None else self.model.coef_.size + self.model.intercept_.size

    def learned(self) -> Any:
        return None if self.only is not None else (self.counter.vocabulary_, self.counter.idf_, self.model)


def texts_of(sequence: Sequences) -> list[list[int]]:
    """Symbols of each row without padding."""
    return [row[:n] for row, n in zip(sequence.tokens_BT.tolist(), sequence.lengths_B.tolist())]


def ngrams(symbols: list[int]) -> list[str]:
    """All runs of 1 to `LONGEST` symbols, as words."""
    words = [str(s) for s in symbols]
    return [" ".join(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1)]


class _Writes(Baseline):
    """The probability of each symbol given the `order` - 1 before it, as one table; reads lines and long texts as networks do."""

    order: int = 1
    log_table: Tensor  # ln P(w | h), V x ... x V with the symbol last

    @property
    def field(self) -> Tokens:
        """The text."""
        (field,) = self.spec.inputs.values()
        assert isinstance(field, Tokens)
        return field

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        ((name, sequence),) = inputs.items()
        return {name: self.step(self.start(len(sequence.tokens_BT)), sequence.tokens_BT)[0]}

    context = None  # only the last symbols are held

    def start(self, rows: int, room: int | None = None) -> tuple[Tensor, ...]:
        """No symbols yet: padding (code 0)."""
        return (torch.zeros(rows, self.order - 1, dtype=torch.long),)

    def step(self, state: tuple[Tensor, ...], symbols_BT: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits of the symbol after each, and the last `order` - 1 symbols read."""
        rows, length = symbols_BT.shape
        seen_BT = torch.cat([state[0], symbols_BT.cpu()], 1)
        if self.order == 1:
            return self.log_table.expand(rows, length, -1), state
        history = tuple(seen_BT[:, k : k + length] for k in range(1, self.order))
        return self.log_table[history], (seen_BT[:, length:],)

    def select(self, state: tuple[Tensor, ...], rows: Tensor) -> tuple[Tensor, ...]:
        """The state of chosen rows."""
        return (state[0][rows.cpu()],)

    def fit(self, parts: Parts) -> None:
        vocabulary, order = self.field.vocabulary, self.order
        whole = torch.zeros(vocabulary**order, dtype=torch.long)
        for runs_Mn in predicted_runs(parts.train, order):
            whole += torch.bincount(runs_Mn @ vocabulary ** torch.arange(order).flip(0), minlength=len(whole))
        probability = torch.full((vocabulary,), 1.0 / vocabulary, dtype=torch.float64)
        self.seen = 0
        for n in range(1, order + 1):
            counts = whole.view(-1, *[vocabulary] * n).sum(0).double()
            kinds, total = (counts > 0).sum(-1, keepdim=True), counts.sum(-1, keepdim=True)
            # Witten & Bell 1991: what was never seen after h weighs as much as the number of different symbols seen after h
            probability = (counts + kinds * probability) / (total + kinds).clamp(min=1) + (total == 0) * probability
            self.seen += int((counts > 0).sum())
        self.log_table = probability.log().float()

    @property
    def parameters(self) -> int:
        """Different runs of symbols that were counted."""
        return self.seen

    def learned(self) -> Any:
        return self.log_table.numpy()


class Unigram(_Writes):
    """How often each symbol occurs, whatever came before."""

    kind = "unigram"


class NGram(_Writes):
    """The symbol after the two before it (after the one before it where the vocabulary is large), smoothed by shorter histories."""

    kind = "n-gram"

    @property
    def order(self) -> int:  # type: ignore[override]
        """Symbols in a run: as many, up to three, as keep the table small."""
        return next((n for n in (3, 2) if self.field.vocabulary**n <= LARGEST_TABLE), 1)


def predicted_runs(dataset: Dataset, order: int) -> Iterator[Tensor]:
    """Every predicted symbol with the `order` - 1 before it (M order), of a long text in pieces; 0 stands for what is before the
    beginning."""
    (name,) = dataset.spec.inputs
    field, (values, offsets) = dataset.spec.inputs[name], (dataset.columns[name]["values"], dataset.columns[name]["offsets"])
    assert isinstance(field, Tokens)
    before = torch.zeros(order - 1, dtype=torch.long)
    if field.lines:
        rows = torch.arange(len(offsets) - 1) if dataset.index is None else dataset.index.cpu()
        pieces = (values[a:b].cpu().long() for a, b in zip(offsets[rows].tolist(), offsets[rows + 1].tolist()))
        yield torch.cat([torch.cat([before, piece]).unfold(0, order, 1)[1:] for piece in pieces if len(piece) > 1])
        return
    text_T = whole_text(dataset)
    before = torch.cat([before, text_T[:1].cpu().long()])[1:]
    for piece in text_T[1:].split(COUNTED):
        seen = torch.cat([before, piece.cpu().long()])
        yield seen.unfold(0, order, 1)
        before = seen[len(seen) - order + 1 :]
