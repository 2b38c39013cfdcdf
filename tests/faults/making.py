"""What cases of broken inputs are made of: good files of every sort, each to be broken in one place."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROWS = 40
Maker = Callable[[], Any]


def nothing() -> None:
    """The maker of a case that needs no file."""


def write(name: str, content: str | bytes) -> Path:
    """Write one file, and the folders above it."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def file(content: str | bytes, name: str = "a.csv") -> Maker:
    """A maker that writes one file."""
    return lambda: write(name, content)


def both(*makers: Maker) -> Maker:
    """A maker that runs several, and gives what the last gave."""
    return lambda: [make() for make in makers][-1]


def rows(count: int = ROWS) -> list[list[str]]:
    """Rows `a`, `b`, `y`: two numbers, and a class that follows from the first."""
    return [[str(i), str(i * 7 % 11), "high" if i % 20 >= 10 else "low"] for i in range(count)]


def text(table: list[list[str]], header: str = "a,b,y", delimiter: str = ",") -> str:
    """A delimited text of rows below a header."""
    return "\n".join([header.replace(",", delimiter), *(delimiter.join(row) for row in table)]) + "\n"


def changed(row: int, column: int, cell: str, count: int = ROWS) -> str:
    """The text of a good table with one cell (both counted from 1) replaced."""
    table = rows(count)
    table[row - 1][column - 1] = cell
    return text(table)


def each(column: int, cell: Callable[[int], str]) -> str:
    """The text of a good table in which one column (from 1) holds `cell(row)`."""
    table = rows()
    for i, row in enumerate(table):
        row[column - 1] = cell(i)
    return text(table)


GOOD = text(rows())


def picture(mode: str = "L", size: tuple[int, int] = (8, 8), form: str = "PNG", value: int = 0, **how: Any) -> bytes:
    """The file of a picture of one tone."""
    made = Image.new("L", size, 10 * value % 256).convert(mode)
    content = io.BytesIO()
    made.save(content, form, **how)
    return content.getvalue()


def folder(others: Mapping[str, bytes] = {}, count: int = 10, name: str = "p") -> Maker:
    """A maker of a folder of pictures in two class folders, with `others` beside or instead of them."""

    def make() -> None:
        for path, content in (good_pictures(count) | dict(others)).items():
            write(f"{name}/{path}", content)

    return make


def good_pictures(count: int = 10) -> dict[str, bytes]:
    """Pictures of two classes by path."""
    return {f"{label}/{i}.png": picture(value=i + 10 * (label == "dog")) for label in ("cat", "dog") for i in range(count)}


def packed(others: Mapping[str, bytes] = {}, name: str = "p.zip", links: Mapping[str, str] = {}) -> Maker:
    """A maker of a zip of pictures in class folders, with `others`, and with symbolic `links` to where they point."""

    def make() -> None:
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in (good_pictures() | dict(others)).items():
                archive.writestr(path, content)
            for path, to in links.items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = 0o120777 << 16
                archive.writestr(entry, to)

    return make


def arrays(name: str = "a.npz", **named: Any) -> Maker:
    """A maker of an .npz."""
    return lambda: np.savez(name, **named)


def idx(magic: int, shape: tuple[int, ...], values: bytes, cut: int = 0) -> bytes:
    """A gzipped IDX file, of which the last `cut` bytes are lost."""
    numbers = b"".join(size.to_bytes(4, "big") for size in (magic, *shape))
    content = gzip.compress(numbers + values)
    return content[: len(content) - cut]
