"""Where a run stands: small facts as JSON and the tensors of the best weights; what a checkpoint holds beside the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from nnzoo.core.network import Network


@dataclass
class Place:
    """Position and counters of a run.

    `drawn` counts batches drawn in this stage, `steps` is its planned length (None: not planned yet), `allowed` the seconds that it
    may take (None: any) and `revisions` how often the plan was held to them since; `every` is how many steps lie between looks at
    the validation part, `validated` the step of the last look, `since` how many looks have passed without a better one; `yields`
    counts the safe points of a rule over the whole data set. `first_loss` is that of the stage's first step.
    """

    stage: int = 0
    step: int = 0
    drawn: int = 0
    steps: int | None = None
    every: int = 1
    allowed: float | None = None
    revisions: int = 0
    validated: int = -1
    best: float | None = None
    first_loss: float | None = None
    since: int = 0
    move: int = 0
    yields: int = 0
    seconds: float = 0.0
    stage_seconds: float = 0.0
    epochs: int = 0
    all_steps: int = 0
    stopped: str = ""
    validation: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def next_stage(self) -> None:
        """Begin the next stage."""
        self.stage += 1
        self.step = self.drawn = self.since = self.move = self.yields = self.revisions = 0
        self.steps, self.validated, self.best, self.first_loss, self.stage_seconds = None, -1, None, None, 0.0


@torch.no_grad()
def copy_of(network: Network) -> dict[str, Tensor]:
    """A copy of all tensors of a network, on its device."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def put(network: Network, tensors: dict[str, Tensor]) -> None:
    """Copy tensors into a network of the same shapes."""
    mine = network.state_dict()
    assert mine.keys() == tensors.keys(), "tensors of another network"
    for name, tensor in tensors.items():
        mine[name].copy_(tensor)


def found_of(network: Network) -> dict[str, Any]:
    """What a network and the networks inside it have found, as JSON."""
    return {"found": network.found, "parts": {name: found_of(part) for name, part in _parts(network).items()}}


def rebuilt(network: Network, facts: dict[str, Any]) -> Network:
    """The network itself if it has found what `found_of` said, else one built anew from those facts; tensors are not set."""
    before = _parts(network)
    parts = {name: rebuilt(part, facts["parts"][name]) for name, part in before.items()}
    if facts["found"] == network.found and all(parts[name] is part for name, part in before.items()):
        return network
    return type(network)(network.config, network.spec, network.task, facts["found"], parts)


def _parts(network: Network) -> dict[str, Network]:
    return {name: part for name, part in network.parts.items() if isinstance(part, Network)}
