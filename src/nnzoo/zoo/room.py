"""Whether a network will fit, found out before a byte of it is asked for: settings, and files that name them, may say anything."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nnzoo.core.errors import ConfigError
from nnzoo.core.network import Network
from nnzoo.data.archives import size_text
from nnzoo.data.places import physical_memory

_ABSURD = ("negative dimension", "overflow")


def shapes_of(build: Callable[[], Network]) -> dict[str, Tensor] | None:
    """The tensors of a network without their memory (torch's device "meta"); None for a kind that computes with its numbers while
    it is built, which cannot be looked at so. Raises ConfigError where its sizes are none."""
    try:
        with torch.device("meta"):
            return build().state_dict()
    except (RuntimeError, TypeError, OverflowError) as error:
        if not any(word in str(error).lower() for word in _ABSURD):
            return None
        raise ConfigError("its sizes are beyond what any network can have; make them smaller") from None


def check_room(build: Callable[[], Network], what: str) -> None:
    """Raise ConfigError where the parameters and buffers of `what` alone are more than the machine's memory."""
    try:
        shapes = shapes_of(build) or {}
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None
    needed, there = sum(tensor.numel() * tensor.element_size() for tensor in shapes.values()), physical_memory()
    if needed > there:
        raise ConfigError(
            f"{what} needs {size_text(needed)}, this machine has {size_text(there)}; make it smaller, with --set or with less data"
        )
