"""Typed data with named fields: what a column of a data set is, how it is stored, and what a network receives.

A field is a frozen description that survives JSON. Its data are *stored* as a dict of tensors for all rows; `take` turns
chosen rows into the *value* that a network sees. Fields own raggedness: a network reads lengths, it never guesses padding.

Shapes: N rows stored, M steps stored, B rows taken, F numeric columns, K category columns, C H W image, T longest taken, C channels
of a series, H horizon, E edges, O targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option
from torch import Tensor

Stored = dict[str, Tensor]
UNKNOWN_SYMBOL = "\ufffd"


class Rows(NamedTuple):
    """Value of a `Table`: standardised numbers (B F, float) and category codes (B K, long; 0 means unseen or missing)."""

    numeric_BF: Tensor
    codes_BK: Tensor


class Sequences(NamedTuple):
    """Value of `Tokens`: symbols (B T, long, padded with its `padding`) and their lengths (B, long)."""

    tokens_BT: Tensor
    lengths_B: Tensor

    @property
    def inside_BT(self) -> Tensor:
        """Whether there is a symbol and no padding."""
        return torch.arange(self.tokens_BT.shape[1], device=self.lengths_B.device) < self.lengths_B[:, None]


class Course(NamedTuple):
    """Value of a `Series`: standardised numbers over time (B T C, float, padded with 0) and their lengths (B, long)."""

    x_BTC: Tensor
    lengths_B: Tensor


class GraphValue(NamedTuple):
    """Value of a `Graph`: node features (N F), directed edges (2 E: from, to), and the nodes asked about (B)."""

    x_NF: Tensor
    edges_2E: Tensor
    nodes_B: Tensor


class Field(BaseModel):
    """Base of all fields. `key` names the stored tensor whose first dimension counts rows; `ragged`: a row's value depends on which
    others are taken with it (padding), or is not for it alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: ClassVar[str]
    ragged: ClassVar[bool] = False

    def rows(self, stored: Stored) -> int:
        """How many rows are stored."""
        return len(stored[self.key])

    def take(self, stored: Stored, indices: Tensor) -> Any:
        """The value of the rows at `indices` (B, long, on the device of the stored tensors)."""
        return stored[self.key].index_select(0, indices)


