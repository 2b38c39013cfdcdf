"""What the truth of made points says of points that a network makes: modes hit, and how evenly (tasks/_generation.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.events import Event
from nnzoo.core.fields import Table
from nnzoo.core.task import Evaluation
from nnzoo.tasks._generation import modes


@dataclass(frozen=True)
class PointJudge:
    """Judges points by the centres and the spread of the mixture that the data were drawn from, in original units."""

    centres: Sequence[Sequence[float]]
    sigma: float
    metric: str | None = None

    @property
    def higher(self) -> dict[str, bool]:
        """All scores."""
        return {"modes": True, "modes_kl": False, "share_within_3_sigma": True}

    def learn(self, device: str = "auto", listen: Sequence[Callable[[Event], Any]] = ()) -> None:
        """The truth is known already."""

    def add(
        self, evaluation: Evaluation, network: Any, made: Tensor, codes: Tensor | None, dataset: Dataset, seed: int
    ) -> Evaluation:
        """The number of modes hit, the divergence of their shares from even, the share of points near a mode."""
        (field,) = dataset.spec.inputs.values()
        assert isinstance(field, Table)
        found = modes(field.restore(made.cpu()), self.centres, self.sigma)
        scores = {name: float(found[name]) for name in self.higher}
        return replace(evaluation, scores={**evaluation.scores, **scores}, extra={**evaluation.extra, "of": found["of"]})
