"""A plain stack of linear layers, for kinds whose idea lies elsewhere.

B batch, D width.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from nnzoo.blocks.probe import Probe


def perceptron(
    inputs: int, width: int, outputs: int, depth: int = 3, nonlinearity: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """`depth` hidden layers of `width` between (B inputs) and (B outputs); a probe after each, none normalised."""
    layers: list[nn.Module] = []
    for layer in range(depth):
        layers += [nn.Linear(width if layer else inputs, width), nonlinearity(), Probe()]
    return nn.Sequential(*layers, nn.Linear(width if depth else inputs, outputs))
