"""Open pictures as a person has them: a folder or zip of class folders, IDX, .npz and .npy, single files.

Every picture comes out as uint8 of one size, by these rules. Modes: one channel if all pictures are grey, else RGB; 16-bit
grey keeps its upper eight bits (value / 257); palettes become RGB; what is transparent is laid over white; a photograph is turned
as its EXIF tag says; of an animation the first frame is taken. Size: the commonest one; others are resized (bilinear, with
anti-aliasing) and a note says how many.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from nnzoo.core.errors import DataError
from nnzoo.data.archives import need_file, open_zip, read_entry, unreadable
from nnzoo.data.beside import labels_beside, origin_note
from nnzoo.data.folders import arrange, files_below, passed_over, visible
from nnzoo.data.idx import idx_files, is_idx, read_idx
from nnzoo.data.image_arrays import read_npy, read_npz
from nnzoo.data.pixel_store import PixelStore
from nnzoo.data.raw import RawImages, shown

MOST_PIXELS = 50_000_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
FILES = (*SUFFIXES, ".zip", ".npz", ".npy")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # no other decoder of Pillow is ever run
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")
_MOST_FILE = 512 << 20
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError, OverflowError)

T = TypeVar("T")
Size = tuple[int, int, int]  # height, width, channels


class _Picture(NamedTuple):
    """A picture not yet decoded: what to call it, and how to get its file's bytes."""

    where: str
    bytes: Callable[[], bytes]
    origin: object


class _Header(NamedTuple):
    """Size (turned as EXIF says), whether grey, and whether there are frames behind the first."""

    width: int
    height: int
    grey: bool
    animated: bool


def read_images(path: Path | str, *, memory_limit: int | None = None, size: Size | None = None) -> RawImages:
    """Pictures at `path`, with labels and official parts where its folders or keys say them. Raises DataError naming the file.

    `size` (height, width, channels) brings all pictures to that size instead of the commonest. Decoded pictures of more than
    `memory_limit` bytes (default: half of the machine's memory) lie in a memory-mapped file in the cache.
    """
    path = Path(path)
    if path.is_dir():
        idx = idx_files(path)
        return read_idx(str(path), idx, memory_limit) if idx else _read_folder(path, memory_limit, size)
    need_file(path)
    if is_idx(path):
        return read_idx(str(path), [path], memory_limit)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path, memory_limit)
    if suffix == ".npy":
        return read_npy(path, memory_limit)
    if suffix == ".zip":
        return _read_zip(path, memory_limit, size)
    if suffix in SUFFIXES:
        return read_files([path], memory_limit=memory_limit, size=size)
    raise DataError(f"{path} is no picture file; give a folder, IDX, or one of {' '.join(FILES)}")


def read_files(paths: Sequence[Path | str], *, memory_limit: int | None = None, size: Size | None = None) -> RawImages:
    """Single picture files in the order given, without labels."""
    files = [Path(path) for path in paths]
    for path in files:
        need_file(path)
    pictures = [_Picture(str(path), lambda path=path: _file_bytes(path), _stamp(path)) for path in files]  # type: ignore[misc]
    name = str(files[0]) if len(files) == 1 else f"{len(files)} files"
    return _decode(name, pictures, [shown(str(path)) for path in files], None, None, memory_limit, size)


def read_one(source: Any) -> np.ndarray:
    """One picture as uint8 (H W C) in its own size: a path, the bytes of a file, or a Pillow image. Raises DataError."""
    if isinstance(source, Image.Image):
        picture, channels = source, 1 if source.mode in _GREY else 3
        return _pixels(picture, (picture.height, picture.width, channels), "the picture")
    where = "the picture" if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else _file_bytes(Path(source))
    header = _header(content, where)
    return _load(content, where, (header.height, header.width, 1 if header.grey else 3))


def _read_folder(path: Path, memory_limit: int | None, size: Size | None) -> RawImages:
    names, notes = files_below(path, SUFFIXES, "pictures")
    if not names:
        raise DataError(f"{path} is a folder with no pictures; put them into one folder a class, as {path.name}/cat/1.png")
    labels, parts = arrange(names, str(path))
    labels, notes = (labels_beside(path, names) if labels is None else labels), [*notes, *origin_note(path)]
    pictures = [_Picture(str(path / name), lambda file=path / name: _file_bytes(file), _stamp(path / name)) for name in names]  # type: ignore[misc]
    return _decode(str(path), pictures, names, labels, parts, memory_limit, size, notes)


def _read_zip(path: Path, memory_limit: int | None, size: Size | None) -> RawImages:
    archive, entries = open_zip(path)
    with archive:
        by_name = {
            entry.filename: entry for entry in entries if entry.filename.lower().endswith(SUFFIXES) and visible(entry.filename)
        }
        if not by_name:
            raise DataError(f"{path} holds no pictures; pack one folder a class, as cat/1.png")
        labels, parts = arrange(sorted(by_name), str(path), wrapped=True)
        pictures = [_entry(path, archive, by_name[name]) for name in sorted(by_name)]
        notes = passed_over([e.filename for e in entries if e.filename not in by_name and visible(e.filename)], "pictures")
        return _decode(str(path), pictures, sorted(by_name), labels, parts, memory_limit, size, notes)


