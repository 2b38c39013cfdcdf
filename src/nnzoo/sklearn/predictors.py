"""Classification and regression with any kind of network that answers questions about a table row.

N rows, D columns, K classes, O targets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor

from nnzoo.core.fields import Values
from nnzoo.core.network import Network
from nnzoo.sklearn.base import NetworkEstimator, kinds_for
from nnzoo.sklearn.targets import of_labels, of_numbers


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A network that says to which class a row belongs.

    X is an array, or a frame, whose text, category and date columns are read as `nnzoo train` reads them; a cell may be missing.

    Parameters: `kind`, a name of `NetworkClassifier.kinds()` or the path of a file with a kind of one's own; `config`, settings of
    the kind by name (in grids: `config__NAME`); `budget`, such as "60s", "20epochs" or "500steps", or `epochs` (neither: as long as
    the kind says, but at least 300 steps); `validation_fraction` of the different rows chooses the best weights and stops early
    (none is set apart where that is fewer than ten rows); `patience`, looks at it without a better one before learning ends;
    `random_state`; `device`.

    Attributes: `classes_` (K), `n_features_in_`, `feature_names_in_` (where columns have names), `model_` (what `nnzoo.load`
    gives), `history_` (a dictionary for every look at the validation part).

    Raises FitError, which is a ValueError, where the kind cannot do it or the data cannot be used.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkClassifier:
        """Learn from rows X (N D) and labels y (N). A weight of 2 counts as the same row twice, one of 0 as no row."""
        frame, y = self._read(X, y)
        check_classification_targets(y)
        kept, weight = self._weighed(sample_weight, frame)
        self.classes_, target = of_labels(y[kept])
        self._learn("tabular-classification", frame.iloc[kept], target, weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row (N)."""
        logits_NK = self._ask(self._asked(X), _answer)
        return self.classes_[logits_NK.argmax(1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class (N K), in the order of `classes_`."""
        return torch.from_numpy(self._ask(self._asked(X), _answer)).softmax(1).numpy()

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of each class's probability (N K)."""
        return torch.from_numpy(self._ask(self._asked(X), _answer)).log_softmax(1).numpy()

    @staticmethod
    def kinds() -> list[str]:
        """The names of the kinds that classify table rows."""
        return kinds_for("tabular-classification", "Predicts")


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A network that gives one or several numbers for a row.

    Parameters and attributes are those of `NetworkClassifier`, without `classes_`; `feature_names_in_` is there where the columns
    of X have names. y may have several columns, and predictions then have as many.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkRegressor:
        """Learn from rows X (N D) and numbers y (N, or N O). A weight of 2 counts as the same row twice, one of 0 as no row."""
        frame, y = self._read(X, y, numbers=True)
        kept, weight = self._weighed(sample_weight, frame)
        self._flat = y.ndim == 1
        self._learn("tabular-regression", frame.iloc[kept], of_numbers(y[kept]), weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The numbers of each row (N, or N O), in the units of y."""
        y_NO = self._ask(self._asked(X), lambda network, inputs: _restored(network, _answer(network, inputs)))
        return y_NO[:, 0] if self._flat else y_NO

    @staticmethod
    def kinds() -> list[str]:
        """The names of the kinds that give numbers for table rows."""
        return kinds_for("tabular-regression", "Predicts")


def _answer(network: Network, inputs: dict[str, Any]) -> Tensor:
    """The one output of a network (B K, or B O standardised)."""
    (output,) = network(inputs).values()
    return output


def _restored(network: Network, y_BO: Tensor) -> Tensor:
    """Standardised numbers in the units of y."""
    (field,) = network.spec.outputs.values()
    assert isinstance(field, Values)
    return field.restore(y_BO)
