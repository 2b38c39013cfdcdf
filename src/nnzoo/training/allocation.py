"""Memory that is freed in one step of learning and needed again in the next stays with the process.

glibc gives large blocks back to the system at once and asks for them anew, and the system then clears page by page what it hands
out. For activations of some megabytes that costs up to a third of a step (an LSTM of 2 x 128: 38 ms, against 29 ms with blocks that
stay). A process that learns keeps at most the memory that its largest step needed.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST = 32 << 20  # bytes: the largest block that glibc keeps in its heap
KEPT = 2**31 - 1  # bytes at the heap's end that are not given back


@cache
def keep_freed_memory() -> bool:
    """Tell the C library, once a process; whether it took it. Elsewhere than with glibc nothing happens."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