def _entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> _Picture:
    return _Picture(
        f"{entry.filename} in {path}",
        lambda: read_entry(path, archive, entry, _MOST_FILE),
        (_stamp(path), entry.filename, entry.CRC),
    )


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _file_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_FILE:
            raise DataError(f"{path} is larger than {_MOST_FILE >> 20} MiB; make it smaller")
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def _decode(
    name: str,
    pictures: list[_Picture],
    files: list[str],
    labels: np.ndarray | None,
    parts: np.ndarray | None,
    memory_limit: int | None,
    size: Size | None,
    notes: Sequence[str] = (),
) -> RawImages:
    """All pictures at one size: first every header is looked at, then each picture is decoded into its place."""
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own, stricter limit refuses with a sentence
        try:
            headers = _each(pool, pictures, lambda i, picture: _header(picture.bytes(), picture.where))
            counts = Counter((header.height, header.width) for header in headers)
            if size is None:
                commonest = max(counts, key=lambda hw: (counts[hw], hw[0] * hw[1], hw))
                size = (*commonest, 1 if all(header.grey for header in headers) else 3)
            store = PixelStore((len(pictures), *size), [picture.origin for picture in pictures], memory_limit)
            try:
                if not store.ready:
                    _each(pool, pictures, lambda i, picture: _place(store.pixels, i, picture))
            except DataError:
                store.drop()
                raise
        except DataError:
            pool.shutdown(cancel_futures=True)
            raise
    formats = [(header.height, header.width, header.grey) for header in headers]
    seen = [*notes, *_rules_used(headers, size)]
    return RawImages(name, store.finish(), labels, files, headers=formats, part=parts, notes=seen)


def _each(pool: ThreadPoolExecutor, pictures: list[_Picture], work: Callable[[int, _Picture], T]) -> list[T]:
    """What `work` gives for every picture and its number. Raises the DataError of the first that cannot be read, which names the
    others too, so that all can be mended at once."""

    def tried(i: int) -> T | DataError:
        try:
            return work(i, pictures[i])
        except DataError as error:
            return error

    done = list(pool.map(tried, range(len(pictures))))
    errors = {pictures[i].where: result for i, result in enumerate(done) if isinstance(result, DataError)}
    if errors:
        first, *others = errors
        more = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        raise DataError(f"{errors[first]}; so with {len(others)} more: {more}") if others else errors[first]
    return [result for result in done if not isinstance(result, DataError)]


def _rules_used(headers: list[_Header], size: Size) -> list[str]:
    """Notes on how many pictures each rule has changed."""
    changed = {
        f"had another size and were resized to {size[0]} x {size[1]}": [(h.height, h.width) != size[:2] for h in headers],
        "are animations, of which the first frame is taken": [header.animated for header in headers],
        "are grey and are read as RGB": [header.grey and size[2] == 3 for header in headers],
        "are coloured and are read as grey": [not header.grey and size[2] == 1 for header in headers],
    }
    return [f"{sum(which)} of {len(headers)} pictures {rule}" for rule, which in changed.items() if any(which)]


def _place(pixels_NHWC: np.ndarray, i: int, picture: _Picture) -> None:
    pixels_NHWC[i] = _load(picture.bytes(), picture.where, pixels_NHWC.shape[1:])  # type: ignore[arg-type]


def _open(content: bytes, where: str) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(content), formats=_FORMATS)
    except Image.DecompressionBombError:
        raise DataError(f"{where} has more than {MOST_PIXELS // 1_000_000} megapixels; make it smaller") from None
    except Image.UnidentifiedImageError:
        raise DataError(f"{where} is damaged or no picture, whatever its name says; replace or remove it") from None
    except _UNREADABLE as error:
        raise DataError(f"{where} is damaged ({error}); replace or remove it") from None
    if picture.width * picture.height > MOST_PIXELS:
        raise DataError(
            f"{where} has {picture.width} x {picture.height} pixels, more than {MOST_PIXELS // 1_000_000} million; make it smaller"
        )
    return picture


def _header(content: bytes, where: str) -> _Header:
    """What is known without decoding pixels."""
    picture = _open(content, where)
    try:
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except _UNREADABLE:
        turned = False  # a broken tag turns nothing
    width, height = (picture.height, picture.width) if turned else picture.size
    try:
        animated = bool(getattr(picture, "is_animated", False))
    except _UNREADABLE:
        animated = False  # what is wrong behind the first frame harms nobody
    return _Header(width, height, picture.mode in _GREY, animated)


def _load(content: bytes, where: str, size: Size) -> np.ndarray:
    picture = _open(content, where)
    try:
        picture.load()
    except _UNREADABLE as error:
        raise DataError(f"{where} is damaged ({error}); replace or remove it") from None
    with contextlib.suppress(*_UNREADABLE):  # a broken tag turns nothing
        picture = ImageOps.exif_transpose(picture)
    return _pixels(picture, size, where)


def _pixels(picture: Image.Image, size: Size, where: str) -> np.ndarray:
    """A decoded picture as uint8 (H W C) of `size`, by the rules above."""
    mode = picture.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        values = np.asarray(picture)
        if mode == "F" or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise DataError(f"{where} holds fractions or numbers beyond 16 bits; save it with 8 or 16 bits a channel")
        picture = Image.fromarray((values.astype(np.uint32) // 257).astype(np.uint8))
    elif mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    height, width, channels = size
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8).reshape(height, width, channels)


def resize(pixels_HWC: np.ndarray, size: Size) -> np.ndarray:
    """A uint8 picture (H W C) at another size or number of channels, by the rules above; unchanged if it fits."""
    if pixels_HWC.shape == size:
        return pixels_HWC
    return _pixels(Image.fromarray(pixels_HWC[..., 0] if pixels_HWC.shape[2] == 1 else pixels_HWC), size, "the picture")
