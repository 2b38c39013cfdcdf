"""Layers called as plain functions give the same bits, leave hooked layers alone, and are modules again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from nnzoo.blocks.direct import direct
from nnzoo.core.errors import RunError
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.tasks._writing import write


def made(kind: str) -> nn.Module:
    spec = Spec(inputs={"text": Tokens(vocabulary=30, longest=1000, lines=False)}, train_size=1)
    torch.manual_seed(0)
    cls = find(kind)
    config = cls.Config.read({"context": 16, "width": 32, "heads": 4, "layers": 2, "dropout": 0.3}, kind)
    return cls(config, spec, find_task("text-generation")).eval()


def exchanged(network: nn.Module) -> list[str]:
    """Layers that stand as plain functions under their names, by path."""
    parents = network.named_modules()
    return [f"{path}.{name}" for path, parent in parents for name, _ in parent.named_children() if name in vars(parent)]


@pytest.fixture(params=["gpt", "llama"])
def network(request: pytest.FixtureRequest) -> Iterator[nn.Module]:
    network = made(request.param)
    yield network
    assert not exchanged(network)


@torch.no_grad()
def test_a_step_is_the_same_to_the_bit(network: nn.Module):
    symbols_BT = torch.randint(30, (3, 9))
    usual, state = network.step(network.start(3), symbols_BT)
    with direct(network):
        assert {"layers.1.norm2", "layers.0.attend", "layers.1.out", "layers.0.down", ".norm", ".next"} <= set(exchanged(network))
        found, again = network.step(network.start(3), symbols_BT)
        last = network.step(again, symbols_BT[:, :1])[0]
    assert torch.equal(found, usual)
    assert torch.equal(last, network.step(state, symbols_BT[:, :1])[0])


def test_who_hooks_a_layer_sees_it(network: nn.Module):
    seen: list[Tensor] = []
    for module in (network.layers[1].out, network.layers[1].attend.weights):
        module.register_forward_hook(lambda module, given, result: seen.append(result))
    write(network, [[1, 2, 3]], tokens=5, temperature=0.0, opening=4, never=())
    assert [tuple(tensor.shape[-2:]) for tensor in seen if tensor.ndim == 3] == [(3, 32), *[(1, 32)] * 4]
    assert sum(tensor.ndim == 4 for tensor in seen) == 5


def test_a_network_that_learns_is_left_alone(network: nn.Module):
    network.train()
    with direct(network):
        assert not exchanged(network)


def test_modules_are_back_after_a_failure_and_learn(network: nn.Module):
    with pytest.raises(ZeroDivisionError), direct(network):
        raise ZeroDivisionError
    written = write(network, [[1, 2, 3]], tokens=5, temperature=0.0, opening=4, never=())
    network.train()
    sum(output.sum() for output in network({"text": sequences(written)}).values()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_learning_network_that_fails_to_write_learns_on(network: nn.Module):
    network.train()
    with torch.no_grad():
        network.layers[0].norm1.weight[0] = torch.nan
    with pytest.raises(RunError, match="nan"):
        write(network, [[1, 2, 3]], tokens=5, opening=4, never=())
    assert all(module.training for module in network.modules())


def test_threads_write_one_after_the_other_what_each_would_write_alone(network: nn.Module):
    def written(seed: int) -> list[list[int]]:
        return write(network, [[1, 2, 3]], tokens=60, seed=seed, opening=4, never=())

    alone = [written(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(written, range(8))) == alone
    assert not any("forward" in vars(module) for module in network.modules())


def sequences(rows: list[list[int]]) -> Sequences:
    return Sequences(torch.tensor(rows), torch.tensor([len(row) for row in rows]))
