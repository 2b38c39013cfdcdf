"""Ctrl-C and SIGTERM, wherever they hit: a real process gets a real signal, saves at once, says how to go on, and goes on."""

import os
import pickle
import signal
import threading
import time

import pytest
import torch
from toys import Chains, Grower, Reader, Smooth, differing, history, new, run, table, weights

from nnzoo.core.errors import Interrupted
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import Descend, Solve, Stage
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.journal import read_journal
from nnzoo.training.settings import Settings

SELDOM = Settings(device="cpu", checkpoint_seconds=1e9)


def slow_step(told, block):
    """At a step between two looks the loss tells that it is there, and works until it is let go on."""

    def plan(network):
        def loss(batch, clock):
            if clock.step == 6 and clock.training:
                told()
                block()
            return network.task_loss(batch, clock)

        return (Stage((Descend("task", loss),), feed=shuffled(16), epochs=30, validate=network.task_loss, ema=0.9),)

    return new(Smooth, plan)


def slow_look(told, block):
    def plan(network):
        seen = []

        def look(batch, clock):
            seen.append(len(batch))
            if clock.step == 3 and len(seen) == 5:  # the first of the two batches of the third look
                told()
                block()
            return network.task_loss(batch, clock)

        class pairs(shuffled):
            def validation(self):
                return shuffled(8)

        return (Stage((Descend("task", network.task_loss),), feed=pairs(16), epochs=3, validate=look),)

    return new(Smooth, plan)


def slow_rule(told, block):
    def plan(network):
        def rule(parts, clock):
            for done in network.grow(parts, clock):
                if network.found["units"] == 7:
                    told()
                    block()
                yield done

        return (Stage((Solve("grow", rule),), name="growing"),)

    return new(Grower, plan)


def slow_batch_rule(told, block):
    def plan(network):
        def rule(batch, clock):
            if clock.step == 7:
                told()
                block()
            yield from network.contrast(batch, clock)

        return (Stage((Solve("contrast", rule, sees="batch"),), feed=shuffled(16), epochs=5),)

    return new(Chains, plan)


WHERE = {"a step": slow_step, "a look": slow_look, "a rule": slow_rule, "a rule on batches": slow_batch_rule}


def child_of(make, folder, numbers, wait=0.05):
    """Train in a child; signal it where it says it is; the exception it ended with, and the seconds from signal to end."""
    told, answer = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        result = ("failed", "")
        try:
            network = make(lambda: os.write(told[1], b"x"), lambda: _busy(wait))
            run(network, folder, SELDOM)
            result = ("done", "")
        except (Interrupted, KeyboardInterrupt) as error:
            result = (type(error).__name__, str(error))
        finally:
            os.write(answer[1], pickle.dumps(result))
            os._exit(0)
    os.read(told[0], 1)
    began = time.perf_counter()
    for number in numbers:
        os.kill(child, number)
        time.sleep(0.02 if len(numbers) > 1 else 0)
    os.waitpid(child, 0)
    took = time.perf_counter() - began
    result = pickle.loads(os.read(answer[0], 10000))
    for end in (*told, *answer):
        os.close(end)
    return result, took


def _busy(seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("where", list(WHERE))
def test_a_signal_saves_says_how_to_go_on_and_nothing_is_lost(where, number, tmp_path):
    whole = run(WHERE[where](lambda: None, lambda: None), tmp_path / "whole", SELDOM)
    (name, text), took = child_of(WHERE[where], tmp_path / "cut", [number])
    assert name == "Interrupted" and "\n" not in text
    assert number.name in text and str(tmp_path / "cut") in text and "--resume" in text and "at step" in text
    assert took < 1.0
    assert read_journal(tmp_path / "cut")[-1]["event"] == "interrupted"
    resumed = run(WHERE[where](lambda: None, lambda: None), tmp_path / "cut", SELDOM, resume=True)
    assert differing(weights(whole.network), weights(resumed.network)) == []
    assert history(whole) == history(resumed) and whole.stopped == resumed.stopped and whole.steps == resumed.steps
    lines = [[line["event"] for line in read_journal(tmp_path / folder)] for folder in ("whole", "cut")]
    assert lines[0] == lines[1]


def test_an_interrupted_run_is_saved_where_it_was(tmp_path):
    child_of(slow_step, tmp_path, [signal.SIGTERM])
    saved, warnings = Checkpoints(tmp_path).load()
    assert warnings == [] and saved.facts["place"]["step"] == 7  # the step in which the signal came was finished


def test_a_look_does_not_go_on_after_a_signal(tmp_path):
    child_of(slow_look, tmp_path, [signal.SIGTERM])
    place = Checkpoints(tmp_path).load()[0].facts["place"]
    assert (place["step"], place["validated"], len(place["history"])) == (3, 2, 2)  # the third look is still to be made


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    (name, _), took = child_of(slow_step, tmp_path, [signal.SIGINT, signal.SIGINT], wait=20)
    assert name == "KeyboardInterrupt" and took < 2
    whole = run(slow_step(lambda: None, lambda: None))
    resumed = run(slow_step(lambda: None, lambda: None), tmp_path, SELDOM, resume=True)
    assert differing(weights(whole.network), weights(resumed.network)) == []


def test_a_signal_while_a_budget_is_measured_makes_no_plan(tmp_path):
    def plan(network):
        def loss(batch, clock):
            os.kill(os.getpid(), signal.SIGTERM)
            return network.task_loss(batch, clock)

        return (Stage((Descend("task", loss),), feed=shuffled(16)),)

    with pytest.raises(Interrupted, match="at step 0"):
        run(new(Smooth, plan), tmp_path, Settings(device="cpu", budget="10h"))
    assert Checkpoints(tmp_path).load()[0].facts["place"]["steps"] is None
    resumed = run(new(Smooth), tmp_path, Settings(device="cpu", budget="0.05s"), resume=True)
    assert resumed.steps >= 1


def test_without_a_folder_it_says_that_nothing_was_saved():
    network = slow_step(lambda: os.kill(os.getpid(), signal.SIGTERM), lambda: None)
    with pytest.raises(Interrupted, match="nothing was saved, since no folder was given"):
        run(network)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(new(Reader))
    network = slow_step(lambda: os.kill(os.getpid(), signal.SIGINT), lambda: None)
    with pytest.raises(Interrupted):
        run(network)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_in_another_thread_signals_are_left_alone():
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(new(Smooth), parts=table())))
    thread.start()
    thread.join()
    assert outcomes[0].steps == 24 and torch.is_grad_enabled()
