"""The key-value cache: what positions that were read have to offer to those that come, so that a new symbol costs one position.

Room for all of them is taken once; a step writes its keys and values into it in place, so that whoever needs an older state copies
it first (`chosen`).

Shapes: B rows, G heads of keys, S room, K width of a head, T new positions, L layers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Cache(NamedTuple):
    """Keys and values of each layer (B G S K), and how many positions are in use."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    used: int

    @staticmethod
    def empty(rows: int, layers: int, heads: int, room: int, size: int, like: Tensor) -> Cache:
        """Room for so many positions; device and type are those of `like`."""
        keys, values = (tuple(like.new_empty(rows, heads, room, size) for _ in range(layers)) for _ in range(2))
        return Cache(keys, values, 0)

    @property
    def room(self) -> int:
        """How many positions it can hold."""
        return self.keys[0].shape[2]

    def put(self, layer: int, k_BGTK: Tensor, v_BGTK: Tensor) -> tuple[Tensor, Tensor]:
        """Write the keys and values of new positions; those of all positions so far (views, B G used+T K)."""
        end = self.used + k_BGTK.shape[2]
        assert end <= self.room, f"the cache has room for {self.room} positions, and {end} are read"
        k_BGSK, v_BGSK = self.keys[layer], self.values[layer]
        k_BGSK[:, :, self.used : end] = k_BGTK
        v_BGSK[:, :, self.used : end] = v_BGTK
        return k_BGSK[:, :, :end], v_BGSK[:, :, :end]

    def after(self, positions: int) -> Cache:
        """The state once all layers have put in so many positions."""
        return self._replace(used=self.used + positions)

    def chosen(self, rows: Tensor) -> Cache:
        """A copy of some rows, in that order, with the same room."""
        return Cache(tuple(k[rows] for k in self.keys), tuple(v[rows] for v in self.values), self.used)


def bytes_needed(rows: int, layers: int, heads: int, room: int, size: int, dtype: torch.dtype = torch.float32) -> int:
    """What a cache takes: two numbers a layer, position, head and place."""
    return 2 * rows * layers * heads * room * size * dtype.itemsize
