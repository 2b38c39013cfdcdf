"""Open texts: a file, a list of lines, folders of files.

A .txt file (.txt.gz too) is one long text, unless it looks like a list: at least 50 lines, none empty between them, and 95 of
100 no longer than 80 characters; then each line is a text of its own. `read_lines` takes any file as a list. Of a file larger than
`IN_MEMORY` the first 16 MiB decide; a list is held in memory, one long text is read in pieces (see `corpus`).
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import most_bytes, need_file, plain_pieces
from nnzoo.data.folders import arrange, files_below
from nnzoo.data.places import physical_memory
from nnzoo.data.raw import RawCorpus, RawTexts

SUFFIXES = (".txt", ".txt.gz", ".text", ".md")
PARTS = ("train", "valid", "test")
IN_MEMORY = 64 << 20  # bytes of text, unpacked; one long text that is larger is read in pieces
MOST_HELD = 500_000  # characters of a validation or test part that is cut off; more would take long and tell little more
_FEWEST_LINES, _SHORT, _SHARE = 50, 80, 0.95


def read_texts(path: Path | str, mapped: bool = True) -> RawTexts:
    """Text at `path`: a file (one text, or a list by the rule above), a folder of files (one text each), or a folder of class
    folders (labelled texts, each a whole of its own). With `mapped`, one long text larger than `IN_MEMORY` is only named here, and
    read in pieces later. Raises DataError naming the file."""
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, mapped)
    if mapped and larger(path) and not is_list(_beginning(path)):
        return RawCorpus(str(path), [], lines=False, files=(path,))
    text = read_text(path)
    return RawTexts(str(path), split_lines(text), lines=True) if is_list(text) else RawTexts(str(path), [text], lines=False)


def read_lines(path: Path | str) -> RawTexts:
    """A file in which every line that is not empty is a text of its own."""
    lines = split_lines(read_text(Path(path)))
    if not lines:
        raise DataError(f"{path} holds no lines; give a file with one text a line")
    return RawTexts(str(path), lines, lines=True)


def read_text(path: Path) -> str:
    """A file's text: UTF-8, or what its byte order mark says; line ends become a plain newline. Raises DataError."""
    return "".join(text_pieces(path, most=physical_memory() // 2))


def text_pieces(path: Path, most: int | None = None, told: Callable[[int], object] | None = None) -> Iterator[str]:
    """What `read_text` gives, piece by piece; `most` and `told` as in `plain_pieces`. Raises DataError."""
    decoder, lines, blank, held = None, 0, True, ""
    for content in itertools.chain(plain_pieces(path, most, told), [b""]):
        if decoder is None:
            wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            decoder = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")()
        try:
            text = decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            line = lines + error.object.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"{path} is no UTF-8 text: line {line} holds the byte {error.object[error.start]:#04x}; save it as UTF-8"
            ) from None
        if "\0" in text:
            line = lines + text.count("\n", 0, text.index("\0")) + 1
            raise DataError(f"{path} holds zero bytes in line {line}, as no text does; give a text file")
        lines += text.count("\n")
        if "\r" in text or held:
            text = held + text
            held = "\r" if content and text.endswith("\r") else ""  # perhaps the first half of a line end
            text = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n")
        blank = blank and not text.strip()
        if text:
            yield text
    if blank:
        raise DataError(f"{path} is empty; give a file with text")


def split_lines(text: str) -> list[str]:
    """Lines that are not empty, without their ends."""
    return [line for line in text.split("\n") if line.strip()]


def is_list(text: str) -> bool:
    """Whether a text is a list of short lines, by the rule above."""
    lines = text.strip("\n").split("\n")
    if len(lines) < _FEWEST_LINES or not all(line.strip() for line in lines):
        return False
    return sum(len(line) <= _SHORT for line in lines) >= _SHARE * len(lines)


def larger(*paths: Path) -> bool:
    """Whether these files together hold more than `IN_MEMORY`, unpacked."""
    room = IN_MEMORY
    for path in paths:
        need_file(path)
        if most_bytes(path) <= room:  # then there is no need to unpack it
            room -= most_bytes(path)
            continue
        for piece in plain_pieces(path):
            room -= len(piece)
            if room < 0:
                return True
    return False


def _beginning(path: Path) -> str:
    """The first pieces of a large text, which decide whether it is a list."""
    return "".join(itertools.islice(text_pieces(path), 4)).rpartition("\n")[0]


def _read_folder(path: Path, mapped: bool) -> RawTexts:
    names, notes = files_below(path, SUFFIXES, "texts")
    if not names:
        raise DataError(f"{path} holds no text files ({', '.join(SUFFIXES)}); put texts into it, or into one folder a class")
    labels, parts = arrange(names, str(path))
    if mapped and labels is None and larger(*(path / name for name in names)):
        return RawCorpus(str(path), [], lines=False, part=parts, notes=notes, files=tuple(path / name for name in names))
    texts = [read_text(path / name) for name in names]
    if labels is not None:
        texts = [text.strip() for text in texts]
    return RawTexts(str(path), texts, lines=labels is not None, labels=labels, part=parts, notes=notes)


def texts_from_list(texts: list[str], labels: list[str] | None = None, *, lines: bool = True, name: str = "texts") -> RawTexts:
    """Texts that are in memory already, with labels where given."""
    if labels is not None and len(labels) != len(texts):
        raise DataError(f"there are {len(texts)} texts and {len(labels)} labels; give one label for each text")
    return RawTexts(name, list(texts), lines=lines, labels=None if labels is None else np.array(labels, dtype=object))


def cut(raw: RawTexts, valid: float, test: float) -> dict[str, RawTexts]:
    """One long text as contiguous pieces: official parts where there are any, else the last characters are tested."""
    kinds = np.full(len(raw.texts), "train", dtype=object) if raw.part is None else raw.part
    texts = {part: "".join(text for text, own in zip(raw.texts, kinds) if own == part) for part in PARTS}
    found = spans(raw.name, {part: len(text) for part, text in texts.items()}, valid, test)
    whole = "".join(texts.values())
    return {part: replace(raw, texts=[whole[a:b]], part=None) for part, (a, b) in found.items()}


def spans(name: str, lengths: dict[str, int], valid: float, test: float) -> dict[str, tuple[int, int]]:
    """From which to which character each part goes, where the official parts have these `lengths` and stand one after the other. Of
    those that are lacking, `valid` and `test` are shares of the training part's end, `MOST_HELD` characters at most."""
    length = lengths["train"]
    n_test = min(round(test * length), MOST_HELD) if test and not lengths["test"] else 0
    n_valid = min(round(valid * length), MOST_HELD) if valid and not lengths["valid"] else 0
    n_train, official = length - n_valid - n_test, length + lengths["valid"]
    found = {
        "train": (0, n_train),
        "valid": (length, official) if lengths["valid"] else (n_train, n_train + n_valid),
        "test": (official, official + lengths["test"]) if lengths["test"] else (n_train + n_valid, length),
    }
    kept = {part: span for part, span in found.items() if part == "train" or {"valid": valid, "test": test}[part]}
    for part, (first, last) in kept.items():
        if last - first < 3:
            raise DataError(f"{name} has {length} characters, which leaves {last - first} for {part}; give a longer text")
    return kept


def code_points(text: str) -> np.ndarray:
    """Code points of a text (uint8 where all are ASCII, else uint32)."""
    if text.isascii():
        return np.frombuffer(text.encode(), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def distinct(points: np.ndarray) -> np.ndarray:
    """Which code points there are (bool, one for each that Unicode has): for long texts faster than sorting."""
    there = np.zeros(0x110000, dtype=bool)
    there[points] = True
    return there
