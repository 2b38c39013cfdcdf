"""Texts for networks: characters as numbers, by a vocabulary of the training part.

Symbols: 0 padding, 1 start, 2 end, 3 a character the training part did not have, from 4 on the characters in order. Texts are
stored end to end, with where each begins; lines are framed by start and end, long texts are not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import AnyField, Classes, Spec, Stored, Tokens
from nnzoo.data.labels import label_codes, sorted_labels
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawTexts
from nnzoo.data.texts import SUFFIXES, read_lines, read_texts, texts_from_list

START, END, UNKNOWN, FIRST = 1, 2, 3, 4
_UNKNOWN_CHARACTER = "\ufffd"


class TextPreprocessing(Preprocessing):
    """Facts: the characters, whether texts are lines, the longest (in symbols, frame included), and the labels."""

    sort: ClassVar[str] = "texts"

    def __init__(self, characters: str, lines: bool, longest: int, label_name: str = "label", labels: Sequence[str] = ()):
        self.characters, self.lines, self.longest, self.label_name, self.labels = (
            characters,
            lines,
            longest,
            label_name,
            tuple(labels),
        )
        points = _points(characters)
        self._symbol_of = np.full(int(points.max(initial=0)) + 2, UNKNOWN, dtype=np.int32)
        self._symbol_of[points] = np.arange(FIRST, FIRST + len(points), dtype=np.int32)

    @classmethod
    def fit(
        cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...] = (), task: str = "", weight: str | None = None
    ) -> TextPreprocessing:
        """Learn the vocabulary and the labels from the training `rows`."""
        assert isinstance(raw, RawTexts)
        if targets and (targets != (raw.label_name,) or raw.labels is None):
            raise DataError(f"{raw.name}: these texts have no column '{targets[0]}' to predict; put them into one folder a label")
        if weight is not None:
            raise DataError(f"{raw.name}: texts have no column '{weight}' of weights; leave the weight out")
        texts = [raw.texts[row] for row in rows]
        points = np.unique(_points("".join(texts)))
        if ((points >= 0xD800) & (points <= 0xDFFF)).any():
            raise DataError(f"{raw.name} holds halves of characters (lone surrogates); decode the texts from UTF-8 anew")
        longest = max(map(len, texts), default=0) + (2 if raw.lines else 0)
        labels = () if raw.labels is None else sorted_labels(raw.labels[np.asarray(rows)])
        return cls("".join(map(chr, points.tolist())), raw.lines, longest, raw.label_name, labels)

    @property
    def vocabulary(self) -> int:
        """How many symbols, the four special ones included."""
        return FIRST + len(self.characters)

    def spec(self, train_size: int) -> Spec:
        outputs: dict[str, AnyField] = {self.label_name: Classes(labels=self.labels)} if self.labels else {}
        field = Tokens(vocabulary=self.vocabulary, longest=self.longest, lines=self.lines, start=START, end=END)
        return Spec(inputs={"text": field}, outputs=outputs, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "values" (all symbols, int16 or int32) and "offsets" (N + 1, int64); `labels` (N) where there are any."""
        assert isinstance(raw, RawTexts)
        lengths_N = np.fromiter(map(len, raw.texts), dtype=np.int64, count=len(raw.texts)) + (2 if self.lines else 0)
        offsets = np.concatenate([[0], lengths_N.cumsum()])
        values = np.empty(int(offsets[-1]), dtype=np.int16 if self.vocabulary <= np.iinfo(np.int16).max else np.int32)
        inside = np.ones(len(values), dtype=bool)
        if self.lines:
            values[offsets[:-1]], values[offsets[1:] - 1] = START, END
            inside[offsets[:-1]] = inside[offsets[1:] - 1] = False
        values[inside] = self._symbols("".join(raw.texts))
        columns: dict[str, Stored] = {"text": {"values": torch.from_numpy(values), "offsets": torch.from_numpy(offsets)}}
        if raw.labels is not None and self.labels:
            columns[self.label_name] = {"codes": label_codes(raw.labels, self.labels)}
        return columns

    def _symbols(self, text: str) -> np.ndarray:
        points = _points(text)
        return self._symbol_of[np.minimum(points, len(self._symbol_of) - 1)]

    def symbols(self, text: str) -> Tensor:
        """A text as symbols (T, long), without a frame; characters that training did not have become 3."""
        return torch.from_numpy(self._symbols(text).astype(np.int64))

    def facts(self) -> dict[str, Any]:
        return {
            "characters": list(self.characters),
            "lines": self.lines,
            "longest": self.longest,
            "label_name": self.label_name,
            "labels": list(self.labels),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> TextPreprocessing:
        return cls("".join(facts["characters"]), facts["lines"], facts["longest"], facts["label_name"], facts["labels"])

    def read(self, source: Any) -> RawTexts:
        """A path, a text, or a list of texts. A file is read as lines where the model was trained on lines."""
        if isinstance(source, Path) or (isinstance(source, str) and (os.path.exists(source) or source.endswith(SUFFIXES))):
            path = Path(source)
            raw = read_lines(path) if self.lines and not path.is_dir() else read_texts(path)
            raw.lines = self.lines
        elif isinstance(source, str):
            raw = texts_from_list([source], lines=self.lines, name="a text")
        else:
            raw = texts_from_list(list(source), lines=self.lines)
            wrong = next((text for text in raw.texts if not isinstance(text, str)), None)
            if wrong is not None:
                raise DataError(f"a {type(wrong).__name__} is no text; give strings or a file")
        raw.label_name = self.label_name
        return raw

    def restore(self, name: str, value: Any) -> Any:
        """Symbols as text: one sequence (T) gives a string, several (B T, or a list of sequences) a list of strings.

        Text ends before the first end symbol; padding and start are dropped, symbol 3 becomes U+FFFD.
        """
        if name != "text":
            raise KeyError(f"texts have no field '{name}', only 'text'")
        symbols: list[Any] = [row.tolist() if isinstance(row, (Tensor, np.ndarray)) else row for row in value]
        if symbols and isinstance(symbols[0], list):
            return [self._text(row) for row in symbols]
        return self._text(symbols)

    def _text(self, symbols: list[int]) -> str:
        if END in symbols:
            symbols = symbols[: symbols.index(END)]
        return "".join(self.characters[s - FIRST] if s >= FIRST else _UNKNOWN_CHARACTER for s in symbols if s >= UNKNOWN)


def _points(text: str) -> np.ndarray:
    """Code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
