"""Playing with any kind that steps: the next step's notes are drawn one by one, each from its own probability.

Shapes: R rows, T steps, C notes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nnzoo.core.errors import ConfigError
from nnzoo.core.seeds import generator


@torch.no_grad()
def play(network: Any, begun_RTC: Tensor, *, steps: int = 200, temperature: float = 1.0, seed: int = 0) -> Tensor:
    """Rolls (R T+steps C) that begin with the given steps. Every row draws from a generator of its own.

    `temperature` divides the logits: below 1 notes are surer, 0 takes those with a probability of 1/2 or more. Beyond the context
    the rules of writing hold: the last steps of what was begun are read, and a full state is left for one that reads the last half.
    Raises ConfigError.
    """
    if not 0 <= temperature < float("inf") or steps < 0:
        raise ConfigError(f"temperature={temperature} and tokens={steps} must be 0 or more")
    R, begun, C = begun_RTC.shape
    chance_RTC = torch.stack([torch.rand(steps, C, generator=generator(seed, row)) for row in range(R)])
    roll_RTC = torch.cat([begun_RTC.float(), torch.zeros(R, steps, C)], 1)
    was_training = network.training
    network.eval()
    device, context = network.device, network.context
    first = 0 if context is None else max(0, begun - context)  # the first step that the state holds
    read, state = first, None
    for t in range(begun, begun + steps):
        if state is not None and t - first - 1 == context:  # it was full before the last step
            first = read = t - max(1, context // 2)
            state = None
        if state is None:
            room = begun + steps - 1 - first
            state = network.start(R, room if context is None else min(context, room))
        logits_RTC, state = network.step(state, roll_RTC[:, read:t].to(device))
        logits_RC, read = logits_RTC[:, -1].cpu(), t
        chance_RC = chance_RTC[:, t - begun]
        roll_RTC[:, t] = logits_RC >= 0 if temperature == 0 else chance_RC < (logits_RC / temperature).sigmoid()
    if was_training:
        network.train()
    return roll_RTC
