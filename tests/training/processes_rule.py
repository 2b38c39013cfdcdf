"""What several processes should do together, done by one: each one's share of every batch in turn, under its own seeds, their sums
and weights added, their running statistics averaged. Optimisers are torch's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nnzoo.core.dataset import Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import AdamW, Clock, Descend
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.training.names import prepare_modes
from nnzoo.training.optimisers import factor

FEED, BEGIN = -2, -3


def by_hand(network: Network, parts: Parts, world: int, steps: int, seed: int = 0) -> dict[str, Tensor]:
    """All tensors after `steps` steps of the first stage, which has no average of weights and no validation."""
    stage = network.stages(network.task)[0]
    trained = prepare_modes(network, stage.trains)
    streams = [(stage.feed or shuffled()).open(parts.train, network, seed, 0).divided(rank, world) for rank in range(world)]
    clocks = []
    for rank in range(world):
        seed_default(seed, 0, 1, BEGIN, rank)
        clocks.append(Clock(steps=steps, memory=network.memory(streams[rank].rows)))
    moves = []
    for move in stage.moves:
        assert isinstance(move, Descend) and isinstance(move.optimizer, AdamW)
        mine = [p for name, p in trained if any(not part or name.startswith(part + ".") for part in move.params)]
        d = move.optimizer
        moves.append((move, mine, torch.optim.AdamW(mine, d.lr, d.betas, d.eps, d.weight_decay)))
    for step in range(steps):
        batches = []
        for rank, stream in enumerate(streams):
            if stream.random:
                seed_default(seed, 0, step, FEED, rank)
            batches.append(stream.at(step))
            clocks[rank].step = step
        for k, (move, mine, optimiser) in enumerate(moves):
            if (step + 1) % move.every == 0:
                shares = []
                for rank, batch in enumerate(batches):
                    seed_default(seed, 0, step, k, rank)
                    if len(batch):
                        shares.append(_share(network, move, mine, batch, clocks[rank]))
                _update(network, move, mine, optimiser, shares, factor(move.optimizer.schedule, step, steps))
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _share(network: Network, move: Descend, mine: list[nn.Parameter], batch: Any, clock: Clock) -> tuple[Any, ...]:
    """Gradients of a share's sum, its weight, and the buffers it leaves; the network's own stay as they were."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    loss = move.loss(batch, clock)
    gradients = torch.autograd.grad(loss.sum, mine)
    after = {name: buffer.clone() for name, buffer in network.named_buffers()}
    for name, buffer in network.named_buffers():
        buffer.copy_(before[name])
    return gradients, loss.weight, after


def _update(network: Network, move: Descend, mine: Any, optimiser: Any, shares: list[Any], rate: float) -> None:
    weight = sum(weight for _, weight, _ in shares)
    for parameter, *gradients in zip(mine, *(gradients for gradients, _, _ in shares)):
        parameter.grad = sum(gradients) / weight
    if move.clip is not None:
        nn.utils.clip_grad_norm_(mine, move.clip)
    for name, buffer in network.named_buffers():
        buffer.copy_(sum(after[name] for _, _, after in shares) / len(shares))
    optimiser.param_groups[0]["lr"] = move.optimizer.lr * rate  # type: ignore[union-attr]
    optimiser.step()
