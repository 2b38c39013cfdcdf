"""Sequences that are in memory: a list of arrays, one a piece, with what is to be predicted from each piece or at each step.

N pieces, T steps of a piece, C channels, O numbers to predict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.raw import RawSequences
from nnzoo.data.tables import as_array


def is_sequences(value: Any) -> bool:
    """Whether a value is a list of arrays or tensors of two dimensions."""
    return isinstance(value, list) and bool(value) and all(getattr(piece, "ndim", 0) == 2 for piece in value)


def sequences_from_arrays(
    x: Sequence[Any], y: Any = None, *, names: Sequence[str] = (), label_name: str = "", name: str = "sequences"
) -> RawSequences:
    """Pieces `x`, each T x C (T alone: one channel), all with the same channels.

    `y` are floats, one or one row for each piece: numbers to predict; strings or whole numbers, one for each piece: labels; or for
    each piece a list of T strings or whole numbers: labels at every step, None where missing. Raises DataError naming the piece.
    """
    pieces = [_piece(piece, f"piece {k + 1} of {name}") for k, piece in enumerate(x)]
    if not pieces:
        raise DataError(f"{name} has no pieces; give at least three")
    channels = pieces[0].shape[1]
    for k, piece in enumerate(pieces):
        if piece.shape[1] != channels:
            raise DataError(f"piece {k + 1} of {name} has {piece.shape[1]} channels and the first has {channels}; give them alike")
    if names and len(names) != channels:
        raise DataError(f"{name} has {channels} channels and {len(names)} names of channels; give one name for each")
    binary = all(bool(((piece == 0) | (piece == 1)).all()) for piece in pieces)
    raw = RawSequences(name, pieces, tuple(names) or tuple(f"x{c}" for c in range(channels)), binary)
    if y is not None:
        _answer(raw, y, label_name)
    return raw


def _piece(piece: Any, where: str) -> np.ndarray:
    array = as_array(piece)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise DataError(f"{where} is no array of numbers with steps and channels; give one of shape (steps, channels)")
    array = array[:, None] if array.ndim == 1 else array
    if not array.size:
        raise DataError(f"{where} is empty; give at least one step and one channel, or leave it out")
    numbers = array.astype(np.uint8 if array.dtype.kind == "b" else np.float32)
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        step, channel = wrong[0]
        raise DataError(f"{where} holds no finite number at step {step + 1}, channel {channel + 1}; fill it or leave the piece out")
    return numbers


def _answer(raw: RawSequences, y: Any, label_name: str) -> None:
    """Put the answers where they belong."""
    if len(y) != len(raw):
        raise DataError(f"{raw.name} has {len(raw)} pieces and {len(y)} answers; give one for each piece")
    each = [as_array(one) for one in y]
    if each[0].ndim == 0 and np.asarray(each).dtype.kind != "f":
        raw.labels, raw.label_name = _strings(y), label_name or "label"
    elif all(one.dtype.kind == "f" and one.shape == each[0].shape and one.ndim <= 1 for one in each):
        raw.values = np.stack([np.atleast_1d(one) for one in each]).astype(np.float64)
        several = raw.values.shape[1] > 1
        raw.value_names = tuple(f"y{o}" for o in range(raw.values.shape[1])) if several else (label_name or "y",)
    else:
        for k, (one, piece) in enumerate(zip(each, raw.steps)):
            if one.shape != (len(piece),):
                has = f"{len(piece)} steps and answers of shape {one.shape}"
                raise DataError(f"piece {k + 1} of {raw.name} has {has}; give one label for each step")
        raw.tags, raw.label_name = [_strings(one) for one in y], label_name or "tag"


def _strings(labels: Any) -> np.ndarray:
    """Labels as strings, None where missing."""
    plain = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    return np.array([None if label is None else str(label) for label in plain], dtype=object)
