"""The multilayer perceptron: its equation, its categories, its outputs, and that it bends where a line cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Category, Classes, Image, Rows, Spec, Table, Tokens, Values
from nnzoo.core.network import No
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawTable
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

MLP = find("mlp")
TABLE = Table(numeric=("a", "b"), mean=(0.0, 0.0), std=(1.0, 1.0), categories=(Category(name="c", size=5),))


def make(outputs: dict, **config) -> torch.nn.Module:
    torch.manual_seed(0)
    spec = Spec(inputs={"x": TABLE}, outputs=outputs, train_size=10)
    return MLP(MLP.Config(**config), spec, find_task("tabular-classification")).eval()


def rows(n: int = 6) -> Rows:
    return Rows(torch.randn(n, 2), torch.randint(0, 5, (n, 1)))


def test_forward_is_the_equation_layer_by_layer():
    network = make({"y": Classes(labels=("p", "q", "r"))}, hidden=(4, 3), nonlinearity="tanh")
    x = rows()
    tensors = dict(network.named_parameters())
    h = torch.cat([x.numeric_BF, tensors["stem.embeddings.0.weight"][x.codes_BK[:, 0]]], 1)
    for layer in range(2):
        h = torch.tanh(F.linear(h, tensors[f"layers.{layer}.0.weight"], tensors[f"layers.{layer}.0.bias"]))
    y = F.linear(h, tensors["heads.linear.to_y.weight"], tensors["heads.linear.to_y.bias"])
    assert torch.allclose(network({"x": x})["y"], y, atol=1e-6)


def test_dropout_acts_in_training_only():
    network, x = make({"y": Classes(labels=("p", "q"))}, dropout=0.5), {"x": rows()}
    assert torch.equal(network(x)["y"], network(x)["y"])
    network.train()
    assert not torch.equal(network(x)["y"], network(x)["y"])


def test_outputs_have_the_shape_of_their_fields():
    picture = Image(channels=2, height=3, width=4)
    network = make({"y": Values(names=("u", "v"), mean=(0.0, 0.0), std=(1.0, 1.0)), "p": picture})
    outputs = network({"x": rows(5)})
    assert outputs["y"].shape == (5, 2) and outputs["p"].shape == (5, 2, 3, 4)


@pytest.mark.parametrize(
    "spec",
    [
        Spec(inputs={"t": Tokens(vocabulary=9, longest=5)}, outputs={"y": Classes(labels=("p", "q"))}, train_size=9),
        Spec(inputs={"x": TABLE}, train_size=9),
    ],
)
def test_what_it_cannot_do_is_said_with_a_remedy(spec: Spec):
    able = MLP.can(spec, find_task("tabular-classification"))
    assert isinstance(able, No) and "mlp" in able and (" use " in able or "name a target" in able)


def test_it_separates_two_moons_where_a_line_cannot():
    from sklearn.linear_model import LogisticRegression

    prepared = prepare("two-moons-classes")
    network = train(build("mlp", {}, prepared, 0), prepared.parts, Settings(budget="600steps", device="cpu")).network
    parts = prepared.parts

    def xy(part: Dataset) -> tuple[np.ndarray, np.ndarray]:
        return part.stored("x", "numeric").numpy(), part.stored("moon", "codes").numpy()

    line = LogisticRegression().fit(*xy(parts.train)).score(*xy(parts.test))
    score = prepared.task.evaluate(network, parts.test).score
    assert line < 0.92 and score > 0.97, (line, score)


def test_categories_carry_information_and_many_targets_are_learned_at_once():
    draw = np.random.default_rng(0)
    kind, size = draw.integers(0, 12, 1500), draw.normal(size=1500)
    effect = np.linspace(-2, 2, 12)[draw.permutation(12)]
    frame = pd.DataFrame({"kind": [f"k{k}" for k in kind], "size": size, "u": effect[kind] * size, "v": effect[kind] + size})
    prepared = prepare(RawTable("interaction", frame, ("u", "v")))
    network = train(build("mlp", {"dropout": 0.0}, prepared, 0), prepared.parts, Settings(budget="900steps", device="cpu")).network
    scores = prepared.task.evaluate(network, prepared.parts.test).scores
    assert scores["r2"] > 0.95, scores  # an additive model of category and number stays below 0.6
