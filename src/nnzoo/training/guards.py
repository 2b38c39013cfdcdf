"""Watching for NaN and infinity so that they never reach the weights, without waiting for the device at every step.

On the host a look costs nothing: a bad step is found before its update. On a device the update is masked there: `flag` becomes
1 at the first bad step and stays so, no update changes anything from then on, and the flag is read every few steps.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor


class Guard(ABC):
    """Keeps the running mean of the loss, and finds the first bad move of the first bad step."""

    flag: Tensor | None = None  # 0-dim float on the device, for updates to be masked with; None where they need not be
    reads_every = 1

    @abstractmethod
    def share(self, total: Tensor, weight: Tensor | float) -> Tensor:
        """The gradient of the mean loss by its sum: 1 / weight. A batch without a single known target has weight 0 and a sum
        of 0, which gives no gradient."""

    @abstractmethod
    def passes(self, step: int, move: int, figure: Tensor, gradients: list[Tensor]) -> bool:
        """Look at a figure (0-dim) and gradients that are not finite if a move went wrong; False if nothing may be updated."""

    @abstractmethod
    def undo(self, changed: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Put old values back into (now, old) pairs if a step was bad."""

    @abstractmethod
    def count(self, total: Tensor, weight: Tensor | float) -> None:
        """Add to the running mean."""

    @abstractmethod
    def bad_move(self) -> tuple[int, int] | None:
        """Step and move that were not finite, if any. Waits for the device."""

    @abstractmethod
    def sums(self) -> tuple[float, float]:
        """Loss and weight summed since `forget`. Waits for the device."""

    @abstractmethod
    def load(self, total: float, weight: float) -> None:
        """Put back what `sums` gave."""

    def forget(self) -> None:
        """Begin a new mean."""
        self.load(0.0, 0.0)


class HostGuard(Guard):
    """Plain numbers: on the host every tensor can be read at once."""

    def __init__(self) -> None:
        self.loss = self.weight = 0.0
        self.bad: tuple[int, int] | None = None

    def share(self, total: Tensor, weight: Tensor | float) -> Tensor:
        return torch.full_like(total, 1 / (float(weight) or 1.0))

    def passes(self, step: int, move: int, figure: Tensor, gradients: list[Tensor]) -> bool:
        if self.bad is None and not (math.isfinite(figure.item()) and found_in(gradients).item() == 0):
            self.bad = (step, move)
        return self.bad is None

    def undo(self, changed: Sequence[tuple[Tensor, Tensor]]) -> None:
        if self.bad is not None:
            for now, old in changed:
                now.copy_(old)

    def count(self, total: Tensor, weight: Tensor | float) -> None:
        self.loss += float(total)
        self.weight += float(weight)

    def bad_move(self) -> tuple[int, int] | None:
        return self.bad

    def sums(self) -> tuple[float, float]:
        return self.loss, self.weight

    def load(self, total: float, weight: float) -> None:
        self.loss, self.weight = total, weight


class DeviceGuard(Guard):
    """Tensors on the device; nothing is read until it must be."""

    def __init__(self, device: torch.device, reads_every: int, moves: int):
        self.flag = torch.zeros((), device=device)
        self.where = torch.full((), -1, dtype=torch.long, device=device)
        self.loss = torch.zeros((), device=device, dtype=torch.float32)
        self.weight = torch.zeros((), device=device, dtype=torch.float32)
        self.reads_every, self.moves = reads_every, moves

    def share(self, total: Tensor, weight: Tensor | float) -> Tensor:
        return torch.ones_like(total) / (weight + (weight == 0) if isinstance(weight, Tensor) else weight or 1.0)

    def passes(self, step: int, move: int, figure: Tensor, gradients: list[Tensor]) -> bool:
        assert self.flag is not None
        bad_now = ~torch.isfinite(figure) | (found_in(gradients) > 0)
        self.where = torch.where((self.flag == 0) & bad_now, step * self.moves + move, self.where)
        self.flag = torch.maximum(self.flag, bad_now.float())
        return True

    def undo(self, changed: Sequence[tuple[Tensor, Tensor]]) -> None:
        assert self.flag is not None
        for now, old in changed:
            now.copy_(torch.where(self.flag > 0, old, now))

    def count(self, total: Tensor, weight: Tensor | float) -> None:
        self.loss += total
        self.weight += weight

    def bad_move(self) -> tuple[int, int] | None:
        where = int(self.where)
        return None if where < 0 else divmod(where, self.moves)

    def sums(self) -> tuple[float, float]:
        return float(self.loss), float(self.weight)

    def load(self, total: float, weight: float) -> None:
        self.loss.fill_(total)
        self.weight.fill_(weight)


def guard_for(device: torch.device, reads_every: int, moves: int) -> Guard:
    """The guard that costs least on this device."""
    return HostGuard() if reads_every == 1 else DeviceGuard(device, reads_every, moves)


def found_in(gradients: list[Tensor]) -> Tensor:
    """1.0 (0-dim) if a gradient holds NaN or infinity, else 0.0: one pass, as under loss scaling with a scale of one."""
    if not gradients:
        return torch.zeros(())
    found, one = torch.zeros((), device=gradients[0].device), torch.ones((), device=gradients[0].device)
    torch._amp_foreach_non_finite_check_and_unscale_(gradients, found, one)
    return found


def norm_of(tensors: list[Tensor]) -> Tensor:
    """The norm of all tensors together (0-dim)."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
