"""The fused update on gathered lists against torch.optim.AdamW, to the bit."""

import pytest
import torch
from torch import nn

from nnzoo.core.learning import AdamW
from nnzoo.training.optimisers import Optimiser


def layers():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 2))


def gradients(net, step, skip=None):
    torch.manual_seed(100 + step)
    for name, parameter in net.named_parameters():
        parameter.grad = None if name == skip else torch.randn_like(parameter)


@pytest.mark.parametrize(("weight_decay", "spares"), [(0.0, False), (0.3, False), (0.3, True)])
def test_adamw_equals_torchs_to_the_bit_also_where_a_gradient_is_missing_and_after_a_restart(weight_decay, spares):
    ours, theirs = layers(), layers()
    how = AdamW(lr=0.02, betas=(0.7, 0.95), eps=1e-6, weight_decay=weight_decay, spares_vectors=spares)
    mine = Optimiser(how, list(ours.named_parameters()), 20)
    groups = [
        {"params": [theirs[0].weight, theirs[2].weight]},
        {"params": [theirs[0].bias, theirs[2].bias], "weight_decay": 0.0 if spares else weight_decay},
    ]
    plain = torch.optim.AdamW(groups, lr=0.02, betas=(0.7, 0.95), eps=1e-6, weight_decay=weight_decay, fused=True)
    for step in range(12):
        skip = "2.bias" if step in (0, 5) else None
        gradients(ours, step, skip)
        gradients(theirs, step, skip)
        mine.step(step, None)
        plain.step()
        if step == 7:
            fresh = Optimiser(how, list(ours.named_parameters()), 20)
            fresh.load(mine.tensors())
            mine = fresh
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_masked_step_changes_neither_weights_nor_counts():
    net = layers()
    optimiser = Optimiser(AdamW(), list(net.named_parameters()), 20)
    for step in range(3):
        gradients(net, step)
        optimiser.step(step, torch.zeros(()))
    assert optimiser.lists is not None
    weights = [p.detach().clone() for p in net.parameters()]
    state = {name: tensor.clone() for name, tensor in optimiser.tensors().items()}
    gradients(net, 3)
    optimiser.step(3, torch.ones(()))
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert all(torch.equal(state[name], tensor) for name, tensor in optimiser.tensors().items())
    gradients(net, 4)
    optimiser.step(4, torch.zeros(()))
    assert not any(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
