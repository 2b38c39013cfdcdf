"""A data set as the loop sees it: stored tensors by field name, a view of some rows, batches by index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from nnzoo.core.fields import Spec, Stored


@dataclass
class Batch:
    """Some rows: values by field name. `batch["x"]` finds inputs and outputs alike.

    `weight` (B, float) weighs rows in losses and scores, None means all one. `fresh` is False where the rows continue those
    of the batch before (windows of one text), so that carried state is kept.
    """

    inputs: dict[str, Any]
    outputs: dict[str, Any]
    size: int
    weight: Tensor | None = None
    fresh: bool = True
    extra: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, name: str) -> Any:
        for side in (self.inputs, self.outputs, self.extra):
            if name in side:
                return side[name]
        raise KeyError(f"no field '{name}' in this batch; it has {', '.join([*self.inputs, *self.outputs, *self.extra])}")

    def bytes(self) -> int:
        """Bytes of its tensors."""
        values = [*self.inputs.values(), *self.outputs.values(), *self.extra.values()]
        tensors = [t for value in values for t in ((value,) if isinstance(value, Tensor) else value)]
        return sum(t.numel() * t.element_size() for t in tensors)


class Dataset:
    """Stored columns of every field, seen through `index` (None: all rows). Parts of a set share its storage.

    A whole set lies on one device and is indexed in batches; storage may also be memory-mapped on the host, in which case
    batches travel to `device` one by one, with the same results.
    """

    def __init__(
        self,
        spec: Spec,
        columns: Mapping[str, Stored],
        *,
        index: Tensor | None = None,
        weight: Tensor | None = None,
        extra: Mapping[str, Tensor] | None = None,
        device: torch.device | str = "cpu",
        resident: bool = True,
    ):
        self.spec, self.columns, self.weight, self.extra = spec, dict(columns), weight, dict(extra or {})
        self.device, self.resident = torch.device(device), resident
        name = next(iter(columns))
        self.total = spec.field(name).rows(self.columns[name])
        self.index = index
        self.inputs = [(name, field) for name, field in spec.inputs.items() if name in self.columns]
        self.outputs = [(name, field) for name, field in spec.outputs.items() if name in self.columns]

    def __len__(self) -> int:
        return self.total if self.index is None else len(self.index)

    def part(self, indices: Tensor) -> Dataset:
        """The rows at `indices` (of this view), sharing storage."""
        home = self.device if self.resident else "cpu"  # where rows are looked up
        chosen = indices.to(home) if self.index is None else self.index[indices.to(self.index.device)]
        return self._with(index=chosen)

    def to(self, device: torch.device | str, resident: bool = True) -> Dataset:
        """The same rows for `device`: moved there as a whole, or (resident=False) left on the host and moved by batch."""
        device = torch.device(device)
        if not resident:
            return self._with(device=device, resident=False)

        def move(stored: Stored) -> Stored:
            return {k: v if k == "offsets" else v.to(device) for k, v in stored.items()}

        return Dataset(
            self.spec,
            {name: move(stored) for name, stored in self.columns.items()},
            index=None if self.index is None else self.index.to(device),
            weight=None if self.weight is None else self.weight.to(device),
            extra={k: v.to(device) for k, v in self.extra.items()},
            device=device,
        )

    def take(self, indices: Tensor) -> Batch:
        """The batch of the rows at `indices` (B, long)."""
        return self.fetch(self.stored_rows(indices))

    def stored_rows(self, indices: Tensor) -> Tensor:
        """Where the rows at `indices` of this view stand in storage."""
        rows = indices.to(self.device if self.resident else "cpu")
        return rows if self.index is None else self.index.index_select(0, rows)

    def fetch(self, rows: Tensor) -> Batch:
        """The batch of stored rows (B, long)."""
        batch = Batch(
            inputs={name: field.take(self.columns[name], rows) for name, field in self.inputs},
            outputs={name: field.take(self.columns[name], rows) for name, field in self.outputs},
            size=len(rows),
            weight=None if self.weight is None else self.weight[rows],
            extra={k: v[rows] for k, v in self.extra.items()} if self.extra else {},
        )
        return batch if self.resident else move_batch(batch, self.device)

    @property
    def ragged(self) -> bool:
        """Whether a batch depends on which rows stand in it together (padding, a whole graph)."""
        return any(field.ragged for _, field in (*self.inputs, *self.outputs))

    def batches(self, size: int = 256) -> Iterator[Batch]:
        """All rows in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(torch.arange(start, min(start + size, len(self)), device=self.device))

    def all(self) -> Batch:
        """Every row in one batch."""
        return self.take(torch.arange(len(self), device=self.device))

    def stored(self, name: str, key: str) -> Tensor:
        """The stored tensor `key` of a dense field, for the rows of this view."""
        tensor = self.columns[name][key]
        return tensor if self.index is None else tensor[self.index]

    def weights(self) -> Tensor | None:
        """The weights of the rows of this view; None if all are one."""
        return self.weight if self.weight is None or self.index is None else self.weight[self.index]

    def replaced(self, columns: Mapping[str, Stored] = {}, extra: Mapping[str, Tensor] = {}) -> Dataset:
        """The same view with some columns exchanged (full storage, not only this view's rows)."""
        return self._with(columns={**self.columns, **columns}, extra={**self.extra, **extra})

    def bytes(self) -> int:
        """Bytes of storage."""
        return sum(t.numel() * t.element_size() for stored in self.columns.values() for t in stored.values())

    def _with(self, **changes: Any) -> Dataset:
        names = ("columns", "index", "weight", "extra", "device", "resident")
        keep = {name: getattr(self, name) for name in names}
        keep.update(changes)
        return Dataset(self.spec, **keep)


