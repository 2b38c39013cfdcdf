"""Texts for networks: characters, words or byte-pair units as numbers, by a vocabulary of the training part.

Symbols: 0 padding, 1 start, 2 end, 3 a unit the training part did not have, from 4 on the units in order. Texts are stored end to
end, with where each begins; lines are framed by start and end, long texts are not (a tokenizer from elsewhere has codes and frames
of its own). Units other than characters keep every space
and line end where a text is to be written, and small letters alone where it is to be judged.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import AnyField, Classes, Spec, Stored, Tokens
from nnzoo.data import corpus
from nnzoo.data.labelled_texts import texts_of
from nnzoo.data.labels import label_codes, sorted_labels
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawCorpus, RawTexts
from nnzoo.data.tables import SUFFIXES as TABLES
from nnzoo.data.tables import read_table, suffix_of
from nnzoo.data.texts import SUFFIXES, code_points, distinct, read_lines, read_texts, texts_from_list
from nnzoo.data.tokenizer import NONE, Tokenizer, units_of
from nnzoo.data.units import END, FIRST, HALF, UNKNOWN, Special, Units, known_units, learn, learn_from

WORDY = 5  # words on average, from which on labelled texts are read in words
_UNKNOWN_CHARACTER = "\ufffd"


class TextPreprocessing(Preprocessing):
    """Facts: the characters or other units, whether texts are lines, the longest (in symbols, frame included), the labels, and for
    texts from a table the name of their column."""

    sort: ClassVar[str] = "texts"

    def __init__(
        self,
        characters: str,
        lines: bool,
        longest: int,
        label_name: str = "label",
        labels: Sequence[str] = (),
        units: Units | Tokenizer | None = None,
        column: str = "",
    ):
        self.characters, self.lines, self.longest, self.label_name = characters, lines, longest, label_name
        self.labels, self.units, self.column = tuple(labels), units, column
        points = code_points(characters)
        self._symbol_of = np.full(max(256, int(points.max(initial=0)) + 2), UNKNOWN, dtype=np.int32)
        self._symbol_of[points] = np.arange(FIRST, FIRST + len(points), dtype=np.int32)

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
    ) -> TextPreprocessing:
        """Learn the vocabulary and the labels from the training `rows`. `units`: characters, words, bpe or bpe:SIZE; None: words
        where texts have labels and at least 5 words on average, else characters."""
        assert isinstance(raw, RawTexts)
        if targets and (targets != (raw.label_name,) or raw.labels is None):
            raise DataError(f"{raw.name}: these texts have no column '{targets[0]}' to predict; put them into one folder a label")
        if weight is not None:
            raise DataError(f"{raw.name}: texts have no column '{weight}' of weights; leave the weight out")
        if isinstance(raw, RawCorpus):
            return cls._fit_corpus(raw, known_units(units or "characters"))
        texts = [raw.texts[row] for row in rows]
        points = np.flatnonzero(distinct(code_points("".join(texts))))
        if ((points >= 0xD800) & (points <= 0xDFFF)).any():
            raise DataError(f"{raw.name} holds halves of characters (lone surrogates); decode the texts from UTF-8 anew")
        labels = () if raw.labels is None else sorted_labels(raw.labels[np.asarray(rows)])
        wanted = known_units(units) if units is not None else "words" if labels and _wordy(texts) else "characters"
        frame = 2 if raw.lines else 0
        if wanted == "characters":
            longest = max(map(len, texts), default=0) + frame
            return cls("".join(map(chr, points.tolist())), raw.lines, longest, raw.label_name, labels, column=raw.column)
        learned = learn(wanted, texts, exact=not labels)
        if not learned.pieces:
            raise DataError(f"{raw.name}: no word stands there twice; give more texts, or --units characters")
        longest = max((len(learned.codes(text)) for text in texts), default=0) + frame
        return cls("", raw.lines, longest, raw.label_name, labels, learned, raw.column)

    @classmethod
    def _fit_corpus(cls, raw: RawCorpus, units: str) -> TextPreprocessing:
        """The same for the training part of a text that is larger than memory."""
        begin, end = corpus.span(raw)
        if units == "characters":
            return cls(corpus.characters(raw), False, end - begin, raw.label_name)
        if end > corpus.SAMPLE:
            raw.notes.append(f"the units are learned from {corpus.SAMPLE:,} characters at equal distances in the training part")
        learned = cls("", False, 0, raw.label_name, (), learn_from(units, corpus.sampled(raw), exact=True))
        if not learned.pieces:
            raise DataError(f"{raw.name}: no word stands there twice; give more texts, or --units characters")
        learned.longest = len(learned.encode(raw)["text"]["values"])
        return learned

    @property
    def pieces(self) -> Sequence[str]:
        """The piece of text of every symbol from 4 on."""
        return self.characters if self.units is None else self.units.pieces

    @property
    def vocabulary(self) -> int:
        """How many symbols, the special ones included."""
        return self.units.vocabulary if isinstance(self.units, Tokenizer) else FIRST + len(self.pieces)

    @property
    def special(self) -> Special:
        """The symbols for padding, start, end and unknown."""
        return Special() if self.units is None else self.units.special

    @property
    def never(self) -> list[int]:
        """Symbols that are not written: what stands for no text. Models from elsewhere may write all they have."""
        if isinstance(self.units, Tokenizer):
            return []
        padding, start, end, unknown = self.special
        return [padding, unknown] if self.lines else [padding, start, end, unknown]

    @property
    def ends(self) -> tuple[int, ...]:
        """Symbols at which a text ends though it is no line."""
        return self.units.ends if isinstance(self.units, Tokenizer) else ()

    @property
    def opening(self) -> int | None:
        """The symbol that stands for an empty prompt of a long text: a line end, else a space, else the first; of a tokenizer from
        elsewhere its start, else its end."""
        if isinstance(self.units, Tokenizer):
            return next((code for code in (self.special.start, *self.ends, self.special.end) if code != NONE), None)
        pieces = list(self.pieces)
        place = next((pieces.index(one) for one in "\n " if one in pieces), 0 if pieces else None)
        return None if place is None else FIRST + place

    def spec(self, train_size: int) -> Spec:
        outputs: dict[str, AnyField] = {self.label_name: Classes(labels=self.labels)} if self.labels else {}
        padding, start, end, _ = self.special
        frame: dict[str, Any] = {
            "start": start,
            "end": end,
            "padding": max(0, padding),
            "all_written": isinstance(self.units, Tokenizer),
        }
        field = Tokens(vocabulary=self.vocabulary, longest=self.longest, lines=self.lines, **frame)
        return Spec(inputs={"text": field}, outputs=outputs, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "values" (all symbols, int16 or int32) and "offsets" (N + 1, int64); `labels` (N) where there are any."""
        assert isinstance(raw, RawTexts)
        if isinstance(raw, RawCorpus):
            return {"text": self._encode_corpus(raw)}
        whole = isinstance(self.units, Tokenizer)  # whose codes have their frame already
        codes = "".join(raw.texts) if self.units is None else [self._coded(text) for text in raw.texts]
        texts: Sequence[Any] = raw.texts if self.units is None else codes
        lengths_N = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + (2 if self.lines and not whole else 0)
        offsets = np.concatenate([[0], lengths_N.cumsum()])
        values = np.empty(int(offsets[-1]), dtype=self._dtype)
        inside = np.ones(len(values), dtype=bool)
        if self.lines and not whole:
            values[offsets[:-1]], values[offsets[1:] - 1] = self.special.start, self.special.end
            inside[offsets[:-1]] = inside[offsets[1:] - 1] = False
        if isinstance(codes, str):
            values[inside] = self._symbols(codes)
        else:
            values[inside] = np.fromiter(itertools.chain.from_iterable(codes), dtype=values.dtype, count=int(inside.sum()))
        columns: dict[str, Stored] = {"text": {"values": torch.from_numpy(values), "offsets": torch.from_numpy(offsets)}}
        if raw.labels is not None and self.labels:
            columns[self.label_name] = {"codes": label_codes(raw.labels, self.labels)}
        return columns

    def _coded(self, text: str) -> list[int]:
        """A text in units: of a tokenizer with its frame, with start and end where a line is to be written, and never nothing."""
        if not isinstance(self.units, Tokenizer):
            return self.units.codes(text) if self.units is not None else []
        codes = self.units.framed(text) if self.lines and not self.labels else self.units.codes(text)
        return codes or [max(0, self.opening or 0)]

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int16 if self.vocabulary <= np.iinfo(np.int16).max else np.int32)

    def _encode_corpus(self, raw: RawCorpus) -> Stored:
        """Symbols in a mapped file; nothing of them is in memory until it is read."""
        units = self.units
        if units is None:
            values, offsets = corpus.coded(raw, self.characters, self._dtype, self._symbols, one_each=True)
        else:
            dtype, codes = self._dtype, units.bare if isinstance(units, Tokenizer) else units.codes
            values, offsets = corpus.coded(
                raw, units.facts(), dtype, lambda text: np.array(codes(text), dtype=dtype), one_each=False
            )
        return {"values": values, "offsets": torch.tensor(offsets)}

    def _symbols(self, text: str) -> np.ndarray:
        points = code_points(text)
        return self._symbol_of[points if points.dtype == np.uint8 else np.minimum(points, len(self._symbol_of) - 1)]

    def symbols(self, text: str) -> Tensor:
        """A text as symbols (T, long), without a frame; units that training did not have become 3. Raises DataError."""
        if HALF.search(text):
            raise DataError("the text holds bytes that are no UTF-8, or halves of characters; write it anew")
        if self.units is not None:
            return torch.tensor(self.units.codes(text), dtype=torch.long)
        return torch.from_numpy(self._symbols(text).astype(np.int64))

    def facts(self) -> dict[str, Any]:
        more: dict[str, Any] = {"units": self.units.facts()} if self.units is not None else {}
        more |= {"column": self.column} if self.column else {}
        return {
            "characters": list(self.characters),
            "lines": self.lines,
            "longest": self.longest,
            "label_name": self.label_name,
            "labels": list(self.labels),
            **more,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> TextPreprocessing:
        units = units_of(facts["units"]) if "units" in facts else None
        plain = ("".join(facts["characters"]), facts["lines"], facts["longest"], facts["label_name"], facts["labels"])
        return cls(*plain, units, facts.get("column", ""))

    def read(self, source: Any) -> RawTexts:
        """A path, a text, a list of texts, or a table with the column of the texts. A file is read as lines where the model was
        trained on lines."""
        if isinstance(source, (pd.DataFrame, Mapping)) or (isinstance(source, (str, Path)) and suffix_of(Path(source)) in TABLES):
            return texts_of(read_table(source), self.column or "text", self.label_name if self.labels else "")
        if isinstance(source, Path) or (isinstance(source, str) and (os.path.exists(source) or source.endswith(SUFFIXES))):
            path = Path(source)
            raw = read_lines(path) if self.lines and not path.is_dir() else read_texts(path, mapped=not self.lines)
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

        Text ends before the first end symbol; padding and start are dropped, symbol 3 becomes U+FFFD. A tokenizer from
        elsewhere drops what it calls special, and nothing ends a text.
        """
        if name != "text":
            raise KeyError(f"texts have no field '{name}', only 'text'")
        symbols: list[Any] = [row.tolist() if isinstance(row, (Tensor, np.ndarray)) else row for row in value]
        if symbols and isinstance(symbols[0], list):
            return [self._text(row) for row in symbols]
        return self._text(symbols)

    def _text(self, symbols: list[int]) -> str:
        if isinstance(self.units, Tokenizer):
            return self.units.text(symbols)
        if END in symbols:
            symbols = symbols[: symbols.index(END)]
        pieces = self.pieces
        text = "".join(pieces[s - FIRST] if s >= FIRST else _UNKNOWN_CHARACTER for s in symbols if s >= UNKNOWN)
        return text if self.units is None or self.units.exact else text.strip()


def _wordy(texts: Sequence[str]) -> bool:
    """Whether texts have at least 5 words on average."""
    return sum(len(text.split()) for text in texts) >= WORDY * len(texts)
