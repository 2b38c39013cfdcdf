"""Pairs of texts for networks: both sides as codes, by vocabularies of the training part, each text framed by start and end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Spec, Stored, Tokens
from nnzoo.data.pairs import TABLES, find_pairs, read_pair_table, read_parallel
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawPairs, RawTexts
from nnzoo.data.tables import suffix_of
from nnzoo.data.texts import SUFFIXES, read_text
from nnzoo.data.units import END, START, Units, chosen, learn

SOURCE, TARGET = "source", "target"  # names of the fields
A_TEXT = "a text to translate"  # the name of one that stands for itself


class PairPreprocessing(Preprocessing):
    """Facts: the units of both sides, the longest text of each (in units, frame included), and what the sides are called."""

    sort: ClassVar[str] = "pairs"

    def __init__(self, units: tuple[Units, Units], longest: tuple[int, int], languages: tuple[str, str]):
        self.units, self.longest, self.languages = units, longest, languages

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
        """Learn the units from the training `rows`. `units`: characters, words, bpe or bpe:SIZE; None: as answers are long."""
        assert isinstance(raw, RawPairs)
        if raw.target is None:
            raise DataError(f"{raw.name} holds texts without answers; give pairs to learn from")
        if weight is not None:
            raise DataError(f"{raw.name}: pairs of texts have no column '{weight}' of weights; leave the weight out")
        sides = [[side[row] for row in rows] for side in (raw.source, raw.target)]
        sort = chosen(units, sides[1])
        source, target = (learn(sort, side) for side in sides)
        for learned, name in ((source, raw.languages[0]), (target, raw.languages[1])):
            if not learned.pieces:
                raise DataError(f"{raw.name}: no word of '{name}' stands there twice; give more pairs, or --units characters")
        longest = [max(len(one.codes(text)) for text in side) + 2 for one, side in zip((source, target), sides)]
        return cls((source, target), (longest[0], longest[1]), raw.languages)

    def spec(self, train_size: int) -> Spec:
        source, target = (
            Tokens(vocabulary=len(units.symbols), longest=longest, start=START, end=END, symbols=units.symbols)
            for units, longest in zip(self.units, self.longest)
        )
        return Spec(inputs={SOURCE: source}, outputs={TARGET: target}, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "values" (all codes, int32) and "offsets" (N + 1, int64) of both sides; of the source alone where there are no answers.
        Pairs that run in the other direction are turned round."""
        assert isinstance(raw, RawPairs)
        if raw.target is not None and raw.languages == self.languages[::-1] != self.languages:
            raw = raw.turned()
        columns = {SOURCE: _stored(self.units[0], raw.source)}
        return columns if raw.target is None else {**columns, TARGET: _stored(self.units[1], raw.target)}

    def facts(self) -> dict[str, Any]:
        return {
            "units": [units.facts() for units in self.units],
            "longest": list(self.longest),
            "languages": list(self.languages),
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> PairPreprocessing:
        source, target = (Units.from_facts(units) for units in facts["units"])
        return cls((source, target), (facts["longest"][0], facts["longest"][1]), (facts["languages"][0], facts["languages"][1]))

    def read(self, source: Any) -> RawPairs:
        """Pairs as `pairs` reads them; a text file of one side (a text a line, empty ones too), a text, or a list of texts."""
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
        field = self.spec(0).field(name)
        assert isinstance(field, Tokens)
        rows: list[Any] = [row.tolist() if isinstance(row, (Tensor, np.ndarray)) else row for row in value]
        return [field.text(row) for row in rows] if rows and isinstance(rows[0], list) else field.text(rows)


def _names_a_file(source: str) -> bool:
    if len(source) > 1000 or "\n" in source or "\0" in source:
        return False
    return os.path.exists(source) or source.endswith((*SUFFIXES, *TABLES)) or bool(find_pairs(Path(source)))


def _stored(units: Units, texts: Sequence[str]) -> Stored:
    codes = [[START, *units.codes(text), END] for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in codes], dtype=np.int64)]).astype(np.int64)
    values = np.fromiter((code for row in codes for code in row), dtype=np.int32, count=int(offsets[-1]))
    return {"values": torch.from_numpy(values), "offsets": torch.from_numpy(offsets)}
