"""A run that is broken off anywhere goes on to the same bits: weights, history, journal, counters."""

import os

import pytest
import torch
from toys import (
    Chains,
    Committee,
    Grower,
    Heard,
    Players,
    Reader,
    Smooth,
    Staged,
    committee,
    differing,
    history,
    new,
    run,
    table,
    weights,
)

from nnzoo.core.errors import RunError
from nnzoo.core.events import Saved, StageStarted, Warned
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import AdamW, Descend, Done, Solve, Stage
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.journal import read_journal
from nnzoo.training.settings import Settings

OFTEN = Settings(device="cpu", checkpoint_seconds=0)


class Cut(Exception):
    """Stands for a kill."""


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch):
    """Nothing here cuts the power, so nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def cut_at(number):
    """A listener that breaks the run off after so many checkpoints."""
    left = [number]

    def cut(event):
        if isinstance(event, Saved):
            left[0] -= 1
            if left[0] == 0:
                raise Cut

    return cut


def in_pieces(make, folder, settings=OFTEN, parts=None):
    """A run that is broken off at every single checkpoint."""
    pieces = 0
    while True:
        try:
            return run(make(), folder, settings, parts, resume=True, listen=[cut_at(1)] if pieces % 2 == 0 else [cut_at(2)]), pieces
        except Cut:
            pieces += 1
            assert pieces < 200


def journal(folder):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in read_journal(folder)]


def same(one, other, one_folder=None, other_folder=None):
    assert differing(weights(one.network), weights(other.network)) == []
    assert history(one) == history(other)
    for name in ("steps", "epochs", "stopped", "validation"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.network.found == other.network.found
    if one_folder is not None:
        assert journal(one_folder) == journal(other_folder)
    return True


def accumulating(network):
    (stage,) = network.own_stages()
    return (Stage(stage.moves, feed=shuffled(10), epochs=4, validate=stage.validate, ema=0.5, patience=2),)


def mixed(network):
    """A rule on batches and a descent side by side, then a rule on everything."""

    def centre(batch, clock):
        network.before.bias -= 0.01 * (batch["x"].numeric_BF @ network.before.weight.T + network.before.bias).mean(0)
        yield Done(None, {"noise": torch.rand(())})

    def solve(parts, clock):
        while float(network.after.bias) < 5:
            network.after.bias += torch.rand(1)
            yield Done(None, {"bias": network.after.bias.sum()})

    descend = Descend("task", network.task_loss, params=("after", "norm"), optimizer=AdamW(lr=0.02), every=2)
    gradual = Stage((Solve("centre", centre, sees="batch"), descend), feed=shuffled(16), epochs=3, validate=network.task_loss)
    return (gradual, Stage((Solve("one", solve), Solve("two", solve)), name="whole"))


MAKERS = {
    "everything with state": (lambda: new(Smooth), OFTEN, None),
    "between two looks": (lambda: new(Smooth), Settings(device="cpu", checkpoint_seconds=0, budget="45steps"), None),
    "accumulated": (lambda: new(Smooth, accumulating), Settings(device="cpu", checkpoint_seconds=0, accumulate=3), None),
    "two players": (lambda: new(Players), OFTEN, None),
    "chains in memory": (lambda: new(Chains), OFTEN, None),
    "carried state of a text": (lambda: new(Reader), OFTEN, None),
    "inside a rule that grows": (lambda: new(Grower), OFTEN, None),
    "stages, frozen parts, encoded feed": (lambda: new(Staged), OFTEN, None),
    "rules and descents mixed": (lambda: new(Smooth, mixed), OFTEN, None),
    "parts": (committee, OFTEN, None),
    "in a device's way": (lambda: new(Smooth), OFTEN, 20),
    "half precision": (lambda: new(Players), Settings(device="cpu", checkpoint_seconds=0, precision="bfloat16"), None),
}


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_run_broken_off_at_every_checkpoint_ends_in_the_same_bits(name, tmp_path, monkeypatch):
    make, settings, reads_every = MAKERS[name]
    if reads_every:
        monkeypatch.setattr("nnzoo.training.steps.reads_flags_every", lambda device: reads_every)
    whole = run(make(), tmp_path / "whole", settings)
    broken, pieces = in_pieces(make, tmp_path / "pieces", settings)
    assert pieces >= 8
    assert same(whole, broken, tmp_path / "whole", tmp_path / "pieces")


def test_saving_often_or_never_changes_nothing(tmp_path):
    never = run(new(Smooth))
    assert same(never, run(new(Smooth), tmp_path / "a", OFTEN))
    assert same(never, run(new(Smooth), tmp_path / "b", Settings(device="cpu", checkpoint_seconds=1e9)))


def test_a_member_that_grew_inside_is_rebuilt_on_resuming(tmp_path):
    def plan(network):
        return (
            Stage((Solve("second", network.parts["second"].grow),), ("parts.second",)),
            Stage((Descend("vote", network.task_loss),), feed=shuffled(16), epochs=2),
        )

    class Kept(Committee):
        def memory(self, rows):
            return self.parts["second"].memory(rows)

    def kept():
        return new(Kept, plan, parts={"first": new(Smooth, seed=1), "second": new(Grower, seed=2)})

    whole = run(kept(), tmp_path / "whole", OFTEN)
    broken, pieces = in_pieces(kept, tmp_path / "pieces")
    assert pieces >= 12 and broken.network.parts["second"].found["units"] == Grower.UNITS
    assert same(whole, broken, tmp_path / "whole", tmp_path / "pieces")


def test_resuming_a_finished_run_does_nothing_and_says_the_same(tmp_path):
    whole = run(new(Smooth), tmp_path, OFTEN)
    heard = Heard(StageStarted)
    again = run(new(Smooth, seed=5), tmp_path, OFTEN, resume=True, listen=[heard])
    assert same(whole, again) and heard.events == [] and again.seconds == whole.seconds


def test_resuming_says_where_it_goes_on(tmp_path):
    with pytest.raises(Cut):
        run(new(Smooth), tmp_path, OFTEN, listen=[cut_at(6)])
    heard = Heard(StageStarted)
    run(new(Smooth), tmp_path, OFTEN, resume=True, listen=[heard])
    assert heard.events[0].resumed_at == 4


def test_without_resume_a_run_begins_anew(tmp_path):
    with pytest.raises(Cut):
        run(new(Smooth), tmp_path, OFTEN, listen=[cut_at(6)])
    anew = run(new(Smooth), tmp_path, OFTEN)
    assert same(run(new(Smooth), tmp_path / "other", OFTEN), anew, tmp_path / "other", tmp_path)


def test_resuming_where_nothing_was_saved_begins(tmp_path):
    assert same(run(new(Smooth)), run(new(Smooth), tmp_path / "new", resume=True))
    with pytest.raises(RunError, match="no folder to resume from"):
        run(new(Smooth), None, resume=True)


def test_what_comes_after_the_last_checkpoint_is_forgotten_by_the_journal(tmp_path):
    run(new(Smooth), tmp_path / "whole", OFTEN)
    with pytest.raises(Cut):
        run(new(Smooth), tmp_path / "cut", OFTEN, listen=[cut_at(8)])
    with open(tmp_path / "cut" / "journal.jsonl", "a") as file:
        file.write('{"event": "look", "step": 99}\n{"event": "torn')
    run(new(Smooth), tmp_path / "cut", OFTEN, resume=True)
    assert journal(tmp_path / "cut") == journal(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "zeros"])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, damage):
    whole = run(new(Smooth), tmp_path / "whole", OFTEN)
    with pytest.raises(Cut):
        run(new(Smooth), tmp_path / "cut", OFTEN, listen=[cut_at(9)])
    newest = Checkpoints(tmp_path / "cut")._paths()[-1]
    data = bytearray(newest.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
    newest.write_bytes({"flip": bytes(data), "truncate": bytes(data[:-100]), "empty": b"", "zeros": bytes(len(data))}[damage])
    heard = Heard(Warned)
    resumed = run(new(Smooth), tmp_path / "cut", OFTEN, resume=True, listen=[heard])
    (warning,) = heard.events
    assert newest.name in warning.text and "damaged" in warning.text and "the one before" in warning.text
    assert same(whole, resumed, tmp_path / "whole", tmp_path / "cut")


def test_where_every_checkpoint_is_damaged_learning_begins_anew_and_says_so(tmp_path):
    with pytest.raises(Cut):
        run(new(Smooth), tmp_path / "cut", OFTEN, listen=[cut_at(9)])
    for path in Checkpoints(tmp_path / "cut")._paths():
        path.write_bytes(b"torn")
    heard = Heard(Warned)
    resumed = run(new(Smooth), tmp_path / "cut", OFTEN, resume=True, listen=[heard])
    assert len(heard.events) == 3 and "begins anew" in heard.events[-1].text
    assert same(run(new(Smooth), parts=table()), resumed)
