"""Files that survive a power cut: written beside, synchronised, renamed, and the folder synchronised too."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnzoo.core.errors import RunError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that at every moment either the old file or the whole new one is there.

    Raises RunError (disk full, no permission, I/O error); the old file is then intact and nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with saving(path):
        try:
            _write(temporary, data, os.O_TRUNC)
            os.rename(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)  # it is there only if something failed
        sync_folder(path.parent)


def append_bytes(path: Path, data: bytes) -> None:
    """Add `data` to the end of a file; it outlives this process, and a power cut after `sync_file`. Raises RunError."""
    with saving(path):
        _write(path, data, os.O_APPEND, sync=False)


def sync_file(path: Path) -> None:
    """Make what was appended to a file, and the file itself, durable. Raises RunError."""
    with saving(path):
        sync_folder(path)  # a file is synchronised as a folder is
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably. Raises RunError."""
    with saving(folder):
        if not folder.is_dir():
            if folder.parent != folder:
                make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)


def _write(path: Path, data: bytes | memoryview, how: int, sync: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn what the system says against writing `path` into RunError, one sentence."""
    try:
        yield
    except OSError as error:
        full, barred = error.errno in _FULL, error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        why = "the disk is full" if full else error.strerror
        remedy = (
            "make room" if full else "choose a place where you may write" if barred else "look at the disk, or choose another place"
        )
        raise RunError(f"could not save {path}: {why}; what was saved before is intact; {remedy}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path`, with its ending, for others to write; it becomes `path` when they are done, and goes when they fail.

    Raises RunError for what the system says.
    """
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    with saving(path):
        try:
            yield beside
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)  # it is there only if something failed


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed process left."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. Raises RunError naming the process that holds it; ends with the process, however it ends."""
    make_folder(folder)
    with saving(folder / ".lock"):
        file = open(folder / ".lock", "a+")  # noqa: SIM115  # closed below, whatever happens
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunError(
                f"{folder} is in use by process {file.read().strip() or '?'}; wait for it or choose another --out"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
