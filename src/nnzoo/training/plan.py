"""How long a stage lasts: a budget turned into steps before it starts, so that from then on the run is a function of its seed.

A budget of time is turned into steps again a few times on the way (`revised`), if the machine has become faster or slower since:
the run is then a function of its seed and of these plans, which its journal has.
"""

from __future__ import annotations

import statistics
import time
from typing import NamedTuple

import torch

from nnzoo.core.feeds import Stream
from nnzoo.core.learning import Clock, Stage
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.training.names import training_mode
from nnzoo.training.processes import Processes
from nnzoo.training.settings import Budget, Settings
from nnzoo.training.state import copy_of, put
from nnzoo.training.steps import Stepper

LOOKS = (20, 100)  # a stage looks at the validation part at least and at most so often, else once an epoch
LOOKING = 0.2  # of a time budget is spent on looks at most, where that allows two
REVISED = (0.1, 0.25, 0.4, 0.6, 0.8, 0.9)  # of the steps, after which a plan in time is looked at again
FEWEST = 5  # steps whose time says how long one takes
MATTERS = 0.05  # of a plan's steps: by less it is not changed


class Plan(NamedTuple):
    """The length of a stage in steps, the steps between looks at the validation part, and how many seconds it may take from its
    first step on (None: any)."""

    steps: int
    every: int
    seconds: float | None = None


