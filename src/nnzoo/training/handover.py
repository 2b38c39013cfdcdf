"""What processes hand to one another between steps: a network as the first has it, a checkpoint it has read, memory for its next.

Everything travels as the bytes of a checkpoint, so that nothing is unpickled.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nnzoo.core.learning import Descend, Stage
from nnzoo.core.network import Network
from nnzoo.training.checkpoints import Checkpoint, packed, unpacked
from nnzoo.training.processes import Processes
from nnzoo.training.state import Place, found_of, put, rebuilt

Groups = dict[str, dict[str, Tensor]]


def is_divided(stage: Stage) -> bool:
    """Whether processes share the work of a stage: all its moves descend. Any other stage is the first process's alone, which
    does what a single process would do, and hands over what it has learned."""
    return all(isinstance(move, Descend) for move in stage.moves)


def handed_over(processes: Processes, network: Network, place: Place, device: torch.device) -> tuple[Network, Place]:
    """Network and place as the first process has them (it keeps its own)."""
    if processes.first:
        facts = {"place": place.facts(), "found": found_of(network)}
        processes.share(packed(Checkpoint(facts, {"model": network.state_dict()})))
        return network, place
    given = unpacked(processes.share())
    network = rebuilt(network, given.facts["found"]).to(device)
    put(network, given.groups.get("model", {}))
    return network, Place(**given.facts["place"])


def shared_checkpoint(processes: Processes, checkpoint: Checkpoint | None) -> Checkpoint | None:
    """The checkpoint that the first process has read, if any."""
    data = processes.share(b"" if checkpoint is None else packed(checkpoint))
    return unpacked(data) if data else None


def gathered_memory(processes: Processes | None, memory: dict[str, Tensor]) -> Groups:
    """Memory of all processes, for a checkpoint of the first."""
    if processes is None:
        return {"memory": memory}
    each = processes.gather(packed(Checkpoint({}, {"": memory})))
    return {_group(rank): unpacked(data).groups.get("", {}) for rank, data in enumerate(each)}


def own_memory(processes: Processes | None, groups: Groups, device: torch.device) -> dict[str, Tensor]:
    """The memory of this process out of a checkpoint."""
    mine = groups.get(_group(0 if processes is None else processes.rank), {})
    return {name: tensor.to(device) for name, tensor in mine.items()}


def _group(rank: int) -> str:
    return f"memory.{rank}" if rank else "memory"
