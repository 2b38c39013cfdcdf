"""What noise is in points: a perceptron on waves of the numbers, each of whose layers is scaled by the time.

Shapes: B batch, Z numbers, W width, L layers, T steps of noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from nnzoo.blocks.positions import octaves, sinusoids
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.samplers import Eps


class PointDenoiser(nn.Module):
    """eps_theta(z_t, t) for points (B Z)."""

    WAVES = 5  # the shortest is as long as a sixteenth of the longest: modes are much thinner than the whole

    def __init__(self, numbers: int, width: int, depth: int):
        super().__init__()
        self.time = nn.Linear(width, depth * width)
        self.enter = nn.Linear(numbers * (1 + 2 * self.WAVES), width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.leave = nn.Linear(width, numbers)
        self.hidden, self.noise = Probe(), Probe()

    def times(self, t_B: Tensor) -> Tensor:
        """What each layer is told of steps t (B, 1 to T): (B L W)."""
        return self.time(sinusoids(t_B, self.enter.out_features)).unflatten(1, (len(self.layers), -1))

    def forward(self, z_BZ: Tensor, time_BLW: Tensor) -> Tensor:
        """The noise (B Z) in noisy points (B Z) at the times told (B, or 1 for all)."""
        h_BW = self.enter(octaves(z_BZ, self.WAVES))
        for layer, time_BW in zip(self.layers, time_BLW.unbind(1)):
            h_BW = silu(layer(h_BW) * (1 + time_BW))
        return self.noise(self.leave(self.hidden(h_BW)))

    def eps(self, times: tuple[int, ...]) -> Eps:
        """The noise in points at steps among `times`, for a sampler; what the layers are told is there before it begins."""
        steps = [t for t in times if t]
        told = dict(zip(steps, self.times(torch.tensor(steps, device=self.leave.weight.device)).split(1)))
        return lambda z_BZ, t: self(z_BZ, told[t])
