"""pnn against the formula written out, against itself fitted without a row, and interrupted."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.abilities import Surprise
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Category, Classes, Image, Rows, Spec, Table, Tokens, Values
from nnzoo.core.learning import Clock
from nnzoo.core.network import Can
from nnzoo.networks.kernel import pnn
from nnzoo.networks.kernel.pnn import PNN, Config

TASK = tasks.find("tabular-classification")
LABELS = Classes(labels=("red", "green", "blue"))


def made(rows: int = 60, spread: float = 1.0) -> Dataset:
    """Three overlapping clouds in two numbers and one category."""
    draws = torch.Generator().manual_seed(4)
    codes = torch.randint(3, (rows,), generator=draws)
    centres = torch.tensor([[0.0, 0.0], [2.0, 0.5], [0.5, 2.0]])
    numbers = centres[codes] + spread * torch.randn(rows, 2, generator=draws)
    category = (codes + torch.randint(2, (rows,), generator=draws)) % 3
    table = Table(numeric=("u", "v"), mean=(0.0, 0.0), std=(1.0, 1.0), categories=(Category(name="c", size=3),))
    spec = Spec(inputs={"x": table}, outputs={"y": LABELS}, train_size=rows)
    return Dataset(spec, {"x": {"numeric": numbers, "codes": category[:, None]}, "y": {"codes": codes}})


def learned(train: Dataset, task: Any = TASK, **settings: Any) -> PNN:
    network = PNN(Config(**settings), train.spec, task)
    with torch.no_grad():
        assert list(network.learn(Parts(train, None, None), Clock()))
    return network.eval()


def vectors(dataset: Dataset) -> tuple[Tensor, Tensor]:
    rows = dataset.all()
    onehot = torch.nn.functional.one_hot(rows["x"].codes_BK[:, 0], 3)
    return torch.cat([rows["x"].numeric_BF, onehot], 1).double(), rows["y"]


def by_the_book(x: Tensor, stored: Tensor, codes: Tensor, sigma: float) -> Tensor:
    """log p(k) p(x | k), row by row and class by class, in float64 (B K)."""
    out = torch.empty(len(x), 3, dtype=torch.float64)
    for b, k in itertools.product(range(len(x)), range(3)):
        mine = stored[codes == k]
        kernels = torch.exp(-((x[b] - mine) ** 2).sum(1) / (2 * sigma**2)) / (2 * math.pi * sigma**2) ** (x.shape[1] / 2)
        out[b, k] = torch.log(kernels.mean() * len(mine) / len(stored))
    return out


def test_outputs_are_the_joint_densities_of_the_paper():
    train, asked = made(60), made(10, spread=2.0)
    network = learned(train)
    wanted = by_the_book(vectors(asked)[0], *vectors(train), float(network.sigma))
    torch.testing.assert_close(network(asked.all().inputs)["y"].double(), wanted, atol=2e-4, rtol=0)
    torch.testing.assert_close(network.surprise(asked.all().inputs).double(), -wanted.logsumexp(1), atol=2e-4, rtol=0)


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch):
    network, asked = learned(made()), made(9).all().inputs
    whole, left_out = network(asked)["y"], network.leave_one_out(0.4)
    monkeypatch.setattr(pnn, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(pnn, "LEFT_OUT_AT_ONCE", 11)
    torch.testing.assert_close(network(asked)["y"], whole)
    assert network.leave_one_out(0.4) == pytest.approx(left_out, rel=1e-6)


def test_leaving_a_row_out_is_asking_the_network_without_it():
    train = made(40)
    network = learned(train)
    x, codes = vectors(train)
    total = 0.0
    for row in range(40):
        others = torch.arange(40) != row
        joint = by_the_book(x[row : row + 1], x[others], codes[others], 0.5)[0]
        total -= max(float(joint[codes[row]] - joint.logsumexp(0)), math.log(1e-12)) / 40
    assert network.leave_one_out(0.5) == pytest.approx(total, rel=1e-5)
    assert network.leave_one_out(0.01) > 2  # a row that foretold itself would make this 0


def test_the_smoothing_found_is_the_best_of_a_dense_scan():
    network = learned(made(80))
    best = min(network.leave_one_out(float(sigma)) for sigma in torch.logspace(-1.5, 1, 150))
    assert network.leave_one_out(float(network.sigma)) < best + 1e-5
    assert len(network.found["tried"]) == 22 and len({sigma for sigma, _ in network.found["tried"]}) == 22


def test_few_rows_left_out_are_foretold_by_all_others():
    network = learned(made(60), left_out=20)
    assert len(network.rows_ND) == 60
    assert network.leave_one_out(0.5) != learned(made(60)).leave_one_out(0.5)


def test_digits_in_four_folds_are_right_in_98_of_100():
    pixels, labels = load_digits(return_X_y=True)
    image = Image(channels=1, height=8, width=8, mean=(0.305,), std=(0.376,))
    spec = Spec(inputs={"image": image}, outputs={"digit": Classes(labels=tuple("0123456789"))}, train_size=len(labels))
    columns = {
        "image": {"pixels": torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)},
        "digit": {"codes": torch.tensor(labels)},
    }
    full, task, right = Dataset(spec, columns), tasks.find("image-classification"), 0.0
    for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(pixels, labels):
        network = learned(full.part(torch.tensor(train)), task, grid=8, refinements=3, left_out=500)
        right += task.evaluate(network, full.part(torch.tensor(test))).scores["accuracy"] * len(test)
    assert right / len(labels) > 0.983, right / len(labels)


def test_it_goes_on_after_any_interruption_to_the_same_bits():
    parts = Parts(made(), None, None)
    whole = learned(parts.train, grid=4, refinements=4)
    for kill in range(1, 10):
        first = PNN(whole.config, whole.spec, TASK)
        list(itertools.islice(first.learn(parts, Clock()), kill))
        found, tensors = json.loads(json.dumps(first.found)), first.state_dict()
        second = PNN(whole.config, whole.spec, TASK, found)
        second.load_state_dict(tensors)
        left = len(list(second.learn(parts, Clock())))
        assert left == 9 - kill and second.found == whole.found
        assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in second.state_dict().items())


def test_weights_count_as_repeated_rows_and_rows_without_label_are_left_out():
    full = made(30)
    repeated = full.part(torch.tensor([*range(30), 4, 4, 9]))
    weight = torch.ones(31)
    weight[4], weight[9] = 3.0, 2.0
    columns = {
        "x": {name: torch.cat([tensor, tensor[:1]]) for name, tensor in full.columns["x"].items()},
        "y": {"codes": torch.cat([full.columns["y"]["codes"], torch.tensor([-1])])},
    }
    weighted = Dataset(full.spec, columns, weight=weight)
    one, other = learned(repeated), learned(weighted)
    assert len(one.rows_ND) == 33 and len(other.rows_ND) == 30
    sigma = torch.tensor(0.6)
    x = vectors(made(12))[0].float()
    torch.testing.assert_close(other.log_joint(x, sigma), one.log_joint(x, sigma))


def test_far_from_everything_the_answer_is_finite_and_the_surprise_high():
    network = learned(made())
    far, near = (Rows(torch.full((1, 2), value), torch.ones(1, 1, dtype=torch.long)) for value in (1e4, 0.5))
    assert network({"x": far})["y"].isfinite().all()
    assert network.surprise({"x": far}) > network.surprise({"x": near}) + 1000


def test_a_label_without_rows_is_named():
    full = made()
    some = full.part((full.columns["y"]["codes"] != 1).nonzero()[:, 0])
    with pytest.raises(DataError, match="green"):
        learned(some)


def test_the_predict_path_traces():
    network, inputs = learned(made()), made(5).all().inputs
    traced = torch.export.export(network, (inputs,)).module()
    torch.testing.assert_close(traced(inputs)["y"], network(inputs)["y"])


def test_it_says_what_it_can_do_and_what_to_do_instead():
    spec = made().spec
    able = PNN.can(spec, TASK)
    assert isinstance(able, Can) and Surprise in able
    numbers = Values(names=("y",), mean=(0.0,), std=(1.0,))
    assert "gmdh" in str(PNN.can(Spec(inputs=spec.inputs, outputs={"y": numbers}, train_size=9), TASK))
    text = Spec(inputs={"x": Tokens(vocabulary=9, longest=5)}, outputs={"y": LABELS}, train_size=9)
    assert not PNN.can(text, TASK) and "lstm" in str(PNN.can(text, TASK))
