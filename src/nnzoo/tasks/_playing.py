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

    `temperature` divides the logits: below 1 notes are surer, 0 takes those with a probability of 1/2 or more. Raises ConfigError.
    """
    if not 0 <= temperature < float("inf") or steps < 0:
        raise ConfigError(f"temperature={temperature} and tokens={steps} must be 0 or more")
    chance_RTC = torch.stack([torch.rand(steps, begun_RTC.shape[2], generator=generator(seed, r)) for r in range(len(begun_RTC))])
    was_training = network.training
    network.eval()
    device = network.device
    played = [begun_RTC]
    state, read_RTC = network.start(len(begun_RTC)), begun_RTC
    for t in range(steps):
        logits_RTC, state = network.step(state, read_RTC.to(device))
        logits_RC = logits_RTC[:, -1].cpu()
        sounds_RC = logits_RC >= 0 if temperature == 0 else chance_RTC[:, t] < (logits_RC / temperature).sigmoid()
        read_RTC = sounds_RC[:, None].float()
        played.append(read_RTC)
    if was_training:
        network.train()
    return torch.cat(played, 1)
