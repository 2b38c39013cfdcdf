"""Files from strangers, plain, zip and gzip: no path that they name is written to, no size is believed unchecked."""

from __future__ import annotations

import difflib
import errno
import gzip
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nnzoo.core.errors import DataError
from nnzoo.data.places import physical_memory

DEFLATE_MOST = 1032  # no deflate stream unpacks to more than this many times its length
BOMB_RATIO, BOMB_BYTES = 200, 256 << 20
_PIECE = 1 << 22
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, OSError, NotImplementedError)


def open_zip(path: Path) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """A zip and its files, folders left out. Raises DataError for a broken zip and for entries that only an attack has."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be opened as a zip file ({error}); pack or download it again") from None
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    seen: set[str] = set()
    for entry in files:
        _check_entry(path, entry)
        if entry.filename in seen:
            raise DataError(f"{path} holds two entries called '{entry.filename}'; pack it again with one of them")
        seen.add(entry.filename)
    unpacked, packed = sum(entry.file_size for entry in files), sum(entry.compress_size for entry in files)
    if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * max(1, packed):
        archive.close()
        raise DataError(
            f"{path} would unpack to {size_text(unpacked)}, {unpacked // max(1, packed)} times its size, as zip bombs do; "
            "give the files in a folder instead"
        )
    return archive, files


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = PurePosixPath(name.replace("\\", "/"))
    if not parts.parts or parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise DataError(f"{path} holds an entry that points outside of it, '{name}'; pack it again from inside its folder")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise DataError(f"{path} holds a symbolic link, '{name}'; pack the file itself instead")
    if entry.flag_bits & 1:
        raise DataError(f"{path} is encrypted; unpack it with its password and give the folder")


def read_entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """The bytes of one entry, at most `most` of them."""
    if entry.file_size > most:
        raise DataError(
            f"'{entry.filename}' in {path} is {size_text(entry.file_size)} long; more than {size_text(most)} is refused"
        )
    try:
        return archive.read(entry)
    except BROKEN as error:
        raise DataError(f"'{entry.filename}' in {path} is damaged ({error}); pack or download the zip again") from None


def open_plain(path: Path) -> BinaryIO:
    """A file for reading, unpacked on the way if its name ends in .gz. Raises DataError where there is none."""
    need_file(path)
    try:
        return gzip.open(path, "rb") if _is_gz(path) else open(path, "rb")  # type: ignore[return-value]
    except OSError as error:
        raise unreadable(path, error) from None


def most_bytes(path: Path) -> int:
    """How many bytes a file can hold at most, once unpacked."""
    return path.stat().st_size * (DEFLATE_MOST if _is_gz(path) else 1)


def _is_gz(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def plain_pieces(path: Path, most: int | None = None, told: Callable[[int], object] | None = None) -> Iterator[bytes]:
    """The bytes of a plain or .gz file piece by piece, at most `most` in all; `told` hears how much of the file itself is read.

    Raises DataError where there is no such file, and where it is damaged, cut short, larger, or unpacks to absurd size.
    """
    size = 0
    try:
        with open_plain(path) as file:
            packed, place = path.stat().st_size, getattr(file, "fileobj", file)
            while piece := file.read(_PIECE):
                size += len(piece)
                if most is not None and size > most:
                    raise DataError(f"{path} holds more than {size_text(most)}; split it into smaller files")
                if size > BOMB_BYTES and size > BOMB_RATIO * packed:
                    raise DataError(
                        f"{path} unpacks to more than {BOMB_RATIO} times its size, as bombs do; unpack it yourself if you trust it"
                    )
                if told is not None:
                    told(place.tell())
                yield piece
    except BROKEN as error:
        raise DataError(f"{path} is damaged or cut short ({error}); copy or download it again") from None


def read_plain(path: Path, most: int | None = None) -> bytes:
    """All bytes of a plain or .gz file, at most `most` (default: half of the machine's memory); more are never held. Raises
    DataError as `plain_pieces` does."""
    return b"".join(plain_pieces(path, physical_memory() // 2 if most is None else most))


def need_file(path: Path, names: Sequence[str] = ()) -> None:
    """Raise DataError unless there is a file at `path`; it says what is there instead, or which paths and `names` are near."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise unreadable(path, error, names) from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder where a file is needed; name a file in it")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is no file but a pipe or a device; save what it gives to a file, and name that")


def unreadable(path: Path, error: OSError | ValueError, names: Sequence[str] = ()) -> DataError:
    """The sentence on a path that the system does not open: what is there instead, or which paths and `names` are near."""
    number = error.errno if isinstance(error, OSError) else errno.ENOENT
    if number == errno.ELOOP or (number == errno.ENOENT and os.path.islink(path)):
        return DataError(f"{path} is a symbolic link that leads nowhere; name the file itself")
    if number == errno.ENOENT:
        near = _near(path, names)
        what = "file or folder" if names else "file"
        return DataError(f"there is no {what} {path}; " + (f"did you mean {' or '.join(near)}?" if near else "check the path"))
    if number == errno.ENOTDIR:
        file = next((str(above) for above in path.parents if above.is_file()), "a part of it")
        return DataError(f"there is no file {path}, since {file} is no folder; check the path")
    if number in (errno.EACCES, errno.EPERM):
        return DataError(f"{path} may not be read; give yourself permission, as with: chmod u+r")
    why = error.strerror if isinstance(error, OSError) else str(error)
    return DataError(f"{path} cannot be read ({why}); check the path, or copy it again")


def _near(path: Path, names: Sequence[str]) -> list[str]:
    """What lies beside `path` under a name like its own, or else the nearest `names`."""
    try:
        beside = [inner.name for inner in path.parent.iterdir() if not inner.name.startswith(".")]
    except (OSError, ValueError):
        beside = []
    near = [str(path.with_name(name)) for name in difflib.get_close_matches(path.name, beside, 2)]
    return near or [f"the set {name}" for name in difflib.get_close_matches(str(path), names, 2)]


def size_text(count: int) -> str:
    """Bytes for people: 1.5 MiB."""
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
