"""Several processes that are killed, frozen, told to stop or fail: none hangs, one says how to go on, and going on gives the bits
of the run that was never broken off."""

import json
import re
import signal
import time
from dataclasses import replace

import pytest
import torch
from processes_harness import at_step, group, ready, results, signal_itself
from toys import HOST, Chains, Grower, Players, Reader, Smooth, Staged, differing, history, new, run, weights

from nnzoo.core.errors import NotFinite
from nnzoo.core.feeds import shuffled
from nnzoo.core.learning import AdamW, Descend
from nnzoo.core.learning import Stage as LearningStage
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.journal import read_journal

OFTEN = replace(HOST, checkpoint_seconds=0)
TOYS = {"smooth": Smooth, "reader": Reader, "staged": Staged, "players": Players, "chains": Chains}


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """Processes are forks of this one."""
    ready()


def learned(outcome):
    return weights(outcome.network), history(outcome), outcome.steps, outcome.stopped, json.dumps(outcome.network.found)


def alike(one, other):
    return differing(one[0], other[0]) == [] and one[1:] == other[1:]


@pytest.fixture(scope="module")
def unbroken(loaded):
    """What the first process learns of each toy if nothing happens (metrics are of its own share)."""
    first, second = results(lambda processes: {name: learned(run(new(toy), processes=processes)) for name, toy in TOYS.items()})
    assert [name for name in TOYS if differing(first[name][0], second[name][0])] == []
    return first


def break_off(folder, toy, act, rank, step, timeout=30.0):
    """A run in which something befalls one process before a step; how both ended."""

    def work(processes):
        at_step(step, rank, processes, act)
        return run(new(toy), folder, OFTEN, processes=processes)

    return group(work, timeout=timeout)


def resumed(folder, toy):
    """The same run taken up again by both, the same bits in each."""
    first, second = results(lambda processes: learned(run(new(toy), folder, OFTEN, resume=True, processes=processes)))
    assert differing(first[0], second[0]) == []
    return first


@pytest.mark.parametrize(
    ("name", "rank", "step"), [("smooth", 1, 9), ("reader", 1, 7), ("staged", 0, 17), ("players", 1, 5), ("chains", 0, 8)]
)
def test_after_kill_9_the_other_says_how_to_go_on_and_going_on_gives_the_same_bits(name, rank, step, tmp_path, unbroken):
    began = time.monotonic()
    ended = break_off(tmp_path, TOYS[name], signal_itself(signal.SIGKILL), rank, step)
    assert time.monotonic() - began < 20
    assert ended[rank].code == -signal.SIGKILL and ended[1 - rank].code == 2
    assert ended[1 - rank].said == (
        f"nnzoo: another of the 2 processes has ended; the same command with --out {tmp_path} --resume goes on\n"
    )
    place = Checkpoints(tmp_path).load()[0].facts["place"]
    assert 0 < place["all_steps"] < unbroken[name][2]
    assert alike(resumed(tmp_path, TOYS[name]), unbroken[name])
    events = [line["event"] for line in read_journal(tmp_path)]
    assert events.count("begin") == 1 and events.count("look") == len(unbroken[name][1])


def test_memory_of_each_process_is_kept(tmp_path, unbroken):
    break_off(tmp_path, Reader, signal_itself(signal.SIGKILL), 1, 9)
    groups = Checkpoints(tmp_path).load()[0].groups
    own, other = groups["memory"]["h"], groups["memory.1"]["h"]
    assert own.shape == other.shape == (1, 2, 6) and not torch.equal(own, other)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_frozen_process_ends_the_run_after_the_timeout(rank, tmp_path):
    began = time.monotonic()
    ended = break_off(tmp_path, Reader, signal_itself(signal.SIGSTOP), rank, 7, timeout=2.0)
    assert 2 < time.monotonic() - began < 20
    assert ended[rank].code == -signal.SIGKILL and ended[1 - rank].code == 2
    assert ended[1 - rank].said == (
        f"nnzoo: process {rank} of 2 has not been heard of for 2 s; the same command with --out {tmp_path} --resume goes on\n"
    )


