"""Where data lie on this machine: a person's own collection (`NNZOO_DATA`) first, then the cache."""

from __future__ import annotations

import os
from pathlib import Path

_FALLBACK_MEMORY = 8 << 30


def cache_folder() -> Path:
    """The cache: environment variable NNZOO_CACHE, else ~/.cache/nnzoo. Made when something is written, not here."""
    return Path(os.environ.get("NNZOO_CACHE") or Path.home() / ".cache" / "nnzoo").expanduser()


def find_folder(name: str, *needed: str) -> Path | None:
    """The folder `name` that holds all `needed` files (each may have .gz behind it), in NNZOO_DATA or the cache; else None."""
    own = os.environ.get("NNZOO_DATA")
    for place in ([Path(own).expanduser()] if own else []) + [cache_folder()]:
        folder = place / name
        if folder.is_dir() and all(find_file(folder, file) for file in needed):
            return folder
    return None


def find_file(folder: Path, name: str) -> Path | None:
    """The file `name` or `name`.gz in a folder, or None."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def physical_memory() -> int:
    """Bytes of memory of this machine; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _FALLBACK_MEMORY
