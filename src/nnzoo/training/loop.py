"""The one loop that executes stages of every kind: gradient, adversarial, staged, closed-form, Hebbian, competitive.

    plan -> [look at the validation part] -> [save] -> step -> ...  -> best weights -> next stage

Where a run stands is known at every step boundary, so that a run killed anywhere goes on to the same bits. A budget of time is
planned anew on the way (`plan.py`): there the same holds up to the next plan, which depends on how fast the machine then is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnzoo.core.dataset import Parts
from nnzoo.core.errors import NotFinite
from nnzoo.core.events import Event, Progress, Solving, StageEnded, StageStarted, Validated, Warned
from nnzoo.core.feeds import Stream, shuffled
from nnzoo.core.learning import Clock, Move, Solve, Stage
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.training.allocation import keep_freed_memory
from nnzoo.training.durable import lock
from nnzoo.training.handover import is_divided
from nnzoo.training.names import prepare_modes
from nnzoo.training.plan import Pace, due, plan_for, revised, validation_loss
from nnzoo.training.processes import Processes
from nnzoo.training.settings import Settings
from nnzoo.training.signals import Stop, listening
from nnzoo.training.standing import BEGIN, Standing
from nnzoo.training.state import copy_of, put
from nnzoo.training.steps import Stepper
from nnzoo.training.watching import news

SHOW_EVERY = 0.1  # seconds between two progress events
FEED = -2  # the place of the feed among the moves of a step, for seeds


@dataclass
class Outcome:
    """What came of a run. `network` is the trained one (rebuilt if the run was resumed after it had grown); `validation` the best
    validation loss of the last stage that has one; `stopped` says why learning ended."""

    network: Network
    seconds: float
    epochs: int
    steps: int
    stopped: str
    validation: float | None
    history: list[dict[str, Any]]


def train(
    network: Network,
    parts: Parts,
    settings: Settings = Settings(),  # noqa: B008  # frozen
    folder: Path | None = None,
    listen: Sequence[Callable[[Event], Any]] = (),
    resume: bool = False,
    processes: Processes | None = None,
) -> Outcome:
    """Train a network on `parts` by its stages.

    With a `folder`, journal and checkpoints are kept there and `resume` goes on from the last one; without, nothing is
    written. All `processes` call this alike, with the same parts; the first alone writes, listens and looks at validation data.
    Raises NotFinite (the weights are the last good ones), Interrupted after a signal, RunError if saving fails.
    """
    first = processes is None or processes.first
    keep_freed_memory()
    with nullcontext() if folder is None or not first else lock(folder), listening() as stop:
        if processes is not None:
            processes.told = stop
        return _Run(network, parts, settings, folder, listen if first else (), stop, processes).run(resume)


class _Run(Standing):
    def run(self, resume: bool) -> Outcome:
        if resume:
            self._restore()
        elif self.checkpoints is not None:
            self.checkpoints.clear()
            self.journal.cut(0)
        if self.settings.compile:
            self.network.compile()
        self._hand_over()
        if self.journal.size() == 0:
            self.journal.write("begin", kind=self.network.kind, settings=self.settings.facts())
        stages = self.network.stages(self.network.task)
        while self.place.stage < len(stages):
            stage = stages[self.place.stage]
            self.sharing = self.processes if is_divided(stage) else None
            self.stop = self.told if self.sharing is None else Stop()
            if self.sharing is None and not self.first:
                pass
            elif all(isinstance(move, Solve) and move.sees == "dataset" for move in stage.moves):
                self._solve(stage, len(stages))
            else:
                self._descend(stage, stages)
            if self.sharing is None:
                self._hand_over()
            self.place.validation = self.place.validation if self.place.best is None else self.place.best
            self.journal.write("stage ended", stage=stage.name, step=self.place.step, stopped=self.place.stopped)
            self._tell(StageEnded(self.place.stage, self.place.step, self.place.stopped, self.place.stage_seconds))
            self.best_tensors, self.memory, self.stepper, self.restored = {}, {}, None, None
            self.place.next_stage()
            stages = self.network.stages(self.network.task)  # bound methods of the network as it is now
            if self.place.stage < len(stages):
                self._save()
        for parameter in self.network.parameters():
            parameter.requires_grad_(True)
        self.network.eval()
        self._save()
        place = self.place
        return Outcome(self.network, place.seconds, place.epochs, place.all_steps, place.stopped, place.validation, place.history)

    # ---- stages of steps

    def _descend(self, stage: Stage, stages: tuple[Stage, ...]) -> None:
        place, settings = self.place, self.settings
        feed = stage.feed or shuffled()
        seed_default(settings.seed, place.stage, 0, BEGIN)  # a feed may encode with noise
        stream, sharing = feed.open(self.parts.train, self.network, settings.seed, place.stage), self.sharing
        if sharing is not None:
            stream = stream.divided(sharing.rank, sharing.world)
        validation: Stream | None = None
        if stage.validate is not None and self.parts.valid is not None and len(self.parts.valid):
            validation = feed.validation().open(self.parts.valid, self.network, settings.seed, place.stage)
        if place.steps is None:
            plan = plan_for(self.network, stage, place.stage, stages, settings, stream, validation, self.told, sharing)
            if plan is None:
                self._interrupt(stage)
            place.steps, place.every, place.allowed = plan
            self.journal.write("planned", stage=stage.name, steps=place.steps, budget=settings.budget)
        self.stepper = stepper = Stepper(self.network, stage, place.stage, settings, place.steps, sharing)
        self.memory = self._first_memory(stream.rows)
        if self.restored is not None:
            self._put_back(stepper)
        else:
            self._save()
        patience = stage.patience if settings.patience is None else settings.patience
        clock = Clock(place.stage, steps=place.steps, memory=self.memory)
        flags = stepper.guard.reads_every
        self._tell(
            StageStarted(
                place.stage,
                stage.name,
                len(stages),
                place.steps,
                stream.length,
                settings.budget or f"{stage.epochs}epochs",
                place.step,
            )
        )
        began = shown = time.perf_counter()
        began_step, before = place.step, (place.seconds, place.stage_seconds)
        pace = Pace(place.step, validation is not None)
        epochs_before = place.epochs - -(-place.drawn // stream.length)
        while True:
            now = time.perf_counter()
            place.seconds, place.stage_seconds = before[0] + now - began, before[1] + now - began
            place.epochs = epochs_before + -(-place.drawn // stream.length)
            overdue = now - self.saved_at > settings.checkpoint_seconds
            if sharing is not None:
                overdue = self._agreed(stepper, overdue)
            if self.stop:
                self._interrupt(stage)
            over = place.step >= place.steps
            if ((place.step and place.step % place.every == 0) or over) and place.validated != place.step:
                looking = time.perf_counter()
                self._look(stage, stepper, validation)
                pace.looked(time.perf_counter() - looking)
                if self.stop:
                    self._interrupt(stage)
            if over or (patience and place.since >= patience):
                break
            if overdue:
                self._save()
            if due(place.step, place.steps, place.revisions):
                self._revise(stage, stepper, clock, pace, time.perf_counter() - began + before[1])
            if now - shown > SHOW_EVERY:
                shown = now
                left = (now - began) / max(1, place.step - began_step) * (place.steps - place.step)
                loss = stepper.train_loss()
                self._tell(
                    Progress(
                        place.stage, place.step, place.steps, place.epochs, loss, left, stepper.shown() if stepper.metrics else {}
                    )
                )
            clock.step, clock.epoch = place.step, place.drawn // stream.length
            if stream.random:
                seed_default(settings.seed, place.stage, place.step, FEED, *self._own)
            batches = [stream.at(place.drawn + k) for k in range(settings.accumulate)]
            stepper.step(batches, clock)
            self.memory = clock.memory
            if place.step % flags == 0:
                self._check(stepper)
            place.step += 1
            place.all_steps += 1
            place.drawn += settings.accumulate
            if place.step == 1:
                place.first_loss = stepper.train_loss()
        place.stopped = "the planned length was reached" if over else f"no better validation loss in {patience} looks"
        if validation is not None and self.best_tensors:
            put(self.network, self.best_tensors)
        elif stepper.average is not None:
            self._use_average(stepper)

    def _revise(self, stage: Stage, stepper: Stepper, clock: Clock, pace: Pace, seconds: float) -> None:
        """Hold the plan of a stage, `seconds` after its begin, to the time that it may take, if a step takes another time now."""
        place = self.place
        each = None if place.allowed is None else pace.taken(place.step, place.every)
        if each is None:
            return
        assert place.steps is not None and place.allowed is not None
        steps = revised(place.step, place.steps, place.allowed - seconds, each)
        if self.sharing is not None:
            steps = self.sharing.share_json(steps)
        while due(place.step, place.steps, place.revisions):
            place.revisions += 1
        if steps != place.steps:
            place.steps = clock.steps = steps
            stepper.last(steps)
            self.journal.write("planned", stage=stage.name, steps=steps, budget=self.settings.budget, step=place.step)

    def _look(self, stage: Stage, stepper: Stepper, validation: Stream | None) -> None:
        """A look at the validation part: is this the best so far?"""
        place = self.place
        self._check(stepper)
        train = stepper.train_loss()
        valid, metrics, better = None, stepper.shown(), False
        if validation is not None:
            raw = copy_of(self.network) if stepper.average is not None else {}
            if stepper.average is not None:
                self._use_average(stepper)
            result = self._validation_loss(stage, validation)
            if result is not None:
                valid, more = result
                metrics = {**metrics, **more}
            if valid is not None:
                better = math.isfinite(valid) and (place.best is None or valid < place.best)
                if better:
                    place.best, place.since, self.best_tensors = valid, 0, copy_of(self.network)
                else:
                    place.since += 1
            if raw:
                put(self.network, raw)
            if result is None:
                return  # interrupted: the look will be repeated
        place.validated = place.step
        stepper.guard.forget()
        line = dict(
            stage=place.stage,
            step=place.step,
            epoch=place.epochs,
            train=train,
            valid=valid,
            seconds=round(place.seconds, 3),
            **metrics,
        )
        place.history.append(line)
        self.journal.write("look", best=better, **line)
        rates, steps = stepper.rates(place.step - 1), place.steps or place.step
        self._tell(Validated(place.stage, place.step, steps, place.epochs, train, valid, better, place.seconds, metrics, rates))
        self._watch()

    def _watch(self) -> None:
        """Say what has begun to go wrong."""
        place = self.place
        looks = [line for line in place.history if line["stage"] == place.stage]
        for text in news(looks, -(-(place.steps or 1) // place.every), place.first_loss):
            self.journal.write("warned", stage=place.stage, step=place.step, text=text)
            self._tell(Warned(text, "warning"))

    def _validation_loss(self, stage: Stage, validation: Stream) -> tuple[float | None, dict[str, float]] | None:
        """What the first process finds, in all; None if it was told to stop on the way."""
        result = None
        if self.first:
            place = self.place
            result = validation_loss(self.network, stage, validation, self.settings, place.stage, place.step, self.told)
        if self.sharing is not None:
            result = self.sharing.share_json(result)
            self.stop.signal = self._signal() if result is None else None
        return result

    def _agreed(self, stepper: Stepper, overdue: bool) -> bool:
        """Whether to save now, for all; sets `stop` for all. Each tells its own wish with the gradients of the next step."""
        assert stepper.reduction is not None
        stepper.reduction.wishes = (bool(self.told), overdue and self.first)
        if self.place.step % stepper.guard.reads_every:
            return False
        stop, save = stepper.reduction.agreed()
        if stop:
            self.stop.signal = self._signal()
        return save

    def _use_average(self, stepper: Stepper) -> None:
        assert stepper.average is not None
        with torch.no_grad():
            for name, parameter in stepper.trained:
                parameter.copy_(stepper.average[name])

    # ---- stages that are solved on the whole data set

    def _solve(self, stage: Stage, stages: int) -> None:
        place = self.place
        prepare_modes(self.network, stage.trains)
        if self.restored is None:
            self.memory = self._first_memory(len(self.parts.train))
            self._save()
        self._tell(StageStarted(place.stage, stage.name, stages, 0, 0, "until solved", place.yields))
        began, before = time.perf_counter(), (place.seconds, place.stage_seconds)
        clock = Clock(place.stage, memory=self.memory)
        shown = 0.0
        while place.move < len(stage.moves):
            move = stage.moves[place.move]
            rule = move.rule(self.parts, clock)  # type: ignore[arg-type, union-attr]
            while True:
                seed_default(self.settings.seed, place.stage, place.yields, place.move, 0)
                with torch.no_grad():
                    done = next(rule, None)
                self.memory = clock.memory
                now = time.perf_counter()
                place.seconds, place.stage_seconds = before[0] + now - began, before[1] + now - began
                if done is None:
                    break
                place.yields += 1
                place.all_steps += 1
                metrics = {name: float(value) for name, value in done.metrics.items()}
                if place.yields % 10 ** max(0, len(str(place.yields)) - 2) == 0:  # every one to 99, every tenth to 990, ...
                    self.journal.write("solving", stage=stage.name, step=place.yields, **metrics)
                    self._tell(Solving(place.stage, place.yields, metrics))
                if self.stop:
                    self._check_solved(stage, move)
                    self._interrupt(stage)
                if now - self.saved_at > self.settings.checkpoint_seconds:
                    self._check_solved(stage, move)
                    self._save()
                if now - shown > SHOW_EVERY:
                    shown = now
                    left = None if not done.share else (now - began) * (1 - done.share) / done.share
                    total = 0 if not done.share else round(place.yields / done.share)
                    self._tell(Progress(place.stage, place.yields, total, 0, None, left, metrics))
            self._check_solved(stage, move)
            place.move += 1
        place.epochs += 1
        place.stopped = "solved"

    def _check_solved(self, stage: Stage, move: Move) -> None:
        """A rule leaves no parameter that is not finite and no buffer with NaN (a mask may hold infinity)."""
        good = all(bool(torch.isfinite(p).all()) for p in self.network.parameters())
        if not good or any(bool(torch.isnan(b).any()) for b in self.network.buffers()):
            error = NotFinite(stage.name, self.place.yields, move.name, kept=False)
            self.journal.write("not finite", stage=error.stage, step=error.step, move=error.move)
            raise error
