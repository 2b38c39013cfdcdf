"""Open pairs of texts: parallel files, tables of two columns, JSON lines with two texts.

- Two files that differ in one ending hold a pair on each line: `train.en` beside `train.de` (.gz, .txt too). Any of `train`,
  `train.de` and a folder with such files names them; in a folder, train, valid (val, dev) and test are the parts.
- A .tsv or .csv has a text and its answer in two columns, with a first line of names or without; a .jsonl has two texts by name.
- Without a word on the direction, pairs go from the file that was named to the other, else from the first in the alphabet.
- A pair of which a side is empty, or longer than 2,000 characters, is left out, and a note says how many.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.raw import Raw, RawPairs, RawTable, RawTexts
from nnzoo.data.tables import suffix_of
from nnzoo.data.texts import read_text

LONGEST = 2000  # characters of one side
TABLES = (".tsv", ".csv", ".jsonl", ".ndjson")
_FILE = re.compile(r"(?P<stem>.+)\.(?P<language>[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?)")
_OTHERS = """txt gz zip tar bz xz csv tsv npz npy png jpg jpe gif bmp tif ppm pgm pbm ico svg md py sh js wav mid mp ogg pdf doc xls
xml tex rst log cfg ini bin dat pkl mat pt tmp bak"""
_NO_LANGUAGES = frozenset(_OTHERS.split())
_PARTS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "dev": "valid", "test": "test"}


def find_pairs(path: Path) -> dict[str, tuple[Path, Path]]:
    """The parallel files that a path names, by part ("" where there is one pair of no part): from a folder, one of the files, or
    what their names have in common. Nothing where there are none."""
    if path.is_dir():
        stems: dict[str, list[Path]] = {}
        for file in sorted(path.iterdir()):
            if (match := _language_file(file)) is not None:
                stems.setdefault(match[0], []).append(file)
        found = {stem: files for stem, files in stems.items() if len(files) == 2}
        parts: dict[str, tuple[Path, Path]] = {}
        for stem, files in found.items():
            if (part := _part_of(stem)) is not None:
                parts.setdefault(part, (files[0], files[1]))  # of several tests the first in the alphabet
        if "train" in parts:
            return parts
        alone = next(iter(found.values()), [])
        return {"": (alone[0], alone[1])} if len(found) == 1 else {}
    match = _language_file(path)
    stem = match[0] if match is not None and path.is_file() else path.name
    if not path.parent.is_dir() or (match is None and path.exists()):
        return {}
    files = [file for file in sorted(path.parent.iterdir()) if (other := _language_file(file)) is not None and other[0] == stem]
    if path in files:
        files.sort(key=lambda file: file != path)
    return {"": (files[0], files[1])} if len(files) == 2 else {}


def _language_file(path: Path) -> tuple[str, str] | None:
    """Stem and language of `train.de.gz`."""
    match = _FILE.fullmatch(path.name.removesuffix(".gz").removesuffix(".txt"))
    if match is None or match["language"] in _NO_LANGUAGES or path.is_dir():
        return None
    return match["stem"], match["language"]


def _part_of(stem: str) -> str | None:
    return _PARTS.get(re.split(r"[._-]", stem.lower())[0])


def read_parallel(path: Path, files: dict[str, tuple[Path, Path]]) -> RawPairs:
    """The pairs of parallel files as `find_pairs` found them. Raises DataError naming the file and line."""
    sides: tuple[list[str], list[str]] = ([], [])
    parts: list[str] = []
    languages: list[tuple[str, str]] = []
    for part, pair in files.items():
        lines = tuple(_lines(file) for file in pair)
        if len(lines[0]) != len(lines[1]):
            raise DataError(
                f"{pair[0]} has {len(lines[0]):,} lines and {pair[1]} has {len(lines[1]):,}; a pair stands on the same line of both"
            )
        for side, more in zip(sides, lines):
            side.extend(more)
        parts += [part] * len(lines[0])
        names = [_language_file(file) for file in pair]
        languages.append((names[0][1], names[1][1]) if names[0] and names[1] else ("source", "target"))
    if len(set(languages)) > 1:
        raise DataError(f"{path} has parts of different languages, {languages[0]} and {languages[1]}; name one pair of files")
    official = np.array(parts, dtype=object) if any(parts) else None
    return usable(RawPairs(str(path), *sides, languages=languages[0], part=official))


def _lines(path: Path) -> list[str]:
    """All lines, the empty ones too, since they keep their places."""
    return read_text(path).removesuffix("\n").split("\n")


def read_pair_table(path: Path) -> RawPairs:
    """Two columns of a .tsv or .csv, or two texts of every line of a .jsonl. Raises DataError naming the file and line."""
    suffix = suffix_of(path)
    text = read_text(path)
    if suffix in (".jsonl", ".ndjson"):
        return usable(_from_json(path, text))
    rows: list[Sequence[str]] = (
        [line.split("\t") for line in text.removesuffix("\n").split("\n")]
        if suffix == ".tsv"
        else list(csv.reader(io.StringIO(text, newline="")))
    )
    for number, row in enumerate(rows, 1):
        if len(row) < 2 and any(row):
            raise DataError(f"{path}, line {number} has one column where a text and its answer are needed; put a tab between them")
    rows = [row for row in rows if any(row)]
    head = rows[0][:2]
    named = all(re.fullmatch(r"[A-Za-z]\w{0,19}", cell) for cell in head) and len(rows) > 1 and _looks_like_names(head, rows[1:])
    pairs = rows[1:] if named else rows
    languages = (head[0], head[1]) if named else ("source", "target")
    more = next((number for number, row in enumerate(pairs, 1) if len(row) > 2), None)
    notes = [] if more is None else [f"pair {more} has {len(pairs[more - 1])} columns; the first two are read, others are left out"]
    return usable(RawPairs(str(path), [row[0] for row in pairs], [row[1] for row in pairs], languages, notes=notes))


def _looks_like_names(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a first line names columns: its cells stand nowhere below, and are such as name a language or a side."""
    usual = {"source", "target", "src", "tgt", "trg", "input", "output", "text", "translation", "from", "to", "question", "answer"}
    if not all(cell.lower() in usual or len(cell) <= 3 for cell in head):
        return False
    return not any(cell == row[k] for row in rows for k, cell in enumerate(head))


