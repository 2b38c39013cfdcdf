"""How long a run lasts: budgets in epochs, steps and seconds, shared by stages; a plan is kept, or held to its time."""

import time
from dataclasses import replace

import pytest
import torch
from toys import Chains, Grower, Heard, Players, Reader, Smooth, Staged, committee, differing, new, run, weights

from nnzoo.core.errors import ConfigError
from nnzoo.core.events import Progress, StageStarted
from nnzoo.core.learning import Adam, Schedule, Solve, Stage
from nnzoo.training import loop
from nnzoo.training import plan as planning
from nnzoo.training.journal import read_journal
from nnzoo.training.plan import Plan, due, look_every, plan_for, revised, that_fits
from nnzoo.training.settings import Budget, Settings
from nnzoo.training.steps import Stepper


def planned(kind, budget, plan=None, **more):
    heard = Heard(StageStarted)
    outcome = run(new(kind, plan), settings=Settings(device="cpu", budget=budget, patience=0, **more), listen=[heard])
    return [event.steps for event in heard.events], outcome


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("60s", 60, "seconds"),
        ("5m", 300, "seconds"),
        ("0.5min", 30, "seconds"),
        ("2h", 7200, "seconds"),
        ("20epochs", 20, "epochs"),
        ("1 epoch", 1, "epochs"),
        (" 1000steps ", 1000, "steps"),
    ],
)
def test_budgets_are_read(text, amount, unit):
    assert Budget.parse(text) == Budget(amount, unit)


@pytest.mark.parametrize("text", ["", "60", "s", "-5s", "0s", "5 weeks", "1.5epochs", "1e3steps", "10steps please", "nan s"])
def test_budgets_that_mean_nothing_are_refused_in_one_sentence(text):
    with pytest.raises(ConfigError, match="budget"):
        Settings(budget=text)


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="accumulate"):
        Settings(accumulate=0)
    with pytest.raises(ConfigError, match="float16"):
        Settings(precision="float16")


def test_steps_and_epochs_are_kept_to():
    assert planned(Smooth, "5steps")[0] == [5]
    steps, outcome = planned(Smooth, "4epochs")
    assert steps == [12] and (outcome.steps, outcome.epochs) == (12, 4)
    steps, outcome = planned(Smooth, "4epochs", accumulate=3)
    assert steps == [4] and (outcome.steps, outcome.epochs) == (4, 4)
    assert planned(Smooth, None)[0] == [24]


def test_stages_divide_a_budget_by_their_shares_and_a_solved_one_takes_none():
    assert planned(Staged, "40steps")[0] == [30, 10]
    assert planned(Staged, "8epochs")[0] == [18, 6]

    def plan(network):
        def rule(parts, clock):
            return iter(())

        return (Stage((Solve("first", rule),), share=5.0), *network.own_stages())

    assert planned(Staged, "40steps", plan)[0] == [0, 30, 10]


def test_looks_are_neither_too_rare_nor_too_many():
    assert look_every(10, 100) == 5  # twenty at least
    assert look_every(10, 500) == 10  # once an epoch
    assert look_every(1, 1000) == 10  # a hundred at most
    assert look_every(10, 3) == 1


