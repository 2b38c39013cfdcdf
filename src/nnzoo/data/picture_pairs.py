"""Open pairs of pictures, one to go in and one to come out.

- A folder with `input` and `target`, or `a` and `b`, whose files bear the same names (also train/input, train/target, ... or
  input/train, target/train, ... for an official division). Both pictures of a pair have one size.
- One folder of pictures that stand side by side, input left, target right: `--pairs side-by-side`.
- Single pictures, from which the input is made (`picture_changes.py`): `--pairs edges` and so on.
- In Python (inputs, targets) as arrays.

N pairs, H W C.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.folders import PARTS, files_below
from nnzoo.data.image_arrays import images_from_arrays
from nnzoo.data.images import SUFFIXES, read_files
from nnzoo.data.picture_changes import CHANGES, changed
from nnzoo.data.raw import Raw, RawImages, RawPicturePairs

SIDE_BY_SIDE = "side-by-side"
PAIRS = (*CHANGES, SIDE_BY_SIDE)


def open_pairs(source: Any, pairs: str | None = None) -> RawPicturePairs:
    """Whatever a person gives, as pairs; `pairs` says how they are made of single pictures. Raises DataError, ConfigError."""
    from nnzoo.data.reading import read

    if pairs is not None and pairs not in PAIRS:
        raise ConfigError(f"--pairs {pairs} is not known; write {', '.join(PAIRS[:-1])} or {PAIRS[-1]}")
    if isinstance(source, (str, os.PathLike)) and os.path.isdir(source) and (sides := sides_of(Path(source))):
        raw: Raw = read_sides(Path(source), sides)
    else:
        raw = read(source)
    if isinstance(raw, RawPicturePairs):
        if pairs is not None and raw.made != pairs:
            raise ConfigError(f"{raw.name} holds pairs already; leave --pairs {pairs} out")
        return raw
    if not isinstance(raw, RawImages):
        raise DataError(f"{raw.name} holds no pictures, and image-to-image needs pairs of them; give a folder of pictures")
    if pairs is None:
        raise DataError(
            f"{raw.name} holds single pictures; put pairs into two folders, input and target, with equal file names, or let "
            f"--pairs make them ({', '.join(PAIRS)})"
        )
    return pairs_of(raw, pairs)


def pairs_of(raw: RawImages, how: str) -> RawPicturePairs:
    """Pairs made of single pictures in one of the ways of PAIRS. Raises DataError."""
    same: dict[str, Any] = {"files": raw.files, "made": how, "part": raw.part, "notes": raw.notes}
    if how == SIDE_BY_SIDE:
        width = raw.pixels.shape[2]
        if width % 2:
            raise DataError(f"{raw.name}: pictures {width} pixels wide cannot be halved; give pairs of one width side by side")
        left, right = (np.ascontiguousarray(raw.pixels[:, :, side]) for side in (slice(width // 2), slice(width // 2, None)))
        return RawPicturePairs(raw.name, left, right, **same)
    if how == "grey" and raw.pixels.shape[3] == 1:
        raise DataError(f"{raw.name}: the pictures are grey already, so that --pairs grey takes nothing from them; choose another")
    return RawPicturePairs(raw.name, changed(raw.pixels, how), raw.pixels, **same)


def pairs_from_arrays(sources: Any, targets: Any) -> RawPicturePairs:
    """Pictures in memory and what each becomes. Raises DataError."""
    before, after = images_from_arrays(sources, name="the inputs"), images_from_arrays(targets, name="the targets")
    if before.pixels.shape[:3] != after.pixels.shape[:3]:
        one, other = (" x ".join(map(str, side.pixels.shape[:3])) for side in (before, after))
        raise DataError(f"there are {one} inputs and {other} targets (number, height, width); give each a target of its size")
    return RawPicturePairs("arrays", before.pixels, after.pixels)


def sides_of(folder: Path) -> tuple[str, str] | None:
    """The names of the two folders of a pair below a folder (or below its parts), None where there are none."""
    above = [folder, *(path for path in sorted(folder.iterdir()) if path.is_dir() and path.name.lower() in PARTS)]
    there = {path.name for one in above for path in one.iterdir() if path.is_dir()}
    if there >= {"input", "target"}:
        return "input", "target"
    return ("a", "b") if there - set(PARTS) == {"a", "b"} else None


def read_sides(folder: Path, sides: tuple[str, str]) -> RawPicturePairs:
    """Pairs of files with one name in two folders. Raises DataError naming files without a partner and sizes that differ."""
    names, notes = files_below(folder, SUFFIXES, "pictures")
    found: tuple[dict[str, str], dict[str, str]] = {}, {}
    for name in names:
        pieces = list(PurePosixPath(name).parts)
        place = next((k for k, piece in enumerate(pieces[:2]) if piece in sides), None)
        if place is None or (place == 1 and pieces[0].lower() not in PARTS):
            continue
        side = sides.index(pieces.pop(place))
        key = PurePosixPath(*pieces).with_suffix("").as_posix()
        if key in found[side]:
            raise DataError(f"{folder} has two pictures called {key} in {sides[side]}, {found[side][key]} and {name}; remove one")
        found[side][key] = name
    for side in (0, 1):
        if not found[side]:
            raise DataError(f"{folder / sides[side]} has no pictures; put one for each picture in {sides[1 - side]} there")
        alone = sorted(found[side].keys() - found[1 - side].keys())
        if alone:
            more = f" (and {len(alone) - 1} more)" if len(alone) > 1 else ""
            raise DataError(
                f"{folder}: {found[side][alone[0]]}{more} has no partner in {sides[1 - side]}; give both of a pair one name"
            )
    keys = sorted(found[0])
    files = [[found[side][key] for key in keys] for side in (0, 1)]
    before, after = _both(folder, files)
    tops = [PurePosixPath(key).parts[0].lower() for key in keys]
    part = np.array([PARTS[top] for top in tops], dtype=object) if all(top in PARTS for top in tops) else None
    if part is not None and "train" not in part:
        raise DataError(f"{folder} has the parts {', '.join(sorted(set(part)))} but none named train; add it")
    changes = [f"{note} ({name})" for name, raw in zip(sides, (before, after)) for note in raw.notes]
    return RawPicturePairs(str(folder), before.pixels, after.pixels, files[0], part=part, notes=[*notes, *changes])


def _both(folder: Path, files: list[list[str]]) -> tuple[RawImages, RawImages]:
    before, after = (read_files([folder / name for name in side]) for side in files)
    assert before.headers is not None and after.headers is not None
    for one, other, (high, wide, _), (tall, broad, _) in zip(*files, before.headers, after.headers):
        if (high, wide) != (tall, broad):
            raise DataError(
                f"{folder}: {one} has {wide} x {high} pixels and {other} {broad} x {tall}; bring both of a pair to one size"
            )
    return before, after
