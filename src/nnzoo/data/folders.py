"""What the folders of a data set mean: a folder a class, and train, valid and test on top of them where they are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from nnzoo.core.errors import DataError

LABELS, ORIGIN = "labels.csv", "origin.json"  # beside pictures that were made: what each was to be, and who made them
BESIDE = (LABELS, ORIGIN)
_TOLD = frozenset({"readme.md", "readme.txt", "readme", "license", "license.txt", "thumbs.db", LABELS, ORIGIN})
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


def files_below(folder: Path, suffixes: tuple[str, ...], what: str) -> tuple[list[str], list[str]]:
    """Paths of files with these suffixes below a folder, relative to it, with forward slashes, sorted; hidden ones left out.
    And notes on what was passed over: files that are not `what` (pictures, texts) by name, and folders without any."""
    taken: list[str] = []
    others: list[str] = []
    folders: list[str] = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not visible(name):
            continue
        if path.is_dir():
            folders.append(name)
        else:
            (taken if name.lower().endswith(suffixes) and path.is_file() else others).append(name)
    full = {above.as_posix() for name in taken for above in PurePosixPath(name).parents}
    empty = sorted(set(folders) - full)
    return sorted(taken), [
        *passed_over([name for name in others if PurePosixPath(name).name.lower() not in _TOLD], what),
        *([f"no {what} lie in the folder {empty[0]}" + _more(empty)] if empty else []),
    ]


def passed_over(names: Sequence[str], what: str) -> list[str]:
    """A note on files that are not `what`, if there are any."""
    names = sorted(names)
    return [f"passed over, as no {what}: {names[0]}{_more(names)}"] if names else []


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def visible(path: str) -> bool:
    """Whether no piece of a relative path is hidden or a leftover of a Mac's archiver."""
    return not any(piece.startswith(".") or piece == "__MACOSX" for piece in PurePosixPath(path).parts)


def arrange(paths: Sequence[str], where: str, wrapped: bool = False) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels and official parts (object arrays of N strings, or None) that the folders of relative `paths` (N) say.

    Folders around class folders are passed over, and with `wrapped` (zips) one around loose files too. If all folders on top
    bear names of parts they are the official division. A folder that then follows is the class; files without any folder have
    no label. Raises DataError for a mixture.
    """
    for path in paths:
        if not path.isprintable():
            raise DataError(f"{where} has a file whose name is not UTF-8 or holds a line break, {path!r}; rename it")
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
