"""What every kind of network is: a module with a typed config, a card, a sentence about what it can do, and stages of learning."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_origin

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from torch import Tensor, nn

from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError, Unsuitable
from nnzoo.core.fields import Spec
from nnzoo.core.learning import Clock, Descend, Loss, Solve, Stage
from nnzoo.core.search import Space
from nnzoo.core.task import Task


class NetworkConfig(BaseModel):
    """Base of a kind's constants: frozen, typed, validated, JSON both ways. Fields are named as in the paper.

    `search` says where good values are looked for when a kind is tuned, by field; what it leaves out is never searched over.
    `before` says of a field that has been added what runs were that were saved without it, so that they answer as ever.
    """

    search: ClassVar[Space] = {}
    before: ClassVar[Mapping[str, Any]] = {}
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list_of_one(cls, given: Any) -> Any:
        """hidden=16 means hidden=(16,)."""
        if not isinstance(given, Mapping):
            return given
        lists = {name for name, field in cls.model_fields.items() if get_origin(field.annotation) is tuple}
        return {k: (v,) if k in lists and isinstance(v, (int, float)) else v for k, v in given.items()}

    @model_validator(mode="after")
    def _sizes_are_positive(self) -> NetworkConfig:
        """A list of whole numbers in a config is one of sizes (of layers, of blocks)."""
        for name, field in type(self).model_fields.items():
            sizes = getattr(self, name)
            if get_origin(field.annotation) is tuple and any(isinstance(size, int) and size < 1 for size in sizes):
                raise ValueError(f"'{name}' lists sizes, which are 1 or more, not {', '.join(map(str, sizes))}; correct it")
        return self

    @classmethod
    def read(cls, settings: Mapping[str, Any], kind: str) -> NetworkConfig:
        """A config from names and values (strings are converted). Raises ConfigError naming the field and what it takes."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "config"
            if first["type"] == "extra_forbidden":
                raise ConfigError(f"{kind} has no setting '{name}'; it has {', '.join(cls.model_fields)}") from None
            if not first["loc"]:
                raise ConfigError(f"{kind}: {first['msg'].removeprefix('Value error, ')}") from None
            given = repr(first["input"])
            shown = given if len(given) <= 60 else f"{given[:60]}..."
            raise ConfigError(
                f"{kind}: setting '{name}'={shown}: {first['msg']}; `nnzoo kinds {kind}` says what it takes"
            ) from None


@dataclass(frozen=True)
class Card:
    """What a person should know of a kind. Targets and results live with the kind's reproduction, not here."""

    idea: str
    equation: str
    paper: str
    year: int
    learns: str
    good_at: str
    weak_at: str
    cost: str
    processes: str = "gradients are averaged over processes; without dropout, nothing differs from one process"
    export: str = ""  # why the predict path cannot be traced, where it cannot


class No(str):
    """Why a kind cannot do a task, in one sentence that says what to do instead. False in a condition."""

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class Can:
    """The abilities that a kind will have on given data and task."""

    abilities: tuple[type, ...]

    def __contains__(self, ability: type) -> bool:
        return ability in self.abilities


class Network(nn.Module):
    """Base of all kinds; every kind is final.

    `found` holds JSON facts learned during fit that shapes depend on; `parts` whole networks inside this one.
    (config, spec, task, found, parts) rebuilds the network, before its tensors are read.
    """

    Config: ClassVar[type[NetworkConfig]] = NetworkConfig
    card: ClassVar[Card]
    kind: ClassVar[str] = ""  # the file's name, set by the loader
    kept: frozenset[str] = frozenset()  # tensors by name that nothing trains: a base under adapters
    adapter: Mapping[str, Any] = {}  # what the adapters are, and whose

    def __init_subclass__(cls, **more: Any) -> None:
        """A kind's Config is the one that stands above it in its file."""
        super().__init_subclass__(**more)
        if "Config" not in vars(cls):
            cls.Config = getattr(sys.modules[cls.__module__], "Config", NetworkConfig)

    def __init__(self, config: Any, spec: Spec, task: Task, found: Mapping[str, Any] = {}, parts: Mapping[str, Network] = {}):
        super().__init__()
        able = type(self).can(spec, task)
        if isinstance(able, No):
            raise Unsuitable(str(able))
        self.config, self.spec, self.task = config, spec, task
        self.found: dict[str, Any] = dict(found)
        self.parts = nn.ModuleDict(dict(parts))

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        """The abilities on this data and task, or one sentence: why not, and what to do."""
        raise NotImplementedError  # abstract

    def forward(self, inputs: dict[str, Any]) -> Any:
        """One tree of named input values in; outputs by name out."""
        raise NotImplementedError  # abstract

    def stages(self, task: Task) -> tuple[Stage, ...]:
        """How it learns; by default one stage down the gradient of the task's loss."""
        return (Stage((Descend("task", self.task_loss),), validate=self.task_loss),)

    def task_loss(self, batch: Batch, clock: Clock) -> Loss:
        """The task's loss of this network's outputs."""
        return self.task.loss(self(batch.inputs), batch)

    def memory(self, rows: int) -> dict[str, Tensor]:
        """State that lives from batch to batch, before the first (`rows`: rows of a batch); by default none."""
        return {}

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        for tensor in [*self.parameters(), *self.buffers()]:
            return tensor.device
        return torch.device("cpu")

    def chanceless(self) -> bool:
        """Whether every seed gives the same network: it only solves, without random numbers."""
        moves = [move for stage in self.stages(self.task) for move in stage.moves]
        return all(isinstance(move, Solve) and move.sees == "dataset" and not move.chance for move in moves)

    def count(self) -> int:
        """How many learned numbers: parameters, and buffers that were learned or stored."""
        return sum(p.numel() for p in self.parameters()) + sum(b.numel() for b in self.buffers() if b.is_floating_point())
