"""One step of a stage: every move that is due, each under its own seed, on the same batches; updates that NaN cannot reach."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from nnzoo.core.dataset import Batch
from nnzoo.core.errors import NotFinite
from nnzoo.core.learning import Clock, Descend, Solve, Stage
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.training.names import parameters_of, prepare_modes
from nnzoo.training.optimisers import build, key_of
from nnzoo.training.settings import Settings


class Stepper:
    """Executes the steps of one stage.

    `bad` (0-dim float) becomes 1 at the first loss or gradient that is not finite and stays so: from then on no update changes
    anything, so the weights are those before the bad step however late the flag is read. `bad_at` remembers step and move.
    """

    def __init__(self, network: Network, stage: Stage, number: int, settings: Settings, steps: int):
        self.network, self.stage, self.number, self.settings = network, stage, number, settings
        self.trained = prepare_modes(network, stage.trains)
        self.moves = [
            (move, parameters_of(network, move.params) if isinstance(move, Descend) else []) for move in stage.moves
        ]
        self.optimisers = build([(move, named) for move, named in self.moves if isinstance(move, Descend)], steps)
        device = network.device
        self.bad = torch.zeros((), device=device)
        self.bad_at = torch.full((), -1, dtype=torch.long, device=device)
        self.loss_sum = torch.zeros((), device=device)
        self.loss_weight = torch.zeros((), device=device)
        self.metrics: dict[str, Any] = {}
        self.rank = 0
        self.moving: list[Tensor] | None = None
        self.autocast = (
            torch.autocast(device.type, dtype=torch.bfloat16) if settings.precision == "bfloat16" else nullcontext()
        )
        self.average = (
            None if stage.ema is None else {name: parameter.detach().clone() for name, parameter in self.trained}
        )

    def step(self, batches: Sequence[Batch], clock: Clock) -> None:
        """Every move that is due at `clock.step`."""
        for k, (move, named) in enumerate(self.moves):
            if isinstance(move, Descend):
                if (clock.step + 1) % move.every:
                    continue
                seed_default(self.settings.seed, self.number, clock.step, k, self.rank)
                self._descend(k, move, [parameter for _, parameter in named], batches, clock)
            else:
                seed_default(self.settings.seed, self.number, clock.step, k, self.rank)
                self._solve(move, batches, clock)
        if self.average is not None:
            assert self.stage.ema is not None
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), [p.detach() for _, p in self.trained], 1 - self.stage.ema)

    def _descend(self, k: int, move: Descend, parameters: list[nn.Parameter], batches: Sequence[Batch], clock: Clock) -> None:
        before = self._moving_buffers()
        if len(batches) == 1:
            with self.autocast:
                total, weight, metrics = move.loss(batches[0], clock)
            if isinstance(weight, Tensor):  # a batch without a single known target has weight 0 and no gradient
                weight = weight + (weight == 0)
            (total / weight).backward(inputs=parameters)
            total = total.detach()
        else:
            total, weight = torch.zeros_like(self.loss_sum), torch.zeros_like(self.loss_weight)
            for batch in batches:
                with self.autocast:
                    loss = move.loss(batch, clock)
                loss.sum.backward(inputs=parameters)
                total, weight, metrics = total + loss.sum.detach(), weight + loss.weight, loss.metrics
            gradients = [p.grad for p in parameters if p.grad is not None]
            torch._foreach_div_(gradients, weight + (weight == 0))
        with torch.no_grad():
            gradients = [p.grad for p in parameters if p.grad is not None]
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
            bad_now = ~torch.isfinite(total + norm)
            self.bad_at = torch.where((self.bad == 0) & bad_now, clock.step * len(self.moves) + k, self.bad_at)
            self.bad = torch.maximum(self.bad, bad_now.float())
            if move.clip is not None:
                torch._foreach_mul_(gradients, (move.clip / (norm + 1e-6)).clamp(max=1.0))
            self.optimisers[key_of(move)].step(clock.step, self.bad)
            if before:
                for now, old in before:
                    now.copy_(torch.where(self.bad > 0, old, now))
            if k == 0:
                self.loss_sum += total
                self.loss_weight += weight
        self.metrics = {**self.metrics, **metrics}

    def _solve(self, move: Solve, batches: Sequence[Batch], clock: Clock) -> None:
        with torch.no_grad():
            for batch in batches:
                for done in move.rule(batch, clock):  # type: ignore[arg-type, union-attr]
                    self.metrics = {**self.metrics, **done.metrics}

    def _moving_buffers(self) -> list[tuple[Tensor, Tensor]]:
        """Buffers that a training step changes (running statistics), with copies of them before this step."""
        if self.moving is None:
            self.moving = [
                buffer
                for module in self.network.modules()
                if module.training and isinstance(module, nn.modules.batchnorm._NormBase)
                for buffer in module.buffers()
            ]
        return [(buffer, buffer.clone()) for buffer in self.moving]

    def check(self) -> None:
        """Raise NotFinite if a step was bad, or if a rule has left a weight that is not finite."""
        if self.bad_at.item() >= 0:
            step, k = divmod(int(self.bad_at.item()), len(self.moves))
            raise NotFinite(self.stage.name, step, self.moves[k][0].name)

    def check_rules(self, clock: Clock) -> None:
        """The same for moves without a gradient: their tensors are looked at, since they have no loss."""
        for move, _ in self.moves:
            if isinstance(move, Solve) and not all(bool(torch.isfinite(p).all()) for p in self.network.parameters()):
                raise NotFinite(self.stage.name, clock.step, move.name)

    def train_loss(self) -> float | None:
        """Mean loss of the first move since `forget_loss`."""
        weight = float(self.loss_weight)
        return float(self.loss_sum) / weight if weight else None

    def forget_loss(self) -> None:
        """Begin a new mean."""
        self.loss_sum.zero_()
        self.loss_weight.zero_()

    def shown(self) -> dict[str, float]:
        """The latest metrics as numbers."""
        return {name: float(value) for name, value in self.metrics.items()}

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All state of the stage beside the network, for a checkpoint."""
        groups = {"sums": {"sum": self.loss_sum, "weight": self.loss_weight}}
        groups["optimizer"] = {f"{key}/{n}": t for key, o in self.optimisers.items() for n, t in o.tensors().items()}
        if self.average is not None:
            groups["ema"] = self.average
        return groups

    def load(self, groups: dict[str, dict[str, Tensor]]) -> None:
        """Put back what `tensors` gave."""
        self.loss_sum.copy_(groups["sums"]["sum"])
        self.loss_weight.copy_(groups["sums"]["weight"])
        for key, optimiser in self.optimisers.items():
            prefix = key + "/"
            mine = {n.removeprefix(prefix): t for n, t in groups.get("optimizer", {}).items() if n.startswith(prefix)}
            optimiser.load(mine)
        if self.average is not None:
            for name, tensor in groups.get("ema", {}).items():
                self.average[name].copy_(tensor)
