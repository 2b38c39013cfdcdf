"""Packed matrices give the same numbers, are taken where they pay, and are gone afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnzoo.blocks.packed import Tied, packed


def test_packed_products_are_the_same_and_only_for_a_while():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(400, 600), nn.ReLU(), nn.Linear(600, 300, bias=False), nn.Linear(300, 4)).eval()
    for x in (torch.randn(8, 1, 400), torch.randn(1, 1, 400), torch.randn(8, 40, 400)):
        with torch.no_grad():
            usual = network(x)
            with packed(network, 8, 100):
                exchanged = ["forward" in vars(layer) for layer in network]
                assert torch.allclose(network(x), usual, atol=1e-5)
                network[0].weight.add_(1.0)  # what was packed is not what stands there now
                stale = torch.allclose(network(x), usual, atol=1e-5)
                network[0].weight.sub_(1.0)
        assert exchanged == [True, False, True, False]
        assert stale == (x.numel() // 400 <= 16)  # long prompts are multiplied as usual
    assert not any("forward" in vars(layer) for layer in network)


@pytest.mark.parametrize(("rows", "times"), [(8, 2), (1000, 100)])
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
