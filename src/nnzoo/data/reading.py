"""Open whatever a person gives: the name of a known set, a path, a frame, arrays, tensors, texts."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.archives import need_file
from nnzoo.data.raw import Raw
from nnzoo.data.sequences import is_sequences, sequences_from_arrays
from nnzoo.data.tables import SUFFIXES as TABLES
from nnzoo.data.tables import array_frame, as_array, read_table, suffix_of, table_of

TEXTS = (".txt", ".text", ".md")


def read(source: Any) -> Raw:
    """Open a source; its contents say what sort of data it is. Raises DataError.

    A known set's name; .csv .tsv .parquet .jsonl .json (.gz too): a table; .txt: a text; a folder, .zip, .npz, .npy, IDX: pictures
    (a folder of texts: texts; an .npz with edges: a graph); train.en beside train.de: pairs of texts; a folder with input
    and target: pairs of pictures; a frame or records: a table;
    (X, y) or X: 2-D X a table with columns x0, x1, ..., 3-D and 4-D X pictures, a list of strings texts, a list of 2-D arrays
    sequences; what is open already passes through.
    """
    if isinstance(source, Raw):
        return source
    if isinstance(source, (str, os.PathLike)):
        return read_known(source) or _read_path(path_of(source))
    if isinstance(source, tuple) and len(source) == 2:
        return _read_pair(*source)
    if isinstance(source, (pd.DataFrame, Mapping)) or (isinstance(source, list) and source and isinstance(source[0], Mapping)):
        return read_table(source)
    return _read_pair(source, None)


def read_known(source: Any) -> Raw | None:
    """The known set of that name, None where it is a path or another thing. A file called like a known set is written ./name."""
    if not isinstance(source, str):
        return None
    from nnzoo.data import known

    return known.read_known(source)


def path_of(source: str | os.PathLike[str]) -> Path:
    """A path, from what a person wrote for one. Raises DataError for what can be none."""
    text = os.fspath(source)
    if not text.strip():
        raise DataError("the name of the data is empty; give a path or the name of a known set")
    if "://" in text:
        raise DataError(f"{text} is an address, and nnzoo reads files; download it and give the path")
    return Path(text)


def _read_path(path: Path) -> Raw:
    from nnzoo.data import known
    from nnzoo.data.idx import is_idx
    from nnzoo.data.pairs import find_pairs, read_parallel

    suffix = suffix_of(path)
    if files := find_pairs(path):
        return read_parallel(path, files)
    if os.path.isdir(path):
        return _read_folder(path)
    need_file(path, list(known.known_names()))
    if suffix == ".json":
        from nnzoo.data.rolls import is_rolls, read_rolls

        if is_rolls(path):
            return read_rolls(path)
    if suffix in TABLES:
        return read_table(path)
    if suffix in TEXTS:
        from nnzoo.data.texts import read_texts

        return read_texts(path)
    if suffix == ".npz" and _holds(path, "edges.npy"):
        from nnzoo.data.graphs import read_graph

        return read_graph(path)
    from nnzoo.data.images import FILES, read_images

    if suffix not in FILES and not is_idx(path):
        raise DataError(
            f"{path} has no ending that nnzoo reads; give a table ({' '.join(TABLES)}), a text ({' '.join(TEXTS)}), "
            f"pictures ({' '.join(FILES)}), or a folder"
        )
    return read_images(path)


def _read_folder(path: Path) -> Raw:
    """A folder is of the sort of the first file below it that is of any sort; what stands beside made pictures is of none."""
    from nnzoo.data.folders import BESIDE
    from nnzoo.data.images import SUFFIXES

    if (path / "digests.json").is_file():
        raise DataError(f"{path} is a saved run where data are needed; give the data first, or use it with `nnzoo predict {path}`")
    for _, folders, files in os.walk(path):
        folders.sort()
        if any(suffix_of(Path(file)) in SUFFIXES for file in files):
            files = [file for file in files if file not in BESIDE]
        for suffix in sorted({suffix_of(Path(file)) for file in files if not file.startswith(".") and file.lower() != "readme.md"}):
            if suffix in TEXTS:
                from nnzoo.data.texts import read_texts

                return read_texts(path)
            if suffix in TABLES:
                tables = sorted(file for file in files if suffix_of(Path(file)) in TABLES)
                raise DataError(f"{path} is a folder with tables; name one of them, such as {path / tables[0]}")
    from nnzoo.data.images import read_images
    from nnzoo.data.picture_pairs import read_sides, sides_of

    if sides_of(path) == ("input", "target"):  # folders called a and b may be two labels
        return read_sides(path, ("input", "target"))
    return read_images(path)


def _holds(path: Path, entry: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return entry in archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be opened as .npz ({error}); save or download it again") from None


def _read_pair(x: Any, y: Any) -> Raw:
    """Inputs and targets (None: none) as arrays, tensors, frames or lists."""
    if isinstance(x, (list, np.ndarray)) and len(x) and isinstance(x[0], str):
        from nnzoo.data.texts import texts_from_list

        return texts_from_list(list(x), None if y is None else [str(label) for label in as_array(y).tolist()])
    if is_sequences(x):
        return sequences_from_arrays(x, y)
    if isinstance(x, pd.DataFrame):
        frame, name = x.reset_index(drop=True), "frame"
    else:
        array = as_array(x)
        if array.ndim in (3, 4):
            from nnzoo.data.image_arrays import images_from_arrays

            if y is not None and as_array(y).ndim in (3, 4):
                from nnzoo.data.picture_pairs import pairs_from_arrays

                return pairs_from_arrays(array, as_array(y))
            return images_from_arrays(array, None if y is None else as_array(y))
        if array.dtype.kind not in "biufOUS" or array.ndim != 2:
            raise DataError(
                f"{type(x).__name__} of shape {array.shape} is no data set; give a name, a path, a frame, "
                "a list of texts, or arrays with 2 dimensions (a table) or 3 or 4 (pictures)"
            )
        frame, name = array_frame(array), "arrays"
    if y is None:
        return table_of(frame, name)
    targets = _target_frame(y, set(frame.columns))
    if len(targets) != len(frame):
        raise DataError(f"there are {len(frame)} rows and {len(targets)} targets; give one target for each row")
    return table_of(pd.concat([frame, targets], axis=1), name, tuple(targets.columns))


def _target_frame(y: Any, taken: set[Any]) -> pd.DataFrame:
    """Targets as columns, with names that inputs do not bear."""
    if isinstance(y, pd.Series):
        y = y.to_frame(y.name if y.name is not None else "y")
    if isinstance(y, pd.DataFrame):
        frame = y.reset_index(drop=True)
    else:
        array = as_array(y)
        if array.ndim not in (1, 2):
            raise DataError(f"targets of shape {array.shape} cannot be read; give one value, or one row of values, for each row")
        several = array.ndim == 2 and array.shape[1] > 1
        frame = pd.DataFrame(array, columns=[f"y{i}" for i in range(array.shape[1])] if several else ["y"])
    return frame.set_axis([f"target {name}" if name in taken else str(name) for name in frame.columns], axis=1)
