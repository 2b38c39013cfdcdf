"""Questions and contexts for networks: both in one row of codes, and where in it the answer stands.

    start, question, end, context, end            (a tokenizer from elsewhere frames and divides them as it does)

Every code knows which characters of the context it stands for, so an answer given as codes is a piece of the context as it was
written, letter by letter. An answer of the data becomes the codes that share a character with it.

Shapes: N questions, M codes of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Span as SpanField
from nnzoo.core.fields import Spec, Stored, Tokens
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.questions import open_questions, placed
from nnzoo.data.raw import Raw, RawQuestions
from nnzoo.data.tokenizer import Tokenizer, units_of
from nnzoo.data.units import Units, known_units, learn

TEXT, ANSWER = "text", "answer"  # names of the fields
Places = list[tuple[int, int]]


class QuestionPreprocessing(Preprocessing):
    """Facts: the units, the longest row and the longest answer of the training part, in symbols."""

    sort: ClassVar[str] = "questions"

    def __init__(self, units: Units | Tokenizer, longest: int, answer: int):
        self.units, self.longest, self.answer = units, longest, answer

    @classmethod
    def fit(
        cls,
        raw: Raw,
        rows: np.ndarray,
        *,
        targets: tuple[str, ...] = (),
        task: str = "",
        weight: str | None = None,
        units: str | None = None,
    ) -> QuestionPreprocessing:
        """Learn the units from questions and contexts of the training `rows`: characters, words (None) , bpe or bpe:SIZE."""
        assert isinstance(raw, RawQuestions)
        if weight is not None:
            raise DataError(f"{raw.name}: questions have no column '{weight}' of weights; leave the weight out")
        learned = learn(known_units(units or "words"), [side[row] for side in (raw.questions, raw.contexts) for row in rows])
        if not learned.pieces:
            raise DataError(f"{raw.name}: no word stands there twice; give more questions, or --units characters")
        return cls.of_units(learned, raw, rows)

    @classmethod
    def of_units(cls, units: Units | Tokenizer, raw: RawQuestions, rows: np.ndarray) -> QuestionPreprocessing:
        """With units that are known already: lengths are measured in the training `rows`."""
        coded, spans = cls(units, 0, 1)._coded(raw, rows)
        lengths = [last - first + 1 for first, last in spans if last >= first >= 0]
        return cls(units, max(map(len, coded), default=0), max(lengths, default=1))

    def spec(self, train_size: int) -> Spec:
        padding, start, end, _ = self.units.special
        free = isinstance(self.units, Tokenizer)
        vocabulary = self.units.vocabulary if isinstance(self.units, Tokenizer) else len(self.units.symbols)
        text = Tokens(
            vocabulary=vocabulary,
            longest=self.longest,
            start=start,
            end=end,
            padding=max(0, padding),
            all_written=free,
            symbols=self.units.symbols,
        )
        return Spec(
            inputs={TEXT: text}, outputs={ANSWER: SpanField(separator=end, longest=self.answer)}, train_size=train_size
        )  # fmt: skip

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "values" (M, int32) and "offsets" (N + 1, int64) of the texts; "places" (N 2, int64) of the first and last code of the
        answers, where there are answers: -1 where a tokenizer has cut them off."""
        assert isinstance(raw, RawQuestions)
        coded, spans = self._coded(raw, np.arange(len(raw)))
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in coded])]).astype(np.int64)
        values = np.fromiter((code for row in coded for code in row), dtype=np.int32, count=int(offsets[-1]))
        columns: dict[str, Stored] = {TEXT: {"values": torch.from_numpy(values), "offsets": torch.from_numpy(offsets)}}
        if raw.answers is not None:
            columns[ANSWER] = {"places": torch.tensor(spans, dtype=torch.long)}
        return columns

    def _coded(self, raw: RawQuestions, rows: np.ndarray) -> tuple[list[list[int]], list[tuple[int, int]]]:
        """Codes of some rows, and where their answers stand in these."""
        raw = placed(raw) if raw.answers is not None and raw.starts is None else raw
        coded, spans = [], []
        for row in rows:
            codes, places = self.units.asked(raw.questions[row], raw.contexts[row])
            coded.append(codes)
            if raw.starts is not None and raw.answers is not None:
                spans.append(covering(places, raw.starts[row], raw.starts[row] + len(raw.answers[row])))
        return coded, spans

    def facts(self) -> dict[str, Any]:
        return {"units": self.units.facts(), "longest": self.longest, "answer": self.answer}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> QuestionPreprocessing:
        return cls(units_of(facts["units"]), facts["longest"], facts["answer"])

    def read(self, source: Any) -> RawQuestions:
        """As `questions.py` reads them, with answers or without; also one question, {"question": ..., "context": ...}."""
        return open_questions(source, to_learn=False)

    def answers(self, raw: RawQuestions, spans: Sequence[tuple[int, int]]) -> list[str]:
        """The pieces of the contexts, as they are written there, that begin and end with these codes."""
        found = []
        for question, context, (first, last) in zip(raw.questions, raw.contexts, spans):
            _, places = self.units.asked(question, context)
            found.append(context[places[first][0] : places[last][1]].strip())
        return found


def covering(places: Places, first: int, end: int) -> tuple[int, int]:
    """The first and the last code that share a character with those from `first` to before `end`; (-1, -1) where none does."""
    shared = [code for code, (begin, after) in enumerate(places) if begin < end and after > first and after > begin]
    return (shared[0], shared[-1]) if shared else (-1, -1)


def questions_like(inherit: Preprocessing, raw: RawQuestions, rows: np.ndarray, units: str | None) -> Preprocessing:
    """A preprocessing for the questions of `raw` from that of a trained model, whose units stay. Raises ConfigError, DataError."""
    if units is not None:
        raise ConfigError(f"--units {units}: a run that goes on from another reads texts as that one does; leave it out")
    if isinstance(inherit, QuestionPreprocessing):
        return inherit
    known = getattr(inherit, "units", None)
    if not isinstance(known, (Units, Tokenizer)):
        raise DataError("the run reads texts by characters or in pairs; start from one whose units are words or byte-pair units")
    return QuestionPreprocessing.of_units(known, raw, rows)
