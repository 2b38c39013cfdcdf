"""Sequences for networks: channels standardised by the training part's steps unless they are 0 or 1, answers as numbers or codes.

N pieces, M steps of all pieces, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.fields import AnyField, Classes, Series, Spec, Stored, Tags, Values
from nnzoo.data.labels import label_codes, sorted_labels
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawSequences
from nnzoo.data.rolls import read_rolls
from nnzoo.data.sequences import is_sequences, sequences_from_arrays

INPUT = "sequence"
MOST_OPENINGS = 100
Scale = tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]  # names, means, standard deviations


class SequencePreprocessing(Preprocessing):
    """Facts: channels and their scale, the longest piece, and what is predicted: numbers and their scale, or labels, of a piece
    (`each` False) or of every step. `openings` are first steps of binary pieces (the channels that are 1), with which made ones
    begin."""

    sort: ClassVar[str] = "sequences"

    def __init__(
        self,
        channels: Scale,
        binary: bool,
        longest: int,
        values: Scale = ((), (), ()),
        label_name: str = "",
        labels: Sequence[str] = (),
        each: bool = False,
        openings: Sequence[Sequence[int]] = (),
    ):
        self.channels, self.binary, self.longest, self.values = channels, binary, longest, values
        self.label_name, self.labels, self.each = label_name, tuple(labels), each
        self.openings = [list(opening) for opening in openings]

    @classmethod
    def fit(
        cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...] = (), task: str = "", weight: str | None = None
    ) -> SequencePreprocessing:
        """Learn scale and labels from the training `rows`."""
        assert isinstance(raw, RawSequences)
        if weight is not None:
            raise DataError(f"{raw.name}: sequences have no column '{weight}' of weights; leave the weight out")
        named = raw.value_names if raw.values is not None else (raw.label_name,)
        answered = raw.values is not None or raw.labels is not None or raw.tags is not None
        if targets and (not answered or set(targets) != set(named)):
            there = f"what they have is {', '.join(named)}" if answered else "they have none"
            raise DataError(f"{raw.name}: these sequences have no answers called '{targets[0]}'; {there}")
        pieces = [raw.steps[row] for row in rows]
        scale = ((0.0,) * len(raw.names), (1.0,) * len(raw.names)) if raw.binary else _scale(np.concatenate(pieces))
        facts: dict[str, Any] = {"channels": (raw.names, *scale), "binary": raw.binary, "longest": max(map(len, pieces))}
        if raw.binary:
            facts["openings"] = [np.flatnonzero(piece[0]).tolist() for piece in pieces[:MOST_OPENINGS]]
        if task == "polyphonic-music" or not answered:
            return cls(**facts)
        if raw.values is not None:
            return cls(**facts, values=(raw.value_names, *_scale(raw.values[rows])))
        given = np.concatenate([raw.tags[row] for row in rows]) if raw.tags is not None else raw.labels[rows]  # type: ignore[index]
        return cls(**facts, label_name=raw.label_name, labels=sorted_labels(given), each=raw.tags is not None)

    def spec(self, train_size: int) -> Spec:
        names, mean, std = self.channels
        series = Series(names=names, mean=mean, std=std, longest=self.longest, even=False, binary=self.binary)
        outputs: dict[str, AnyField] = {}
        if self.values[0]:
            names, mean, std = self.values
            outputs[self.output] = Values(names=names, mean=mean, std=std)
        elif self.labels:
            outputs[self.output] = Tags(labels=self.labels) if self.each else Classes(labels=self.labels)
        return Spec(inputs={INPUT: series}, outputs=outputs, train_size=train_size)

    @property
    def output(self) -> str:
        """The name of the output field."""
        return self.label_name or (self.values[0][0] if len(self.values[0]) == 1 else "values")

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "values" (M C, uint8 where binary), "first" and "length" (N); numbers, codes or tags of the output if there are any."""
        assert isinstance(raw, RawSequences)
        if len(raw.names) != len(self.channels[0]):
            raise DataError(f"{raw.name} has {len(raw.names)} channels and the network reads {len(self.channels[0])}; give those")
        if self.binary and not raw.binary:
            raise DataError(f"{raw.name} holds numbers beside 0 and 1, and the network reads only these; give such pieces")
        length_N = torch.tensor([len(piece) for piece in raw.steps])
        places = {"first": length_N.cumsum(0) - length_N, "length": length_N}
        values_MC = np.concatenate(raw.steps).astype(np.uint8 if self.binary else np.float32)
        columns: dict[str, Stored] = {INPUT: {"values": torch.from_numpy(values_MC), **places}}
        if self.values[0] and raw.values is not None:
            columns[self.output] = {"numbers": torch.from_numpy(raw.values.astype(np.float32))}
        elif self.labels and self.each and raw.tags is not None:
            where = [f"piece {k + 1}, step {t + 1}" for k, piece in enumerate(raw.tags) for t in range(len(piece))]
            columns[self.output] = {"values": label_codes(np.concatenate(raw.tags), self.labels, where), **places}
        elif self.labels and not self.each and raw.labels is not None:
            columns[self.output] = {"codes": label_codes(raw.labels, self.labels)}
        return columns

    def facts(self) -> dict[str, Any]:
        return {
            "channels": [list(one) for one in self.channels],
            "binary": self.binary,
            "longest": self.longest,
            "values": [list(one) for one in self.values],
            "label_name": self.label_name,
            "labels": list(self.labels),
            "each": self.each,
            "openings": self.openings,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> SequencePreprocessing:
        channels, values = (tuple(tuple(one) for one in facts[name]) for name in ("channels", "values"))
        return cls(**{**facts, "channels": channels, "values": values})

    def read(self, source: Any) -> RawSequences:
        """A list of arrays, one array (a single piece), or the path of a JSON with piano rolls."""
        if isinstance(source, (str, Path)):
            return read_rolls(Path(source))
        pieces = [source] if getattr(source, "ndim", 0) == 2 else source
        if not is_sequences(pieces):
            raise DataError(f"a {type(source).__name__} is no list of sequences; give a list of arrays of shape (steps, channels)")
        return sequences_from_arrays(pieces, names=self.channels[0])

    def restore(self, name: str, value: Any) -> RawSequences:
        """Standardised pieces (a list of T C) in original units."""
        if name != INPUT:
            raise KeyError(f"sequences have no field '{name}', only '{INPUT}'")
        field = self.spec(0).inputs[INPUT]
        assert isinstance(field, Series)
        pieces = [field.restore(torch.as_tensor(piece)).cpu().numpy() for piece in value]
        return RawSequences("made", pieces, self.channels[0], self.binary)

    def opening(self, chance: float) -> Tensor:
        """A first step (C) that training pieces had; `chance` in 0..1 says which."""
        step_C = torch.zeros(len(self.channels[0]))
        if self.openings:
            step_C[self.openings[min(int(chance * len(self.openings)), len(self.openings) - 1)]] = 1.0
        return step_C


def _scale(numbers_MC: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and standard deviations by column, NaN left out; 1 where a column does not vary."""
    known = numbers_MC.astype(np.float64)
    mean, std = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    return tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist())
