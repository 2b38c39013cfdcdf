"""What a network makes of a row, as columns for the next step."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from nnzoo.sklearn import FitError, NetworkTransformer

QUICK: dict[str, Any] = {"config": {"hidden": (16, 8), "lr": 0.03, "dropout": 0.0}, "epochs": 40, "random_state": 0}
IRIS = load_iris(return_X_y=True)


def test_the_last_hidden_layer_makes_a_linear_model_bend() -> None:
    X, y = make_moons(300, noise=0.15, random_state=0)
    model = make_pipeline(NetworkTransformer("mlp", **QUICK), LogisticRegression())
    assert model.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.95 > LogisticRegression().fit(X, y).score(X, y)


def test_a_place_inside_is_named() -> None:
    X, y = IRIS
    network = NetworkTransformer("mlp", **QUICK).fit(X, y)
    assert network.points_ == ["layers.0.2", "layers.1.2"]
    inside = network.model_.probe(X)
    np.testing.assert_allclose(network.transform(X), inside["layers.1.2"], atol=1e-5)
    first = NetworkTransformer("mlp", point="layers.0.2", **QUICK).fit(X, y)
    np.testing.assert_allclose(first.transform(X), inside["layers.0.2"], atol=1e-5)
    assert not any(module._forward_hooks for module in network.model_.network.modules())
    with pytest.raises(FitError, match=r"mlp has no point 'layers.9'; it has layers.0.2, layers.1.2"):
        NetworkTransformer("mlp", point="layers.9", **QUICK).fit(X, y)


def test_a_kind_that_encodes_needs_no_target() -> None:
    X, _ = IRIS
    network = NetworkTransformer("latent_diffusion", config={"latent": 3, "width": 8, "steps": 3}, budget="20steps", random_state=0)
    codes = network.fit(X).transform(X)
    np.testing.assert_allclose(codes, network.model_.encode(X), atol=1e-5)
    assert codes.shape == (150, 3)
    inside = clone_at(network, "codec.encoder.2").fit(X)
    assert inside.transform(X).shape == (150, 8)
    with pytest.raises(ValueError, match="requires y to be passed"):
        NetworkTransformer("mlp").fit(X)


def clone_at(network: NetworkTransformer, point: str) -> NetworkTransformer:
    """The same, to be read elsewhere."""
    return NetworkTransformer(**{**network.get_params(deep=False), "point": point})


def test_numbers_and_labels_are_told_apart_as_training_does() -> None:
    X, y = load_diabetes(return_X_y=True)
    for target, task in (
        (y, "tabular-regression"),
        (np.column_stack([y, -y]), "tabular-regression"),
        (y > 100, "tabular-classification"),
    ):
        assert NetworkTransformer("gmdh", config={"width": 5}).fit(X, target).model_.task.name == task
    assert NetworkTransformer("pnn").fit(X, (y // 100)).transform(X).shape == (442, 4)


def test_columns_have_names_and_a_pickle_gives_the_same() -> None:
    X, y = IRIS
    network = NetworkTransformer("mlp", **QUICK).set_output(transform="pandas").fit(X, y)
    out = network.transform(X)
    assert isinstance(out, pd.DataFrame) and list(out.columns) == [f"networktransformer{i}" for i in range(8)]
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(network)).transform(X), out)


def test_a_grid_chooses_the_place() -> None:
    X, y = IRIS
    model = make_pipeline(NetworkTransformer("mlp", **QUICK), LogisticRegression())
    grid = GridSearchCV(model, {"networktransformer__point": ["layers.0.2", "layers.1.2"]}, cv=2).fit(X, y)
    assert grid.best_score_ > 0.9
