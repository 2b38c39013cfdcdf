"""Everything that scikit-learn asks of an estimator, of every kind that fits a table; a new kind is asked by existing."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnzoo.sklearn import NetworkClassifier, NetworkRegressor, NetworkTransformer
from nnzoo.sklearn.base import NetworkEstimator

# how little a kind needs on the checks' tiny tables; a kind that is not named here learns for as many steps
STEPS = "60steps"
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": (16,), "lr": 0.03, "dropout": 0.0},
    "gmdh": {"width": 12, "depth": 3},
    "latent_diffusion": {"width": 8, "depth": 1, "steps": 3},
}
# checks that cannot hold for a kind, by kind and name, with the reason
CANNOT: dict[str, dict[str, str]] = {}


def estimators() -> list[NetworkEstimator]:
    """One of each estimator for every kind that it takes."""
    return [
        estimator(kind, config=SMALL.get(kind), budget=STEPS, random_state=0)
        for estimator in (NetworkClassifier, NetworkRegressor, NetworkTransformer)
        for kind in estimator.kinds()
    ]


@parametrize_with_checks(estimators(), expected_failed_checks=lambda estimator: CANNOT.get(estimator.kind, {}), xfail_strict=True)
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    ("estimator", "kinds"),
    [
        (NetworkClassifier, {"mlp", "pnn", "gmdh"}),
        (NetworkRegressor, {"mlp", "gmdh"}),
        (NetworkTransformer, {"mlp", "pnn", "gmdh", "latent_diffusion"}),
    ],
)
def test_kinds_that_fit_a_table_are_found(estimator: Any, kinds: set[str]) -> None:
    assert kinds <= set(estimator.kinds())
    assert not {"gcn", "lstm", "wgan_gp"} & set(estimator.kinds())


def test_a_regressor_takes_no_kind_that_only_classifies() -> None:
    assert "pnn" not in NetworkRegressor.kinds()
