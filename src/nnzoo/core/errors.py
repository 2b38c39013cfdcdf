"""Errors for people: what is wrong, where, and what to do. The command line prints them as one line and exits with 2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


class NnzooError(Exception):
    """Base of every error that a person can act on. `said`: another process of the same run tells the person already."""

    said = False


class DataError(NnzooError):
    """The data cannot be used as they are; the text names file, row or column, and the remedy."""


@contextmanager
def about(what: str) -> Iterator[None]:
    """A DataError from inside names `what` (a file, a data set) first, if it does not name it already."""
    try:
        yield
    except DataError as error:
        if re.search(rf"(?<!\w){re.escape(what)}(?!\w)", str(error)):
            raise
        raise DataError(f"{what}: {error}") from None


class ConfigError(NnzooError):
    """A setting has a wrong name, type or value."""


class Unsuitable(NnzooError):
    """A kind of network cannot do this task on these data; the text is the sentence that `can` gave."""


class RunError(NnzooError):
    """A saved run is missing, damaged, incomplete or held by another process."""


class NotFinite(NnzooError):
    """A loss, gradient or rule gave NaN or infinity; names stage, step and move. `kept`: the weights are those before that
    move (else the last checkpoint has them, since a rule over a whole data set cannot be undone)."""

    def __init__(self, stage: str, step: int, move: str, kept: bool = True):
        self.stage, self.step, self.move = stage, step, move
        where = "the weights are those before it" if kept else "the last checkpoint holds the weights before it"
        super().__init__(
            f"move '{move}' in stage '{stage}' gave numbers that are not finite at step {step}; {where}. "
            "Look at the data for huge or missing values, or lower the learning rate."
        )


class Interrupted(NnzooError):
    """Training was stopped by a signal after saving; the text says how to go on."""
