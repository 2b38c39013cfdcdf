"""rbm against machines so small that every state can be counted."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.abilities import Encodes, Samples, Surprise
from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes, Image, Spec, Table
from nnzoo.core.learning import Clock
from nnzoo.core.network import Can
from nnzoo.core.seeds import seed_default
from nnzoo.networks.energy.rbm import RBM, Config

TASK = tasks.find("unconditional-image-generation")
IMAGE = Image(channels=1, height=2, width=3, mean=(0.3,), std=(0.4,))
STATES_SV = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6)))


def machine(image: Image = IMAGE, scale: float = 1.0, **settings: object) -> RBM:
    torch.manual_seed(3)
    network = RBM(Config(**{"hidden": 4, **settings}), Spec(inputs={"image": image}, train_size=10), TASK)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * scale)
    network.requires_grad_(False)
    return network


def pictures(v_BV: Tensor, image: Image = IMAGE) -> Dataset:
    shape = (-1, image.channels, image.height, image.width)
    return Dataset(Spec(inputs={"image": image}, train_size=len(v_BV)), {"image": {"pixels": v_BV.reshape(shape)}})


def joint_log_weights(network: RBM) -> Tensor:
    """-E(v, h) for all states of both layers (S R), from the definition."""
    hidden_RH = torch.tensor(list(itertools.product((0.0, 1.0), repeat=network.config.hidden)))
    return (STATES_SV @ network.b)[:, None] + hidden_RH @ network.c + STATES_SV @ network.W @ hidden_RH.T


def log_probability(network: RBM) -> Tensor:
    """Exact log p(v) of every state (S)."""
    weights_SR = joint_log_weights(network)
    return weights_SR.logsumexp(1) - weights_SR.logsumexp((0, 1))


def test_free_energy_sums_over_all_hidden_states():
    network = machine()
    torch.testing.assert_close(-network.free_energy(STATES_SV), joint_log_weights(network).logsumexp(1))


def test_pseudo_likelihood_is_the_sum_of_exact_conditionals():
    network = machine()
    log_p = log_probability(network)
    wanted = torch.zeros(len(STATES_SV))
    for state in range(len(STATES_SV)):
        for bit in range(6):
            flipped = state ^ (1 << (5 - bit))  # the first unit is the highest binary digit
            wanted[state] += log_p[state] - torch.logaddexp(log_p[state], log_p[flipped])
    torch.testing.assert_close(network.pseudo_log_likelihood(STATES_SV), wanted)


def test_pseudo_likelihood_from_every_bit_once_is_the_exact_one_on_average():
    network = machine()
    one_bit = [network.pseudo_log_likelihood(STATES_SV, torch.full((64, 1), bit)) for bit in range(6)]
    torch.testing.assert_close(torch.stack(one_bit).mean(0), network.pseudo_log_likelihood(STATES_SV))


@pytest.mark.parametrize("persistent", [True, False])
def test_with_many_gibbs_steps_the_update_is_the_exact_gradient(persistent: bool):
    network = machine(scale=0.7, steps=60, persistent=persistent, lr=1.0)
    data_BV = STATES_SV[torch.tensor([1, 7, 7, 40, 62])]
    network.requires_grad_(True)
    (-network.free_energy(data_BV).mean() - (-network.free_energy(STATES_SV)).logsumexp(0)).backward()
    wanted = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}  # type: ignore[union-attr]
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    seed_default(1)
    with torch.no_grad():
        clock = Clock(memory=network.memory(40_000))
        assert list(network.learn(pictures(data_BV.repeat(8000, 1)).all(), clock))
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.detach() - before[name], wanted[name], atol=0.012, rtol=0)
        assert wanted[name].abs().max() > 0.1


def test_contrastive_divergence_begins_at_the_data():
    """Pictures that one step of Gibbs sampling leaves as they are teach nothing; begun elsewhere, chains would be far from them."""
    network = machine(steps=1, persistent=False, lr=1.0)
    data_BV = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    network.W.copy_(40 * (2 * data_BV.T - 1)[:, [0, 0, 1, 1]])
    network.b.zero_()
    network.c.zero_()
    before = network.W.clone()
    list(network.learn(pictures(data_BV.repeat(50, 1)).all(), Clock()))
    torch.testing.assert_close(network.W, before)


TWO_BV = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])


def learned(steps: int = 2000, carried: bool = True) -> RBM:
    """After PCD-1 on two pictures; without `carried`, every batch's chains begin anew."""
    network = machine(scale=0.05, steps=1, lr=0.05)
    batch = pictures(TWO_BV.repeat(200, 1)).all()
    clock = Clock(memory=network.memory(400))
    for step in range(steps):
        if not carried:
            clock.memory = network.memory(400)
        seed_default(0, step)
        list(network.learn(batch, clock))
    return network