class Category(BaseModel):
    """A category column: its name and how many codes it has, code 0 (unseen or missing) included."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    size: int


class Table(Field):
    """Columns of a table. Numbers are stored standardised; `mean` and `std` (original units) restore them."""

    type: Literal["table"] = "table"
    numeric: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    categories: tuple[Category, ...] = ()
    key: ClassVar[str] = "numeric"

    def take(self, stored: Stored, indices: Tensor) -> Rows:
        return Rows(stored["numeric"].index_select(0, indices), stored["codes"].index_select(0, indices))

    def restore(self, numeric_BF: Tensor) -> Tensor:
        """Standardised numbers back in original units."""
        return numeric_BF * numeric_BF.new_tensor(self.std) + numeric_BF.new_tensor(self.mean)


class Image(Field):
    """Pictures of one size. Stored as uint8 (N C H W) or float in 0..1; taken as float, standardised by channel."""

    type: Literal["image"] = "image"
    channels: int
    height: int
    width: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    key: ClassVar[str] = "pixels"

    @property
    def size(self) -> int:
        """Numbers in one picture."""
        return self.channels * self.height * self.width

    def take(self, stored: Stored, indices: Tensor) -> Tensor:
        return self.standardise(stored["pixels"].index_select(0, indices))  # ten times faster than [indices] for bytes

    def standardise(self, pixels_BCHW: Tensor) -> Tensor:
        """uint8 or 0..1 pixels as new standardised floats."""
        unit = 255.0 if pixels_BCHW.dtype == torch.uint8 else 1.0
        x_BCHW = pixels_BCHW.to(torch.float32, copy=True)
        if len(self.mean) == 1:  # shift + scale x in one pass, in place
            shift = x_BCHW.new_full((), -self.mean[0] / self.std[0])
            return torch.add(shift, x_BCHW, alpha=1 / (unit * self.std[0]), out=x_BCHW)
        scale_C11 = torch.tensor([1 / (unit * s) for s in self.std], device=x_BCHW.device).view(-1, 1, 1)
        shift_C11 = torch.tensor([m / s for m, s in zip(self.mean, self.std)], device=x_BCHW.device).view(-1, 1, 1)
        return x_BCHW.mul_(scale_C11).sub_(shift_C11)

    def restore(self, x_BCHW: Tensor) -> Tensor:
        """Standardised pictures back to 0..1 (not clipped)."""
        return x_BCHW * x_BCHW.new_tensor(self.std).view(-1, 1, 1) + x_BCHW.new_tensor(self.mean).view(-1, 1, 1)


class Tokens(Field):
    """Sequences of symbols of different length. Stored end to end with offsets (N + 1), so nothing is padded at rest.

    `lines`: each row is a whole of its own (a name, a review) and is framed by `start` and `end`; otherwise the rows are
    parts of long texts that are read through windows with carried state. `symbols` are the pieces of text that the codes stand for
    ("" for padding, start and end), where whoever scores or answers needs text: pieces in a row, put together, are the text.
    `start` and `end` are -1 where a vocabulary from elsewhere has none; a model that came with such a one may write all codes
    (`all_written`).
    """

    type: Literal["tokens"] = "tokens"
    vocabulary: int
    longest: int
    lines: bool = True
    start: int = 1
    end: int = 2
    padding: int = 0
    all_written: bool = False
    symbols: tuple[str, ...] = ()
    key: ClassVar[str] = "offsets"
    ragged: ClassVar[bool] = True

    def rows(self, stored: Stored) -> int:
        return len(stored["offsets"]) - 1

    @property
    def unwritten(self) -> list[int]:
        """Codes that are read and never written in an answer: padding, start, and what stands for anything unknown."""
        if self.all_written:
            return []
        return sorted(
            {self.padding, self.start, *(code for code, symbol in enumerate(self.symbols) if symbol.strip() == UNKNOWN_SYMBOL)}
        )

    @property
    def begins(self) -> list[int]:
        """The code that stands before a line and nowhere else; none where it also ends lines."""
        return [self.start] if self.lines and self.start not in (-1, self.end) else []

    def text(self, codes: Sequence[int]) -> str:
        """The text of some codes, up to the first end."""
        codes = codes[: codes.index(self.end)] if self.end in codes else codes
        return "".join(self.symbols[code] for code in codes).strip()

    def take(self, stored: Stored, indices: Tensor) -> Sequences:
        # offsets stay on the host: the longest length of a batch must be known without waiting for the device
        values, offsets, rows = stored["values"], stored["offsets"], indices.cpu()
        first_B = offsets[rows]
        lengths_B = offsets[rows + 1] - first_B
        positions_T = torch.arange(max(1, int(lengths_B.max()) if len(rows) else 1))
        inside_BT = positions_T < lengths_B[:, None]
        where_BT = torch.where(inside_BT, first_B[:, None] + positions_T, 0).to(values.device)
        tokens_BT = values[where_BT].long() if len(values) else torch.zeros_like(where_BT)
        return Sequences(torch.where(inside_BT.to(values.device), tokens_BT, self.padding), lengths_B.to(values.device))


class Series(Field):
    """Numbers over time: windows of long series, or pieces of different length. Stored end to end in original units ("values",
    M C), with where each row begins ("first", N) and how many steps it has ("length", N), so that windows overlap at no cost.

    `even`: every row has `longest` steps. `binary`: every number is 0 or 1 (the notes of a piano roll), taken as it is. `drift` is
    the share of the training part's variance that lies between the means of its windows (mean over series). The last `calendar`
    channels are no series: they say where the steps to be forecast stand in the calendar.
    """

    type: Literal["series"] = "series"
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    longest: int
    even: bool = True
    binary: bool = False
    drift: float = 0.0
    calendar: int = 0
    key: ClassVar[str] = "first"

    @property
    def size(self) -> int:
        """Channels: how many numbers a step has."""
        return len(self.names)

    @property
    def ragged(self) -> bool:  # type: ignore[override]
        """Whether rows are padded to the longest that is taken with them."""
        return not self.even

    def take(self, stored: Stored, indices: Tensor) -> Course:
        where_BT, inside_BT, lengths_B = _places(stored, indices, self.longest if self.even else None)
        x_BTC = stored["values"][where_BT].float()
        if not self.binary:
            x_BTC = (x_BTC - x_BTC.new_tensor(self.mean)) / x_BTC.new_tensor(self.std)
        return Course(x_BTC if self.even else x_BTC * inside_BT[:, :, None], lengths_B)

    def restore(self, x_BTC: Tensor) -> Tensor:
        """Standardised numbers back in original units."""
        return x_BTC if self.binary else x_BTC * x_BTC.new_tensor(self.std) + x_BTC.new_tensor(self.mean)


def _places(stored: Stored, indices: Tensor, longest: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Where the steps of some rows are stored (B T; 0 beyond a row's end), which are there (B T), and how many (B)."""
    first_B, lengths_B = stored["first"].index_select(0, indices), stored["length"].index_select(0, indices)
    if longest is None:
        longest = max(1, int(lengths_B.max()) if len(indices) else 1)
    positions_T = torch.arange(longest, device=first_B.device)
    inside_BT = positions_T < lengths_B[:, None]
    return torch.where(inside_BT, first_B[:, None] + positions_T, 0), inside_BT, lengths_B


