"""The fused update on gathered lists against torch.optim.AdamW, to the bit; orthogonal momentum against torch.optim.Muon."""

import pytest
import torch
from torch import nn

from nnzoo.core.learning import AdamW, Muon
from nnzoo.training import muon
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


def wide():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 2))


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_matrices_of_some_size_learn_as_by_torchs_muon_and_the_rest_as_by_adamw_also_after_a_restart(weight_decay):
    ours, theirs = wide(), wide()
    how = Muon(lr=0.02, momentum=0.9, weight_decay=weight_decay)
    mine = Optimiser(how, list(ours.named_parameters()), 20)
    matrices = [theirs[0].weight, theirs[2].weight]  # the last has two rows
    rest = [p for p in theirs.parameters() if all(p is not matrix for matrix in matrices)]
    orthogonal = torch.optim.Muon(matrices, lr=0.02, momentum=0.9, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    plain = torch.optim.AdamW(rest, lr=0.02, weight_decay=weight_decay, fused=True)
    for step in range(12):
        gradients(ours, step)
        gradients(theirs, step)
        mine.step(step, torch.zeros(()))
        orthogonal.step()
        plain.step()
        if step == 7:
            fresh = Optimiser(how, list(ours.named_parameters()), 20)
            fresh.load(mine.tensors())
            mine = fresh
    moved = dict(zip(dict(wide().named_parameters()), [(a - b).norm() for a, b in zip(ours.parameters(), wide().parameters())]))
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert (a - b).norm() < 0.01 * moved[name], name  # products in bfloat16
        assert name in ("0.weight", "2.weight") or torch.equal(a, b)


def test_a_masked_orthogonal_step_changes_neither_weights_nor_momentum():
    net = wide()
    optimiser = Optimiser(Muon(), list(net.named_parameters()), 20)
    for step in range(3):
        gradients(net, step)
        optimiser.step(step, torch.zeros(()))
    weights = [p.detach().clone() for p in net.parameters()]
    state = {name: tensor.clone() for name, tensor in optimiser.tensors().items()}
    assert "0.weight/momentum" in state
    for p in net.parameters():
        p.grad = torch.full_like(p, torch.nan)
    optimiser.step(3, torch.ones(()))
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert all(torch.equal(state[name], tensor) for name, tensor in optimiser.tensors().items())


def test_windows_of_a_convolution_are_a_matrix_whose_singular_values_come_near_one_and_named_ones_are_spared():
    torch.manual_seed(7)
    made = muon.orthogonal(torch.randn(32, 16, 3, 3).to(memory_format=torch.channels_last))
    values = torch.linalg.svdvals(made.flatten(1))
    assert made.shape == (32, 16, 3, 3) and values.min() > 0.6 and values.max() < 1.3
    net = nn.ModuleDict({"labels": nn.Embedding(20, 30), "body": nn.Linear(30, 20)})
    optimiser = Optimiser(Muon(spared=("labels",)), list(net.named_parameters()), 5)
    assert len(optimiser.matrices) == 1 and optimiser.matrices[0] is net["body"].weight
