"""The level of a drifting series: what is read and answered are differences from the last number known.

    x'_t = x_t - x_L,   y_h = y'_h + x_L          for each series on its own          (NLinear: Zeng et al. 2023, section 4)

A network that has only seen one level has learned nothing about another. Where windows of the training part lie at different
levels, the next ones will lie at levels that were never seen; there the differences are what stays alike. Where all windows lie at
one level, it tells something (how far a swing has gone), and the series is better read as it is.

Shapes: B batch, T steps, C series read, O series forecast, H horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nnzoo.core.fields import AnyField, Course, Future, Series

DRIFTING = 0.2  # share of the variance between the means of windows, from which on a series is read from its level


class Level:
    """What is taken off before reading and given back to the answer. `on` None: where the series drifts.

    Without a series that is forecast, or where the level is left in, nothing is done.
    """

    def __init__(self, field: AnyField, outputs: Mapping[str, AnyField], on: bool | None):
        futures = {name: future for name, future in outputs.items() if isinstance(future, Future)}
        able = isinstance(field, Series) and field.even and bool(futures) and len(futures) == len(outputs)
        self.on = able and (on if on is not None else field.drift > DRIFTING)  # type: ignore[union-attr]
        if self.on:
            assert isinstance(field, Series)
            self.series = field.size - field.calendar  # the calendar, in the channels after them, has no level
            self.which = {name: [field.names.index(n) for n in future.names] for name, future in futures.items()}

    def off(self, value: Any) -> Any:
        """The window without its level: differences from the last step (a `Course`; other values as they are)."""
        if not self.on:
            return value
        level_B1C = value.x_BTC[:, -1:].clone()
        level_B1C[:, :, self.series :] = 0
        return Course(value.x_BTC - level_B1C, value.lengths_B)

    def back(self, answers: dict[str, Tensor], value: Any) -> dict[str, Tensor]:
        """The answers (B H O) at the level of the window."""
        if not self.on:
            return answers
        return {name: y_BHO + value.x_BTC[:, -1:, self.which[name]] for name, y_BHO in answers.items()}
