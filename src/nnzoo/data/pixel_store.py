"""Room for decoded pictures: an array in memory, or a memory-mapped file in the cache where they would not fit."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data.archives import size_text
from nnzoo.data.places import cache_folder, physical_memory

_CHUNK = 16 << 20


class PixelStore:
    """Pixels (N H W C, uint8) to be filled through `pixels`; then `finish()` gives them, read-only on disk if mapped.

    With more bytes than `memory_limit` (default: half of the machine's memory) they go to a file in the cache that is named
    after `origin` and used again when the same is opened once more: then `ready` is true and nothing need be decoded.
    """

    def __init__(self, shape: tuple[int, int, int, int], origin: Iterable[object], memory_limit: int | None = None):
        size = int(np.prod(shape, dtype=object))
        self.path: Path | None = None
        self.ready = False
        if size <= limit_of(memory_limit):
            self.pixels = np.empty(shape, dtype=np.uint8)
            return
        digest = hashlib.sha256(repr((shape, list(origin))).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self.path = cache_folder() / "decoded" / f"{digest}.npy"
        if self.path.is_file():
            self.pixels, self.ready = _mapped(self.path), True
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.path.parent).free
        if size > free:
            raise DataError(
                f"decoded, these pictures need {size_text(size)}, but only {size_text(free)} are free at {self.path.parent}; "
                "point NNZOO_CACHE at a larger disk"
            )
        self.part = self.path.with_name(f"{digest}.{os.getpid()}.part")
        self.pixels = np.lib.format.open_memmap(self.part, mode="w+", dtype=np.uint8, shape=shape)

    def finish(self) -> np.ndarray:
        """The filled pixels. A mapped file gets its name only now, so that a torn one is never taken for whole."""
        if self.path is not None and not self.ready:
            self.pixels.flush()  # type: ignore[attr-defined]
            os.replace(self.part, self.path)
            self.pixels = _mapped(self.path)
        return self.pixels

    def drop(self) -> None:
        """Forget a store that could not be filled."""
        if self.path is not None and not self.ready:
            self.part.unlink(missing_ok=True)


def limit_of(memory_limit: int | None) -> int:
    """The limit given, or half of the machine's memory."""
    return physical_memory() // 2 if memory_limit is None else memory_limit


def fill_rows(file: Any, pixels_NHWC: np.ndarray) -> None:
    """Read exactly as many bytes as the array holds, some pictures at a time. Raises EOFError where they end before."""
    rows = max(1, _CHUNK // max(1, pixels_NHWC[0].nbytes)) if len(pixels_NHWC) else 1
    for start in range(0, len(pixels_NHWC), rows):
        piece = pixels_NHWC[start : start + rows]
        content = file.read(piece.nbytes)
        if len(content) < piece.nbytes:
            raise EOFError("it ends too early")
        piece[...] = np.frombuffer(content, dtype=np.uint8).reshape(piece.shape)


def _mapped(path: Path) -> np.ndarray:
    # copy-on-write: tensors may share it, and nothing can change the file
    return np.load(path, mmap_mode="c", allow_pickle=False)