def divided(batch: Batch, size: int) -> list[Batch]:
    """A batch as smaller ones of `size` rows (the last may have fewer), sharing its memory."""
    if len(batch) <= size:
        return [batch]

    def pieces(values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [dict(zip(values, row)) for row in zip(*(_pieces(v, size) for v in values.values()))] or [{}] * count

    count = -(-len(batch) // size)
    weights = [None] * count if batch.weight is None else batch.weight.split(size)
    sizes = [size] * (count - 1) + [len(batch) - (count - 1) * size]
    extras = pieces(batch.extra)
    return [
        Batch(inputs, outputs, rows, weight, batch.fresh, extra)
        for inputs, outputs, rows, weight, extra in zip(pieces(batch.inputs), pieces(batch.outputs), sizes, weights, extras)
    ]


def _pieces(value: Any, size: int) -> Sequence[Any]:
    if isinstance(value, Tensor):
        return value.split(size)
    return [type(value)(*some) for some in zip(*(tensor.split(size) for tensor in value))]


def move_batch(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""

    def move(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(device, non_blocking=True)
        return type(value)(*(move(v) for v in value))

    return replace(
        batch,
        inputs={k: move(v) for k, v in batch.inputs.items()},
        outputs={k: move(v) for k, v in batch.outputs.items()},
        weight=None if batch.weight is None else move(batch.weight),
        extra={k: move(v) for k, v in batch.extra.items()},
    )


@dataclass
class Parts:
    """A data set divided: what is learned from, what chooses, and what is used once at the end."""

    train: Dataset
    valid: Dataset | None
    test: Dataset | None

    def to(self, device: torch.device | str, resident: bool = True) -> Parts:
        """All parts for `device`; storage that the parts share is moved once."""
        moved: dict[int, Dataset] = {}

        def one(part: Dataset | None) -> Dataset | None:
            if part is None:
                return None
            whole_id = id(next(iter(next(iter(part.columns.values())).values())))
            whole = moved.setdefault(whole_id, part._with(index=None).to(device, resident))
            return whole._with(index=None if part.index is None else part.index.to(whole.device if resident else "cpu"))

        train = one(self.train)
        assert train is not None
        return Parts(train, one(self.valid), one(self.test))