class Clockwork:
    """A clock that steps and looks move forward, and nothing else."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


def test_dear_looks_take_a_fifth_of_the_time_and_are_two_at_least():
    assert that_fits(30, 0.02, 1.0, 400) == Plan(1200, 200)  # six looks; with twenty, 500 steps
    assert that_fits(30, 0.02, 4.0, 400) == Plan(1100, 550)
    assert that_fits(30, 0.02, 0.0, 400) == Plan(1500, 75)
    assert that_fits(1, 0.02, 4.0, 400) == Plan(1, 1)  # there is no time for any


@pytest.mark.parametrize(("look_seconds", "looks"), [(0.0, 20), (0.08, 18), (0.3, 4)])
def test_a_budget_in_seconds_becomes_steps_that_last_as_long_looks_included(tmp_path, monkeypatch, look_seconds, looks):
    clock, inner = Clockwork(), Stepper.step

    def step(self, batches, now):
        clock.now += 0.01
        inner(self, batches, now)

    def plan(network):
        def look(batch, now):
            clock.now += look_seconds
            return network.task_loss(batch, now)

        (stage,) = network.own_stages()
        return (Stage(stage.moves, feed=stage.feed, validate=look, patience=0),)

    monkeypatch.setattr(Stepper, "step", step)
    monkeypatch.setattr(planning, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    heard = Heard(StageStarted)
    outcome = run(new(Smooth, plan), tmp_path, Settings(device="cpu", budget="8s"), listen=[heard])
    assert 7.5 <= clock.now <= 8.5
    assert len(outcome.history) >= looks
    (line,) = [line for line in read_journal(tmp_path) if line["event"] == "planned"]
    assert line == {"event": "planned", "stage": "learn", "steps": outcome.steps, "budget": "8s"}
    assert heard.events[0].steps == outcome.steps


@pytest.mark.parametrize("times", [2.0, 0.5, 1.05])
def test_a_plan_in_time_is_held_to_it_where_the_machine_becomes_slower_or_faster(tmp_path, monkeypatch, times):
    clock, inner, rates = Clockwork(), Stepper.step, []

    def step(self, batches, now):
        clock.now += 0.01 * (times if clock.now > 5 else 1)
        inner(self, batches, now)
        rates.append(list(self.rates(now.step).values()))

    def plan(network):
        (stage,) = network.own_stages()
        moves = tuple(replace(move, optimizer=Adam(1e-3, schedule=Schedule(decay="linear"))) for move in stage.moves)
        return (Stage(moves, feed=stage.feed, patience=0),)

    monkeypatch.setattr(Stepper, "step", step)
    monkeypatch.setattr(planning, "time", clock)
    monkeypatch.setattr(loop, "time", clock)
    outcome = run(new(Smooth, plan), tmp_path, Settings(device="cpu", budget="20s"))
    plans = [line for line in read_journal(tmp_path) if line["event"] == "planned"]
    assert clock.now == pytest.approx(20, rel=0.05) and plans[-1]["steps"] == outcome.steps
    assert (len(plans) > 1) == (times != 1.05)
    assert all(later > line["step"] for line, later in zip(plans[1:], [outcome.steps] * 9))
    assert rates[-1][0] == pytest.approx(1e-3 / outcome.steps)  # the rate falls to its end as the last plan says


def test_a_plan_is_changed_only_where_it_matters_and_never_ends_before_now():
    assert revised(100, 1000, 9.0, 0.01) == 1000 and revised(100, 1000, 9.0, 0.0105) == 1000 != revised(100, 1000, 9.0, 0.0107)
    assert revised(100, 1000, 9.0, 0.02) == 550 and revised(100, 1000, 9.0, 0.005) == 1900
    assert revised(100, 1000, -1.0, 0.01) == 101
    assert [due(step, 1000, 0) for step in (99, 100)] == [False, True] and not due(999, 1000, 6)


def test_measuring_leaves_no_trace(monkeypatch):
    monkeypatch.setattr(planning, "_in_time", lambda *given: _forget_time(given))
    for kind in (Smooth, Players, Chains, Reader, Staged):
        steps, timed = planned(kind, "0.01s")
        assert set(steps) == {9}
        with monkeypatch.context() as patch:
            patch.setattr(planning, "_in_time", lambda *given: Plan(9, 1))
            _, plain = planned(kind, "0.01s")
        assert differing(weights(timed.network), weights(plain.network)) == [], kind.__name__


MEASURE = planning._in_time


def _forget_time(given):
    network = given[1]
    before, found, modes = weights(network), dict(network.found), [p.requires_grad for p in network.parameters()]
    assert MEASURE(*given).steps >= 1
    assert differing(before, weights(network)) == [] and network.found == found
    assert len(modes) == len(list(network.parameters()))
    assert all(p.grad is None for p in network.parameters())
    return Plan(9, 1)


def test_measuring_that_is_interrupted_leaves_no_trace_and_makes_no_plan():
    network = new(Smooth)
    (stage,) = network.own_stages()
    stream = stage.feed.open(_parts().train, network, 0, 0)
    before = weights(network)

    class AfterThree:
        asked = 0

        def __bool__(self):
            self.asked += 1
            return self.asked > 3

    began = time.perf_counter()
    given = (network, stage, 0, (stage,), Settings(device="cpu", budget="10h"), stream, None, AfterThree())
    assert plan_for(*given) is None
    assert time.perf_counter() - began < 1 and differing(before, weights(network)) == []


def _parts():
    from toys import table

    return table()


class Cut(Exception):
    pass


def test_a_resumed_run_keeps_the_plan_however_fast_the_machine_is_now(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "_in_time", lambda *given: Plan(21, 1))
    settings = Settings(device="cpu", budget="60s", checkpoint_seconds=0, patience=0)
    whole = run(new(Smooth), settings=settings)
    with pytest.raises(Cut):
        run(new(Smooth), tmp_path, settings, listen=[_cut_at(10)])
    monkeypatch.setattr(planning, "_in_time", lambda *given: Plan(400, 1))
    resumed = run(new(Smooth), tmp_path, settings, resume=True)
    assert resumed.steps == whole.steps == 21
    assert differing(weights(whole.network), weights(resumed.network)) == []
    assert [line["steps"] for line in read_journal(tmp_path) if line["event"] == "planned"] == [21]


def _cut_at(step):
    def cut(event):
        if getattr(event, "step", None) == step:
            raise Cut

    return cut


def test_progress_says_how_much_time_is_left():
    heard = Heard(Progress)
    run(new(Smooth), settings=Settings(device="cpu", budget="0.6s", patience=0), listen=[heard])
    lefts = [event.left for event in heard.events]
    assert len(lefts) >= 2 and lefts[-1] < lefts[0] and all(0 <= left < 30 for left in lefts)
    assert all(0 < event.step <= event.steps and (event.loss or 1) > 0 and "off" in event.metrics for event in heard.events)


def test_progress_of_a_rule_says_how_much_is_left():
    class Slow(Grower):
        def grow(self, parts, clock):
            for done in super().grow(parts, clock):
                time.sleep(0.02)
                yield done

    heard = Heard(Progress)
    run(new(Slow), listen=[heard])
    lefts = [event.left for event in heard.events]
    assert len(lefts) >= 2 and 0 <= lefts[-1] < lefts[0] < 2 and heard.events[0].steps == Grower.UNITS


def test_events_are_few():
    heard = Heard(Progress)
    began = time.perf_counter()
    run(new(Smooth), settings=Settings(device="cpu", budget="150steps", patience=0), listen=[heard])
    assert len(heard.events) <= (time.perf_counter() - began) / 0.1 + 1


def test_a_committee_is_measured_too():
    assert run(committee(), settings=Settings(device="cpu", budget="0.05s")).steps >= 1
    assert torch.is_grad_enabled()
