"""What a network makes of a row on the way to its answer, as columns for the next step of a pipeline.

N rows, D columns of X, H numbers of a representation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from torch import Tensor

from nnzoo.blocks.probe import Probe
from nnzoo.core.errors import ConfigError
from nnzoo.core.network import Network
from nnzoo.data.columns import target_kind
from nnzoo.sklearn.base import NetworkEstimator, abilities_of, as_sklearn_says, kinds_for
from nnzoo.sklearn.targets import Target, of_labels, of_numbers

CODES = "unconditional-generation"
ANSWERS = {"classes": "tabular-classification", "values": "tabular-regression"}


class NetworkTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """A network that gives its representation of a row: the code of a kind that encodes, else what its last hidden layer holds.

    Parameters and attributes are those of `NetworkClassifier`, and `point`, the name of the place inside whose tensor is given
    (None: the code, or the last place; `points_` lists them). Kinds that encode learn without a target and ignore y; others need
    one, labels or numbers. `feature_names_in_` is there where the columns of X have names.
    """

    def __init__(
        self,
        kind: str = "mlp",
        *,
        point: str | None = None,
        config: Mapping[str, Any] | None = None,
        budget: str | None = None,
        epochs: int | None = None,
        validation_fraction: float = 0.15,
        patience: int | None = None,
        random_state: Any = None,
        device: str = "auto",
    ):
        super().__init__(
            kind,
            config=config,
            budget=budget,
            epochs=epochs,
            validation_fraction=validation_fraction,
            patience=patience,
            random_state=random_state,
            device=device,
        )
        self.point = point

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not _encodes(self.kind)
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> NetworkTransformer:
        """Learn from rows X (N D) and, where the kind needs a target, y (N, or N O). Raises FitError."""
        if _encodes(self.kind):
            frame, _ = self._read(X)
            kept, weight = self._weighed(sample_weight, frame)
            self._learn(CODES, frame.iloc[kept], None, weight)
        else:
            frame, y = self._read(X, y, numbers=np.asarray(y).ndim == 2)
            kept, weight = self._weighed(sample_weight, frame)
            with as_sklearn_says(*frame.shape):
                task, target = self._target(y[kept])
            self._learn(task, frame.iloc[kept], target, weight)
        with as_sklearn_says(*frame.shape):
            self._find_points(frame.iloc[kept[:2]])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The representation of each row (N H)."""
        return self._ask(self._asked(X), self._representation)

    @staticmethod
    def kinds() -> list[str]:
        """The names of the kinds that encode table rows or answer questions about them."""
        able = {name for task in ANSWERS.values() for name in kinds_for(task, "Predicts")}
        return sorted(able | set(kinds_for(CODES, "Encodes")))

    def _target(self, y: np.ndarray) -> tuple[str, Target]:
        """The task that the kind and y ask for: labels or numbers, as `nnzoo train` tells them apart."""
        kind = "values" if y.ndim == 2 else target_kind(pd.Series(y, name="y"))
        able = [task for task in ANSWERS.values() if "Predicts" in abilities_of(self.kind).get(task, ())]
        task = able[0] if len(able) == 1 and y.ndim == 1 else ANSWERS[kind]
        return task, of_numbers(y) if task == ANSWERS["values"] else of_labels(y)[1]

    def _find_points(self, frame: pd.DataFrame) -> None:
        """List the places inside, and count the columns that come out."""
        seen: dict[str, Tensor] = {}

        def look(network: Network, inputs: dict[str, Any]) -> Tensor:
            code, inside = _passing(network, inputs, _encodes(self.kind))
            seen.update(inside)
            return code

        dataset = self._opened(frame)
        code_NH = self._ask(dataset, look)
        self.points_ = [name for name, tensor in seen.items() if len(tensor) == len(code_NH)]
        if self.point not in (None, *self.points_):
            raise ConfigError(f"{self.kind} has no point '{self.point}'; it has {', '.join(self.points_) or 'none'}")
        if not self.points_ and not _encodes(self.kind):
            raise ConfigError(f"{self.kind} neither encodes nor names a place inside; use another kind, such as {self.kinds()[0]}")
        self._n_features_out = self._ask(dataset, self._representation).shape[1]

    def _representation(self, network: Network, inputs: dict[str, Any]) -> Tensor:
        encodes = _encodes(self.kind)
        code_BH, inside = _passing(network, inputs, encodes)
        if self.point is None and encodes:
            return code_BH
        return inside[self.point or self.points_[-1]]


def _encodes(kind: str) -> bool:
    return "Encodes" in abilities_of(kind).get(CODES, ())


def _passing(network: Network, inputs: dict[str, Any], encodes: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """What a network says of rows (B ...; its code where it `encodes`), and what passes its named places, each as (B H), in the
    order in which they are passed. A place passed several times gives its tensors side by side."""
    seen: dict[str, list[Tensor]] = {}

    def keeper(name: str) -> Callable[..., None]:
        return lambda module, given, tensor: seen.setdefault(name, []).append(tensor)

    hooks = [module.register_forward_hook(keeper(name)) for name, module in network.named_modules() if isinstance(module, Probe)]
    try:
        said = network.encode(inputs) if encodes else next(iter(network(inputs).values()))  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
    return said, {name: torch.cat([tensor.flatten(1) for tensor in tensors], 1) for name, tensors in seen.items() if tensors}
