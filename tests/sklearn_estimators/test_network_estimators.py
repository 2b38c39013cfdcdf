"""Networks as estimators: frames, grids, weights, pickles, runs, and the errors that scikit-learn's people know."""

from __future__ import annotations

import json
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load as read_tensors
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnzoo
from nnzoo.core.errors import Interrupted, NnzooError
from nnzoo.sklearn import FitError, NetworkClassifier, NetworkRegressor, NetworkTransformer

QUICK: dict[str, Any] = {"config": {"hidden": (16,), "lr": 0.03, "dropout": 0.0}, "epochs": 40, "random_state": 0}
IRIS = load_iris(return_X_y=True)


def trees(n: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, texts, categories, dates and missing cells; the label follows from two of them."""
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "height": np.where(draw.random(n) < 0.1, np.nan, draw.normal(10, 2, n)),
            "kind": draw.choice(["oak", "elm", "ash"], n),
            "soil": pd.Categorical(draw.choice(["clay", "sand"], n)),
            "planted": pd.date_range("2001-01-01", periods=n, freq="W"),
            "y": draw.normal(size=n),
        },
        index=pd.RangeIndex(500, 500 + n),
    )
    return frame, np.where((frame["kind"] == "oak") | (frame["soil"] == "clay"), "keep", "fell")


def test_cross_validation_and_pipelines_take_a_network() -> None:
    X, y = make_moons(300, noise=0.1, random_state=0)
    network = make_pipeline(StandardScaler(), NetworkClassifier("mlp", **{**QUICK, "epochs": 200, "patience": 50}))
    assert cross_val_score(network, X, y, cv=3).mean() > 0.95 > cross_val_score(LogisticRegression(), X, y, cv=3).mean()


def test_a_frame_of_texts_categories_dates_and_gaps_is_read() -> None:
    X, y = trees()
    network = NetworkClassifier("mlp", **QUICK).fit(X, y)
    assert list(network.feature_names_in_) == list(X.columns) and list(network.classes_) == ["fell", "keep"]
    assert network.score(X, y) > 0.95
    new = X.head(3).assign(kind=["oak", "yew", None])  # what was never seen, and what is missing
    assert network.predict(new)[0] == "keep" and network.predict_proba(new).shape == (3, 2)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(network.predict(X.to_numpy(dtype=object)), network.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        network.predict(X.rename(columns={"kind": "sort"}))
    with pytest.raises(FitError, match="column 'height', row 2: 'tall' is not a number"):
        network.predict(X.astype({"height": object}).assign(height=[1.0, "tall", *[2.0] * 118]))


def test_missing_numbers_need_no_imputer_and_infinite_ones_are_refused() -> None:
    X, y = IRIS
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    assert NetworkClassifier("mlp", **QUICK).fit(gaps, y).score(gaps, y) > 0.9
    with pytest.raises(ValueError, match="infinity"):
        NetworkClassifier("mlp", **QUICK).fit(np.where(np.isnan(gaps), np.inf, X), y)


def test_a_grid_reaches_settings_of_the_kind() -> None:
    X, y = IRIS
    grid = GridSearchCV(NetworkClassifier("mlp", **QUICK), {"config__lr": [1e-7, 0.03], "epochs": [20]}, cv=2).fit(X, y)
    assert grid.best_params_ == {"config__lr": 0.03, "epochs": 20}
    best = grid.best_estimator_
    assert best.config == {"hidden": (16,), "lr": 0.03, "dropout": 0.0} and best.model_.network.config.lr == 0.03
    inside = GridSearchCV(make_pipeline(NetworkClassifier("pnn")), {"networkclassifier__config__grid": [3, 5]}, cv=2).fit(X, y)
    assert inside.best_estimator_[-1].model_.network.config.grid in (3, 5)


def test_parameters_show_every_setting_and_one_is_changed_alone() -> None:
    given = {"lr": 0.5}
    network = NetworkClassifier("mlp", config=given)
    deep = network.get_params()
    assert deep["config__lr"] == 0.5 and deep["config__hidden"] == (256, 128) and deep["config"] is given
    assert network.set_params(config__dropout=0.2, epochs=3) is network
    assert network.config == {"lr": 0.5, "dropout": 0.2} and given == {"lr": 0.5} and network.epochs == 3
    other = clone(network).set_params(config__lr=0.1)
    assert other.config == {"lr": 0.1, "dropout": 0.2} and network.config == {"lr": 0.5, "dropout": 0.2}
    with pytest.raises(ValueError, match="mlp has no setting 'lrr'; it has hidden, nonlinearity"):
        network.set_params(config__lrr=1)
    with pytest.raises(ValueError, match="Invalid parameter 'budgget'"):
        network.set_params(budgget="1s")
    assert network.set_params(kind="pnn", config=None, config__grid=4).config == {"grid": 4}
    with pytest.raises(FitError, match="pnn has no setting 'hidden'"):
        NetworkClassifier("pnn", config={"hidden": 3}).fit(*IRIS)


def test_several_targets_come_back_as_they_were_given() -> None:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(200, 3))
    y = np.column_stack([X[:, 0] * 100 + 7, X[:, 1] - X[:, 2]])
    for kind, more in (("mlp", QUICK), ("gmdh", {})):
        network = NetworkRegressor(kind, **more).fit(X, y)
        assert network.predict(X).shape == (200, 2) and network.score(X, y) > 0.98
    assert NetworkRegressor("gmdh").fit(X, y[:, :1]).predict(X).shape == (200, 1)
    assert NetworkRegressor("gmdh").fit(X, pd.Series(y[:, 0], name="x")).predict(X).shape == (200,)
    frame = pd.DataFrame(X, columns=["x", "y", "targets"])
    assert NetworkRegressor("gmdh").fit(frame, y[:, 0]).score(frame, y[:, 0]) > 0.98


def test_probabilities_add_up_and_agree_with_predictions() -> None:
    X, y = IRIS
    network = NetworkClassifier("mlp", **QUICK).fit(X, y)
    probability = network.predict_proba(X)
    np.testing.assert_allclose(probability.sum(1), 1)
    np.testing.assert_allclose(np.log(probability), network.predict_log_proba(X), atol=1e-9)
    np.testing.assert_array_equal(probability.argmax(1), network.predict(X))
    ours = network.model_.predict(X)["y"].astype(int)
    np.testing.assert_array_equal(ours, network.predict(X))


def test_the_order_of_rows_changes_nothing_and_random_state_does() -> None:
    X, y = IRIS
    order = np.random.default_rng(0).permutation(len(X))
    one, other = (NetworkClassifier("mlp", **QUICK).fit(X[rows], y[rows]).predict_proba(X) for rows in (slice(None), order))
    np.testing.assert_array_equal(one, other)
    again = NetworkClassifier("mlp", **{**QUICK, "random_state": np.random.RandomState(3)})
    assert not np.array_equal(again.fit(X, y).predict_proba(X), one)


def test_light_rows_count_little() -> None:
    X, y = IRIS
    wrong = np.concatenate([y, (y + 1) % 3])
    weight = np.concatenate([np.ones(len(y)), np.full(len(y), 1e-3)])
    twice = np.concatenate([X, X])
    for kind in ("mlp", "pnn"):
        network = NetworkClassifier(kind, **(QUICK if kind == "mlp" else {}))
        assert network.fit(twice, wrong, sample_weight=weight).score(X, y) > 0.9


def test_weights_reach_a_network_in_a_pipeline() -> None:
    X, y = IRIS
    network = make_pipeline(NetworkClassifier("pnn"))
    network.fit(X, y, networkclassifier__sample_weight=(y > 0).astype(float))
    assert list(network[-1].classes_) == [1, 2]


def test_learning_leaves_torch_s_random_numbers_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    NetworkClassifier("mlp", **QUICK).fit(*IRIS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_how_long_to_learn() -> None:
    X, y = IRIS
    steps = {"epochs": 4}, {"budget": "7steps"}, {}
    lengths = [NetworkClassifier("mlp", config={"hidden": 8}, patience=0, **how).fit(X, y).history_[-1]["step"] for how in steps]
    assert lengths == [4, 7, 300]  # one batch an epoch; the kind's own 60 epochs are too few steps
    with pytest.raises(FitError, match="give one of them"):
        NetworkClassifier("mlp", epochs=1, budget="1s").fit(X, y)
    with pytest.raises(FitError, match="budget 'soon' is not understood"):
        NetworkClassifier("mlp", budget="soon").fit(X, y)


def test_weights_are_chosen_on_rows_set_apart_unless_those_are_too_few() -> None:
    X, y = IRIS
    assert NetworkClassifier("mlp", **QUICK).fit(X, y).history_[-1]["valid"] is not None
    for few in ({"validation_fraction": 0.0}, {"validation_fraction": 0.06}):
        assert NetworkClassifier("mlp", **QUICK, **few).fit(X, y).history_[-1]["valid"] is None
    with pytest.raises(FitError, match="validation_fraction=2"):
        NetworkClassifier("mlp", validation_fraction=2).fit(X, y)


def pickled_names(data: bytes) -> set[str]:
    """Every text in a pickle: modules and names that are imported are among them."""
    return {str(argument) for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)}


@pytest.mark.parametrize("kind", ["mlp", "pnn", "gmdh"])
def test_a_pickle_holds_json_and_safetensors(kind: str) -> None:
    X, y = trees()
    network = NetworkClassifier(kind, **(QUICK if kind == "mlp" else {})).fit(X, y)
    state = network.__getstate__()
    assert {"config.json", "model.safetensors", "preprocessing/preprocessing.json"} <= set(state["model_"])
    assert json.loads(state["model_"]["config.json"])["kind"] == kind and read_tensors(state["model_"]["model.safetensors"])
    data = pickle.dumps(network)
    assert not {name for name in pickled_names(data) if name.startswith("torch")}
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.predict_proba(X), network.predict_proba(X))
    assert again.get_params() == network.get_params() and again.history_ == network.history_


def test_a_fitted_network_becomes_a_run(tmp_path: Path) -> None:
    X, y = trees()
    network = NetworkClassifier("mlp", **QUICK).fit(X, y)
    network.save(tmp_path / "run")
    model = nnzoo.load(tmp_path / "run")
    assert list(model.predict(X)["predicted_target y"]) == list(network.predict(X))  # X has a column called y
    with pytest.raises(NotFittedError):
        NetworkClassifier("mlp").save(tmp_path / "other")


def test_a_kind_of_one_s_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    source = Path(nnzoo.__file__).parent / "networks" / "feedforward" / "mlp.py"
    path.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    network = NetworkClassifier(str(path), **QUICK).fit(*IRIS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(network)).predict(IRIS[0]), network.predict(IRIS[0]))


def test_errors_are_value_errors_in_one_sentence() -> None:
    X, y = IRIS
    for estimator, kind, text in (
        (NetworkRegressor, "pnn", "pnn gives one label of several"),
        (NetworkClassifier, "gcn", "gcn"),
        (NetworkClassifier, "mpl", "no kind 'mpl'; did you mean mlp"),
        (NetworkTransformer, "wgan_gp", "wgan_gp"),
    ):
        with pytest.raises(ValueError, match=text) as caught:
            estimator(kind).fit(X, y)
        assert isinstance(caught.value, NnzooError) and "n_features = 4" in str(caught.value)
    with pytest.raises(FitError, match="target 'y' is 3 in every training row"):
        NetworkRegressor("mlp").fit(X, np.full(len(X), 3.0))
    with pytest.raises(ValueError, match="1 class"):
        NetworkClassifier("mlp").fit(X, np.zeros(len(X)))


def test_ctrl_c_ends_a_grid_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*given: Any, **named: Any) -> Any:
        raise Interrupted("stopped by SIGINT in stage 'learn' at step 3")

    monkeypatch.setattr("nnzoo.sklearn.base.train", stopped)
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        GridSearchCV(NetworkClassifier("mlp"), {"config__lr": [0.1]}, cv=2, error_score=np.nan).fit(*IRIS)
