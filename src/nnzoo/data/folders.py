"""What the folders of a data set mean: a folder a class, and train, valid and test on top of them where they are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from nnzoo.core.errors import DataError

PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Paths of files with these suffixes below a folder, relative to it, with forward slashes, sorted; hidden ones left out."""
    found = (
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name.lower().endswith(suffixes) and path.is_file()
    )
    return sorted(path for path in found if visible(path))


def visible(path: str) -> bool:
    """Whether no piece of a relative path is hidden or a leftover of a Mac's archiver."""
    return not any(piece.startswith(".") or piece == "__MACOSX" for piece in PurePosixPath(path).parts)


def arrange(paths: Sequence[str], where: str, wrapped: bool = False) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels and official parts (object arrays of N strings, or None) that the folders of relative `paths` (N) say.

    Folders around class folders are passed over, and with `wrapped` (zips) one around loose files too. If all folders on top
    bear names of parts they are the official division. A folder that then follows is the class; files without any folder have
    no label. Raises DataError for a mixture.
    """
    pieces = [PurePosixPath(path).parts for path in paths]
    while (
        len({piece[0] for piece in pieces}) == 1
        and min(map(len, pieces)) > (1 if wrapped else 2)
        and pieces[0][0].lower() not in PARTS
    ):
        pieces = [piece[1:] for piece in pieces]
    parts = None
    if all(len(piece) > 1 and piece[0].lower() in PARTS for piece in pieces):
        parts = np.array([PARTS[piece[0].lower()] for piece in pieces], dtype=object)
        pieces = [piece[1:] for piece in pieces]
        if "train" not in parts:
            raise DataError(
                f"{where} has the folders {', '.join(sorted(set(parts)))} but none named train; add it or move the files up"
            )
    loose = [path for path, piece in zip(paths, pieces) if len(piece) == 1]
    if len(loose) == len(paths):
        return None, parts
    if loose:
        raise DataError(
            f"{where} has files in class folders and files beside them, such as '{loose[0]}'; put each into its class's folder"
        )
    return np.array([piece[0] for piece in pieces], dtype=object), parts
