"""Saved runs that are damaged or held, and disks that are full."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from faults import FIT, run
from making import GOOD, Maker, rows, text, write

FRAME = text([[a, b, "red" if i % 2 else "blue", y] for i, (a, b, y) in enumerate(rows())], "a,b,c,y")


@functools.cache
def trained(kind: str = "mlp", name: str = "a.csv", content: str = FRAME, options: str = FIT) -> Path:
    """A run of a small network on a good file, made once."""
    home = Path(tempfile.mkdtemp(prefix="nnzoo-faults-"))
    with contextlib.chdir(home):
        write(name, content)
        result = run(["train", kind, name, *options.split()])
    assert result.exit_code == 0, result.stderr
    return home / "run"


def good(**how: str) -> Maker:
    """A maker of a good run, and of the table it was trained on."""
    return lambda: (write("a.csv", FRAME), shutil.copytree(trained(**how), "run"))


def flipped(name: str, place: int = -1) -> Maker:
    """A run with one bit of a file flipped."""

    def make() -> None:
        good()()
        content = bytearray(Path("run", name).read_bytes())
        content[place] ^= 1
        Path("run", name).write_bytes(bytes(content))

    return make


def without(name: str) -> Maker:
    """A run that lacks a file."""
    return lambda: (good()(), Path("run", name).unlink())


def rewritten(**changes: Any) -> Maker:
    """A run whose config.json says something else, its digest being right."""

    def make() -> None:
        good()()
        path, digests = Path("run/config.json"), Path("run/digests.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        known = json.loads(digests.read_text()) | {"config.json": hashlib.sha256(path.read_bytes()).hexdigest()}
        digests.write_text(json.dumps(known))

    return make


def begun() -> None:
    """A run that was killed before its end: it has a request, and no digests."""
    without("digests.json")()


def held() -> Any:
    """A run folder whose lock another process holds, for as long as the answer is kept open."""
    write("a.csv", GOOD)
    file = open(write("run/.lock", "4711"), "a")  # noqa: SIM115  # the test closes it
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


@contextlib.contextmanager
def limited(size: int) -> Iterator[None]:
    """Files of at most `size` bytes, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def full(call: str, suffix: str) -> Any:
    """The system says that the disk is full as soon as `call` meets a file whose name ends so."""
    real = getattr(os, call)

    def fail(first: Any, *others: Any, **named: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else os.fspath(first)
        if path.endswith(suffix.replace("PID", str(os.getpid()))):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(first, *others, **named)

    return mock.patch.object(os, call, fail)


def then(make: Maker, trouble: Any) -> Maker:
    """A maker after which `trouble` lasts as long as the command."""
    return lambda: (make(), trouble())[1]
