"""A text larger than memory: read in pieces, its symbols written once to a file in the cache that is mapped, not read.

    content --sha256--> survey (length of each file, where each character first stands) --> parts by position
    part "train" --> vocabulary;   vocabulary, content --> file of symbols --> each part is a slice of it

Both are kept below `texts/` in the cache under the digest of what they depend on, and get their names only when they are whole. So
the next start reads the files once to know them again, and nothing else.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError
from nnzoo.core.events import Listener, Reading
from nnzoo.data import texts
from nnzoo.data.archives import size_text
from nnzoo.data.places import cache_folder
from nnzoo.data.raw import RawCorpus, RawTexts

FORMAT = 1
SAMPLE = 100_000_000  # characters of the training part, at equal distances, from which words and byte-pair units are learned
DIVIDED = 1 << 14  # characters that are divided into units at once: byte-pair units need hundreds of bytes for each
LONGEST_WORD = 1 << 23  # characters without a blank, after which a text is cut wherever that is
_EVERY = 0.1  # seconds between two words on how far it is
_CHUNK = 1 << 22
_FEW = 50


@dataclass(frozen=True)
class Survey:
    """What a first reading finds out: the digest of the files, how many characters each has, and where each character first stands
    when the files follow one another."""

    digest: str
    lengths: tuple[int, ...]
    first: dict[str, int]

    @property
    def total(self) -> int:
        """Characters of all files."""
        return sum(self.lengths)


def cut(raw: RawTexts, valid: float, test: float, listen: Sequence[Listener] = ()) -> dict[str, RawTexts]:
    """The parts of one long text, as `texts.cut` makes them; one larger than memory is surveyed and cut by position."""
    if not isinstance(raw, RawCorpus):
        return texts.cut(raw, valid, test)
    kinds = np.full(len(raw.files), "train", dtype=object) if raw.part is None else raw.part
    order = [k for part in texts.PARTS for k in np.flatnonzero(kinds == part)]
    raw = replace(raw, files=tuple(raw.files[k] for k in order), part=None, listen=tuple(listen))
    found = surveyed(raw)
    lengths = {part: sum(n for n, k in zip(found.lengths, order) if kinds[k] == part) for part in texts.PARTS}
    cuts = texts.spans(raw.name, lengths, valid, test)
    return {part: replace(raw, cuts=cuts, piece=part, survey=found) for part in cuts}


def span(raw: RawCorpus) -> tuple[int, int]:
    """From which to which character this piece of a corpus goes."""
    return raw.cuts[raw.piece] if raw.piece else (0, surveyed(raw).total)


def surveyed(raw: RawCorpus) -> Survey:
    """The survey of a corpus, from the cache if the same content was read before. Raises DataError as `texts.text_pieces` does."""
    if raw.survey is not None:
        found: Survey = raw.survey
        return found
    digest = _digest(raw)
    path = _folder() / f"{digest}.survey.json"
    facts = _facts(path)
    if facts is None:
        lengths, first = _survey(raw)
        with _becoming(path) as file:
            file.write(json.dumps({"format": FORMAT, "lengths": lengths, "first": first}).encode())
        facts = {"lengths": lengths, "first": first}
    raw.survey = Survey(digest, tuple(facts["lengths"]), facts["first"])
    return raw.survey


def characters(raw: RawCorpus) -> str:
    """The distinct characters of this piece of a corpus, which begins where the corpus begins, sorted."""
    begin, end = span(raw)
    assert begin == 0, "a vocabulary is learned from the first part"
    return "".join(sorted(character for character, place in surveyed(raw).first.items() if place < end))


def sampled(raw: RawCorpus) -> Iterator[str]:
    """This piece of a corpus (which begins where the corpus begins) cut before blanks, or every second, third, ... cut, so that
    about `SAMPLE` characters are given."""
    begin, end = span(raw)
    assert begin == 0, "units are learned from the first part"
    pieces = (text for section, text in _sections(raw, [end], "learning units") if section == 0)
    return itertools.islice(_before_blanks(pieces), 0, None, -(-end // SAMPLE))


def coded(
    raw: RawCorpus, vocabulary: Any, dtype: np.dtype[Any], encode: Callable[[str], np.ndarray], one_each: bool
) -> tuple[Tensor, list[int]]:
    """The symbols of this piece of a corpus (T, over a read-only mapped file) and where its texts begin and end.

    `encode` makes symbols of a text by the `vocabulary` (JSON), one for each character if `one_each`; else each section between two
    cuts is encoded by itself, as it would be in memory. Raises DataError where the disk is too small.
    """
    found = surveyed(raw)
    files = list(itertools.accumulate(found.lengths))
    inside = sorted({*itertools.chain(*raw.cuts.values()), found.total} - {0}) if raw.cuts else files
    sections = [found.total] if one_each else inside
    key = hashlib.sha256(json.dumps([FORMAT, found.digest, vocabulary, str(dtype), sections]).encode()).hexdigest()[:24]
    path = _folder() / f"{key}.symbols"
    facts = _facts(path.with_suffix(".json"))
    if facts is None or not path.is_file() or path.stat().st_size != facts["counts"][-1] * dtype.itemsize:
        facts = {"format": FORMAT, "counts": _write(raw, path, sections, dtype, encode, one_each)}
        with _becoming(path.with_suffix(".json")) as file:  # only now is the other file trusted
            file.write(json.dumps(facts).encode())
    place = dict(zip([0, *sections], [0, *facts["counts"]]))
    begin, end = span(raw)
    inner = [begin, end] if raw.cuts else [0, *files]
    bounds = inner if one_each else [place[at] for at in inner]
    values = np.memmap(path, dtype=dtype, mode="r")[bounds[0] : bounds[-1]]
    with warnings.catch_warnings():
        # Nothing writes to stored symbols. A private writable map would need as much memory as the file has, promised if not used.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(values), [at - bounds[0] for at in bounds]


def _write(
    raw: RawCorpus, path: Path, ends: list[int], dtype: np.dtype[Any], encode: Callable[[str], np.ndarray], one_each: bool
) -> list[int]:
    """Write the symbols of a whole corpus; how many there are up to each of `ends` (characters)."""
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    need, free = ends[-1] * dtype.itemsize // (1 if one_each else 4), shutil.disk_usage(folder).free
    if need > free:
        raise DataError(
            f"the symbols of {raw.name} need {size_text(need)}, but only {size_text(free)} are free at {folder}; "
            "point NNZOO_CACHE at a larger disk"
        )
    counts = [0] * len(ends)
    with _becoming(path) as file:
        for section, pieces in itertools.groupby(_sections(raw, ends, "tokenising"), key=lambda pair: pair[0]):
            plain = (text for _, text in pieces)
            for text in plain if one_each else _before_blanks(plain):
                symbols = encode(text).astype(dtype, copy=False)
                file.write(symbols.data)
                counts[section] += len(symbols)
    return list(itertools.accumulate(counts))


def _sections(raw: RawCorpus, ends: list[int], what: str) -> Iterator[tuple[int, str]]:
    """The pieces of all files, cut at `ends` (characters), each with the number of its section; none after the last end."""
    told, at, section = _Told(raw.listen, what, ends[-1], "characters"), 0, 0
    for path in raw.files:
        for text in texts.text_pieces(path):
            while text and section < len(ends):
                piece, text = text[: ends[section] - at], text[ends[section] - at :]
                at += len(piece)
                told(at)
                if piece:
                    yield section, piece
                section += at == ends[section]
            if section == len(ends):
                return


def _before_blanks(pieces: Iterator[str]) -> Iterator[str]:
    """The same text in other pieces, each of which begins with a blank or a line end: no unit reaches across such a place."""
    held = ""
    for piece in pieces:
        for begin in range(0, len(piece), DIVIDED):
            held += piece[begin : begin + DIVIDED]
            if len(held) < DIVIDED:
                continue
            place = max(held.rfind(" "), held.rfind("\n"))
            if place > 0 or len(held) >= LONGEST_WORD:
                place = place if place > 0 else len(held)
                yield held[:place]
                held = held[place:]
    if held:
        yield held


def _digest(raw: RawCorpus) -> str:
    """SHA-256 of the bytes of all files with their sizes."""
    digest, sizes = hashlib.sha256(), [path.stat().st_size for path in raw.files]
    told, done = _Told(raw.listen, "reading", sum(sizes)), 0
    for path, size in zip(raw.files, sizes):
        digest.update(f"{path.suffix.lower() == '.gz'} {size} ".encode())
        try:
            with open(path, "rb") as file:
                while content := file.read(_CHUNK):
                    digest.update(content)
                    done += len(content)
                    told(done)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); check the disk, or copy it again") from None
    return digest.hexdigest()[:24]


def _survey(raw: RawCorpus) -> tuple[list[int], dict[str, int]]:
    sizes = [path.stat().st_size for path in raw.files]
    told, lengths, at = _Told(raw.listen, "looking for characters", sum(sizes)), [], 0
    seen, first = texts.distinct(texts.code_points("")), dict[str, int]()
    for k, path in enumerate(raw.files):
        before, began = sum(sizes[:k]), at
        for text in texts.text_pieces(path, told=lambda place, before=before: told(before + place)):  # type: ignore[misc]
            points = texts.code_points(text)
            new = np.flatnonzero(texts.distinct(points) & ~seen)
            if len(new) > _FEW:
                found, places = np.unique(points, return_index=True)
                places = places[np.isin(found, new)]
            else:
                places = np.array([int((points == point).argmax()) for point in new], dtype=np.int64)
            first |= {chr(point): at + int(place) for point, place in zip(new.tolist(), places)}
            seen[new] = True
            at += len(text)
        lengths.append(at - began)
    return lengths, first


class _Told:
    """Tells listeners how far a reading is, a few times a second."""

    def __init__(self, listen: Sequence[Listener], what: str, total: int, unit: str = "bytes"):
        self.listen, self.what, self.total, self.unit = listen, what, total, unit
        self.began = self.said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if not self.listen or now - self.said < _EVERY:
            return
        self.said = now
        left = (self.total - done) * (now - self.began) / done if done else None
        for listener in self.listen:
            listener(Reading(self.what, done, self.total, left, self.unit))


def _folder() -> Path:
    return cache_folder() / "texts"


def _facts(path: Path) -> dict[str, Any] | None:
    """What stands in a file of facts; None where there is none, or an older or foreign one."""
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None


@contextmanager
def _becoming(path: Path) -> Iterator[BinaryIO]:
    """A file that gets the name `path` once it is written and on the disk; what broke off before leaves nothing under it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{path.name}.*.part"):
        if not _alive(old.suffixes[-2][1:]):
            old.unlink(missing_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"{part} cannot be written ({error.strerror}); point NNZOO_CACHE at a larger disk") from None
    finally:
        part.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OSError):
        return True
    return True
