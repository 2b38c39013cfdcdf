"""One step of a stage: every move that is due, each under its own seed, on the same batches; updates that NaN cannot reach."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError, NotFinite
from nnzoo.core.learning import Clock, Descend, Solve, Stage
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.training.devices import reads_flags_every
from nnzoo.training.guards import guard_for, norm_of
from nnzoo.training.names import parameters_of, prepare_modes
from nnzoo.training.optimisers import build, key_of
from nnzoo.training.processes import Processes
from nnzoo.training.reduction import Pairs, Reduction
from nnzoo.training.settings import Settings


class Stepper:
    """Executes the steps of one stage, with `processes` on shares of the same batches.

    A loss or gradient that is not finite changes nothing: see `guards`.
    """

    def __init__(
        self, network: Network, stage: Stage, number: int, settings: Settings, steps: int, processes: Processes | None = None
    ):
        self.network, self.stage, self.number, self.settings = network, stage, number, settings
        self.trained = prepare_modes(network, stage.trains)
        self.moves = [(move, self._parameters(move) if isinstance(move, Descend) else []) for move in stage.moves]
        if any(isinstance(move, Solve) and move.sees == "dataset" for move in stage.moves):
            raise ConfigError(f"stage '{stage.name}' mixes a rule over the whole data set with moves over batches; make two stages")
        self.optimisers = build([(move, named) for move, named in self.moves if isinstance(move, Descend)], steps)
        device = network.device
        self.guard = guard_for(device, reads_flags_every(device), len(self.moves))
        self.metrics: dict[str, Any] = {}
        self.rank = 0 if processes is None else processes.rank
        self.reduction = None if processes is None else Reduction(processes, device)
        self.moving: list[Tensor] | None = None
        self.autocast = torch.autocast(device.type, dtype=torch.bfloat16) if settings.precision == "bfloat16" else nullcontext()
        self.average = None if stage.ema is None else {name: parameter.detach().clone() for name, parameter in self.trained}

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
                self._solve(k, move, batches, clock)
        if self.average is not None:
            assert self.stage.ema is not None
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), [p.detach() for _, p in self.trained], 1 - self.stage.ema)

    def _parameters(self, move: Descend) -> list[tuple[str, nn.Parameter]]:
        """What a move changes: those of its parameters that the stage trains; "" is all that the stage trains."""
        chosen = self.trained if "" in move.params else parameters_of(self.network, move.params)
        chosen = [(name, parameter) for name, parameter in chosen if parameter.requires_grad]
        if not chosen:
            names = ", ".join(f"'{name}'" for name in move.params)
            raise ConfigError(f"move '{move.name}' has nothing to change: stage '{self.stage.name}' trains nothing of {names}")
        return chosen

    def _descend(self, k: int, move: Descend, parameters: list[nn.Parameter], batches: Sequence[Batch], clock: Clock) -> None:
        statistics = self._moving_buffers()
        wanted = None if len(parameters) == len(self.trained) else parameters
        if len(batches) == 1 and self.reduction is None:
            with self.autocast:
                total, weight, metrics = move.loss(batches[0], clock)
            total.backward(self.guard.share(total, weight), inputs=wanted)
            total = total.detach()
        else:
            total, weight, metrics = self._accumulate(move, parameters, batches, clock, statistics)
        with torch.no_grad():
            gradients = [p.grad for p in parameters if p.grad is not None]
            optimiser = self.optimisers[key_of(move)]
            if self.guard.passes(clock.step, k, total, gradients):
                if move.clip is not None:
                    torch._foreach_mul_(gradients, (move.clip / (norm_of(gradients) + 1e-6)).clamp(max=1.0))
                optimiser.step(clock.step, self.guard.flag)
            else:
                optimiser.drop()
            self.guard.undo(statistics)
            if k == 0:
                self.guard.count(total, weight)
        if metrics:
            self.metrics = {**self.metrics, **metrics}

    def _accumulate(
        self, move: Descend, parameters: list[nn.Parameter], batches: Sequence[Batch], clock: Clock, statistics: Pairs
    ) -> tuple[Tensor, Tensor, Any]:
        """Gradients of several batches, and of all processes, as if they were one: sums are added, and divided by the weight of
        all. A process that has no rows of a batch adds nothing."""
        total, weight = torch.zeros((), device=self.network.device), torch.zeros((), device=self.network.device)
        metrics: Any = {}
        for batch in batches:
            if not len(batch):
                continue
            with self.autocast:
                loss = move.loss(batch, clock)
            loss.sum.backward(inputs=parameters)
            total, weight, metrics = total + loss.sum.detach(), weight + loss.weight, loss.metrics
        if self.reduction is not None:
            with torch.no_grad():
                total, weight = self.reduction(parameters, total, weight, any(map(len, batches)), statistics)
        torch._foreach_div_([p.grad for p in parameters if p.grad is not None], weight + (weight == 0))
        return total, weight, metrics

    def _solve(self, k: int, move: Solve, batches: Sequence[Batch], clock: Clock) -> None:
        """A rule has no loss whose finiteness could stop its update: what it may change is kept, looked at, and put back if bad."""
        with torch.no_grad():
            before = {name: tensor.clone() for name, tensor in self._learned().items()}
            for batch in batches:
                for done in move.rule(batch, clock):  # type: ignore[arg-type, union-attr]
                    self.metrics = {**self.metrics, **done.metrics}
            after = self._learned()
            if after:
                self.guard.passes(clock.step, k, norm_of(list(after.values())), [])
            self.guard.undo([(now, before[n]) for n, now in after.items() if n in before and before[n].shape == now.shape])

    def _learned(self) -> dict[str, Tensor]:
        """Floating-point parameters and buffers of what the stage trains, as they are now (a rule may have replaced them)."""
        return {
            f"{path}.{name}": tensor
            for path, module in self.network.named_modules()
            if module.training
            for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
            if tensor.is_floating_point() and tensor.numel()
        }

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

    def last(self, steps: int) -> None:
        """From now on the stage is so many steps long, to which rates fall."""
        for optimiser in self.optimisers.values():
            optimiser.steps = max(1, steps)

    def check(self) -> None:
        """Raise NotFinite if a step was bad."""
        bad = self.guard.bad_move()
        if bad is not None:
            raise NotFinite(self.stage.name, bad[0], self.moves[bad[1]][0].name)

    def train_loss(self) -> float | None:
        """Mean loss of the first move since it was last forgotten."""
        total, weight = self.guard.sums()
        return total / weight if weight else None

    def rates(self, step: int) -> dict[str, float]:
        """The learning rate of each optimiser at a step."""
        return {name: optimiser.rate(step) for name, optimiser in self.optimisers.items()}

    def shown(self) -> dict[str, float]:
        """The latest metrics as numbers."""
        return {name: float(value) for name, value in self.metrics.items()}

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All state of the stage beside the network, for a checkpoint."""
        groups: dict[str, dict[str, Tensor]] = {"sums": {"loss": torch.tensor(self.guard.sums(), dtype=torch.float64)}}
        groups["metrics"] = {name: torch.tensor(value, dtype=torch.float64) for name, value in self.shown().items()}
        groups["optimizer"] = {f"{key}/{n}": t for key, o in self.optimisers.items() for n, t in o.tensors().items()}
        if self.average is not None:
            groups["ema"] = self.average
        return groups

    def load(self, groups: dict[str, dict[str, Tensor]]) -> None:
        """Put back what `tensors` gave."""
        self.guard.load(*groups["sums"]["loss"].tolist())
        self.metrics = dict(groups.get("metrics", {}))
        for key, optimiser in self.optimisers.items():
            prefix = key + "/"
            mine = {n.removeprefix(prefix): t for n, t in groups.get("optimizer", {}).items() if n.startswith(prefix)}
            optimiser.load(mine)
        if self.average is not None:
            for name, tensor in groups.get("ema", {}).items():
                self.average[name].copy_(tensor)
