"""IDX files, as MNIST and Fashion-MNIST ship: a big-endian header, then bytes; gzipped or plain.

A header is never believed before it was compared with the size of the file. N pictures, H W C.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import BROKEN, most_bytes, open_plain, read_plain, size_text
from nnzoo.data.pixel_store import PixelStore, fill_rows
from nnzoo.data.raw import RawImages

_IMAGES, _LABELS = 0x0803, 0x0801
_EXTREME_PIXELS = 50_000_000


def is_idx(path: Path) -> bool:
    """Whether a file's name is that of IDX pictures."""
    return "idx3-ubyte" in path.name


def idx_files(folder: Path) -> list[Path]:
    """IDX picture files of a folder, training part first."""
    found = {
        path.name.removesuffix(".gz"): path for path in sorted(folder.iterdir(), reverse=True) if path.is_file() and is_idx(path)
    }
    return sorted(found.values(), key=lambda path: (_idx_part(path) != "train", path.name))


def read_idx(name: str, files: list[Path], memory_limit: int | None = None) -> RawImages:
    """One IDX file, or the official training and test files, with the labels that lie beside. Raises DataError."""
    shapes = [_idx_shape(path) for path in files]
    if len({shape[1:] for shape in shapes}) != 1:
        raise DataError(f"{files[0].parent}: its IDX files hold pictures of different sizes; give one file instead of the folder")
    labels = [_idx_labels(path, shape[0]) for path, shape in zip(files, shapes)]
    counts = [shape[0] for shape in shapes]
    origin = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    store = PixelStore((sum(counts), *shapes[0][1:], 1), origin, memory_limit)
    start = 0
    for path, count in zip(files, counts):
        if not store.ready:
            try:
                _fill_idx(path, store.pixels[start : start + count])
            except DataError:
                store.drop()
                raise
        start += count
    parts = [_idx_part(path) for path in files]
    return RawImages(
        name,
        store.finish(),
        labels=np.concatenate([part for part in labels if part is not None]) if all(part is not None for part in labels) else None,
        part=np.repeat(np.array(parts, dtype=object), counts) if len(files) > 1 else None,
    )


def _idx_part(path: Path) -> str:
    return "test" if path.name.startswith(("t10k", "test")) else "valid" if path.name.startswith("val") else "train"


def _idx_shape(path: Path) -> tuple[int, int, int]:
    try:
        with open_plain(path) as file:
            header = file.read(16)
    except BROKEN as error:
        raise DataError(f"{path} is damaged or cut short ({error}); copy or download it again") from None
    magic = int.from_bytes(header[:4], "big")
    if len(header) < 16 or magic != _IMAGES:
        raise DataError(
            f"{path} is no IDX file of pictures: it begins with {magic} where {_IMAGES} should stand; check which file it is"
        )
    count, height, width = struct.unpack(">III", header[4:])
    needed = 16 + count * height * width
    if not height * width or height * width > _EXTREME_PIXELS or needed > most_bytes(path):
        raise DataError(
            f"{path} is damaged: its header promises {count} pictures of {height} x {width}, more than its "
            f"{size_text(path.stat().st_size)} can hold; copy or download it again"
        )
    return count, height, width


def _fill_idx(path: Path, pixels_NHWC: np.ndarray) -> None:
    try:
        with open_plain(path) as file:
            file.read(16)
            fill_rows(file, pixels_NHWC)
            rest = file.read(1)
    except BROKEN as error:
        raise DataError(f"{path} is damaged or cut short ({error}); copy or download it again") from None
    if rest:
        raise DataError(f"{path} goes on after the {len(pixels_NHWC)} pictures of its header; copy or download it again")


def _idx_labels(images: Path, count: int) -> np.ndarray | None:
    wanted = images.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    path = next((p for p in (images.with_name(wanted), images.with_name(f"{wanted}.gz")) if p.is_file() and p != images), None)
    if path is None:
        return None
    content = read_plain(path, count + (1 << 20))
    magic = int.from_bytes(content[:4], "big")
    if magic != _LABELS:
        raise DataError(
            f"{path} is no IDX file of labels: it begins with {magic} where {_LABELS} should stand; check which file it is"
        )
    if int.from_bytes(content[4:8], "big") != count or len(content) != count + 8:
        raise DataError(
            f"{path} holds {len(content) - 8} labels for the {count} pictures of {images.name}; copy or download both again"
        )
    return np.frombuffer(content[8:], dtype=np.uint8).astype(str).astype(object)
