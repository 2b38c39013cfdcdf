"""From what a person has to what a network reads, fitted on the training part only, saved with the model.

A preprocessing is a frozen set of JSON facts (vocabulary, scaling, category tables, label names, image size); it needs
nothing but its own folder to treat new data exactly as the training data were treated.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import RunError, about
from nnzoo.core.fields import Spec, Stored
from nnzoo.data.raw import Raw


@dataclass
class Opened:
    """New data made ready for a trained model: the data set, and what the rows are to the person (a frame to add columns to, or
    the names of files)."""

    dataset: Dataset
    raw: Raw


class Preprocessing(ABC):
    """Base. Each sort of data (table, images, texts, graph) has one; `sort` names it in the saved file."""

    sort: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...], task: str, weight: str | None = None) -> Preprocessing:
        """Learn scaling, vocabulary and tables from the training `rows` of `raw`."""

    @abstractmethod
    def spec(self, train_size: int) -> Spec:
        """The fields that come out."""

    @abstractmethod
    def encode(self, raw: Raw) -> dict[str, Stored]:
        """All rows of `raw` as stored columns; output fields are left out where `raw` has no targets.

        Raises DataError naming row and column where a value cannot be read.
        """

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Everything learned, as JSON."""

    @classmethod
    @abstractmethod
    def from_facts(cls, facts: dict[str, Any]) -> Preprocessing:
        """The inverse of `facts`."""

    @abstractmethod
    def read(self, source: Any) -> Raw:
        """Open what a person gives for prediction or evaluation (a path, a frame, arrays, strings) as this sort of data."""

    def taken(self, raw: Raw, to_answer: bool) -> Raw:
        """What was opened as this sort of data, where it is of another that serves; `to_answer`: answers are asked for."""
        return raw

    def weights(self, raw: Raw) -> np.ndarray | None:
        """Row weights (N), if a weight column was named."""
        return None

    def open(self, source: Any, train_size: int = 0) -> Opened:
        """New data, ready for the model."""
        import torch

        raw = source if isinstance(source, Raw) else self.read(source)
        with about(raw.name):
            weight, columns = self.weights(raw), self.encode(raw)
        weights = None if weight is None else torch.from_numpy(weight.astype(np.float32))
        return Opened(Dataset(self.spec(train_size), columns, weight=weights), raw)

    def ask(self, raw: Raw, train_size: int = 0) -> Opened:
        """The rows that a prediction answers, and what they are to the person: all, unless an answer is more than one row."""
        return self.open(raw, train_size)

    def restore(self, name: str, value: Any) -> Any:
        """Standardised values of an input field in a person's terms (a frame, pixels 0..255, strings); for made data."""
        raise NotImplementedError  # abstract for the sorts that can be generated

    def save(self, folder: Path) -> None:
        """Write `preprocessing.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "preprocessing.json").write_text(
            json.dumps({"format": 1, "sort": self.sort, **self.facts()}, ensure_ascii=False, indent=1, allow_nan=False),
            encoding="utf-8",
        )


def load_preprocessing(folder: Path, sorts: dict[str, type[Preprocessing]]) -> Preprocessing:
    """Read what `save` wrote. Raises RunError if it is missing, of a newer format or not what `save` writes."""
    path = folder / "preprocessing.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read ({error}); copy the run again from where it is whole") from None
    if not isinstance(facts, dict) or facts.pop("format", None) != 1 or facts.get("sort") not in sorts:
        raise RunError(f"{path} was written by a newer nnzoo; update nnzoo to read it")
    try:
        return sorts[facts.pop("sort")].from_facts(facts)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        lacks = f"it lacks {error}" if isinstance(error, KeyError) else (str(error).splitlines() or ["it is damaged"])[0]
        raise RunError(f"{path} is not what nnzoo writes ({lacks}); copy the run again from where it is whole") from None