class Graph(Field):
    """Nodes of one graph; a row is a node. The whole graph is always seen, `nodes_B` says which rows are asked about."""

    type: Literal["graph"] = "graph"
    features: int
    key: ClassVar[str] = "x"
    ragged: ClassVar[bool] = True

    def take(self, stored: Stored, indices: Tensor) -> GraphValue:
        return GraphValue(stored["x"], stored["edges"], indices)


class Classes(Field):
    """One of several labels. Stored as codes (N, long); -1 where the label is missing."""

    type: Literal["classes"] = "classes"
    labels: tuple[str, ...]
    key: ClassVar[str] = "codes"

    @property
    def size(self) -> int:
        """How many labels."""
        return len(self.labels)


class Values(Field):
    """One or several numbers to predict. Stored in original units (N O, NaN where missing), taken standardised."""

    type: Literal["values"] = "values"
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    key: ClassVar[str] = "numbers"

    @property
    def size(self) -> int:
        """How many numbers."""
        return len(self.names)

    def take(self, stored: Stored, indices: Tensor) -> Tensor:
        x_BO = stored["numbers"].index_select(0, indices)
        return (x_BO - x_BO.new_tensor(self.mean)) / x_BO.new_tensor(self.std)

    def restore(self, y_BO: Tensor) -> Tensor:
        """Standardised numbers back in original units."""
        return y_BO * y_BO.new_tensor(self.std) + y_BO.new_tensor(self.mean)


class Tags(Field):
    """One of several labels at every step of the input. Stored end to end as "values" (M), "first" and "length" (N), like the steps
    of a `Series`; taken as codes (B T, long), -1 beyond a row's end and where the label is missing."""

    type: Literal["tags"] = "tags"
    labels: tuple[str, ...]
    key: ClassVar[str] = "first"
    ragged: ClassVar[bool] = True

    @property
    def size(self) -> int:
        """How many labels."""
        return len(self.labels)

    def take(self, stored: Stored, indices: Tensor) -> Tensor:
        where_BT, inside_BT, _ = _places(stored, indices, None)
        return torch.where(inside_BT, stored["values"][where_BT].long(), -1)


class Future(Field):
    """The next steps of one or several series. Stored in original units ("values", M C) with where each row's future begins
    ("first", N); taken standardised (B H C)."""

    type: Literal["future"] = "future"
    names: tuple[str, ...]
    horizon: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    key: ClassVar[str] = "first"

    @property
    def size(self) -> int:
        """How many numbers are predicted: steps times series."""
        return self.horizon * len(self.names)

    def take(self, stored: Stored, indices: Tensor) -> Tensor:
        first_B = stored["first"].index_select(0, indices)
        y_BHC = stored["values"][first_B[:, None] + torch.arange(self.horizon, device=first_B.device)].float()
        return (y_BHC - y_BHC.new_tensor(self.mean)) / y_BHC.new_tensor(self.std)

    def restore(self, y_BHC: Tensor) -> Tensor:
        """Standardised numbers back in original units."""
        return y_BHC * y_BHC.new_tensor(self.std) + y_BHC.new_tensor(self.mean)


class Span(Field):
    """A piece of the input that answers a question about it. Stored as the places of its first and last symbol in the input's row
    (N 2, long), taken so (B 2).

    A row reads: start, question, `separator`, context, one last symbol; the piece stands in the context. `longest` is how many
    symbols an answer has at most.
    """

    type: Literal["span"] = "span"
    separator: int
    longest: int
    key: ClassVar[str] = "places"

    @property
    def size(self) -> int:
        """Numbers at every symbol: whether the answer starts there, whether it ends there."""
        return 2

    def second(self, tokens_BT: Tensor) -> Tensor:
        """What stands after the first separator of a row (B T, bool), padding too."""
        parts_BT = tokens_BT == self.separator
        return (parts_BT.cumsum(1) - parts_BT.long()) > 0

    def inside(self, sequence: Sequences) -> Tensor:
        """The symbols of the context (B T, bool): after the first separator, before a row's last symbol."""
        places_T = torch.arange(sequence.tokens_BT.shape[1], device=sequence.tokens_BT.device)
        return self.second(sequence.tokens_BT) & (places_T < sequence.lengths_B[:, None] - 1)


_Known = Table | Image | Tokens | Series | Graph | Classes | Values | Tags | Future | Span
AnyField = Annotated[_Known, Option(discriminator="type")]


class Spec(BaseModel):
    """What goes in, what comes out, and how many rows there are to learn from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    inputs: dict[str, AnyField]
    outputs: dict[str, AnyField] = {}
    train_size: int

    def field(self, name: str) -> AnyField:
        """The input or output of that name."""
        return self.inputs[name] if name in self.inputs else self.outputs[name]

    def only(self, side: Literal["inputs", "outputs"], *types: type) -> str | None:
        """The name of the one input (or output) if there is exactly one and it is of one of `types`, else None."""
        fields: dict[str, AnyField] = getattr(self, side)
        names = list(fields)
        return names[0] if len(names) == 1 and isinstance(fields[names[0]], types) else None
