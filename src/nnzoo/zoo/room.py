"""Whether a network will fit, found out before a byte of it is asked for: settings, and files that name them, may say anything."""

from __future__ import annotations

from collections.abc import Callable

import torch

from nnzoo.core.errors import ConfigError
from nnzoo.core.network import Network
from nnzoo.data.archives import size_text
from nnzoo.data.places import physical_memory

_ABSURD = ("negative dimension", "overflow")


def check_room(build: Callable[[], Network], what: str, remedy: str) -> None:
    """Build a network without memory (torch's device "meta") and compare what it would take with what the machine has.

    `what` names it, `remedy` says what to do. Raises ConfigError where its parameters and buffers alone are more than the machine's
    memory, or where its sizes are none. A kind that computes with its numbers while it is built cannot be looked at so; it passes.
    """
    try:
        with torch.device("meta"):
            needed = sum(tensor.numel() * tensor.element_size() for tensor in build().state_dict().values())
    except (RuntimeError, TypeError, OverflowError) as error:
        if not any(word in str(error).lower() for word in _ABSURD):
            return
        raise ConfigError(f"{what} cannot be built ({str(error).splitlines()[0]}); {remedy}") from None
    if needed > physical_memory():
        raise ConfigError(f"{what} needs {size_text(needed)}, and this machine has {size_text(physical_memory())}; {remedy}")
