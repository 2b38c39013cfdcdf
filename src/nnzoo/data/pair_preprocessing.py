"""Pairs of texts for networks: both sides as codes, by vocabularies of the training part, each text framed by start and end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Spec, Stored, Tokens
from nnzoo.data.pairs import TABLES, find_pairs, read_pair_table, read_parallel
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.questions import record_of
from nnzoo.data.raw import Raw, RawPairs, RawTexts
from nnzoo.data.tables import suffix_of
from nnzoo.data.text_to_text import is_table, read_questions
from nnzoo.data.texts import SUFFIXES, read_text
from nnzoo.data.tokenizer import Tokenizer, units_of
from nnzoo.data.units import Units, chosen, learn

SOURCE, TARGET = "source", "target"  # names of the fields
A_TEXT = "a text to translate"  # the name of one that stands for itself


class PairPreprocessing(Preprocessing):
    """Facts: the units of both sides, the longest text of each (in units, frame included), what the sides are called, and the task
    that says which columns of a table they are. The units are those of both sides together where these are in one language."""

    sort: ClassVar[str] = "pairs"

    def __init__(
        self,
        units: tuple[Units | Tokenizer, Units | Tokenizer],
        longest: tuple[int, int],
        languages: tuple[str, str],
        task: str = "translation",
    ):
        self.units, self.longest, self.languages, self.task = units, longest, languages, task

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
    ) -> PairPreprocessing:
        """Learn the units from the training `rows`. `units`: characters, words, bpe or bpe:SIZE; None: as answers are long, and
        words where they are summaries of texts or answers to questions."""
        assert isinstance(raw, RawPairs)
        if raw.target is None:
            raise DataError(f"{raw.name} holds texts without answers; give pairs to learn from")
        if weight is not None:
            raise DataError(f"{raw.name}: pairs of texts have no column '{weight}' of weights; leave the weight out")
        sides = [[side[row] for row in rows] for side in (raw.source, raw.target)]
        task = task or raw.asks
        sort = chosen(units or ("words" if task != "translation" else None), sides[1])
        together = task != "translation" or raw.languages[0] == raw.languages[1]
        source, target = (learn(sort, sides[0] + sides[1]),) * 2 if together else (learn(sort, side) for side in sides)
        for learned, name in ((source, raw.languages[0]), (target, raw.languages[1])):
            if not learned.pieces:
                raise DataError(f"{raw.name}: no word of '{name}' stands there twice; give more pairs, or --units characters")
        longest = [max(len(one.codes(text)) for text in side) + 2 for one, side in zip((source, target), sides)]
        return cls((source, target), (longest[0], longest[1]), raw.languages, task)

    def spec(self, train_size: int) -> Spec:
        source, target = (_field(units, longest) for units, longest in zip(self.units, self.longest))
        return Spec(inputs={SOURCE: source}, outputs={TARGET: target}, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "values" (all codes, int32) and "offsets" (N + 1, int64) of both sides; of the source alone where there are no answers.
        Pairs that run in the other direction are turned round."""
        assert isinstance(raw, RawPairs)
        if raw.target is not None and raw.languages == self.languages[::-1] != self.languages:
            raw = raw.turned()
        read, written = self.units
        columns = {SOURCE: _stored(read.codes if isinstance(read, Tokenizer) else read.framed, raw.source)}
        return columns if raw.target is None else {**columns, TARGET: _stored(written.framed, raw.target)}

    def facts(self) -> dict[str, Any]:
        return {
            "units": [units.facts() for units in self.units],
            "longest": list(self.longest),
            "languages": list(self.languages),
            **({} if self.task == "translation" else {"task": self.task}),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> PairPreprocessing:
        source, target = (units_of(units) for units in facts["units"])
        longest, languages = ((facts[name][0], facts[name][1]) for name in ("longest", "languages"))
        return cls((source, target), longest, languages, facts.get("task", "translation"))

    def read(self, source: Any) -> RawPairs:
        """Pairs as `pairs` reads them; a text file of one side (a text a line, empty ones too), a text, or a list of texts; a table
        whose columns the task knows; one question as JSON, {"question": ..., "context": ...}."""
        if self.task == "question-answering" and (one := record_of(source)) is not None:
            return replace(read_questions(self.task, [one]), name=A_TEXT)
        if self.task != "translation" and is_table(source):
            return read_questions(self.task, source)
        if isinstance(source, Path) or (isinstance(source, str) and _names_a_file(source)):
            path = Path(source)
            files = find_pairs(path)
            if files and (path.is_dir() or not path.is_file()):
                return read_parallel(path, files)
            if suffix_of(path) in TABLES:
                return read_pair_table(path)
            return RawPairs(str(path), read_text(path).removesuffix("\n").split("\n"), languages=self.languages)
        if isinstance(source, RawTexts):
            return RawPairs(source.name, list(source.texts), languages=self.languages)
        texts = [source] if isinstance(source, str) else list(source)
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        if wrong is not None:
            raise DataError(f"a {type(wrong).__name__} is no text; give strings or a file")
        return RawPairs(A_TEXT if isinstance(source, str) else "texts", texts, languages=self.languages)

    def restore(self, name: str, value: Any) -> Any:
        """Codes of `source` or `target` as text: one sequence (T) gives a string, several (B T, or a list) a list of strings."""
        if name not in (SOURCE, TARGET):
            raise KeyError(f"pairs have no field '{name}', only '{SOURCE}' and '{TARGET}'")
        units = self.units[name == TARGET]
        text = units.text if isinstance(units, Tokenizer) else _field(units, 0).text
        rows: list[Any] = [row.tolist() if isinstance(row, (Tensor, np.ndarray)) else row for row in value]
        return [text(row) for row in rows] if rows and isinstance(rows[0], list) else text(rows)


def _names_a_file(source: str) -> bool:
    if len(source) > 1000 or "\n" in source or "\0" in source:
        return False
    return os.path.exists(source) or source.endswith((*SUFFIXES, *TABLES)) or bool(find_pairs(Path(source)))


def _field(units: Units | Tokenizer, longest: int) -> Tokens:
    """Texts in such units, framed by start and end."""
    padding, start, end, _ = units.special
    free, vocabulary = isinstance(units, Tokenizer), len(units.symbols)
    return Tokens(
        vocabulary=vocabulary,
        longest=longest,
        start=start,
        end=end,
        padding=max(0, padding),
        all_written=free,
        symbols=units.symbols,
    )


def _stored(coded: Callable[[str], list[int]], texts: Sequence[str]) -> Stored:
    codes = [coded(text) for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in codes], dtype=np.int64)]).astype(np.int64)
    values = np.fromiter((code for row in codes for code in row), dtype=np.int32, count=int(offsets[-1]))
    return {"values": torch.from_numpy(values), "offsets": torch.from_numpy(offsets)}
