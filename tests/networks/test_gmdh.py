"""gmdh against planted polynomials, a library's least squares, and itself interrupted."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError, NnzooError
from nnzoo.core.fields import Category, Classes, Image, Rows, Spec, Table, Values
from nnzoo.core.learning import Clock
from nnzoo.core.task import outputs_of
from nnzoo.networks.polynomial import gmdh
from nnzoo.networks.polynomial.gmdh import GMDH, Config

TASK = tasks.find("tabular-regression")


def dataset(x_ND: np.ndarray, y_NO: np.ndarray, categories: dict[str, np.ndarray] = {}) -> Dataset:
    """A set with standardised inputs as float32, as preprocessing stores it."""
    y_NO = y_NO.reshape(len(x_ND), -1)
    codes = tuple(Category(name=name, size=int(column.max()) + 1) for name, column in categories.items())
    table = Table(numeric=tuple("abcdefghij"[: x_ND.shape[1]]), mean=tuple(x_ND.mean(0)), std=tuple(x_ND.std(0)), categories=codes)
    names = tuple(f"y{o}" for o in range(y_NO.shape[1]))
    values = Values(names=names, mean=tuple(np.nanmean(y_NO, 0)), std=tuple(np.nanstd(y_NO, 0)))
    stored_codes = np.stack(list(categories.values()), 1) if categories else np.zeros((len(x_ND), 0))
    columns = {
        "x": {
            "numeric": torch.tensor((x_ND - x_ND.mean(0)) / x_ND.std(0), dtype=torch.float32),
            "codes": torch.tensor(stored_codes, dtype=torch.long),
        },
        "y": {"numbers": torch.tensor(y_NO, dtype=torch.float32)},
    }
    return Dataset(Spec(inputs={"x": table}, outputs={"y": values}, train_size=len(x_ND)), columns)


def learned(parts: Parts, **settings: Any) -> GMDH:
    network = GMDH(Config(**settings), parts.train.spec, TASK)
    with torch.no_grad():
        assert list(network.learn(parts, Clock()))
    return network.eval()


def split(full: Dataset, train: int, valid: int) -> Parts:
    rows = torch.arange(len(full))
    return Parts(full.part(rows[:train]), full.part(rows[train : train + valid]), full.part(rows[train + valid :]))


def test_a_planted_polynomial_is_recovered_in_original_units_among_columns_that_do_not_matter():
    x = np.random.default_rng(0).uniform(-3, 5, (500, 5))
    b, d = x[:, 1], x[:, 3]
    network = learned(Parts(dataset(x, 3 + 2 * b - d + 0.5 * b * d - b**2 + 2 * d**2), None, None))
    planted = {(): 3.0, ("b",): 2.0, ("d",): -1.0, ("b", "d"): 0.5, ("b", "b"): -1.0, ("d", "d"): 2.0}
    found = network.expand()
    assert set(found) == set(planted)
    assert max(abs(found[term] - planted[term]) for term in planted) < 1e-6
    assert len(network.found["models"][0]["layers"]) == 1
    assert network.formula() == "y0 = 3 + 2 b - 1 d - 1 b^2 + 0.5 b d + 2 d^2"


def test_a_sum_over_two_pairs_needs_two_layers_and_is_recovered_on_a_balanced_design():
    x = np.array(list(itertools.product((-1.0, 0.5, 2.0), repeat=4)))
    a, b, c, d = x.T
    full = dataset(np.concatenate([x, x]), np.tile(a * b - 2 * a**2 + 3 * c * d + c, 2))
    network = learned(split(full, 81, 81))
    assert len(network.found["models"][0]["layers"]) == 2
    planted = {("a", "b"): 1.0, ("a", "a"): -2.0, ("c", "d"): 3.0, ("c",): 1.0}
    found = network.expand()
    assert max(abs(found.get(term, 0.0) - planted.get(term, 0.0)) for term in {*found, *planted}) < 1e-6


def test_every_pair_agrees_with_least_squares_on_the_rows_themselves():
    random = np.random.default_rng(1)
    z = torch.tensor(random.normal(size=(200, 5)))
    y, w = torch.tensor(random.normal(size=200)), torch.tensor(random.uniform(0.5, 2, 200))
    w = w / w.sum()
    u, v = torch.triu_indices(5, 5, 1)
    a_P6 = gmdh.solve(*gmdh.normal_equations(gmdh.moments(z, y, w), u, v), ridge=3e-3)
    for pair in range(10):
        p, q = z[:, u[pair]], z[:, v[pair]]
        terms = torch.stack([torch.ones_like(p), p, q, p * q, p * p, q * q], 1) * w.sqrt()[:, None]
        wanted = torch.linalg.lstsq(terms, y * w.sqrt()).solution
        torch.testing.assert_close(a_P6[pair], wanted, atol=1e-9, rtol=0)


def test_nearly_equal_inputs_get_moderate_coefficients():
    random = np.random.default_rng(2)
    u = torch.tensor(random.normal(size=300))
    z = torch.stack([u, u + 1e-5 * torch.tensor(random.normal(size=300))], 1)
    y = u + 0.1 * torch.tensor(random.normal(size=300))
    pair = gmdh.normal_equations(gmdh.moments(z, y, torch.full_like(u, 1 / 300)), torch.tensor([0]), torch.tensor([1]))
    assert gmdh.solve(*pair, ridge=3e-3).abs().max() < 2
    assert gmdh.solve(*pair, ridge=0.0).abs().max() > 50


def test_it_is_far_below_ridge_regression_where_the_relation_is_curved():
    x, y = make_friedman1(700, n_features=8, noise=0.5, random_state=0)
    parts = split(dataset(x, y), 400, 150)
    network = learned(parts, width=40, depth=8)
    assert parts.test is not None
    rmse = TASK.evaluate(network, parts.test).scores["rmse"]
    linear = Ridge().fit(x[:550], y[:550])
    assert rmse < 0.5 * np.sqrt(np.mean((linear.predict(x[550:]) - y[550:]) ** 2))
    assert rmse < 1.1, rmse  # one layer alone stays above 3


def test_the_part_that_was_not_fitted_chooses_and_stops_growth():
    """Where there is nothing to learn, each layer fits part A better for ever; part B, which it does not see, ends that."""
    random = np.random.default_rng(5)
    parts = split(dataset(random.normal(size=(240, 8)), random.normal(size=240)), 120, 120)
    network = learned(parts, width=20, depth=12, improvement=1e-2)
    model = network.found["models"][0]
    assert parts.valid is not None
    y = parts.valid.all()["y"][:, 0]
    error = (outputs_of(network, parts.valid)["y"][:, 0] - y).square().mean()
    assert model["criterion"][-1] == pytest.approx(float(error), rel=1e-5)
    assert all(after < before for before, after in itertools.pairwise(model["criterion"]))
    assert len(model["layers"]) < 8


def test_it_goes_on_after_any_interruption_to_the_same_bits():
    x, y = make_friedman1(150, n_features=6, noise=0.3, random_state=1)
    targets = np.stack([y, x[:, 0] * x[:, 5] + np.sin(5 * x[:, 1])], 1)
    parts = split(dataset(x, targets), 100, 50)
    settings = {"width": 8, "depth": 4}
    whole = learned(parts, **settings)
    with torch.no_grad():
        points = len(list(GMDH(whole.config, whole.spec, TASK).learn(parts, Clock())))
        assert points >= 6
        for kill in range(1, points + 1):
            first = GMDH(whole.config, whole.spec, TASK)
            list(itertools.islice(first.learn(parts, Clock()), kill))
            found, tensors = json.loads(json.dumps(first.found)), first.state_dict()
            second = GMDH(whole.config, whole.spec, TASK, found)
            second.load_state_dict(tensors)
            list(second.learn(parts, Clock()))
            assert second.found == whole.found
            mine, wanted = second.state_dict(), whole.state_dict()
            assert mine.keys() == wanted.keys() and all(torch.equal(mine[name], wanted[name]) for name in wanted)


def test_cutting_away_what_is_unused_changes_no_answer(monkeypatch: pytest.MonkeyPatch):
    x, y = make_friedman1(200, n_features=6, noise=0.3, random_state=1)
    full = dataset(x, y)
    before: list[torch.Tensor] = []
    cut = GMDH._trace_back

    def recorded(self: GMDH, o: int) -> None:
        before.append(self.target(full.stored("x", "numeric").double(), o))
        cut(self, o)

    monkeypatch.setattr(GMDH, "_trace_back", recorded)
    network = learned(split(full, 120, 60), width=12, depth=5)
    layers = network.found["models"][0]["layers"]
    assert len(layers) >= 3 and [len(layer) for layer in layers] != [12] * len(layers) and len(layers[-1]) == 1
    torch.testing.assert_close(network.target(full.stored("x", "numeric").double(), 0), before[0], rtol=1e-12, atol=1e-12)


def test_expanding_gives_what_the_network_computes():
    random = np.random.default_rng(3)
    x, colour = random.normal(10, 3, (300, 3)), random.integers(0, 3, 300)
    y = x[:, 0] * x[:, 1] + 5 * (colour == 1) * x[:, 2] + random.normal(size=300)
    full = dataset(x, y, {"colour": colour})
    network = learned(Parts(full, None, None), depth=3, width=10, beyond=5.0)
    assert len(network.found["models"][0]["layers"]) == 3
    columns = {name: x[:, k] for k, name in enumerate("abc")} | {f"colour={k}": 1.0 * (colour == k) for k in range(3)}
    terms = network.expand("y0").items()
    summed = sum(a * np.prod([columns[name] for name in term], axis=0) for term, a in terms)
    answer = full.spec.outputs["y"].restore(outputs_of(network, full)["y"].double())[:, 0].numpy()
    np.testing.assert_allclose(summed, answer, atol=1e-4 * y.std())
    assert re.search(r"y0 = .*z3_1", network.formula()) and "[a] = (a - " in network.formula()


def test_a_formula_too_long_to_multiply_out_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch):
    x, y = make_friedman1(200, n_features=6, noise=0.3, random_state=1)
    network = learned(Parts(dataset(x, y), None, None), width=12, depth=5)
    monkeypatch.setattr(gmdh, "MOST_TERMS", 30)
    with pytest.raises(NnzooError, match="more than 30 terms"):
        network.expand()


def test_answers_far_outside_the_data_stay_near_the_range_of_the_target():
    x, y = make_friedman1(200, n_features=6, noise=0.3, random_state=1)
    full = dataset(x, y)
    network = learned(Parts(full, None, None), width=12, depth=5)
    far = network({"x": Rows(torch.full((2, 6), 50.0), torch.zeros(2, 0, dtype=torch.long))})["y"]
    low, high = network.found["models"][0]["bounds"]
    assert ((far >= low - 1e-6) & (far <= high + 1e-6)).all()


def test_rows_of_unknown_target_are_left_out():
    x, y = make_friedman1(160, n_features=5, noise=0.1, random_state=2)
    full = dataset(x, y)
    holes = full.columns["y"]["numbers"].clone()
    holes[100:] = float("nan")
    kept, holed = (
        learned(Parts(full.part(torch.arange(100)), None, None)),
        learned(Parts(full.replaced({"y": {"numbers": holes}}), None, None)),
    )
    assert kept.found == holed.found
    with pytest.raises(DataError, match="y0"):
        learned(Parts(full.part(torch.arange(5)), None, None))


def test_labels_are_told_apart_by_a_polynomial_each():
    """Inside or outside an ellipse: no line tells them apart, one quadratic unit does."""
    x = np.random.default_rng(4).uniform(-2, 2, (800, 3))
    inside = ((x[:, 0] - 0.3) ** 2 + 2 * x[:, 2] ** 2 < 1.5).astype(int)
    full, labels = dataset(x, inside.astype(float)), Classes(labels=("out", "in"))
    spec = Spec(inputs=full.spec.inputs, outputs={"y": labels}, train_size=500)
    full = Dataset(spec, {**full.columns, "y": {"codes": torch.tensor(inside)}})
    parts, task = split(full, 500, 100), tasks.find("tabular-classification")
    network = GMDH(Config(width=20, depth=4), spec, task)
    with torch.no_grad():
        assert list(network.learn(parts, Clock()))
    assert parts.test is not None
    assert task.evaluate(network, parts.test).score > 0.95
    assert network.formula().startswith("out = ") and "\nin = " in network.formula()


def test_the_predict_path_traces():
    x, y = make_friedman1(100, n_features=5, noise=0.1, random_state=2)
    full = dataset(x, np.stack([y, -y], 1))
    network = learned(Parts(full, None, None), width=5, depth=2)
    inputs = full.part(torch.arange(7)).all().inputs
    traced = torch.export.export(network, (inputs,)).module()
    torch.testing.assert_close(traced(inputs)["y"], network(inputs)["y"])
    assert network(inputs)["y"].shape == (7, 2)


def test_it_says_why_not_and_what_to_do():
    table = Table(numeric=("a", "b"), mean=(0.0, 0.0), std=(1.0, 1.0))
    values, labels = Values(names=("y",), mean=(0.0,), std=(1.0,)), Classes(labels=("p", "q"))
    assert GMDH.can(Spec(inputs={"x": table}, outputs={"y": values}, train_size=9), TASK)
    for inputs, outputs, hint in (
        (table, Image(channels=1, height=4, width=4), "mlp"),
        (Image(channels=3, height=28, width=28), labels, "cnn"),
        (Table(numeric=("a",), mean=(0.0,), std=(1.0,)), values, "mlp"),
    ):
        refusal = GMDH.can(Spec(inputs={"x": inputs}, outputs={"y": outputs}, train_size=9), TASK)
        assert not refusal and hint in str(refusal)
