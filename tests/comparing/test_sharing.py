"""Data between processes: tensors are shared through memory, never sent; requests and results arrive as they left."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from entrants import CARD, Linear, flowers

from nnzoo import networks
from nnzoo.comparing.baselines import baselines_for
from nnzoo.comparing.candidate import Given, Request, run_candidate
from nnzoo.comparing.sharing import map_arrays, pack, received, sent, sent_back, taken_back, unpack, write_arrays
from nnzoo.data.prepare import prepare
from nnzoo.networks import find
from nnzoo.training.settings import Settings


@pytest.fixture(scope="module")
def prepared():
    return prepare(flowers(), targets=("flower",))


@pytest.fixture(scope="module")
def given(prepared):
    return Given.on("cpu", prepared.spec, prepared.task, prepared.parts)


def through(value, tmp_path):
    skeleton, arrays = pack(value)
    places = write_arrays(arrays, tmp_path / "data")
    return unpack(skeleton, map_arrays(tmp_path / "data", places)), skeleton, arrays


def test_tensors_of_every_type_and_shape_arrive(tmp_path):
    values = [
        torch.arange(6.0).view(2, 3),
        torch.tensor([True, False, True]),
        torch.tensor(3.5, dtype=torch.float64),
        torch.zeros(0, 4),
        torch.randn(5).to(torch.bfloat16),
        torch.arange(12).view(3, 4)[:, ::2],
        torch.tensor([7], dtype=torch.uint8),
    ]
    found, _, _ = through(values, tmp_path)
    for one, other in zip(values, found):
        assert one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)


def test_nothing_but_empty_tensors_needs_no_memory(tmp_path):
    found, _, _ = through([torch.zeros(0, 4)], tmp_path)
    assert found[0].shape == (0, 4)


def test_the_parts_of_a_set_share_their_storage_there_too(prepared, tmp_path):
    host, _, arrays = through(prepared.parts, tmp_path)
    (name,) = prepared.spec.inputs
    columns = [part.columns[name]["numeric"].data_ptr() for part in (host.train, host.valid, host.test)]
    assert len(set(columns)) == 1
    assert len({array.ctypes.data for array in arrays if array.size}) == len([array for array in arrays if array.size])
    for part in ("train", "valid", "test"):
        one, other = getattr(prepared.parts, part).all(), getattr(host, part).all()
        assert torch.equal(one.inputs[name].numeric_BF, other.inputs[name].numeric_BF)


def test_the_data_are_not_in_what_is_sent():
    few, many = (pack({"x": torch.zeros(n, 10)})[0] for n in (1_000, 100_000))
    assert len(many) < len(few) + 50


def test_writing_to_mapped_data_changes_them_for_nobody_else(tmp_path):
    places = write_arrays([np.arange(8, dtype=np.uint8)], tmp_path / "data")
    one, other = (map_arrays(tmp_path / "data", places)[0] for _ in range(2))
    one[0] = 9
    assert other[0] == 0 and map_arrays(tmp_path / "data", places)[0][0] == 0


def request_for(make, **more):
    return Request("kind", "network", make, Settings(budget="5steps", seed=3), keep=True, **more)


def test_a_request_names_the_kind_so_that_another_process_finds_it(tmp_path):
    own = tmp_path / "own_linear.py"
    own.write_text(
        "from nnzoo.core.network import Network, NetworkConfig\n\n\nclass Config(NetworkConfig):\n    lr: float = 0.1\n\n\n"
        "class Own(Network):\n    pass\n"
    )
    for make in (find("mlp"), find(str(own)), Linear):
        message = sent(request_for(make, config={"lr": 0.5}))
        assert (make.__qualname__.encode() in message) == (make is Linear)
        back = received(message)
        assert back.make is make and back.config == {"lr": 0.5} and back.settings == Settings(budget="5steps", seed=3)


def test_a_network_comes_back_with_all_that_it_learned(given, prepared):
    assert CARD.year  # the kind is one of the tests' own
    for make, config in ((Linear, {}), (find("gmdh"), {"width": 4, "depth": 2}), (find("pnn"), {}), (find("mlp"), {})):
        request = request_for(make, config=config)
        result = run_candidate(given, request, lambda event: None)
        back = taken_back(sent_back(result), given, request)
        inputs = prepared.parts.test.all().inputs
        with torch.no_grad():
            (one,), (other,) = result.learned(inputs).values(), back.learned(inputs).values()
        assert back.learned is not result.learned and torch.equal(one, other) and not back.learned.training
        assert back.learned.found == result.learned.found
        assert back.evaluations[0].scores == result.evaluations[0].scores
        assert (back.evaluations[0].predictions == result.evaluations[0].predictions).all()


def test_a_baseline_comes_back(given, prepared):
    for make in baselines_for(prepared.spec):
        request = Request(make.kind, "baseline", make, Settings(budget="5steps"), seeds=(0, 1), keep=True)
        result = run_candidate(given, received(sent(request)), lambda event: None)
        back = taken_back(sent_back(result), given, request)
        inputs = prepared.parts.test.all().inputs
        assert torch.equal(result.learned(inputs)["flower"], back.learned(inputs)["flower"])


def test_what_is_not_to_be_kept_is_not_sent(given):
    request = Request("mlp", "network", networks.find("mlp"), Settings(budget="5steps"))
    assert run_candidate(given, request, lambda event: None).learned is None