def look_every(epoch_steps: int, steps: int) -> int:
    """Steps between looks at the validation part, where looks cost little."""
    few, many = LOOKS
    return max(1, min(max(epoch_steps, steps // many), max(1, steps // few)))


def plan_for(
    network: Network,
    stage: Stage,
    number: int,
    stages: tuple[Stage, ...],
    settings: Settings,
    stream: Stream,
    validation: Stream | None,
    stop: object = False,
    processes: Processes | None = None,
) -> Plan | None:
    """The length of a stage. A time budget is measured on the spot with steps that are undone (by the first of several
    processes, for all); None if `stop` became true on the way."""
    epoch_steps = max(1, stream.length // settings.accumulate)
    if settings.budget is None:
        return _plain(stage.epochs * epoch_steps, epoch_steps)
    budget = Budget.parse(settings.budget)
    gradual = [s for s in stages if any(getattr(m, "sees", "batch") == "batch" for m in s.moves)]
    amount = budget.amount * stage.share / sum(s.share for s in gradual)
    if budget.unit == "epochs":
        return _plain(amount * epoch_steps, epoch_steps)
    if budget.unit == "steps":
        return _plain(amount, epoch_steps)
    return _in_time(amount, network, stage, number, settings, stream, validation, epoch_steps, stop, processes)


def _plain(amount: float, epoch_steps: int) -> Plan:
    steps = max(1, round(amount))
    return Plan(steps, look_every(epoch_steps, steps))


def _in_time(
    seconds: float,
    network: Network,
    stage: Stage,
    number: int,
    settings: Settings,
    stream: Stream,
    validation: Stream | None,
    epoch_steps: int,
    stop: object,
    processes: Processes | None,
) -> Plan | None:
    """Steps that fit into `seconds`, looks at the validation part included."""
    began = time.perf_counter()
    before = copy_of(network)
    stepper = Stepper(network, stage, number, settings, 1, processes)
    clock = Clock(number, memory=network.memory(stream.rows))
    period = 1
    for descend in stage.moves:
        period = max(period, getattr(descend, "every", 1))
    times: list[float] = []
    allowed = min(2.0, 0.05 * seconds)
    while True:
        stopped, enough = bool(stop), len(times) > 1 and (time.perf_counter() - began >= allowed or len(times) == 200)
        if processes is not None:  # the first knows when it is enough; any may have been told to stop
            stopped, enough = map(bool, processes.largest(stopped, enough and processes.first))
        if stopped or enough:
            break
        start = time.perf_counter()
        for _ in range(period):
            stepper.step([stream.at(clock.step % max(1, stream.length))] * settings.accumulate, clock)
            clock.step += 1
        stepper.guard.sums()  # waits for the device
        times.append((time.perf_counter() - start) / period)
    put(network, before)
    if stopped:
        return None
    plan: Plan | None = None
    if processes is None or processes.first:
        look_seconds: float | None = 0.0
        if validation is not None and stage.validate is not None:
            network.eval()
            with torch.no_grad():
                stage.validate(validation.at(0), Clock(number, memory=network.memory(validation.rows), training=False))  # warms up
            start = time.perf_counter()
            looked = validation_loss(network, stage, validation, settings, number, 0, stop)
            look_seconds = None if looked is None else time.perf_counter() - start
        if look_seconds is not None:
            left = max(0.0, seconds - (time.perf_counter() - began))
            plan = that_fits(left, statistics.median(times[1:]), look_seconds, epoch_steps)._replace(seconds=left)
    if processes is not None:
        shared = processes.share_json(plan)
        plan = None if shared is None else Plan(*shared)
    return plan


def that_fits(seconds: float, step_seconds: float, look_seconds: float, epoch_steps: int) -> Plan:
    """The longest plan that fits into `seconds`. Looks take time from steps; where they are dear, there are fewer."""
    most = max(2, int(LOOKING * seconds / max(look_seconds, 1e-9)))  # looks
    few, many = Plan(1, 1), max(2, int(seconds / step_seconds) + 1)
    while many - few.steps > 1:
        steps = (few.steps + many) // 2
        every = max(look_every(epoch_steps, steps), -(-steps // most))
        looks = -(-steps // every)
        if steps * step_seconds + looks * look_seconds <= seconds:
            few = Plan(steps, every)
        else:
            many = steps
    return few


def due(step: int, steps: int, revisions: int) -> bool:
    """Whether a plan that was looked at so often is to be looked at again at a step."""
    return revisions < len(REVISED) and step >= REVISED[revisions] * steps


def revised(step: int, steps: int, left: float, step_seconds: float) -> int:
    """The length of a stage in steps, looked at again at `step`, where `left` seconds are left and a step takes so long now, looks
    included: what is left fits, or it was so nearly right that it stays."""
    rest = max(1, int(left / max(step_seconds, 1e-9)))
    return steps if abs(rest - (steps - step)) <= MATTERS * steps else step + rest


class Pace:
    """How long a step of a stage takes now, with its share of the looks at the validation part."""

    def __init__(self, step: int, looks: bool):
        self.looking = None if looks else 0.0  # seconds of the last look; None: not known yet
        self._begin(step)

    def _begin(self, step: int) -> None:
        self.step, self.since, self.paused = step, time.perf_counter(), 0.0

    def looked(self, seconds: float) -> None:
        """A look has taken so long."""
        self.looking, self.paused = seconds, self.paused + seconds

    def taken(self, step: int, every: int) -> float | None:
        """Seconds of a step since this was last told, where a look is taken after so many; None if it is too early to say."""
        if self.looking is None or step < self.step + FEWEST:
            return None
        seconds = (time.perf_counter() - self.since - self.paused) / (step - self.step) + self.looking / every
        self._begin(step)
        return seconds


def validation_loss(
    network: Network, stage: Stage, stream: Stream, settings: Settings, number: int, step: int, stop: object = False
) -> tuple[float | None, dict[str, float]] | None:
    """Mean validation loss in nats (or the unit of the stage's loss) and metrics, with memory of its own; None if `stop` became
    true on the way. The loss is None if nothing in the validation part has a known target."""
    assert stage.validate is not None
    network.eval()
    seed_default(settings.seed, number, -1)  # the same noise at every look, so that looks compare
    clock = Clock(number, step, memory=network.memory(stream.rows), training=False)
    total = torch.zeros((), device=network.device, dtype=torch.float32)
    weight = torch.zeros((), device=network.device, dtype=torch.float32)
    sums: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for k in range(stream.length):
            if stop:
                training_mode(network, stage.trains)
                return None
            loss = stage.validate(stream.at(k), clock)
            total += loss.sum
            weight += loss.weight
            for name, value in loss.metrics.items():
                sums[name] = sums.get(name, torch.zeros_like(total)) + value * loss.weight
    training_mode(network, stage.trains)
    known = float(weight)
    if not known:
        return None, {}
    return float(total) / known, {name: float(value) / known for name, value in sums.items()}
