"""Fetch a known data set from its official address into the cache: resumed where it broke off, checked by SHA-256 before use.

A file arrives as NAME.part beside NAME.part.tag (what the server said identifies this version); only a part whose digest is
right is renamed to NAME. Whatever a server does, what lies under NAME is the published file.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nnzoo.core.errors import DataError
from nnzoo.core.events import Event
from nnzoo.data.places import cache_folder, find_folder

_CHUNK = 1 << 16
_ATTEMPTS = 5
_BREAKS = (urllib.error.URLError, http.client.HTTPException, OSError)  # what may pass when tried again


@dataclass(frozen=True)
class Remote:
    """A file at an address, what it must be, and how long it is (None: whatever comes)."""

    address: str
    sha256: str
    size: int | None = None

    @property
    def name(self) -> str:
        """Its name on disk."""
        return urlsplit(self.address).path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Source:
    """Where a data set lies on this machine (below NNZOO_DATA or the cache), and where its files come from."""

    folder: str
    files: tuple[Remote, ...]


@dataclass(frozen=True)
class Fetching(Event):
    """A file is on its way: bytes so far, and how many there will be (None where the server does not say)."""

    file: str
    bytes: int
    total: int | None


_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
SOURCES = {
    "fashion-mnist": Source(
        "fashion-mnist",
        (
            Remote(
                f"{_FASHION}/train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26421880,
            ),
            Remote(
                f"{_FASHION}/train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29515
            ),
            Remote(
                f"{_FASHION}/t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4422102
            ),
            Remote(
                f"{_FASHION}/t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148
            ),
        ),
    ),
    "tinyshakespeare": Source(
        "tinyshakespeare",
        (
            Remote(
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                1115394,
            ),
        ),
    ),
    "names": Source(
        "names",
        (
            Remote(
                "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
                "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
                228145,
            ),
        ),
    ),
    "california-housing": Source(
        "tabular/california-housing",
        (
            Remote(
                "https://raw.githubusercontent.com/ageron/handson-ml2/master/datasets/housing/housing.csv",
                "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
                1423529,
            ),
        ),
    ),
}


def fetch(
    name: str,
    *,
    address: str | None = None,
    sha256: str | None = None,
    folder: Path | str | None = None,
    listen: Callable[[Fetching], Any] | None = None,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """The folder with the files of the known set `name`, fetched where they are not on this machine yet.

    `address` is a mirror: a folder that serves files of the same names and digests. For a name that is not known it is the
    address of one file, and `sha256` its digest. `folder` is where the files go instead of NAME in the cache. A connection
    silent for `timeout` seconds is given up; after a break another attempt follows, `pause` seconds later and longer each time.
    Raises DataError; calling again goes on where it stopped.
    """
    source = SOURCES.get(name)
    if source is None:
        if address is None:
            raise DataError(f"no known address for '{name}'; known are {', '.join(SOURCES)}, for others give address and sha256")
        if sha256 is None:
            raise DataError(f"'{name}' is not a known set, so nothing says what {address} should hold; give its sha256 as well")
        source = Source(name, (Remote(address, sha256.lower()),))
    elif address is not None:
        source = Source(source.folder, tuple(Remote(f"{address.rstrip('/')}/{f.name}", f.sha256, f.size) for f in source.files))
    elif folder is None:
        found = find_folder(source.folder, *(file.name.removesuffix(".gz") for file in source.files))
        if found is not None:
            return found
    target = Path(folder) if folder is not None else cache_folder() / source.folder
    target.mkdir(parents=True, exist_ok=True)
    for file in source.files:
        _Download(file, target, listen or (lambda event: None), timeout, pause).run()
    return target


class _Broken(Exception):
    """The connection ended early; trying again may help."""


class _Download:
    """One file on its way into a folder."""

    def __init__(self, file: Remote, folder: Path, listen: Callable[[Fetching], Any], timeout: float, pause: float):
        if urlsplit(file.address).scheme not in ("http", "https") or not file.name:
            raise DataError(f"{file.address} is no address of a file; give http:// or https:// and the file's name")
        self.file, self.listen, self.timeout, self.pause = file, listen, timeout, pause
        self.target, self.part = folder / file.name, folder / f"{file.name}.part"
        self.tag = folder / f"{file.name}.part.tag"

    def run(self) -> None:
        """Fetch until the digest is right, the server says no, or attempts are used up."""
        if self.target.is_file() and _digest(self.target) == self.file.sha256:
            return
        reason = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self.pause * attempt)
            try:
                resumed = self._receive()
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500 and error.code not in (408, 416, 429):
                    raise DataError(
                        f"{self.file.address} answers {error.code} {error.reason}; give another address or try later"
                    ) from None
                if error.code == 416:  # the part is as long as the file or longer: whole, or of another version
                    self._forget()
                reason = f"the server answers {error.code}"
                continue
            except _Broken as error:
                reason = str(error)
                continue
            except _BREAKS as error:
                reason = str(getattr(error, "reason", None) or error) or type(error).__name__
                continue
            if self._accept():
                return
            if resumed:  # pieces of two versions may have met: once more from the start
                reason = "the pieces do not fit together"
                continue
            raise DataError(
                f"{self.file.address} sent something other than the published {self.file.name} (SHA-256 differs); it was deleted, "
                "try another address"
            )
        size = self.part.stat().st_size if self.part.is_file() else 0
        raise DataError(
            f"fetching {self.file.address} broke off {_ATTEMPTS} times at {size} bytes ({reason}); run it again to go on from there"
        )

    def _receive(self) -> bool:
        """Append what is lacking to the part, or begin anew if the server gives the whole; whether it was resumed."""
        start = self.part.stat().st_size if self.part.is_file() else 0
        if self.file.size is not None and start > self.file.size:
            self._forget()
            start = 0
        if start and start == self.file.size:
            return True
        headers = {"User-Agent": "nnzoo", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.tag.is_file():
                headers["If-Range"] = self.tag.read_text(encoding="latin-1")
        request = urllib.request.Request(self.file.address, headers=headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            resumed = bool(start) and response.status == 206 and _range_start(response) == start
            if not resumed:
                if response.status != 200:
                    self._forget()
                    raise _Broken(f"the server answers {response.status} to a request for the file")
                start = 0
                self._remember(response)
            total = self._total(response, start)
            self._copy(response, "ab" if resumed else "wb", start, total)
        return resumed

    def _copy(self, response: Any, mode: str, done: int, total: int | None) -> None:
        self.listen(Fetching(self.file.name, done, total))
        with open(self.part, mode) as out:
            while piece := response.read(_CHUNK):
                done += len(piece)
                if total is not None and done > total:
                    out.close()
                    self._forget()
                    raise DataError(
                        f"{self.file.address} sends more than the {total} bytes of {self.file.name}; try another address"
                    )
                out.write(piece)
                self.listen(Fetching(self.file.name, done, total))
            out.flush()
            os.fsync(out.fileno())
        if total is not None and done < total:
            raise _Broken(f"the server stopped at {done} of {total} bytes")

    def _total(self, response: Any, start: int) -> int | None:
        length = response.headers.get("Content-Length", "")
        said = start + int(length) if length.isdecimal() else None
        return self.file.size if self.file.size is not None else said

    def _remember(self, response: Any) -> None:
        etag = response.headers.get("ETag", "")
        version = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
        if version:
            self.tag.write_text(version, encoding="latin-1", errors="replace")
        else:
            self.tag.unlink(missing_ok=True)

    def _accept(self) -> bool:
        """Give the part its name if it is what was published; else delete it."""
        right = _digest(self.part) == self.file.sha256
        if right:
            os.replace(self.part, self.target)
        self._forget()
        return right

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


def _range_start(response: Any) -> int | None:
    unit, _, span = response.headers.get("Content-Range", "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else None


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
