"""Errors for people: what is wrong, where, and what to do. The command line prints them as one line and exits with 2."""


class NnzooError(Exception):
    """Base of every error that a person can act on."""


class DataError(NnzooError):
    """The data cannot be used as they are; the text names file, row or column, and the remedy."""


class ConfigError(NnzooError):
    """A setting has a wrong name, type or value."""


class Unsuitable(NnzooError):
    """A kind of network cannot do this task on these data; the text is the sentence that `can` gave."""


class RunError(NnzooError):
    """A saved run is missing, damaged, incomplete or held by another process."""


class NotFinite(NnzooError):
    """A loss or gradient became NaN or infinite; names stage, step and move. The weights are those before that step."""

    def __init__(self, stage: str, step: int, move: str):
        self.stage, self.step, self.move = stage, step, move
        super().__init__(
            f"the loss of move '{move}' in stage '{stage}' was not finite at step {step}; the weights are those before "
            "that step. Look at the data for huge or missing values, or lower the learning rate."
        )


class Interrupted(NnzooError):
    """Training was stopped by a signal after saving; the text says how to go on."""
