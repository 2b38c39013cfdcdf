"""What a step changes and what it leaves alone: moves, their parameters, frozen parts, names."""

import pytest
import torch
from torch import nn
from toys import HOST, Committee, Grower, Players, Smooth, Staged, committee, differing, new, run, weights

from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import SGD, Descend, Done, Solve, Stage
from nnzoo.training.names import parameters_of, prepare_modes, training_mode
from nnzoo.training.settings import Settings

STEPS = Settings(device="cpu", budget="7steps")


def counting(network, name):
    """Count how often a loss of `network` is asked for, and at which steps."""
    inner, steps = getattr(network, name), []

    def loss(batch, clock):
        steps.append(clock.step)
        return inner(batch, clock)

    setattr(network, name, loss)
    return steps


def test_a_move_with_every_is_made_at_every_nth_step_after_the_others():
    network = new(Players)
    critic, generator = counting(network, "critic_loss"), counting(network, "generator_loss")
    run(network, settings=STEPS)
    assert critic == [0, 1, 2, 3, 4, 5, 6]
    assert generator == [2, 5]


def test_a_move_changes_only_the_parameters_it_names():
    def only(names):
        def plan(network):
            return (Stage((Descend("task", network.task_loss, params=names, optimizer=SGD(lr=0.1)),), feed=shuffled(16)),)

        network = new(Smooth, plan)
        before = weights(network)
        run(network, settings=STEPS)
        return [name for name in differing(before, weights(network)) if not name.startswith("norm.running") and "num_b" not in name]

    assert only(("after",)) == ["after.bias", "after.weight"]
    assert only(("before.weight", "after.bias")) == ["after.bias", "before.weight"]


def test_what_a_stage_does_not_train_is_frozen_and_in_eval_mode():
    modes = {}

    def plan(network):
        def loss(batch, clock):
            if clock.training:
                modes.update({name: module.training for name, module in network.named_modules() if name})
                modes["frozen"] = not any(p.requires_grad for p in network.codec.parameters())
            network.codec(batch["x"].numeric_BF)  # a batch norm in train mode would move its statistics here
            return network.denoise_loss(batch, clock)

        return (Stage((Descend("denoise", loss),), ("denoiser",), network.own_stages()[1].feed),)

    network = new(Staged, plan)
    before = weights(network)
    run(network, settings=STEPS)
    assert modes["frozen"] and modes["denoiser"]
    assert not any(modes[name] for name in ("codec", "codec.1", "codec.2", "parts"))
    assert differing(before, weights(network)) == ["denoiser.bias", "denoiser.weight"]


def test_a_move_over_everything_changes_only_what_the_stage_trains():
    def plan(network):
        return (Stage((Descend("rebuild", network.rebuild_loss),), ("codec.3",), shuffled(16)),)

    network = new(Staged, plan)
    before = weights(network)
    run(network, settings=STEPS)
    assert differing(before, weights(network)) == ["codec.3.bias", "codec.3.weight"]


def test_validation_leaves_the_modes_of_training_as_they_were():
    seen = []

    def plan(network):
        def loss(batch, clock):
            seen.append((clock.training, network.norm.training))
            return network.task_loss(batch, clock)

        return (Stage((Descend("task", loss),), feed=shuffled(16), validate=loss, patience=0),)

    run(new(Smooth, plan), settings=STEPS)
    assert set(seen) == {(True, True), (False, False)}


def test_parts_are_trained_by_name_only():
    network = committee()
    before = weights(network)
    run(network, settings=STEPS)
    assert differing(before, weights(network)) == ["vote.bias", "vote.weight"]  # not even statistics of the members

    def plan(network):
        move = Descend("task", network.task_loss, params=("parts.first",))
        return (Stage((move,), ("", "parts.first"), shuffled(16)),)

    network = committee(plan)
    before = weights(network)
    run(network, settings=STEPS)
    changed = differing(before, weights(network))
    assert changed and all(name.startswith("parts.first.") for name in changed)
    assert "parts.first.norm.running_mean" in changed


def test_order_of_names_does_not_matter_to_modes():
    network = committee()
    for names in (("", "parts.first"), ("parts.first", "")):
        training_mode(network, names)
        assert network.training and network.parts["first"].norm.training and not network.parts["second"].norm.training


def test_names_are_resolved_when_the_stage_starts():
    def plan(network):
        def grow(parts, clock):
            network.extra = nn.Linear(1, 1)
            yield Done(1.0)

        def loss(batch, clock):
            return network.task.loss({"y": network.extra(batch["x"].numeric_BF[:, :1])}, batch)

        return (Stage((Solve("grow", grow),)), Stage((Descend("fit", loss, params=("extra",)),), ("extra",), shuffled(16)))

    network = new(Grower, plan)
    run(network, settings=STEPS)
    torch.manual_seed(0)
    assert "extra.weight" in network.state_dict() and network.extra.weight.requires_grad


def test_stages_are_asked_for_anew_after_each_since_a_network_may_have_grown():
    """As in a stack of machines whose depth is found out on the way."""

    def plan(network):
        def deepen(parts, clock):
            network.found["depth"] = 3
            yield Done(1.0)

        descend = Stage((Descend("task", network.rebuild_loss),), feed=shuffled(16), epochs=1)
        return (Stage((Solve("deepen", deepen),)), *[descend] * network.found.get("depth", 1))

    assert run(new(Staged, plan)).steps == 1 + 3 * 3


def test_an_unknown_name_and_a_move_without_anything_to_change_are_said():
    with pytest.raises(ConfigError, match="no submodule or parameter 'decoder'"):
        parameters_of(new(Staged), ("decoder",))

    def plan(network):
        return (Stage((Descend("codec", network.rebuild_loss, params=("codec",)),), ("denoiser",), shuffled(16)),)

    with pytest.raises(ConfigError, match=r"move 'codec' has nothing to change.*'codec'"):
        run(new(Staged, plan))


def test_names_match_whole_components():
    network = new(Committee, parts={"a": new(Smooth), "ab": new(Smooth)})
    assert all(name.startswith("parts.a.") for name, _ in parameters_of(network, ("parts.a",)))


def test_a_rule_over_all_data_does_not_share_a_stage_with_moves_over_batches():
    def plan(network):
        def rule(parts, clock):
            yield Done()

        return (Stage((Solve("whole", rule), Descend("task", network.task_loss))),)

    with pytest.raises(ConfigError, match="make two stages"):
        run(new(Smooth, plan))


def test_after_training_everything_is_thawed_and_in_eval_mode():
    network = run(new(Staged), settings=HOST).network
    assert all(p.requires_grad for p in network.parameters()) and not any(m.training for m in network.modules())


def test_frozen_parameters_get_no_gradient():
    network = new(Staged)
    trained = prepare_modes(network, ("denoiser",))
    assert [name for name, _ in trained] == ["denoiser.weight", "denoiser.bias"]
    assert not any(p.requires_grad for name, p in network.named_parameters() if not name.startswith("denoiser"))
