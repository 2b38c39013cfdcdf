"""Packed matrices give the same numbers, are taken where they pay, and are gone afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnzoo.blocks.packed import LARGE, Tied, packed


@pytest.mark.parametrize("wide", [400, 1200])  # laid out anew, and packed by the library for several rows
@pytest.mark.parametrize("rows", [1, 8])
def test_products_are_the_same_and_only_for_a_while(wide: int, rows: int):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(400, wide), nn.ReLU(), nn.Linear(wide, 500, bias=False), nn.Linear(500, 4)).eval()
    for x in (torch.randn(rows, 1, 400), torch.randn(1, 1, 400), torch.randn(rows, 40, 400)):
        with torch.no_grad():
            usual = network(x)
            with packed(network, rows, 100):
                exchanged = ["forward" in vars(layer) for layer in network]
                assert torch.allclose(network(x), usual, atol=1e-5)
                network[0].weight.add_(1.0)  # what was laid out is not what stands there now
                stale = torch.allclose(network(x), usual, atol=1e-5)
                network[0].weight.sub_(1.0)
        large = wide * 500 >= LARGE  # of one row large matrices stay as they are
        assert exchanged == ([True, False, True, True] if rows > 1 or not large else [True, False, False, True])
        assert stale == (x.numel() // 400 <= 2 * rows)  # long prompts are multiplied as usual
    assert not any("forward" in vars(layer) for layer in network)


def test_a_network_that_learns_meanwhile_gets_its_gradient():
    layer = nn.Linear(40, 60)
    with packed(layer, 8, 100):
        layer(torch.randn(8, 40)).sum().backward()
    assert layer.weight.grad is not None and bool(layer.weight.grad.any())


@pytest.mark.parametrize(("rows", "times"), [(8, 8), (1000, 100)])
def test_what_would_not_pay_is_left_alone(rows: int, times: int):
    network = nn.Linear(400, 600)
    with packed(network, rows, times):
        assert "forward" not in vars(network)


def test_layers_are_put_back_after_a_failure():
    network = nn.Linear(400, 600)
    with pytest.raises(ZeroDivisionError), packed(network, 8, 100):
        raise ZeroDivisionError
    assert "forward" not in vars(network)


def test_tied_has_no_weights_of_its_own():
    embed = nn.Embedding(600, 400)
    tied = Tied(embed)
    assert not list(tied.parameters()) and not tied.state_dict()
    x = torch.randn(8, 1, 400)
    with torch.no_grad(), packed(tied, 8, 100):
        assert torch.allclose(tied(x), x @ embed.weight.T, atol=1e-4)
