"""Learning as data: stages of moves that one loop executes. Nothing here runs anything.

A classifier is one stage with one `Descend`. An adversarial pair is one stage with two. Latent diffusion is two stages.
Closed-form, Hebbian and competitive learning are `Solve`: a generator function that yields at every point where it is safe
to stop. A rule keeps all it has learned in the network's tensors, `found` or `clock.memory`; called again after an
interruption, it looks there and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from torch import Tensor

from nnzoo.core.dataset import Batch, Parts

if TYPE_CHECKING:
    from nnzoo.core.feeds import Feed
    from nnzoo.core.task import Task


class Loss(NamedTuple):
    """A loss as sum and weight, so that averages stay right under padding, accumulation and several processes.

    `sum` has a gradient; `weight` is how many things were summed (rows, tokens, frames); `metrics` are means over the same
    weight, for the eye only.
    """

    sum: Tensor
    weight: Tensor | float
    metrics: Mapping[str, Tensor] = {}


@dataclass
class Clock:
    """Where learning stands, handed to every loss and rule.

    `memory` lives from batch to batch (hidden state, persistent chains): losses read it and put the next value back.
    `steps` is the length of the stage, so `step / steps` is the share of it that is done.
    """

    stage: int = 0
    step: int = 0
    epoch: int = 0
    steps: int = 1
    memory: dict[str, Tensor] = field(default_factory=dict)
    training: bool = True


LossFunction = Callable[[Batch, Clock], Loss]
DatasetRule = Callable[[Parts, Clock], Iterator["Done"]]
BatchRule = Callable[[Batch, Clock], Iterator["Done"]]


class Done(NamedTuple):
    """What a rule yields at a safe point: the share of its work that is done (None: unknown) and figures for the eye."""

    share: float | None = None
    metrics: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Schedule:
    """How the learning rate moves over a stage: linear warm-up over a share of the steps, then a decay to `floor` x lr."""

    warmup: float = 0.0
    decay: Literal["constant", "cosine", "linear"] = "constant"
    floor: float = 0.0


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019); `weight_decay=0` is Adam (Kingma & Ba 2015). `spares_vectors`:
    matrices decay, biases and gains of norms do not (Radford et al. 2019)."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01
    schedule: Schedule = Schedule()
    name: str = ""
    spares_vectors: bool = False


def Adam(
    lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, schedule: Schedule = Schedule(), name: str = ""
) -> AdamW:
    """Adam: AdamW without weight decay."""
    return AdamW(lr, betas, eps, 0.0, schedule, name)


@dataclass(frozen=True)
class Muon(AdamW):
    """Momentum made orthogonal for matrices and convolutions (Jordan et al. 2024; `training/muon.py`). All else learns by AdamW
    with the same rate: vectors, small matrices, and parameters whose names contain one of `spared`, such as embeddings."""

    momentum: float = 0.95
    spared: tuple[str, ...] = ()


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with (Nesterov) momentum; `weight_decay` is added to the gradient."""

    lr: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: Schedule = Schedule()
    name: str = ""


@dataclass(frozen=True)
class Descend:
    """A move along a gradient: minimise `loss` over the parameters named in `params`, at every `every`-th step.

    `params` are names of submodules or parameters ("" is the whole network), resolved when the stage starts. Moves whose
    optimizers bear the same name share one. `clip` bounds the norm of the gradient.
    """

    name: str
    loss: LossFunction
    params: tuple[str, ...] = ("",)
    optimizer: AdamW | SGD = AdamW()
    every: int = 1
    clip: float | None = None


@dataclass(frozen=True)
class Solve:
    """A move without a gradient: `rule` is a generator function over the whole data set (once) or over each batch.

    `chance`: the rule, or the weights it starts from, depend on random numbers; where no move does, one run stands for all seeds.
    """

    name: str
    rule: DatasetRule | BatchRule
    sees: Literal["dataset", "batch"] = "dataset"
    chance: bool = False


Move = Descend | Solve


@dataclass(frozen=True)
class Stage:
    """A period of learning: its moves, the submodules it trains (the rest is frozen and in eval mode), where batches come from.

    `share` is its part of the whole budget; `epochs` its length where no budget is given. `validate` is a loss on validation
    batches that chooses the best weights and stops early (None: the last weights are kept). `ema` averages the weights.
    `task` is one of its own (pre-training), None the network's.
    """

    moves: tuple[Move, ...]
    trains: tuple[str, ...] = ("",)
    feed: Feed | None = None
    share: float = 1.0
    task: Task | None = None
    name: str = "learn"
    epochs: int = 30
    patience: int = 10
    validate: LossFunction | None = None
    ema: float | None = None
