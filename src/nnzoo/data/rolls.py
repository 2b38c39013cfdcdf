"""Piano rolls as JSON: pieces of steps of MIDI note numbers, as the sets of Boulanger-Lewandowski et al. 2012 are passed on.

    {"train": [[[60, 64, 67], [60], []], ...], "valid": ..., "test": ...}      or a list of pieces alone, without parts

A roll's channels are the 88 keys of a piano, notes 21 (A0) to 108 (C8), 1 where a note sounds.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import open_plain, read_plain
from nnzoo.data.raw import RawSequences

LOWEST, KEYS = 21, 88
PARTS = {"train": "train", "valid": "valid", "validation": "valid", "test": "test"}
_BEGINS = re.compile(rb"""\s*(\{\s*"(train|valid|validation|test)"\s*:\s*)?\[\s*\[\s*\[\s*[\d\]]""")


def is_rolls(path: Path) -> bool:
    """Whether a JSON file begins as piano rolls do."""
    with open_plain(path) as file:
        return _BEGINS.match(file.read(400)) is not None


def read_rolls(path: Path) -> RawSequences:
    """Pieces of a JSON file (.gz too), with its parts. Raises DataError naming part, piece and step."""
    try:
        document = json.loads(read_plain(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({str(error).splitlines()[0]}); save it again as it was") from None
    if isinstance(document, list):
        return RawSequences(str(path), _pieces(document, str(path)), note_names(), binary=True)
    if not isinstance(document, dict) or not document or set(document) - set(PARTS):
        raise DataError(f"{path} holds no piano rolls; give a list of pieces, or pieces by part: train, valid, test")
    steps: list[np.ndarray] = []
    parts: list[str] = []
    for name, part in document.items():
        pieces = _pieces(part, f"{path}, {name}")
        steps += pieces
        parts += [PARTS[name]] * len(pieces)
    return RawSequences(str(path), steps, note_names(), binary=True, part=np.array(parts, dtype=object))


def note_names() -> tuple[str, ...]:
    """The numbers of the 88 notes, as text."""
    return tuple(str(LOWEST + k) for k in range(KEYS))


def _pieces(pieces: Any, where: str) -> list[np.ndarray]:
    if not isinstance(pieces, list) or not all(isinstance(piece, list) and piece for piece in pieces):
        raise DataError(f"{where} holds no list of pieces with steps; a piece is a list of steps, a step a list of notes")
    return [_roll(piece, f"{where}, piece {k + 1}") for k, piece in enumerate(pieces)]


def _roll(piece: list[Any], where: str) -> np.ndarray:
    """One piece (T 88, uint8)."""
    roll = np.zeros((len(piece), KEYS), dtype=np.uint8)
    for t, step in enumerate(piece):
        notes = step if isinstance(step, list) else [step]
        for note in notes:
            if isinstance(note, bool) or not isinstance(note, (int, float)) or note != int(note):
                raise DataError(f"{where}, step {t + 1} holds {note!r}, which is no note; notes are numbers {LOWEST} to 108")
            if not LOWEST <= note < LOWEST + KEYS:
                raise DataError(f"{where}, step {t + 1} holds the note {note}, which no piano has; notes are {LOWEST} to 108")
            roll[t, int(note) - LOWEST] = 1
    return roll
