"""Memory: state that lives from batch to batch, is saved, is no weight, and is put aside while validating."""

import torch
from toys import Chains, Grower, Reader, Smooth, differing, history, new, run, table, text, weights

from nnzoo.core.dataset import Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import Descend, Stage
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.settings import Settings


def counter(seen):
    """A plan whose loss counts its own calls in memory."""

    def plan(network):
        def loss(batch, clock):
            clock.memory = {"calls": clock.memory["calls"] + 1}
            seen.append((clock.training, int(clock.memory["calls"])))
            return network.task_loss(batch, clock)

        network.memory = lambda rows: {"calls": torch.zeros(())}
        return (Stage((Descend("task", loss),), feed=shuffled(16), validate=loss),)

    return plan


def test_memory_is_carried_from_step_to_step_and_fresh_in_every_validation():
    seen = []
    run(new(Smooth, counter(seen)), settings=Settings(device="cpu", budget="6steps"))
    assert [calls for training, calls in seen if training] == [1, 2, 3, 4, 5, 6]
    assert [calls for training, calls in seen if not training] == [1] * 6


def test_memory_is_told_how_many_rows_a_batch_has():
    rows = []
    network = new(Chains)
    inner = network.memory

    def memory(n):
        rows.append(n)
        return inner(n)

    network.memory = memory
    run(network)
    assert set(rows) == {16}  # of a training batch and of the validation batch, which are as long here


def test_memory_is_saved_but_is_no_weight(tmp_path):
    network = new(Chains)
    run(network, tmp_path, Settings(device="cpu", checkpoint_seconds=0))
    assert set(network.state_dict()) == {"W"}
    during = Checkpoints(tmp_path)._paths()[0]  # the one before the last, written while learning
    from nnzoo.training.checkpoints import _read

    saved = _read(during).groups
    assert set(saved["memory"]) == {"chain"} and saved["memory"]["chain"].shape == (16, 4) and set(saved["model"]) == {"W"}


def test_looking_more_often_changes_no_weight(monkeypatch):
    for kind, parts in ((Chains, table()), (Reader, text()), (Smooth, table())):
        results = []
        for looks in ((20, 100), (1, 1)):
            monkeypatch.setattr("nnzoo.training.plan.LOOKS", looks)
            outcome = run(new(kind, last_weights(kind)), parts=parts)
            results.append((weights(outcome.network), len(outcome.history)))
        assert results[0][1] > results[1][1], kind.__name__
        assert differing(results[0][0], results[1][0]) == [], kind.__name__


def last_weights(kind):
    """The kind's own stage with a validation that chooses nothing, so that the last weights remain."""

    def plan(network):
        (stage,) = network.own_stages()

        def look(batch, clock):
            loss = stage.validate(batch, clock)
            return loss._replace(sum=loss.sum * float("nan"))

        return (Stage(stage.moves, feed=stage.feed, epochs=stage.epochs, ema=stage.ema, validate=look, patience=0),)

    return plan


def test_state_of_a_text_does_not_leak_into_validation_or_out_of_it():
    without = run(new(Reader), parts=Parts(text().train, None, None), settings=Settings(device="cpu", budget="9steps"))
    seen = run(new(Reader, last_weights(Reader)), settings=Settings(device="cpu", budget="9steps"))
    assert differing(weights(without.network), weights(seen.network)) == []


def test_a_rule_may_replace_its_memory(tmp_path):
    """What a rule over the whole set puts into `clock.memory` is what is saved, not what was there before."""
    outcome = run(new(Grower), tmp_path / "whole")
    network = new(Grower)

    class Enough(Exception):
        pass

    def stop(event):
        if network.found["units"] == 7 and type(event).__name__ == "Saved":
            raise Enough

    try:
        run(network, tmp_path / "cut", Settings(device="cpu", checkpoint_seconds=0), listen=[stop])
        raise AssertionError("the rule was not stopped")
    except Enough:
        pass
    resumed = run(new(Grower), tmp_path / "cut", resume=True)
    assert differing(weights(outcome.network), weights(resumed.network)) == []
    assert history(outcome) == history(resumed)
