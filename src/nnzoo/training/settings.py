"""How a run is carried out, whatever the kind: budget, seed, device, precision."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nnzoo.core.errors import ConfigError

_MOST = 1e9  # seconds, epochs or steps: thirty years and more
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """How long to learn at most: seconds, epochs or steps; for all stages together, divided by their shares."""

    amount: float
    unit: Literal["seconds", "epochs", "steps"]

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read `60s`, `5m`, `2h`, `20epochs`, `1000steps`. Raises ConfigError."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|epochs?|steps?)\s*", text, re.ASCII)
        if not match or float(match[1]) <= 0:
            raise ConfigError(f"budget '{text[:60]}' is not understood; write for example 60s, 5m, 20epochs or 1000steps")
        amount, unit = float(match[1]), match[2]
        if amount * _UNITS.get(unit, 1.0) > _MOST:
            raise ConfigError(f"budget '{text[:60]}' is longer than any training; write for example 60s, 5m, 20epochs or 1000steps")
        if unit in _UNITS:
            return cls(amount * _UNITS[unit], "seconds")
        if amount != int(amount):
            raise ConfigError(f"budget '{text}': give a whole number of {unit}")
        return cls(amount, "epochs" if unit.startswith("epoch") else "steps")

    def __str__(self) -> str:
        return f"{self.amount:g}{'s' if self.unit == 'seconds' else self.unit}"


@dataclass(frozen=True)
class Settings:
    """Settings of one run. `budget` None means the length that the kind's stages name.

    `accumulate` batches make one step; `patience` looks at the validation part without a better one end a stage (None: as
    the stage says, 0: never); `checkpoint_seconds` is the time between checkpoints, which never changes the result. Of several
    processes one that is silent for `timeout` seconds is taken for lost.
    """

    budget: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    accumulate: int = 1
    patience: int | None = None
    compile: bool = False
    checkpoint_seconds: float = 30.0
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.budget is not None:
            Budget.parse(self.budget)
        if self.accumulate < 1:
            raise ConfigError(f"accumulate must be at least 1, not {self.accumulate}; leave it out for one batch a step")
        if self.patience is not None and self.patience < 0:
            raise ConfigError(f"patience must be 0 (never) or more looks, not {self.patience}; leave it out for what the kind says")
        if not self.timeout > 0:
            raise ConfigError("timeout must be more than 0 seconds")
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision '{self.precision}' is unknown; use float32 or bfloat16")

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