def _from_json(path: Path, text: str) -> RawPairs:
    names: tuple[str, str] | None = None
    sides: tuple[list[str], list[str]] = ([], [])
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(f"{path}, line {number} is no JSON; write one object a line") from None
        record = record.get("translation", record) if isinstance(record, dict) else record  # as Hugging Face nests them
        texts = [name for name, value in record.items() if isinstance(value, str)] if isinstance(record, dict) else []
        if names is None:
            if len(texts) != 2:
                raise DataError(f"{path}, line {number} has {len(texts)} texts by name where a text and its answer are needed")
            names = (texts[0], texts[1])
        for side, name in zip(sides, names):
            if name not in texts:
                raise DataError(f"{path}, line {number} has no text '{name}'; give every line the same two names")
            side.append(record[name])
    assert names is not None, "an empty file is refused before"
    return RawPairs(str(path), *sides, languages=names)


def read_as_pairs(source: Any, target: str | None = None) -> RawPairs:
    """Whatever a person gives, as pairs: here a table is a text and its answer."""
    from nnzoo.data.reading import read, read_known

    is_path = isinstance(source, (str, os.PathLike)) and read_known(source) is None
    if is_path and suffix_of(Path(source)) in TABLES:
        return read_pair_table(Path(source))
    return as_pairs(read(source), target)


def as_pairs(raw: Raw, target: str | None = None) -> RawPairs:
    """Pairs from data that were opened as something else: a table of two columns of text, or texts with labels."""
    match raw:
        case RawPairs():
            return raw
        case RawTable() if len(raw.frame.columns) >= 2:
            names = [str(name) for name in raw.frame.columns]
            if len(names) > 2 and target is None:
                raise DataError(f"{raw.name} has {len(names)} columns; give it the two that hold a text and its answer")
            answer = target if target is not None else names[1]
            if answer not in names:
                raise DataError(f"{raw.name} has no column '{answer}'; it has {', '.join(names)}")
            question = next(name for name in names if name != answer)
            sides = [["" if cell is None or cell != cell else str(cell) for cell in raw.frame[name]] for name in (question, answer)]
            return usable(RawPairs(raw.name, sides[0], sides[1], (question, answer), part=raw.part, notes=raw.notes))
        case RawTexts() if raw.labels is not None:
            return usable(RawPairs(raw.name, raw.texts, [str(label) for label in raw.labels], part=raw.part, notes=raw.notes))
    raise DataError(
        f"{raw.name} holds no pairs of texts; give two files line by line, a .tsv of two columns, or .jsonl of two texts"
    )


def towards(raw: RawPairs, target: str | None) -> RawPairs:
    """The pairs in the direction in which `target` is the answer. Raises DataError for a name that neither side has."""
    if target is None or target == raw.languages[1]:
        return raw
    if target != raw.languages[0] or raw.target is None:
        raise DataError(f"{raw.name} has no side '{target}'; its sides are {' and '.join(raw.languages)}")
    return raw.turned()


def usable(raw: RawPairs) -> RawPairs:
    """Without the pairs of which a side is empty or too long; a note says how many. Raises DataError where nothing is left."""
    assert raw.target is not None
    pairs = list(zip(raw.source, raw.target))
    empty = [not (a.strip() and b.strip()) for a, b in pairs]
    long = [max(len(a), len(b)) > LONGEST for a, b in pairs]
    kept = [row for row in range(len(pairs)) if not (empty[row] or long[row])]
    if not kept:
        raise DataError(f"{raw.name} holds no pair with a text of 1 to {LONGEST:,} characters on both sides; give such pairs")
    notes = [*raw.notes]
    if any(empty):
        notes.append(
            f"{sum(empty):,} of {len(pairs):,} pairs have an empty side and are left out (line {empty.index(True) + 1} first)"
        )
    if too_long := sum(long):
        first = long.index(True) + 1
        notes.append(
            f"{too_long:,} of {len(pairs):,} pairs are longer than {LONGEST:,} characters and are left out (line {first} first)"
        )
    part = None if raw.part is None else raw.part[kept]
    sides: list[Any] = [[side[row].strip() for row in kept] for side in (raw.source, raw.target)]
    return replace(raw, source=sides[0], target=sides[1], part=part, notes=notes)
