"""Pictures kept as arrays: .npz and .npy files, and arrays in memory.

A header is never believed before it was compared with the size of the file, so that none can ask for memory it does not need.
N pictures, H W C.
"""

from __future__ import annotations

import struct
import tokenize
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import BROKEN, open_plain, open_zip, size_text
from nnzoo.data.labels import missing
from nnzoo.data.pixel_store import PixelStore, fill_rows, limit_of
from nnzoo.data.raw import RawImages

_KEYS = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "valid": (("x_valid", "y_valid"), ("x_val", "y_val"), ("val_images", "val_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
_PLAIN_KEYS = (("x", "y"), ("images", "labels"), ("X", "y"), ("data", "target"), ("pixels", "labels"))


def read_npz(path: Path, memory_limit: int | None = None) -> RawImages:
    """Pictures of an .npz: keys x and y, images and labels, or x_train, y_train, x_test, y_test. No pickle is run.

    Raises DataError naming the key.
    """
    archive, entries = open_zip(path)
    with archive:
        by_key = {entry.filename.removesuffix(".npy"): entry for entry in entries}
        chosen = [(part, pair) for part, pairs in _KEYS.items() for pair in pairs if pair[0] in by_key]
        chosen = chosen or [("", pair) for pair in _PLAIN_KEYS if pair[0] in by_key][:1]
        if not chosen:
            raise DataError(f"{path} has the keys {', '.join(by_key) or '(none)'}; name the pictures x and their labels y")
        members = [Member(path, archive, by_key[pair[0]]) for _, pair in chosen]
        pixels = _join(members, path, memory_limit)
        labels = [
            _array_labels(Member(path, archive, by_key[pair[1]]).whole(memory_limit), str(path), member.shape[0])
            if pair[1] in by_key
            else None
            for (_, pair), member in zip(chosen, members)
        ]
    parts = np.repeat(np.array([part for part, _ in chosen], dtype=object), [member.shape[0] for member in members])
    known = [part for part in labels if part is not None]
    if known and len(known) < len(labels):
        raise DataError(f"{path} has labels for some of its parts only; add the others")
    return RawImages(str(path), pixels, np.concatenate(known) if known else None, part=parts if len(chosen) > 1 else None)


class Member:
    """One array of an .npz: its header, checked, and its values on demand."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo):
        self.where, self.archive, self.entry = f"'{entry.filename}' in {path}", archive, entry
        with self._open() as file:
            self.shape, self.fortran, self.dtype = array_header(file, self.where, entry.file_size)

    def _open(self) -> Any:
        try:
            return self.archive.open(self.entry)
        except BROKEN as error:
            raise DataError(f"{self.where} is damaged ({error}); save or download it again") from None

    def whole(self, memory_limit: int | None) -> np.ndarray:
        """All values, in memory."""
        if self.entry.file_size > limit_of(memory_limit):
            raise DataError(
                f"{self.where} is {size_text(self.entry.file_size)} long, "
                "too much for this machine's memory; save uint8 pixels (N H W C)"
            )
        try:
            with self._open() as file:
                array_header(file, self.where, self.entry.file_size)
                content = file.read()
        except BROKEN as error:
            raise DataError(f"{self.where} is damaged ({error}); save or download it again") from None
        return np.frombuffer(content, dtype=self.dtype).reshape(self.shape, order="F" if self.fortran else "C")

    def fill(self, pixels_NHWC: np.ndarray) -> None:
        """Stream uint8 values into an array of the same row order."""
        try:
            with self._open() as file:
                array_header(file, self.where, self.entry.file_size)
                fill_rows(file, pixels_NHWC)
        except BROKEN as error:
            raise DataError(f"{self.where} is damaged ({error}); save or download it again") from None


def array_header(file: BinaryIO, where: str, size: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and type of a .npy stream of `size` bytes, without allocating what it promises. Raises DataError."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        start = file.tell()
    except (*BROKEN, ValueError, KeyError, TypeError, struct.error, SyntaxError, tokenize.TokenError, RecursionError) as error:
        raise DataError(f"{where} is no array that NumPy can read ({error}); save it again with numpy.save") from None
    if dtype.hasobject:
        raise DataError(f"{where} holds Python objects, which can run code when opened; save plain numbers or strings")
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if start + promised != size or min(shape, default=1) < 0:
        raise DataError(
            f"{where} promises {size_text(promised)} of values but holds {size_text(size - start)}; save or download it again"
        )
    return shape, fortran, dtype


def read_npy(path: Path, memory_limit: int | None = None) -> RawImages:
    """Pictures of an .npy (N H W, N H W C or N C H W), without labels; large ones stay on disk."""
    with open_plain(path) as file:
        _, _, dtype = array_header(file, str(path), path.stat().st_size)
    mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    if mapped.nbytes > limit_of(memory_limit) and dtype != np.uint8:
        raise DataError(f"{path} is {size_text(mapped.nbytes)} long, too much for this machine's memory; save pixels as uint8")
    return images_from_arrays(mapped if mapped.nbytes > limit_of(memory_limit) else np.array(mapped), name=str(path))


def _join(members: list[Member], path: Path, memory_limit: int | None) -> np.ndarray:
    """Pixels (N H W C) of the parts, one after the other."""
    direct = all(
        m.dtype == np.uint8 and not m.fortran and (len(m.shape) == 3 or (len(m.shape) == 4 and m.shape[-1] in (1, 3)))
        for m in members
    )
    if not direct:
        arrays = [pixels_of(member.whole(memory_limit), member.where) for member in members]
        _same_size([array.shape for array in arrays], path)
        return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
    shapes = [member.shape if len(member.shape) == 4 else (*member.shape, 1) for member in members]
    _same_size(shapes, path)
    origin = (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
    store = PixelStore((sum(shape[0] for shape in shapes), *shapes[0][1:]), origin, memory_limit)  # type: ignore[arg-type]
    start = 0
    for member in [] if store.ready else members:
        try:
            member.fill(store.pixels[start : start + member.shape[0]])
        except DataError:
            store.drop()
            raise
        start += member.shape[0]
    return store.finish()


def _same_size(shapes: list[tuple[int, ...]], path: Path) -> None:
    if len({shape[1:] for shape in shapes}) > 1:
        raise DataError(f"{path}: its parts hold pictures of different sizes; bring them to one size")


def images_from_arrays(pixels: Any, labels: Any = None, *, name: str = "arrays", part: np.ndarray | None = None) -> RawImages:
    """Pictures that are in memory already: arrays or tensors (N H W, N H W C or N C H W), labels (N). See `pixels_of`."""
    array = pixels_of(np.asarray(pixels), name)
    return RawImages(name, array, None if labels is None else _array_labels(np.asarray(labels), name, len(array)), part=part)


def pixels_of(array: np.ndarray, where: str) -> np.ndarray:
    """Values as uint8 (N H W C): whole numbers 0..255 as they are, fractions 0..1 times 255, rounded. Raises DataError."""
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = np.moveaxis(array, 1, 3)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise DataError(
            f"{where} has the shape {tuple(array.shape)}; reshape it to N x H x W, N x H x W x C or N x C x H x W with C 1 or 3"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype.kind not in "iuf":
        raise DataError(f"{where} holds values of type {array.dtype}; pixels are numbers 0 to 255 or 0 to 1")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):
        raise DataError(f"{where} holds pixels from {low} to {high}; bring them to 0..255 or 0..1")
    if array.dtype.kind == "f" and high <= 1:
        return np.rint(array * 255).astype(np.uint8)
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        raise DataError(f"{where} holds fractions above 1; bring pixels to whole numbers 0..255 or fractions 0..1")
    return array.astype(np.uint8)


def _array_labels(labels: np.ndarray, where: str, count: int) -> np.ndarray:
    """Labels (N) as strings; whole floats lose their '.0'."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != count:
        raise DataError(
            f"{where} has {count} pictures and labels of the shape {tuple(labels.shape)}; give one label for each picture"
        )
    if labels.dtype.kind == "S":
        try:
            labels = np.char.decode(labels, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{where} has labels that are not UTF-8 ({error.reason}); save them as text") from None
    return np.array([_label_text(value) for value in labels.tolist()], dtype=object)


def _label_text(value: Any) -> str | None:
    if missing(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
