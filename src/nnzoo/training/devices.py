"""Which device to learn on."""

from __future__ import annotations

import torch

from nnzoo.core.errors import ConfigError


def device_of(name: str) -> torch.device:
    """The device of that name; "auto" is the first GPU if there is one. Raises ConfigError if it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device '{name}' cannot be used here ({str(error).splitlines()[0]}); use auto or cpu") from None
    return device


def reads_flags_every(device: torch.device) -> int:
    """Steps between looks at flags that lie on the device: a look waits for a GPU, and costs nothing on the host."""
    return 1 if device.type == "cpu" else 20
