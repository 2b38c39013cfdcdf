"""What batch normalisation believes of a network's inside, counted anew for weights that are no longer those it was counted with.

Averaged weights (Stage.ema) come with the running statistics of the last, unaveraged ones. Passing fresh batches through the final
weights and taking the plain mean of what they show gives statistics that belong to them ("standing statistics", Brock, Donahue &
Simonyan 2019, section C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from nnzoo.core.learning import Clock, Done

COUNTED = 50  # batches


@torch.no_grad()
def count_statistics(module: nn.Module, passes: Callable[[], Any], times: int) -> None:
    """Put the mean statistics of `times` calls of `passes`, each of which sends a batch through `module`, into its batch norms.

    All but these are as after learning meanwhile, so that a generator reads the noise that it will be given.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], module.training
    module.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
        norm.train()
    for _ in range(times):
        passes()
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    module.train(training)


def counted(module: nn.Module, passes: Callable[[], Any], clock: Clock) -> Iterator[Done]:
    """`count_statistics` as a rule: done once, also where it is called again after an interruption."""
    if "counted" in clock.memory:
        return
    count_statistics(module, passes, COUNTED)
    clock.memory = {"counted": torch.ones(())}
    yield Done(1.0)