def test_persistent_chains_learn_two_pictures_nearly_by_heart():
    p_S = log_probability(learned()).exp()
    assert p_S[0b111000] > 0.42 and p_S[0b000111] > 0.42, (p_S[0b111000], p_S[0b000111])  # one half each at best
    p_S = log_probability(learned(carried=False)).exp()
    assert min(p_S[0b111000], p_S[0b000111]) < 0.3


def test_samples_follow_the_exact_distribution():
    network = machine(scale=0.8)
    seed_default(5)
    v_nV = network.image.restore(network.sample(20_000)).flatten(1)
    p_S = log_probability(network).exp()
    torch.testing.assert_close(v_nV.mean(0), p_S @ STATES_SV, atol=0.012, rtol=0)


def test_chains_go_on_from_memory_to_the_same_bits():
    data = pictures(STATES_SV[::3])

    def run(network: RBM, memory: dict[str, Tensor], steps: range) -> dict[str, Tensor]:
        clock = Clock(memory=memory)
        for step in steps:
            clock.step = step
            seed_default(0, step)
            list(network.learn(data.all(), clock))
        return clock.memory

    whole = machine(steps=1)
    run(whole, whole.memory(22), range(8))
    first = machine(steps=1)
    memory = run(first, first.memory(22), range(5))
    assert memory["chains"].any() and not first.memory(22)["chains"].any()
    second = RBM(first.config, first.spec, TASK, first.found).requires_grad_(False)
    second.load_state_dict(first.state_dict())
    run(second, {name: tensor.clone() for name, tensor in memory.items()}, range(5, 8))
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), second.state_dict().values()))
    forgetful = machine(steps=1)
    run(forgetful, forgetful.memory(22), range(5))
    run(forgetful, forgetful.memory(22), range(5, 8))
    assert not torch.equal(forgetful.W, whole.W)


def test_a_row_of_weight_two_counts_as_two_rows():
    rows = STATES_SV[[3, 9, 60]]
    twice, weighted = machine(persistent=True), machine(persistent=True)
    chains = {"chains": torch.ones(4, 4)}
    seed_default(2)
    list(twice.learn(pictures(torch.cat([rows, rows[:1]])).all(), Clock(memory=dict(chains))))
    batch = pictures(rows).all()
    batch.weight = torch.tensor([2.0, 1.0, 1.0])
    seed_default(2)
    list(weighted.learn(batch, Clock(memory=dict(chains))))
    torch.testing.assert_close(weighted.W, twice.W)


def test_surprise_is_higher_for_a_picture_unlike_those_learned():
    network = learned(steps=300)
    known = network.surprise(pictures(torch.tensor([[1.0, 1, 1, 0, 0, 0]])).all().inputs)
    strange = network.surprise(pictures(torch.tensor([[1.0, 0, 1, 0, 1, 0]])).all().inputs)
    assert strange > known + 1


def test_codes_and_back_are_the_reconstruction_and_the_predict_path_traces():
    image = Image(channels=3, height=4, width=5, mean=(0.2, 0.4, 0.5), std=(0.3, 0.2, 0.5))
    network = machine(image).eval()
    inputs = pictures(torch.rand(2, 60), image).all().inputs
    out = network(inputs)["image"]
    assert out.shape == (2, 3, 4, 5)
    torch.testing.assert_close(network.picture(network.visible(inputs)), inputs["image"])
    torch.testing.assert_close(network.decode(network.encode(inputs)), out)
    traced = torch.export.export(network, (inputs,)).module()
    torch.testing.assert_close(traced(inputs)["image"], out)


def test_it_says_what_it_can_do_and_what_to_do_instead():
    able = RBM.can(Spec(inputs={"image": IMAGE}, train_size=3), TASK)
    assert isinstance(able, Can) and all(ability in able for ability in (Samples, Encodes, Surprise))
    labelled = Spec(inputs={"image": IMAGE}, outputs={"label": Classes(labels=("a", "b"))}, train_size=3)
    assert not RBM.can(labelled, TASK) and "cnn" in str(RBM.can(labelled, TASK))
    table = Spec(inputs={"x": Table(numeric=("a",), mean=(0.0,), std=(1.0,))}, train_size=3)
    assert not RBM.can(table, TASK) and "wgan_gp" in str(RBM.can(table, TASK))
