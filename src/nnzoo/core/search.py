"""Where a good value of a setting is looked for. A kind names such a range beside its Config; whoever tunes draws from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Uniform:
    """A number between two ends, every one as likely."""

    low: float
    high: float

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, (int, float)) and self.low <= value <= self.high


@dataclass(frozen=True)
class LogUniform:
    """A positive number between two ends, every ratio as likely: 1e-4 to 1e-3 is as long a way as 1e-3 to 1e-2."""

    low: float
    high: float

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, (int, float)) and self.low <= value <= self.high


@dataclass(frozen=True)
class Integers:
    """A whole number between two ends, both included."""

    low: int
    high: int

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True)
class LogIntegers:
    """A positive whole number between two ends, both included, every ratio as likely: widths, numbers of units."""

    low: int
    high: int

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range."""
        return isinstance(value, int) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of several values, without an order between them."""

    options: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value in self.options


Range = Uniform | LogUniform | Integers | LogIntegers | Choice
Space = Mapping[str, Range]
