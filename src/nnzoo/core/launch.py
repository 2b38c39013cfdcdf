"""Whether this process was started together with others by torchrun, as its environment says. Nothing here needs torch."""

from __future__ import annotations

import os

_NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def world() -> int:
    """How many processes were started together; 1 where this one is alone."""
    return int(os.environ["WORLD_SIZE"]) if all(os.environ.get(name) for name in _NAMES) else 1


def rank() -> int:
    """Which of them this one is; 0 is the first, which alone writes and speaks."""
    return int(os.environ["RANK"]) if world() > 1 else 0


def local_rank() -> int:
    """Which of those on this machine."""
    return int(os.environ.get("LOCAL_RANK") or 0) if world() > 1 else 0
