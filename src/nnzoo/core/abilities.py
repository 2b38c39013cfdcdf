"""What a network can do once it has learned: small protocols, known per data and task, never flags."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Samples(Protocol):
    """Makes new data."""

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new values of the input field, standardised as the network was trained; drawn from torch's default generator."""


@runtime_checkable
class FromNoise(Protocol):
    """Makes data by a plain `forward` whose inputs are noise."""

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes so many values of, drawn from torch's default generator."""


@runtime_checkable
class Steps(Protocol):
    """Writes a sequence symbol by symbol; the state is explicit: (h, c) in an LSTM, the key-value cache in a GPT."""

    context: int | None
    """Symbols that a state can hold; None: no limit."""

    def start(self, rows: int, room: int | None = None) -> Any:
        """The state before the first symbol, for `rows` sequences (a tuple whose tensors have rows in dimension 0).

        `room` is how many symbols will be read at most, where that is known, so that a cache is allocated once; it is never more
        than `context`. None: as many as `context` allows, or what grows.
        """

    def step(self, state: Any, symbols_BT: Tensor) -> tuple[Tensor, Any]:
        """Read T symbols; logits of the symbol after each (B T V), and the state after the last.

        Of piano rolls: read T steps of notes (B T C, 0 or 1); logits of each note at the step after each (B T C). The state given
        may be used up (a cache is written in place): whoever needs it later selects its rows first.
        """

    def select(self, state: Any, rows: Tensor) -> Any:
        """A copy of the state of chosen rows, in that order (beam search)."""


@runtime_checkable
class Translates(Protocol):
    """Writes a sequence in answer to its inputs, symbol by symbol; the state holds what was read."""

    def read_source(self, inputs: dict[str, Any]) -> Any:
        """The state before the first symbol of the answer (a tuple of tensors, rows in dimension 0)."""

    def step(self, state: Any, symbols_BT: Tensor) -> tuple[Tensor, Any]:
        """Read T symbols of the answer; logits of the symbol after each (B T V), and the state after the last."""

    def select(self, state: Any, rows: Tensor) -> Any:
        """The state of chosen rows, in that order (beam search)."""


@runtime_checkable
class Fills(Protocol):
    """Says what stands at hidden places of a text, from what stands on both sides of them."""

    mask: int
    """The symbol that hides another; it may be one that the vocabulary does not have."""

    def fill(self, inputs: dict[str, Any], places_BT: Tensor) -> Tensor:
        """Logits of the symbol at each place that is true (M V), rows in order, in each from the left."""


@runtime_checkable
class Embeds(Protocol):
    """Turns a text into a vector that is near those of similar texts."""

    def vectors(self, inputs: dict[str, Any], pooling: str = "mean") -> Tensor:
        """A vector for each text (B D): the `mean` of its symbols' states, or the state of one, which `pooling` names: `first` of
        what reads both ways, `last` of what reads from the left. Raises ConfigError for another."""


@runtime_checkable
class Encodes(Protocol):
    """Turns data into a shorter code and back."""

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """Codes (B ...) of inputs."""

    def decode(self, codes: Tensor) -> Tensor:
        """Data from codes."""


@runtime_checkable
class Surprise(Protocol):
    """Says how unusual data are; higher is stranger."""

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        """One number a row (B)."""


@runtime_checkable
class Explains(Protocol):
    """States what it has learned in words or a formula."""

    def formula(self) -> str:
        """Readable text."""


@runtime_checkable
class Predicts(Protocol):
    """Gives every output field for its inputs; the plain `forward`."""

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Outputs by name: logits (B K) for classes, standardised numbers (B O) for values."""
