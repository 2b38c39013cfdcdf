"""Open texts: a file, a list of lines, folders of files.

A .txt file (.txt.gz too) is one long text, unless it looks like a list: at least 50 lines, none empty between them, and 95 of
100 no longer than 80 characters; then each line is a text of its own. `read_lines` takes any file as a list.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import read_plain
from nnzoo.data.folders import arrange, files_below
from nnzoo.data.raw import RawTexts

SUFFIXES = (".txt", ".txt.gz", ".text", ".md")
_FEWEST_LINES, _SHORT, _SHARE = 50, 80, 0.95


def read_texts(path: Path | str) -> RawTexts:
    """Text at `path`: a file (one text, or a list by the rule above), a folder of files (one text each), or a folder of class
    folders (labelled texts, each a whole of its own). Raises DataError naming the file."""
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
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
    content = read_plain(path)
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is no UTF-8 text: line {line} holds the byte {content[error.start]:#04x}; save it as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path} holds zero bytes in line {line}, as no text does; give a text file")
    if not text.strip():
        raise DataError(f"{path} is empty; give a file with text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_lines(text: str) -> list[str]:
    """Lines that are not empty, without their ends."""
    return [line for line in text.split("\n") if line.strip()]


def is_list(text: str) -> bool:
    """Whether a text is a list of short lines, by the rule above."""
    lines = text.strip("\n").split("\n")
    if len(lines) < _FEWEST_LINES or not all(line.strip() for line in lines):
        return False
    return sum(len(line) <= _SHORT for line in lines) >= _SHARE * len(lines)


def _read_folder(path: Path) -> RawTexts:
    names, notes = files_below(path, SUFFIXES, "texts")
    if not names:
        raise DataError(f"{path} holds no text files ({', '.join(SUFFIXES)}); put texts into it, or into one folder a class")
    labels, parts = arrange(names, str(path))
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
    whole = (
        {part: "".join(t for t, p in zip(raw.texts, raw.part) if p == part) for part in ("train", "valid", "test")}
        if raw.part is not None
        else {}
    )
    train = whole.get("train") if raw.part is not None else "".join(raw.texts)
    assert train is not None
    length = len(train)
    n_test = round(test * length) if test and not whole.get("test") else 0
    n_valid = round(valid * length) if valid and not whole.get("valid") else 0
    texts = {
        "train": train[: length - n_valid - n_test],
        "valid": whole.get("valid") or train[length - n_valid - n_test : length - n_test],
        "test": whole.get("test") or train[length - n_test :],
    }
    kept = {part: text for part, text in texts.items() if part == "train" or {"valid": valid, "test": test}[part]}
    for part, text in kept.items():
        if len(text) < 3:
            raise DataError(f"{raw.name} has {length} characters, which leaves {len(text)} for {part}; give a longer text")
    return {part: replace(raw, texts=[text], part=None) for part, text in kept.items()}
