"""Files beside the pictures of a folder: labels by file name, and where made pictures come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.folders import LABELS, ORIGIN


def labels_beside(folder: Path, names: Sequence[str]) -> np.ndarray | None:
    """Labels (N, object; None where a picture has none) of pictures by their relative paths, from the columns "file" and "label" of
    `labels.csv`; None where there is no such file. Raises DataError where it is of another form or names what is not there."""
    path = folder / LABELS
    if not path.is_file():
        return None
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}; give the columns file and label, or remove it") from None
    if list(frame.columns[:2]) != ["file", "label"]:
        raise DataError(f"{path} has no columns file and label; name them so, or remove it")
    if len(twice := frame["file"][frame["file"].duplicated()]):
        raise DataError(f"{path} names {twice.iloc[0]!r} twice; keep one of its lines")
    label_of = dict(zip(frame["file"], frame["label"]))
    if absent := sorted(set(label_of) - set(names)):
        raise DataError(f"{path} names {absent[0]!r}, which is no picture in {folder}; add the picture or remove the line")
    return np.array([label_of.get(name) or None for name in names], dtype=object)


def origin_note(folder: Path) -> list[str]:
    """A note where the pictures of a folder say that they were made by a network; nothing where they do not."""
    try:
        about = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(about, dict) or about.get("synthetic") is not True:
        return []
    maker = about.get("kind") or about.get("run") or "a network"
    return [f"these pictures are synthetic, made by {str(maker)[:60]}; keep them apart from real ones, and never test on them"]
