"""Randomness: every move has its own seed, a function of (seed, stage, step, move), and nothing else touches it."""

import torch
from torch.utils.checkpoint import checkpoint
from toys import HOST, Chains, Grower, Players, Reader, Smooth, Staged, differing, history, new, run, table, weights

from nnzoo.core.events import Event
from nnzoo.core.feeds import shuffled, whole
from nnzoo.core.learning import SGD, Descend, Loss, Solve, Stage
from nnzoo.training.settings import Settings

STEPS = Settings(device="cpu", budget="5steps")


def drawn(settings=STEPS, moves=1):
    """What random numbers the moves of a run see, by (move, step)."""
    seen = {}

    def plan(network):
        def loss_of(k):
            def loss(batch, clock):
                seen[k, clock.step] = tuple(torch.rand(3).tolist())
                return network.task_loss(batch, clock)

            return loss

        return (Stage(tuple(Descend(f"move {k}", loss_of(k)) for k in range(moves)), feed=whole()),)

    run(new(Smooth, plan), settings=settings)
    return seen


def test_every_move_of_every_step_draws_other_numbers_and_the_same_again():
    seen = drawn(moves=2)
    assert len(set(seen.values())) == 10
    assert drawn(moves=2) == seen


def test_a_move_draws_the_same_whatever_stands_beside_it():
    assert {key: value for key, value in drawn(moves=2).items() if key[0] == 0} == drawn(moves=1)


def test_another_seed_gives_other_numbers():
    assert not set(drawn().values()) & set(drawn(Settings(device="cpu", budget="5steps", seed=1)).values())


def test_same_seed_same_weights_whatever_the_generator_stood_at():
    for kind in (Smooth, Players, Chains, Grower, Staged, Reader):
        network, other = new(kind), new(kind)
        torch.manual_seed(123)
        one = run(network)
        torch.manual_seed(456)
        two = run(other)
        assert differing(weights(one.network), weights(two.network)) == [], kind.__name__
        assert history(one) == history(two), kind.__name__


def test_another_seed_gives_other_weights():
    for kind in (Smooth, Players, Chains, Grower, Staged):
        one = run(new(kind), settings=HOST).network
        other = run(new(kind), settings=Settings(device="cpu", seed=1)).network
        assert differing(weights(one), weights(other)), kind.__name__


def test_a_listener_that_draws_changes_nothing():
    def greedy(event: Event) -> None:
        torch.rand(17)

    for kind in (Smooth, Players, Chains, Grower, Staged):
        assert differing(weights(run(new(kind)).network), weights(run(new(kind), listen=[greedy]).network)) == [], kind.__name__


def test_augmentation_draws_from_the_seed_of_the_step():
    seen = []

    def shaken(batch):
        seen.append(float(torch.rand(())))
        return batch

    def plan(network):
        return (Stage((Descend("task", network.task_loss),), feed=shuffled(16, shaken), validate=network.task_loss),)

    run(new(Smooth, plan), settings=STEPS)
    first = list(seen)
    assert len(set(first)) == 5  # nothing is augmented in validation
    seen.clear()
    torch.manual_seed(99)
    run(new(Smooth, plan), settings=STEPS)
    assert seen == first


def test_validation_noise_is_the_same_at_every_look():
    seen = []

    def plan(network):
        def noisy(batch, clock):
            seen.append(float(torch.rand(())))
            return network.task_loss(batch, clock)

        return (Stage((Descend("task", network.task_loss),), feed=shuffled(16), validate=noisy),)

    run(new(Smooth, plan), settings=STEPS)
    assert len(seen) == 5 and len(set(seen)) == 1


def test_recomputed_activations_with_dropout_give_the_same_gradients():
    def plan(recompute):
        def made(network):
            def loss(batch, clock):
                x = batch["x"].numeric_BF

                def body(x):
                    return network.drop(torch.tanh(network.before(x)))

                hidden = checkpoint(body, x, use_reentrant=False) if recompute else body(x)
                return network.task.loss({"y": network.after(network.drop(hidden))}, batch)

            return (Stage((Descend("task", loss, optimizer=SGD(lr=0.1)),), feed=shuffled(16)),)

        return made

    plain, recomputed = run(new(Smooth, plan(False)), settings=STEPS), run(new(Smooth, plan(True)), settings=STEPS)
    assert differing(weights(plain.network), weights(recomputed.network)) == []


def test_rules_are_seeded_before_each_safe_point():
    seen = []

    def plan(network):
        def rule(parts, clock):
            for _ in range(3):
                seen.append(float(torch.rand(())))
                torch.rand(len(seen))
                yield

        def quiet(parts, clock):
            from nnzoo.core.learning import Done

            for _ in rule(parts, clock):
                yield Done()

        return (Stage((Solve("rule", quiet),)),)

    run(new(Smooth, plan))
    first = list(seen)
    seen.clear()
    torch.manual_seed(5)
    run(new(Smooth, plan))
    assert seen == first and len(set(first)) == 3


def test_rows_come_in_the_same_order_whatever_the_dropout():
    orders = []

    def plan(network):
        def loss(batch, clock):
            orders.append(batch["y"].flatten().tolist())
            torch.rand(clock.step)
            return Loss(network.task_loss(batch, clock).sum, len(batch))

        return (Stage((Descend("task", loss),), feed=shuffled(16)),)

    run(new(Smooth, plan), settings=STEPS, parts=table())
    first = list(orders)
    orders.clear()
    network = new(Smooth, plan)
    network.drop.p = 0.0
    run(network, settings=STEPS, parts=table())
    assert orders == first
