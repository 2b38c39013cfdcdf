"""What a person has, opened and nothing more: no value is changed, scaled or coded yet.

N rows. `part` says, for sets with an official division, where each row belongs ("train", "valid", "test"); else None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nnzoo.core.events import Listener


def shown(name: str) -> str:
    """A file's name with escapes where it is not UTF-8, as everything that is printed and written must be."""
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass
class Raw:
    """Base: the name that the person used, the official division, what a made set knows of itself (centres of modes, ...), and
    `notes`: sentences on what was changed or passed over while opening."""

    name: str
    part: np.ndarray | None = field(default=None, kw_only=True)
    truth: dict[str, Any] = field(default_factory=dict, kw_only=True)
    notes: list[str] = field(default_factory=list, kw_only=True)

    def __post_init__(self) -> None:
        self.name = shown(self.name)

    def __len__(self) -> int:
        raise NotImplementedError  # abstract


@dataclass
class RawTable(Raw):
    """Rows and columns. `targets` are the columns to predict where the set itself says so; `guess` (files and frames, which
    never say) allows to take the column called target, label, class or y, else the last."""

    frame: pd.DataFrame
    targets: tuple[str, ...] = ()
    guess: bool = False

    def __len__(self) -> int:
        return len(self.frame)


@dataclass
class RawImages(Raw):
    """Pictures of one size: uint8 (N H W C), possibly a memory map. `labels` are strings (N), None where there are none; `files`
    says where each came from, `headers` its height, width and whether it was grey before all were brought to one size and mode."""

    pixels: np.ndarray
    labels: np.ndarray | None = None
    files: list[str] | None = None
    label_name: str = "label"
    headers: list[tuple[int, int, bool]] | None = None

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass
class RawPicturePairs(Raw):
    """Pictures and what each becomes (None where that is to be found): uint8 (N H W C) of one height and width. `files` says where
    each came from; `made` how both were made of single pictures ("": a person gave both)."""

    source: np.ndarray
    target: np.ndarray | None = None
    files: list[str] | None = None
    made: str = ""

    def __len__(self) -> int:
        return len(self.source)


@dataclass
class RawTexts(Raw):
    """Texts. `lines`: each is a whole of its own (names, reviews); otherwise they are parts of one long text, in order. `column` is
    their name in the table that they came from."""

    texts: list[str]
    lines: bool = True
    labels: np.ndarray | None = None
    label_name: str = "label"
    column: str = ""

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class RawCorpus(RawTexts):
    """One long text in `files` that is never in memory as a whole (`texts` is empty), with `lines` false. `cuts` says from which to
    which character each part goes, `piece` which of them this is ("": all). `survey` is what a first reading found out."""

    files: tuple[Path, ...] = ()
    cuts: dict[str, tuple[int, int]] = field(default_factory=dict)
    piece: str = ""
    survey: Any = None
    listen: Sequence[Listener] = ()

    def __len__(self) -> int:
        return len(self.files)


@dataclass
class RawPairs(Raw):
    """Texts and what each becomes (None where that is to be found): `languages` are the names of the two sides, `asks` the task
    that a set poses by itself."""

    source: list[str]
    target: list[str] | None = None
    languages: tuple[str, str] = ("source", "target")
    asks: str = "translation"

    def __len__(self) -> int:
        return len(self.source)

    def turned(self) -> RawPairs:
        """The same pairs the other way round."""
        assert self.target is not None, "pairs without answers cannot be turned round"
        return replace(self, source=self.target, target=self.source, languages=self.languages[::-1])


@dataclass
class RawQuestions(Raw):
    """Questions, what each is about, and its answer there: the text, and its first character in the context (None where that is
    to be found)."""

    questions: list[str]
    contexts: list[str]
    answers: list[str] | None = None
    starts: list[int] | None = None
    asks: str = "extractive-question-answering"

    def __len__(self) -> int:
        return len(self.questions)


@dataclass
class RawGraph(Raw):
    """One graph; a row is a node: features (N F, float32), undirected edges once each (2 E), labels (N, strings)."""

    x: np.ndarray
    edges: np.ndarray
    labels: np.ndarray | None = None
    label_name: str = "label"
    nodes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass
class RawSequences(Raw):
    """Numbers over time in pieces of any length: float arrays (T C) with channels called `names`. With them `values` to predict
    (N O, NaN where missing), `labels` (N, strings), or `tags`, labels of every step (N arrays of T strings), all under their names.

    `binary`: every number is 0 or 1, as in a piano roll, whose channels are called by the numbers of MIDI's notes.
    """

    steps: list[np.ndarray]
    names: tuple[str, ...]
    binary: bool = False
    values: np.ndarray | None = None
    value_names: tuple[str, ...] = ()
    labels: np.ndarray | None = None
    tags: list[np.ndarray] | None = None
    label_name: str = "label"

    def __len__(self) -> int:
        return len(self.steps)

    def to_json(self) -> list[list[list[Any]]]:
        """Pieces as lists of steps: of a binary one the names of the channels that are 1 (numbers as numbers), else all numbers."""
        if not self.binary:
            return [piece.tolist() for piece in self.steps]
        called = [int(name) if name.isdecimal() else name for name in self.names]
        return [[[called[c] for c in np.flatnonzero(step)] for step in piece] for piece in self.steps]


class SeriesFaults(NamedTuple):
    """What was found and mended while a table was read as series: rows that repeat a date (`copies`, left out), dates that the
    calendar lacks (`absent`) and how many of them were put in, dates between those of the calendar (`uneven`), missing numbers by
    column (filled)."""

    copies: int = 0
    absent: int = 0
    put_in: int = 0
    uneven: int = 0
    missing: dict[str, int] = {}  # never written to


@dataclass
class RawSeries(Raw):
    """Numbers over time, a row a step: `frame` (M C, float64, nothing missing), `dates` (M, datetime64[us], sorted, each once; None
    where steps are only counted) from the column `time`, in whose cells they have the form `form`. `part` says of each step where
    it belongs. `targets` are the columns to forecast (none: all), `horizon` and `history` how many steps ahead and back the set is
    usually looked at."""

    frame: pd.DataFrame
    dates: np.ndarray | None = None
    time: str = ""
    form: str = ""
    targets: tuple[str, ...] = ()
    horizon: int | None = None
    history: int | None = None
    faults: SeriesFaults = field(default_factory=SeriesFaults)

    def __len__(self) -> int:
        return len(self.frame)
