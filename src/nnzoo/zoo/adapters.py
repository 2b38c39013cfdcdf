"""Fine-tuning with adapters: a network whose base stays frozen, a run that holds what was learned on top of it, and merging.

A run with an adapter names its base by path (from the run's folder, and from the root) and by the digest of its tensors. Moved
together, both are found again; a base that has changed is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import ConfigError, RunError
from nnzoo.core.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

    from nnzoo.core.network import Network

SORTS = ("lora",)
RANK, ALPHA = 8, 16.0
_FIRST = 11  # of the seed of first weights


def check(adapter: str | None, rank: int | None, from_run: Any) -> None:
    """Raise ConfigError unless these can be asked for together."""
    if adapter is None:
        if rank is not None:
            raise ConfigError(f"--rank {rank} is that of an adapter; add --adapter lora, or leave it out")
        return
    if adapter not in SORTS:
        raise ConfigError(f"--adapter {adapter} is not known; write lora")
    if from_run is None:
        raise ConfigError("--adapter changes a trained network; name it with --from RUN, or leave --adapter out")
    if rank is not None and rank < 1:
        raise ConfigError(f"--rank {rank} must be 1 or more")


def put_adapter(network: Network, fresh: Sequence[str], base: Path, rank: int | None, seed: int, alpha: float = ALPHA) -> None:
    """Freeze what a network has from `base` and give its linear layers adapters; what is `fresh` (tensors by name) learns as usual.

    Layers narrower than the rank are left as they are. Raises ConfigError where no layer is left, or where nothing can be frozen.
    """
    from torch import nn

    from nnzoo.zoo.runs import read_manifest

    rank = rank or RANK
    kind = type(network).kind
    if len(network.parts):
        raise ConfigError(f"{kind} has whole networks inside it, which take no adapters; leave --adapter out")
    if read_manifest(base).adapter:
        raise ConfigError(f"{base} is a run with an adapter itself; merge it first: nnzoo export {base} --to nnzoo")
    every = {
        name: module for name, module in network.named_modules() if type(module) is nn.Linear and f"{name}.weight" not in fresh
    }
    layers = [name for name, module in every.items() if min(module.weight.shape) > rank]  # type: ignore[arg-type]
    if not layers:
        widest = max((min(module.weight.shape) for module in every.values()), default=0)  # type: ignore[type-var, arg-type]
        why = (
            f"its widest layer has {widest}; give a --rank below that" if every else "it has no linear layers; leave --adapter out"
        )
        raise ConfigError(f"{kind} takes no adapter of rank {rank}: {why}")
    kept = frozenset(network.state_dict().keys() - set(fresh))
    facts = {"sort": "lora", "rank": rank, "alpha": alpha, "layers": layers}
    wear(network, facts, seed)
    network.kept = kept
    network.adapter = {**facts, "base": str(base.resolve()), "digest": digest_of(base)}


def wear(network: Network, facts: Mapping[str, Any], seed: int = 0) -> Network:
    """The network itself, its layers with the adapters that `facts` tell of, as they are before anything is learned."""
    from nnzoo.blocks.low_rank import lower

    for number, name in enumerate(facts["layers"]):
        lower(network.get_submodule(name), facts["rank"], facts["alpha"], generator(seed, _FIRST, number))  # type: ignore[arg-type]
    return network


def merged(network: Network) -> Network:
    """The network itself, its adapters made part of its matrices."""
    from nnzoo.blocks.low_rank import LowRank, merge

    for module in list(network.modules()):
        if isinstance(module, LowRank):
            merge(module)
    network.kept, network.adapter = frozenset(), {}
    return network


def digest_of(base: Path) -> str:
    """What tells the tensors of a run from others. Raises RunError."""
    from nnzoo.zoo.runs import DIGESTS, MODEL, read_json

    return str(read_json(base / DIGESTS).get(MODEL, ""))


def noted(adapter: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What a run in `folder` says of its adapter: also where its base is from there."""
    return {**adapter, "from": os.path.relpath(adapter["base"], folder.resolve())} if adapter else {}


def base_tensors(
    folder: Path, facts: Mapping[str, Any], wanted: Mapping[str, Tensor], own: Mapping[str, Tensor], kinds: Any
) -> dict:
    """The tensors that a run with an adapter has from its base: those of the network that it does not hold itself.

    Raises RunError that says where the base was expected, or that it is no longer what it was.
    """
    from nnzoo.zoo.runs import CONFIG, is_complete, load_run

    try:
        places = [folder / facts["from"], Path(facts["base"])]
        digest = facts["digest"]
    except (KeyError, TypeError):
        raise RunError(f"{folder / CONFIG} does not say which run its adapter belongs to; copy it again") from None
    base = next((place for place in places if is_complete(place)), None)
    if base is None:
        expected = os.path.normpath(places[0])
        raise RunError(
            f"{folder} is an adapter of the run at {expected}, which is not there; bring it back, or merge before moving"
        )
    if digest_of(base) != digest:
        raise RunError(
            f"{folder} is an adapter of the run at {base}, whose tensors are others by now; bring back those it was made for"
        )
    theirs = load_run(base, kinds)[0].state_dict()
    return {name: theirs[name] for name in wanted.keys() - own.keys() if name in theirs}
