"""Zip and gzip files from strangers: no path that they name is written to, no size is believed unchecked."""

from __future__ import annotations

import gzip
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nnzoo.core.errors import DataError

DEFLATE_MOST = 1032  # no deflate stream unpacks to more than this many times its length
_BOMB_RATIO = 200
_BOMB_BYTES = 256 << 20
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, OSError, NotImplementedError)


def open_zip(path: Path) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """A zip and its files, folders left out. Raises DataError for a broken zip and for entries that only an attack has."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be opened as a zip file ({error}); pack or download it again") from None
    files = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry in files:
        _check_entry(path, entry)
    unpacked, packed = sum(entry.file_size for entry in files), sum(entry.compress_size for entry in files)
    if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * max(1, packed):
        archive.close()
        raise DataError(
            f"{path} would unpack to {size_text(unpacked)}, {unpacked // max(1, packed)} times its size, as zip bombs do; "
            "give the files in a folder instead"
        )
    return archive, files


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise DataError(f"{path} holds an entry that points outside of it, '{name}'; the zip is refused")
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
    """A file for reading, unpacked on the way if its name ends in .gz."""
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error.strerror})") from None


def most_bytes(path: Path) -> int:
    """How many bytes a file can hold at most, once unpacked."""
    return path.stat().st_size * (DEFLATE_MOST if path.suffix == ".gz" else 1)


def read_plain(path: Path, most: int) -> bytes:
    """All bytes of a plain or .gz file, at most `most`. Raises DataError where it is damaged, cut short or larger."""
    try:
        with open_plain(path) as file:
            content = file.read(most + 1)
    except BROKEN as error:
        raise DataError(f"{path} is damaged or cut short ({error}); copy or download it again") from None
    if len(content) > most:
        raise DataError(f"{path} holds more than {size_text(most)}; split it into smaller files")
    return content


def size_text(count: int) -> str:
    """Bytes for people: 1.5 MiB."""
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
