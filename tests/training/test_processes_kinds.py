"""Each kind on two processes does what its card says of them."""

import pytest
import torch
from kill_cases import CASES, _kind, _numbers, _parts, _pictures
from processes_harness import ready, results
from processes_rule import by_hand
from toys import differing, text, weights

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.fields import Classes, Graph, Spec
from nnzoo.core.seeds import generator
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

STEPS = 12


def gcn(**config):
    """A ring of communities, some of whose nodes are labelled."""
    nodes, draw = 60, generator(4)
    edges = torch.cat([torch.arange(nodes).expand(3, -1).reshape(1, -1), torch.randint(0, nodes, (1, 3 * nodes), generator=draw)])
    spec = Spec(inputs={"graph": Graph(features=5)}, outputs={"label": Classes(labels=("a", "b"))}, train_size=31)
    columns = {
        "graph": {"x": torch.randn(nodes, 5, generator=draw), "edges": torch.cat([edges, edges.flip(0)], 1)},
        "label": {"codes": torch.randint(0, 2, (nodes,), generator=draw)},
    }
    whole = Dataset(spec, columns)
    parts = Parts(whole.part(torch.arange(31)), whole.part(torch.arange(31, nodes)), None)
    return _kind("gcn", "node-classification", parts, **config)


def mlp(**config):
    return _kind("mlp", "tabular-classification", CASES["mlp"].make()[1], hidden=(16, 8), batch=24, **config)


def lstm(**config):
    return _kind("lstm", "text-generation", text(400), width=6, hidden=8, window=9, batch=5, **config)


def cnn(**config):
    return _kind("cnn", "image-classification", CASES["cnn"].make()[1], channels=(4, 6), hidden=8, batch=13, **config)


def wgan_gp(**config):
    return _kind("wgan_gp", "unconditional-generation", CASES["wgan_gp"].make()[1], width=8, depth=2, batch=25, **config)


def latent_diffusion(**config):
    parts = _parts({"x": _numbers(96, 3)}, {})
    return _kind("latent_diffusion", "unconditional-generation", parts, width=8, steps=10, batch=25, **config)


def rbm(**config):
    return _kind("rbm", "unconditional-image-generation", _parts({"x": _pictures(64, 5)}, {}), hidden=8, steps=2, batch=12)


EXACT = {"mlp": mlp(dropout=0), "gcn": gcn(dropout=0), "lstm": lstm(dropout=0)}
OWN_SEEDS = {
    "mlp": mlp(dropout=0.3),
    "cnn": cnn(dropout=0.2, shift=1, flip=True),
    "gcn": gcn(),
    "lstm": lstm(),
    "wgan_gp": wgan_gp(critic_steps=3),
}
ALONE = {"pnn": CASES["pnn"].make, "gmdh": CASES["gmdh"].make, "rbm": rbm()}


def learned(make, processes=None, valid=True, **settings):
    """Tensors, found, and history of a run."""
    network, parts = make()
    parts = parts if valid else Parts(parts.train, None, None)
    outcome = train(network, parts, Settings(device="cpu", **settings), processes=processes)
    return weights(outcome.network), outcome.network.found, outcome.steps, outcome.validation


def close(one, other, within=1e-5):
    """Names of tensors that differ by more than this share of their size."""
    return [
        name for name in one if (one[name].double() - other[name].double()).norm() > within * (1e-6 + other[name].double().norm())
    ]


@pytest.fixture(scope="module")
def by_two():
    """What two processes learn of every kind: by name and rule, from each process."""
    ready()

    def work(processes):
        done = {}
        for name, make in EXACT.items():
            done["exact", name] = learned(make, processes, budget="15epochs")
        for name, make in OWN_SEEDS.items():
            done["own seeds", name] = learned(make, processes, valid=False, budget=f"{STEPS}steps")
        for name, make in ALONE.items():
            done["alone", name] = learned(make, processes, budget="3epochs")
        done["latent_diffusion"] = learned(latent_diffusion(), processes, valid=False, budget="20steps")
        return done

    return results(work)


def test_both_processes_learn_the_same_bits(by_two):
    first, second = by_two
    assert {name: differing(first[name][0], second[name][0]) for name in first} == {name: [] for name in first}
    assert all(first[name][1:] == second[name][1:] for name in first)


@pytest.mark.parametrize("name", EXACT)
def test_without_dropout_a_whole_training_equals_that_of_one_process(name, by_two):
    alone = learned(EXACT[name], budget="15epochs")
    together = by_two[0]["exact", name]
    assert close(together[0], alone[0]) == []
    assert together[2] == alone[2] and together[3] == pytest.approx(alone[3], rel=1e-5)


@pytest.mark.parametrize("name", OWN_SEEDS)
def test_each_process_draws_its_own_random_numbers_and_gradients_are_averaged(name, by_two):
    network, parts = OWN_SEEDS[name]()
    assert close(by_two[0]["own seeds", name][0], by_hand(network, parts, 2, STEPS)) == []


@pytest.mark.parametrize("name", ALONE)
def test_a_rule_is_carried_out_by_the_first_process_as_if_it_were_alone(name, by_two):
    alone = learned(ALONE[name], budget="3epochs")
    assert differing(by_two[0]["alone", name][0], alone[0]) == []
    assert by_two[0]["alone", name][1:] == alone[1:]


def test_latent_diffusion_has_its_own_noise_in_each_process_and_one_scale(by_two):
    network, parts = latent_diffusion()()
    tensors = by_two[0]["latent_diffusion"][0]
    by_rule = by_hand(network, parts, 2, steps=4)  # a fifth of the budget
    codec = {name: tensor for name, tensor in tensors.items() if name.startswith("codec.")}
    assert len(codec) > 8 and close(codec, by_rule) == []
    network.load_state_dict(tensors)
    mean_BZ, _ = network.codec.q(parts.train.all().inputs["x"].numeric_BF)
    torch.testing.assert_close(tensors["mean_Z"], mean_BZ.mean(0))
    assert "denoiser.leave.weight" in differing(tensors, by_rule)
