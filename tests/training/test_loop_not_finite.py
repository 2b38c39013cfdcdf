"""NaN and infinity: they reach no weight and no statistic, they are named, never best and never saved."""

import pytest
import torch
from toys import Chains, Grower, Heard, Players, Smooth, differing, new, run, table, weights

from nnzoo.core.errors import NotFinite
from nnzoo.core.events import Saved, Validated
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import SGD, AdamW, Descend, Done, Loss, Solve, Stage
from nnzoo.training.checkpoints import Checkpoints, _read
from nnzoo.training.journal import read_journal
from nnzoo.training.settings import Settings

BAD = 4


class NanGradient(torch.autograd.Function):
    """A finite value whose gradient is not."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


HOW = {
    "nan": lambda loss: loss * float("nan"),
    "infinity": lambda loss: loss + float("inf"),
    "gradient": NanGradient.apply,
}


ADAM = AdamW(lr=0.05)


def poisoned(how, optimizer=ADAM, moves=1, bad=BAD, poisoned_move=0):
    """A plan whose batch at step `bad` is poisoned for one of its moves."""

    def plan(network):
        def loss_of(k):
            def loss(batch, clock):
                good = network.task_loss(batch, clock)
                return (
                    good._replace(sum=HOW[how](good.sum))
                    if clock.step >= bad >= 0 and clock.training and k == poisoned_move
                    else good
                )

            return loss

        descents = [
            Descend(
                f"move {k}", loss_of(k), params=(("before", "norm"), ("after",))[k % 2] if moves > 1 else ("",), optimizer=optimizer
            )
            for k in range(moves)
        ]
        return (Stage(tuple(descents), feed=shuffled(16), name="poison"),)

    return plan


@pytest.fixture(params=[1, 20], ids=["host", "device"])
def reads_every(request, monkeypatch):
    """Flags are read at every step, as on the host, or at every twentieth, as on a device."""
    monkeypatch.setattr("nnzoo.training.steps.reads_flags_every", lambda device: request.param)
    return request.param


@pytest.mark.parametrize("how", list(HOW))
@pytest.mark.parametrize("optimizer", [AdamW(lr=0.05), SGD(lr=0.05, momentum=0.9)], ids=["adam", "sgd"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_weights_and_statistics_are_those_before_the_bad_step(how, optimizer, accumulate, reads_every):
    network = new(Smooth, poisoned(how, optimizer))
    with pytest.raises(NotFinite) as caught:
        run(network, settings=Settings(device="cpu", budget="60steps", accumulate=accumulate))
    assert differing(weights(network), AFTER[BAD - 1]) == []
    good = new(Smooth, poisoned(how, optimizer, bad=-1))
    run(good, settings=Settings(device="cpu", budget="60steps", accumulate=accumulate))
    assert differing(weights(network), AFTER[BAD - 1]) == [] and differing(weights(network), AFTER[BAD])
    assert (caught.value.stage, caught.value.step, caught.value.move) == ("poison", BAD, "move 0")


AFTER = {}  # weights after each step of the latest run


@pytest.fixture(autouse=True)
def remember(monkeypatch):
    """Keep the weights as they were after each step, from inside the loop."""
    AFTER.clear()
    from nnzoo.training.steps import Stepper

    inner = Stepper.step

    def step(self, batches, clock):
        inner(self, batches, clock)
        AFTER[clock.step] = weights(self.network)

    monkeypatch.setattr(Stepper, "step", step)


def test_a_bad_first_step_changes_nothing(reads_every):
    for optimizer in (AdamW(lr=0.05), SGD(lr=0.05, momentum=0.9)):
        network = new(Smooth, poisoned("nan", optimizer, bad=0))
        before = weights(network)
        with pytest.raises(NotFinite, match="step 0"):
            run(network)
        assert differing(before, weights(network)) == []


def test_the_bad_move_is_named(reads_every):
    for k in (0, 1):
        with pytest.raises(NotFinite, match=rf"move 'move {k}' in stage 'poison' .* step {BAD}; the weights are those before it"):
            run(new(Smooth, poisoned("gradient", moves=2, poisoned_move=k)))


def test_a_second_player_that_is_bad_late_is_named(reads_every):
    network = new(Players)
    inner = network.generator_loss
    network.generator_loss = lambda batch, clock: Loss(
        inner(batch, clock).sum * (float("nan") if clock.step >= 5 else 1), len(batch)
    )
    with pytest.raises(NotFinite) as caught:
        run(network)
    assert (caught.value.move, caught.value.step) == ("generator", 5)
    assert all(torch.isfinite(tensor).all() for tensor in weights(network).values())


def test_a_rule_on_batches_that_goes_bad_is_undone_and_named(reads_every):
    def plan(network):
        def rule(batch, clock):
            yield from network.contrast(batch, clock)
            if clock.step == BAD:
                network.W[0, 0] = float("inf")

        return (Stage((Solve("contrast", rule, sees="batch"),), feed=shuffled(16), name="chains"),)

    network = new(Chains, plan)
    with pytest.raises(NotFinite) as caught:
        run(network, settings=Settings(device="cpu", budget="60steps"))
    assert (caught.value.stage, caught.value.step, caught.value.move) == ("chains", BAD, "contrast")
    assert differing(weights(network), AFTER[BAD - 1]) == []


def test_a_rule_on_the_whole_set_that_goes_bad_is_named_and_never_saved(tmp_path):
    def plan(network):
        def rule(parts, clock):
            for unit, done in enumerate(network.grow(parts, clock)):
                if unit == 3:
                    network.directions[0, 0] = float("nan")
                yield done

        return (Stage((Solve("grow", rule),), name="growing"),)

    with pytest.raises(NotFinite, match=r"move 'grow' in stage 'growing' .* step 4; the last checkpoint holds"):
        run(new(Grower, plan), tmp_path, Settings(device="cpu", checkpoint_seconds=0))
    assert saved_values_are_numbers(tmp_path)
    assert read_journal(tmp_path)[-1] == {"event": "not finite", "stage": "growing", "step": 4, "move": "grow"}


def saved_values_are_numbers(folder):
    checkpoints = Checkpoints(folder)
    groups = [group for path in checkpoints._paths() for group in _read(path).groups.values()]
    assert groups
    return all(bool(torch.isfinite(tensor).all()) for group in groups for tensor in group.values())


@pytest.mark.parametrize("how", list(HOW))
def test_nothing_bad_is_ever_saved(tmp_path, how, reads_every):
    with pytest.raises(NotFinite):
        run(new(Smooth, poisoned(how)), tmp_path, Settings(device="cpu", checkpoint_seconds=0, budget="60steps"))
    assert saved_values_are_numbers(tmp_path)
    last = read_journal(tmp_path)[-1]
    assert last == {"event": "not finite", "stage": "poison", "step": BAD, "move": "move 0"}


def test_a_signal_after_a_bad_step_does_not_save_it(tmp_path, reads_every):
    import os
    import signal

    def plan(network):
        (stage,) = poisoned("nan")(network)
        inner = stage.moves[0].loss

        def loss(batch, clock):
            if clock.step == BAD + 1 or (reads_every == 1 and clock.step == BAD):
                os.kill(os.getpid(), signal.SIGTERM)
            return inner(batch, clock)

        return (Stage((Descend("move 0", loss),), feed=shuffled(16), name="poison"),)

    with pytest.raises(NotFinite):
        run(new(Smooth, plan), tmp_path, Settings(device="cpu", budget="60steps"))
    assert saved_values_are_numbers(tmp_path)


def test_nan_in_validation_is_never_best_and_stops_nothing():
    heard = Heard(Validated, Saved)

    def plan(network):
        def validate(batch, clock):
            loss = network.task_loss(batch, clock)
            return loss._replace(sum=loss.sum * (float("nan") if clock.step != 3 else 1))

        return (Stage((Descend("task", network.task_loss),), feed=shuffled(16), validate=validate, patience=0),)

    outcome = run(new(Smooth, plan), settings=Settings(device="cpu", budget="8steps"), listen=[heard])
    assert [event.best for event in heard.events] == [step == 3 for step in range(1, 9)]
    assert outcome.steps == 8 and outcome.validation == heard.events[2].valid


def test_validation_that_is_always_nan_stops_early_and_keeps_the_last_weights(tmp_path):
    def plan(network):
        def validate(batch, clock):
            return Loss(torch.tensor(float("nan")), 1.0)

        return (Stage((Descend("task", network.task_loss),), feed=shuffled(16), validate=validate, patience=5),)

    outcome = run(new(Smooth, plan), tmp_path, Settings(device="cpu", budget="30steps"))
    assert outcome.validation is None and outcome.steps == 5
    assert [line["valid"] for line in read_journal(tmp_path) if line["event"] == "look"] == [None] * 5  # JSON has no NaN
    assert "NaN" not in (tmp_path / "journal.jsonl").read_text()


def test_a_mask_of_infinities_is_no_fault():
    network = new(Grower)
    network.register_buffer("mask", torch.full((3,), float("-inf")))
    run(network)
    assert network.found["units"] == Grower.UNITS


def test_metrics_that_are_nan_stop_nothing():
    def plan(network):
        def rule(batch, clock):
            yield from network.contrast(batch, clock)
            yield Done(None, {"ratio": float("nan")})

        return (Stage((Solve("contrast", rule, sees="batch"),), feed=shuffled(16)),)

    assert run(new(Chains, plan), settings=Settings(device="cpu", budget="5steps"), parts=table()).steps == 5


def test_the_loop_does_not_wait_for_the_device_at_each_step(monkeypatch):
    """With flags read every 20 steps, reads of a tensor's value do not grow with the steps between."""
    monkeypatch.setattr("nnzoo.training.steps.reads_flags_every", lambda device: 20)
    monkeypatch.setattr("nnzoo.training.loop.SHOW_EVERY", 1e9)
    monkeypatch.setattr("nnzoo.training.plan.LOOKS", (1, 1))
    reads = []
    for name in ("item", "__float__", "__int__", "__bool__", "__index__", "tolist", "numpy", "cpu"):
        inner = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, *a, _inner=inner, _name=name, **k: reads.append(_name) or _inner(self, *a, **k)
        )

    def count(steps, kind, plan):
        network = new(kind, plan)
        reads.clear()
        run(network, settings=Settings(device="cpu", budget=f"{steps}steps"))
        return len(reads)

    def clipped(network):
        moves = (Descend("task", network.task_loss, clip=1.0), Descend("again", network.task_loss, params=("after",), every=2))
        return (Stage(moves, feed=shuffled(48), ema=0.9),)

    for kind, plan in ((Smooth, clipped), (Players, None), (Chains, None)):
        few, many = count(20, kind, plan), count(60, kind, plan)
        assert many - few <= 4, f"{kind.__name__}: {many - few} reads in 40 more steps"
