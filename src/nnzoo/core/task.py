"""What is asked of a network: the loss, what an ignorant answer scores, the score, and answers in a person's terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Spec, Tags
from nnzoo.core.learning import Loss

if TYPE_CHECKING:
    from nnzoo.core.events import Event
    from nnzoo.core.network import No


@dataclass
class Evaluation:
    """Scores on one part. `rows` holds each row's own share of the metric where the metric is a mean of such shares (for
    intervals), and `unit` what these are called; `predictions` and `truth` what was answered and what was right, in stored
    terms."""

    metric: str
    scores: dict[str, float]
    rows: np.ndarray | None = None
    predictions: Any = None
    truth: Any = None
    extra: dict[str, Any] = field(default_factory=dict)
    unit: str = "test rows"

    @property
    def score(self) -> float:
        """The score by the task's metric."""
        return self.scores[self.metric]


class Judge(Protocol):
    """Scores what was made where that needs more than the data: a classifier that was trained on them, the truth of made points.

    `higher` are its scores as a task has them, `metric` the one that decides (None: the task's own).
    """

    @property
    def metric(self) -> str | None:
        """The score that decides."""

    @property
    def higher(self) -> dict[str, bool]:
        """Its scores, and whether more is better."""

    def learn(self, device: str = "auto", listen: Sequence[Callable[[Event], Any]] = ()) -> None:
        """Get ready; before anything is scored."""

    def add(
        self, evaluation: Evaluation, network: Any, made: Tensor, codes: Tensor | None, dataset: Dataset, seed: int
    ) -> Evaluation:
        """The evaluation with its scores beside the others, for `made` (N ...), standardised, of labels `codes` (N, or None)."""


class Task(ABC):
    """Base of all tasks. A task has no state; `name` is the file's name with dashes."""

    name: ClassVar[str]
    metric: ClassVar[str]
    higher: ClassVar[dict[str, bool]]  # every score's name, and whether more is better
    perfect: ClassVar[float]  # the metric of a flawless answer
    learned: ClassVar[float] = 0.5  # the share of the way from the floor to `perfect` that shows that something was learned
    judge: Judge | None = None  # handed in by `comparing`, where scores need one

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value of the metric is better."""
        return self.higher[self.metric]

    def judged_by(self, metric: str) -> Task:
        """This task with another of its scores as the metric."""
        other = copy(self)
        other.metric = metric  # type: ignore[misc]
        return other

    def judged_with(self, judge: Judge) -> Task:
        """This task with a judge, whose scores stand beside its own and, where it has a metric, decide."""
        other = copy(self)
        other.judge = judge
        other.higher = {**self.higher, **judge.higher}  # type: ignore[misc]
        other.metric = judge.metric or self.metric  # type: ignore[misc]
        return other

    def suited(self, spec: Spec) -> Task:
        """This task as it is judged on such data, where the usual score depends on them."""
        return self

    @abstractmethod
    def fits(self, spec: Spec) -> No | None:
        """None if data of this shape pose the task, else one sentence why not."""

    @abstractmethod
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """Scores of a network (or a baseline with the same calls) on a part. `reference` is the training part, for tasks whose
        score needs it."""

    @abstractmethod
    def floor(self, train: Dataset, test: Dataset) -> float:
        """What an answer that has only seen how often things occur scores by the metric."""

    def must_reach(self, train: Dataset, test: Dataset) -> float:
        """The metric that a network which has learned anything reaches, and one that was taught nonsense does not."""
        floor = self.floor(train, test)
        return floor + self.learned * (self.perfect - floor)

    @abstractmethod
    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """The same data with what is to be learned destroyed (labels shuffled): nothing above the floor may be learned from it."""

    def loss(self, outputs: Any, batch: Batch) -> Loss:
        """The loss of a network's outputs, where the task has one of its own."""
        raise DataError(f"{self.name} has no loss of its own; a kind that does it brings one")

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """Outputs in a person's terms: columns of equal length by name."""
        raise DataError(f"{self.name} gives no predictions for single rows; use generate")


@torch.no_grad()
def outputs_of(network: Any, dataset: Dataset, size: int = 256) -> dict[str, Tensor]:
    """A network's outputs for all rows of a part, on the host, in float32. The network is in eval mode meanwhile.

    Labels at every step come as long as the longest row, NaN beyond a row's own end.
    """
    was_training = getattr(network, "training", False)
    if was_training:
        network.eval()
    gathered: dict[str, list[Tensor]] = {}
    for batch in dataset.batches(size):
        for name, value in network(batch.inputs).items():
            if isinstance(dataset.spec.outputs.get(name), Tags):
                value = _ended(value, batch)
            gathered.setdefault(name, []).append(value.float().cpu())
    if was_training:
        network.train()
    return {name: _joined(values) for name, values in gathered.items()}


def _ended(logits_BTK: Tensor, batch: Batch) -> Tensor:
    """Answers at every step, NaN beyond the end of a row's input."""
    (value,) = batch.inputs.values()
    inside_BT = torch.arange(logits_BTK.shape[1], device=logits_BTK.device) < value.lengths_B[:, None]
    return logits_BTK.masked_fill(~inside_BT[:, :, None], torch.nan)


def _joined(values: list[Tensor]) -> Tensor:
    """Batches end to end; those with fewer steps are filled with NaN."""
    if values[0].ndim < 3 or len({value.shape[1:] for value in values}) == 1:
        return torch.cat(values)
    rows = [row for value in values for row in value]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=torch.nan)