def test_a_frozen_process_ends_the_run_though_the_first_is_busy_alone(tmp_path):
    def work(processes):
        at_step(1, 0, processes, lambda: time.sleep(30))
        if processes.rank == 1:
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            signal.signal(signal.SIGALRM, lambda *_: signal_itself(signal.SIGSTOP)())
        return run(new(Chains), tmp_path, processes=processes)

    began = time.monotonic()
    first, second = group(work, timeout=2.0)
    assert time.monotonic() - began < 20
    assert (first.code, second.code) == (2, -signal.SIGKILL)
    assert first.said.startswith("nnzoo: process 1 of 2 has not been heard of for 2 s; the same command")


@pytest.mark.parametrize(("name", "rank", "step"), [("smooth", 1, 9), ("reader", 0, 7), ("reader", 1, 11)])
def test_a_signal_to_any_process_stops_all_at_the_same_step(name, rank, step, tmp_path, unbroken):
    ended = break_off(tmp_path, TOYS[name], signal_itself(signal.SIGTERM), rank, step)
    assert [one.code for one in ended] == [2, 2] and all(one.error.startswith("Interrupted") for one in ended)
    where = {re.search(r"at step (\d+);", one.error)[1] for one in ended}
    assert where in ({str(step)}, {str(step + 1)}), "of this step or, where the step's message had left already, the next"
    assert sum(one.said.count("nnzoo:") for one in ended) == 1
    assert Checkpoints(tmp_path).load()[0].facts["place"]["step"] == int(where.pop())
    assert alike(resumed(tmp_path, TOYS[name]), unbroken[name])


def test_a_signal_to_a_process_that_waits_for_the_first_stops_the_first(tmp_path):
    def work(processes):
        class Slow(Grower):
            def grow(self, parts, clock):
                for done in super().grow(parts, clock):
                    time.sleep(0.5)
                    yield done

        if processes.rank == 1:
            signal.setitimer(signal.ITIMER_REAL, 1.0)
            signal.signal(signal.SIGALRM, lambda *_: signal_itself(signal.SIGTERM)())
        return run(new(Slow), tmp_path, processes=processes)

    first, second = group(work, timeout=2.0)
    assert first.error.startswith("Interrupted: stopped by a signal to another process in stage 'growing' at step")
    assert first.said.count("nnzoo:") == 1 and second.said == "" and second.code == 2
    place = Checkpoints(tmp_path).load()[0].facts["place"]
    assert 0 < place["yields"] < Grower.UNITS


def test_numbers_that_are_not_finite_in_one_process_stop_all_before_the_update():
    def work(processes):
        network = new(Smooth)
        kept = []

        def loss(batch, clock):
            if clock.step == 5:
                kept.append(weights(network))
            good = network.task_loss(batch, clock)
            return good._replace(sum=good.sum * torch.nan) if (processes.rank, clock.step) == (1, 5) else good

        move = Descend("task", loss, optimizer=AdamW(lr=0.03))
        type(network).plan = lambda self: (LearningStage((move,), feed=shuffled(16)),)
        try:
            run(network, processes=processes)
        except NotFinite as error:
            return str(error), differing(weights(network), kept[0])

    first, second = results(work)
    assert first == second
    assert first[0].startswith("move 'task' in stage 'learn' gave numbers that are not finite at step 5")
    assert first[1] == []


def test_a_run_is_resumed_on_as_many_processes_as_it_was_begun_on(tmp_path):
    break_off(tmp_path, Smooth, signal_itself(signal.SIGKILL), 1, 9)
    ended = group(lambda processes: run(new(Smooth), tmp_path, resume=True, processes=processes), world=3)
    sentence = f"{tmp_path} was begun on 2 processes; resume it on as many (now: 3)"
    assert {one.error for one in ended if one.said} == {f"RunError: {sentence}"}
    assert sum(one.said.count("nnzoo:") for one in ended) == 1
