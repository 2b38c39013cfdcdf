"""From the description of a descent to a running optimiser: fused updates, schedules, and updates that NaN cannot reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nnzoo.core.learning import SGD, AdamW, Descend, Muon, Schedule
from nnzoo.training import muon


class _Lists(NamedTuple):
    """Parameters that decay alike, and AdamW's state of each."""

    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    counts: list[Tensor]
    weight_decay: float


def _groups(description: AdamW, parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """Parameters by how they decay."""
    if not description.spares_vectors or not parameters:
        return [{"params": parameters}]
    matrices, vectors = [p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2]
    groups = ({"params": matrices}, {"params": vectors, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def _matrices(description: AdamW | SGD, named: Sequence[tuple[str, nn.Parameter]]) -> list[nn.Parameter]:
    """Parameters whose momentum is made orthogonal."""
    if not isinstance(description, Muon):
        return []
    return [p for name, p in named if muon.is_matrix(p) and not any(some in name for some in description.spared)]


class Optimiser:
    """A fused optimiser over named parameters, whose step is masked on the device when `bad` is 1."""

    def __init__(self, description: AdamW | SGD, named: Sequence[tuple[str, nn.Parameter]], steps: int):
        self.description, self.steps = description, max(1, steps)
        self.named = list(dict(named).items())
        self.matrices = _matrices(description, self.named)
        orthogonal = set(map(id, self.matrices))
        parameters = [parameter for _, parameter in self.named if id(parameter) not in orthogonal]
        self.torch: torch.optim.Optimizer
        if isinstance(description, AdamW):
            self.torch = torch.optim.AdamW(
                _groups(description, parameters),
                lr=description.lr,
                betas=description.betas,
                eps=description.eps,
                weight_decay=description.weight_decay,
                fused=True,
            )
        else:
            self.torch = torch.optim.SGD(
                parameters,
                lr=description.lr,
                momentum=description.momentum,
                nesterov=description.nesterov,
                weight_decay=description.weight_decay,
                fused=True,
            )
        self.constant = description.schedule == Schedule()
        self.lists: list[_Lists] | None = None  # parameters and AdamW's state, once that is there

    def rate(self, step: int) -> float:
        """The learning rate at a step."""
        return self.description.lr * (1.0 if self.constant else factor(self.description.schedule, step, self.steps))

    def step(self, step: int, bad: Tensor | None) -> None:
        """One update with the gradients in place; nothing changes where `bad` (0-dim float) is 1. Gradients are dropped."""
        lr = self.rate(step)
        self._muon(lr, bad)
        gradients = [p.grad for _, p in self.named if p.grad is not None]
        if self.lists is not None and len(gradients) == len(self.named):
            self._adamw(lr, bad)
        else:
            for group in self.torch.param_groups:
                group["lr"] = lr
            if bad is not None:
                self.torch.found_inf = bad  # type: ignore[attr-defined]  # the fused kernels read it, as under loss scaling
            self.torch.step()
            self._gather()
        self.drop()

    def _muon(self, lr: float, bad: Tensor | None) -> None:
        """The orthogonal updates; their momentum stands in torch's state, beside what AdamW keeps of the others."""
        for parameter in self.matrices:
            assert isinstance(self.description, Muon)
            if parameter.grad is not None:
                state = self.torch.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                muon.update(parameter, state["momentum"], lr, self.description.momentum, self.description.weight_decay, bad)

    def _gather(self) -> None:
        """What `_adamw` needs, as soon as every parameter has state. torch gathers and groups it at every step anew, which for a
        small network is a third of the time of the update."""
        alike = {(p.device, p.dtype) for _, p in self.named}
        if not isinstance(self.description, AdamW) or len(alike) != 1 or not all(self.torch.state.get(p) for _, p in self.named):
            return
        self.lists = []
        for group in self.torch.param_groups:
            states = [self.torch.state[p] for p in group["params"]]
            means, squares, counts = ([state[key] for state in states] for key in ("exp_avg", "exp_avg_sq", "step"))
            self.lists.append(_Lists(group["params"], means, squares, counts, group["weight_decay"]))

    def _adamw(self, lr: float, bad: Tensor | None) -> None:
        """The fused update on gathered lists: what torch.optim.AdamW.step comes down to, to the bit."""
        assert self.lists is not None and isinstance(self.description, AdamW)
        d = self.description
        with torch.no_grad():
            for group in self.lists:
                torch._foreach_add_(group.counts, 1)
                torch._fused_adamw_(
                    group.parameters,
                    [p.grad for p in group.parameters],  # type: ignore[misc]  # all are there
                    group.means,
                    group.squares,
                    [],
                    group.counts,
                    lr=lr,
                    beta1=d.betas[0],
                    beta2=d.betas[1],
                    weight_decay=group.weight_decay,
                    eps=d.eps,
                    amsgrad=False,
                    maximize=False,
                    grad_scale=None,
                    found_inf=bad,
                )
                if bad is not None:
                    torch._foreach_sub_(group.counts, [bad] * len(group.counts))

    def drop(self) -> None:
        """Forget the gradients."""
        for _, parameter in self.named:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """State as tensors by `parameter/key`."""
        return {
            f"{name}/{key}": value
            for name, parameter in self.named
            for key, value in self.torch.state.get(parameter, {}).items()
            if isinstance(value, Tensor)
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        self.lists = None
        for name, parameter in self.named:
            state = {}
            for path, value in tensors.items():
                owner, key = path.rsplit("/", 1)
                if owner == name:
                    like = parameter if value.shape == parameter.shape and value.ndim else value.to(parameter.device)
                    state[key] = torch.zeros_like(like, dtype=value.dtype).copy_(value)
            if state:
                self.torch.state[parameter] = state


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """What the learning rate is multiplied with at `step` of `steps`."""
    warm = schedule.warmup * steps
    if step < warm:
        return (step + 1) / (warm + 1)
    done = min(1.0, (step - warm) / max(1.0, steps - warm))
    if schedule.decay == "cosine":
        return schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * done)) / 2
    if schedule.decay == "linear":
        return schedule.floor + (1 - schedule.floor) * (1 - done)
    return 1.0


def build(moves: Sequence[tuple[Descend, list[tuple[str, nn.Parameter]]]], steps: int) -> dict[str, Optimiser]:
    """One optimiser for each name; moves whose descriptions bear the same name share it, over the union of their parameters.

    The key of a move is its description's name or, if that is empty, its own.
    """
    gathered: dict[str, list[tuple[str, nn.Parameter]]] = {}
    description: dict[str, AdamW | SGD] = {}
    count: dict[str, int] = {}
    for move, named in moves:
        key = key_of(move)
        gathered.setdefault(key, []).extend(named)
        description.setdefault(key, move.optimizer)
        count[key] = steps
    return {key: Optimiser(description[key], named, count[key]) for key, named in gathered.items()}


def key_of(move: Descend) -> str:
    """The name of the optimiser that a move uses."""
    return move.optimizer.name or move.name
