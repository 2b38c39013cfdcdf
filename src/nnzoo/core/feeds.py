"""Where a stage's batches come from. A feed is resumable: batch number k is a function of (seed, stage, k) and of nothing else.

B batch, L lanes, T window, N blocks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nnzoo.core.dataset import Batch, Dataset, divided
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Sequences, Tokens
from nnzoo.core.seeds import generator

if TYPE_CHECKING:
    from nnzoo.core.network import Network

MOST_AHEAD = 16  # batches fetched at once
BYTES_AHEAD = 4 << 20  # that they have together at most
NEAR = 50  # batches whose rows are sorted by length together, where texts of a batch are to be alike


class Stream(ABC):
    """A feed opened on a data set: `length` batches an epoch of about `rows` rows each, any of them by number.

    `random`: drawing a batch uses torch's default generator (augmentation), so the loop seeds it first.
    """

    length: int
    rows: int
    random: bool = False

    @abstractmethod
    def at(self, drawn: int) -> Batch:
        """The batch that comes after `drawn` others (counted over all epochs)."""

    def divided(self, rank: int, world: int) -> Stream:
        """The same batches, of each the share of process `rank` of `world`; a share may be without rows (its fields are then not
        given). A stream that does not know how gives every process the whole batch, which is right and brings nothing."""
        return self


class Feed(ABC):
    """How batches are drawn. `open` binds it to data; `validation` is the same view of the data in order, nothing random."""

    @abstractmethod
    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        """Bind to a data set."""

    def validation(self) -> Feed:
        """The feed for the validation part."""
        return ordered()


class _Rows(Stream):
    def __init__(
        self,
        dataset: Dataset,
        batch: int,
        seed: tuple[int, int] | None,
        augment: Callable[[Batch], Batch] | None = None,
        alike: bool = False,
    ):
        self.alike = alike
        self.dataset, self.rows, self.seed, self.augment = dataset, min(batch, len(dataset)), seed, augment
        self.length = -(-len(dataset) // batch)
        self.batch, self.epoch, self.random = batch, -1, augment is not None
        self.rows_N = dataset.stored_rows(torch.arange(len(dataset)))
        self.share: tuple[int, int] | None = None
        self.ahead = self._ahead()
        self.fetched: tuple[int, list[Batch]] = (-1, [])

    def at(self, drawn: int) -> Batch:
        epoch, k = divmod(drawn, self.length)
        if self.seed is not None and epoch != self.epoch:
            random = generator(*self.seed, epoch)
            order_N = torch.randperm(len(self.dataset), generator=random)
            if self.alike:
                order_N = _by_length(self.dataset, order_N, self.batch, random)
            self.rows_N, self.epoch, self.fetched = self.dataset.stored_rows(order_N), epoch, (-1, [])
        batch = self._fetched(k) if self.share is None else self._shared(k, *self.share)
        return self.augment(batch) if self.augment and len(batch) else batch

    def _ahead(self) -> int:
        """How many batches are fetched at once: of small rows one large fetch costs hardly more than a small one."""
        if self.dataset.ragged or not len(self.dataset):
            return 1
        return max(1, min(MOST_AHEAD, BYTES_AHEAD // (self.batch * self.dataset.fetch(self.rows_N[:1]).bytes())))

    def _fetched(self, k: int) -> Batch:
        """Batch k of this epoch."""
        group, inside = divmod(k, self.ahead)
        if self.fetched[0] != group:
            first = group * self.ahead * self.batch
            rows = self.rows_N[first : first + self.ahead * self.batch]
            self.fetched = group, divided(self.dataset.fetch(rows), self.batch)
        return self.fetched[1][inside]

    def _shared(self, k: int, rank: int, world: int) -> Batch:
        rows_B = self.rows_N[k * self.batch : (k + 1) * self.batch]
        rows_B = rows_B[_share(len(rows_B), rank, world)]
        return self.dataset.fetch(rows_B) if len(rows_B) else Batch({}, {}, 0)

    def divided(self, rank: int, world: int) -> Stream:
        """Every so-manieth row of a batch."""
        mine = copy(self)
        mine.share, mine.rows = (rank, world), len(range(self.rows)[_share(self.rows, rank, world)])
        return mine


def _by_length(dataset: Dataset, order_N: Tensor, batch: int, random: torch.Generator) -> Tensor:
    """Rows in another order, in which texts of a batch are about as long: of every `NEAR` batches the rows are sorted by length and
    the batches are mixed again."""
    offsets = next(dataset.columns[name]["offsets"] for name, field in dataset.inputs if isinstance(field, Tokens))
    lengths_N = (offsets[1:] - offsets[:-1])[dataset.stored_rows(order_N).cpu()]
    sorted_ones = [some[lengths_N[some].argsort(stable=True)] for some in torch.arange(len(order_N)).split(batch * NEAR)]
    batches = torch.cat(sorted_ones).split(batch)
    last = len(batches) - 1  # perhaps a smaller one, which has to stay last
    mixed = [*torch.randperm(last, generator=random).tolist(), last]
    return order_N[torch.cat([batches[k] for k in mixed])]


def _share(rows: int, rank: int, world: int) -> slice:
    """Which rows of a batch a process takes. As many processes take part as have at least two: statistics of one row are none."""
    takers = max(1, min(world, rows // 2))
    return slice(rank, None, takers) if rank < takers else slice(0, 0)


@dataclass(frozen=True)
class shuffled(Feed):
    """Every row once an epoch in random order. `augment` changes whole batches, under the seed of the step. `alike`: texts that are
    about as long stand in a batch, so that little is padded; which ones changes with the epoch."""

    batch: int = 128
    augment: Callable[[Batch], Batch] | None = None
    alike: bool = False

    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        return _Rows(dataset, self.batch, (seed, stage), self.augment, self.alike)


@dataclass(frozen=True)
class ordered(Feed):
    """Every row once, in order."""

    batch: int = 512

    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        return _Rows(dataset, self.batch, None)


@dataclass(frozen=True)
class whole(Feed):
    """All rows in one batch, every step (full-batch learning on one graph)."""

    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        return _Rows(dataset, max(1, len(dataset)), None)

    def validation(self) -> Feed:
        return self


class _Windows(Stream):
    def __init__(self, dataset: Dataset, name: str, window: int, lanes: int):
        text = text_of(dataset, name)
        lanes = max(1, min(lanes, (len(text) - 1) // 2))
        self.name, self.text, self.lanes, self.rows = name, text, lanes, lanes
        self.lane = (len(text) - 1) // lanes
        self.window = min(window, self.lane)
        self.length = -(-self.lane // self.window)
        self.starts_L1 = torch.arange(lanes, device=text.device)[:, None] * self.lane
        self.device = dataset.device

    def at(self, drawn: int) -> Batch:
        k = drawn % self.length
        width = min(self.window, self.lane - k * self.window)
        where_LT = self.starts_L1 + torch.arange(k * self.window, k * self.window + width + 1, device=self.text.device)
        tokens_LT = self.text[where_LT].long().to(self.device)
        lengths_L = torch.full((self.lanes,), width + 1, device=self.device)
        return Batch({self.name: Sequences(tokens_LT, lengths_L)}, {}, self.lanes, fresh=k == 0)

    def divided(self, rank: int, world: int) -> Stream:
        """Every so-manieth lane, for the whole stage, so that each process carries the state of its own lanes."""
        mine = copy(self)
        mine.starts_L1 = self.starts_L1[rank::world]
        mine.lanes = mine.rows = len(mine.starts_L1)
        return mine


@dataclass(frozen=True)
class windows(Feed):
    """Windows of long texts: `lanes` readers side by side, each going on where its last window ended.

    A batch holds `window` + 1 symbols (L T+1): each is predicted from those before it, so neighbours share one symbol.
    `fresh` is true at the start of an epoch, where carried state begins anew.
    """

    window: int = 50
    lanes: int = 50

    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        name = next(n for n, f in dataset.spec.inputs.items() if isinstance(f, Tokens))
        return _Windows(dataset, name, self.window, self.lanes)

    def validation(self) -> Feed:
        return replace(self, window=max(self.window, 200))


class _Blocks(Stream):
    def __init__(self, dataset: Dataset, name: str, length: int, batch: int, seed: tuple[int, int] | None):
        self.text = text_of(dataset, name)
        length = min(length, len(self.text) - 1)
        count = (len(self.text) - (length if seed is not None else 1)) // length  # a later beginning must not lack a block
        self.name, self.block, self.count, self.seed = name, length, max(1, count), seed
        self.rows = self.batch = min(batch, self.count)
        self.length = -(-self.count // self.batch)
        self.device, self.epoch, self.share = dataset.device, -1, (0, 1)
        self.starts_N = torch.arange(self.count) * length
        self.positions_T = torch.arange(length + 1)

    def at(self, drawn: int) -> Batch:
        epoch, k = divmod(drawn, self.length)
        if self.seed is not None and epoch != self.epoch:
            random = generator(*self.seed, epoch)
            spare = len(self.text) - 1 - self.count * self.block
            first = int(torch.randint(min(self.block, spare + 1), (1,), generator=random))
            self.starts_N = first + torch.randperm(self.count, generator=random) * self.block
            self.epoch = epoch
        starts_B = self.starts_N[k * self.batch : (k + 1) * self.batch]
        rank, world = self.share
        starts_B = starts_B if world == 1 else starts_B[_share(len(starts_B), rank, world)]
        if not len(starts_B):
            return Batch({}, {}, 0)
        where_BT = (starts_B[:, None] + self.positions_T).to(self.text.device)
        tokens_BT = self.text[where_BT].long().to(self.device)
        lengths_B = torch.full((len(starts_B),), self.block + 1, device=self.device)
        return Batch({self.name: Sequences(tokens_BT, lengths_B)}, {}, len(starts_B))

    def divided(self, rank: int, world: int) -> Stream:
        """Every so-manieth block of a batch."""
        mine = copy(self)
        mine.share, mine.rows = (rank, world), len(range(self.batch)[_share(self.batch, rank, world)])
        return mine


@dataclass(frozen=True)
class blocks(Feed):
    """Blocks of long texts in random order, each on its own: all symbols once an epoch, cut at places that change with the epoch.

    A batch holds `length` + 1 symbols (B T+1): each is predicted from those before it in its block.
    """

    length: int = 128
    batch: int = 12
    random: bool = True

    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        name = next(n for n, f in dataset.spec.inputs.items() if isinstance(f, Tokens))
        return _Blocks(dataset, name, self.length, self.batch, (seed, stage) if self.random else None)

    def validation(self) -> Feed:
        return replace(self, random=False)


def text_of(dataset: Dataset, name: str) -> Tensor:
    """All symbols of a set of long texts, end to end. Raises DataError where there is nothing to predict."""
    if dataset.index is not None:
        raise DataError("a text is read as a whole; a part of a text set is a data set of its own")
    text = dataset.columns[name]["values"]
    if len(text) < 3:
        raise DataError("the text has fewer than three symbols: there is nothing to predict; give a longer text")
    return text


@dataclass(frozen=True)
class encoded(Feed):
    """Rows with what a frozen part of the network makes of them: `by` names a method (Batch -> tensor B ...), run once over
    the data when the stage starts; its result is `batch[name]`."""

    by: str
    name: str = "latent"
    inner: Feed = shuffled()

    def open(self, dataset: Dataset, network: Network, seed: int, stage: int) -> Stream:
        encode: Callable[[Batch], Tensor] = getattr(network, self.by)
        was_training = [module for module in network.modules() if module.training]
        network.eval()
        with torch.no_grad():
            latents = torch.cat([encode(batch) for batch in dataset.batches(1024)])
        for module in was_training:
            module.training = True
        stored = latents
        if dataset.index is not None:
            stored = latents.new_zeros(dataset.total, *latents.shape[1:])
            stored[dataset.index] = latents
        return self.inner.open(dataset.replaced(extra={self.name: stored}), network, seed, stage)

    def validation(self) -> Feed:
        return replace(self, inner=self.inner.validation())
