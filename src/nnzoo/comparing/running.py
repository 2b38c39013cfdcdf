"""The runs of a race, one after another: train, score once on the test part, measure; and tell how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nnzoo.comparing.baselines import Baseline, baselines_for
from nnzoo.comparing.budget import for_a_baseline, seconds_of
from nnzoo.comparing.entries import Entry
from nnzoo.comparing.measure import disk_bytes, latencies
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError, Interrupted, NnzooError
from nnzoo.core.events import Event
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.core.task import Evaluation, Task
from nnzoo.training.settings import Settings

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

Listen = Sequence[Callable[[Event], Any]]


@dataclass(frozen=True)
class Racing(Event):
    """An entrant starts: number `index` (from 0) of `total` runs; `left` is the time left for the whole race, None if unknown."""

    kind: str
    role: str
    seed: int
    index: int
    total: int
    left: float | None


@dataclass(frozen=True)
class Finished(Event):
    """An entrant's run is over: its test score, or the sentence why there is none."""

    kind: str
    role: str
    seed: int
    score: float | None
    seconds: float
    error: str = ""


class Race:
    """Runs entrants one after another; tells how far it is."""

    def __init__(self, prepared: Prepared, judge: Task, test: Dataset, settings: Settings, seeds: list[int], listen: Listen):
        self.prepared, self.judge, self.test, self.settings = prepared, judge, test, settings
        self.seeds, self.listen = seeds, listen
        self.began, self.done, self.total = time.perf_counter(), 0, 0
        self.baseline_kinds = baselines_for(prepared.spec)

    def tell(self, event: Event) -> None:
        for listener in self.listen:
            listener(event)

    def networks(self, able: Mapping[str, type[Network]], configs: Mapping[str, Any], parts: Parts) -> list[Entry]:
        """Every kind under every seed. Seeds are the outer loop, so that a machine that grows busy slows all kinds alike."""
        self.total = len(able) * len(self.seeds) + len(self.baseline_kinds)
        warm_up()
        entries = {name: Entry(name, "network") for name in able}
        for seed in self.seeds:
            for name, kind in able.items():
                if entries[name].error:
                    self.done += 1
                    continue
                if self._repeats(entries[name]):
                    self.done += 1
                    continue
                self._start(entries[name], seed)
                with self._own_failure(entries[name], seed):
                    self._network(entries[name], kind, configs[name], parts, seed)
        for entry in entries.values():
            self._settle(entry)
        return list(entries.values())

    def _repeats(self, entry: Entry) -> bool:
        """A kind that every seed leaves the same is trained once; its first run stands for all."""
        network = entry.trained
        if not isinstance(network, Network) or not network.chanceless() or hasattr(network, "sample"):
            return False
        entry.scores.append(entry.scores[-1])
        entry.evaluations.append(entry.evaluations[-1])
        entry.validation += entry.validation[-1:]
        return True

    def _network(self, entry: Entry, kind: type[Network], config: Any, parts: Parts, seed: int) -> None:
        from nnzoo.training.loop import train

        seed_default(seed, -1)  # as `nnzoo train` initialises
        network = kind(config, self.prepared.spec, self.judge)
        began = time.perf_counter()
        outcome = train(network, parts, replace(self.settings, seed=seed), listen=self.listen)
        seconds = time.perf_counter() - began
        assert parts.test is not None
        evaluation = self.judge.evaluate(outcome.network, parts.test, seed=seed, reference=parts.train)
        self._enter(entry, evaluation, seconds)
        entry.validation += self._chooses(outcome.network, parts, seed)
        entry.stopped.append(outcome.stopped)
        entry.histories.append(outcome.history)
        if entry.trained is None:
            entry.trained, entry.parameters = outcome.network, outcome.network.count()
            self._measure(entry, parts.test)

    def baselines(self, kinds: Sequence[type[Baseline]]) -> list[Entry]:
        """Every baseline, fitted once: none has chance in its fitting. Those that make data are scored under every seed."""
        entries = []
        for kind in kinds:
            entry = Entry(kind.kind, "baseline")
            entries.append(entry)
            self._start(entry, self.seeds[0])
            with self._own_failure(entry, self.seeds[0]):
                self._baseline(entry, kind)
            self._settle(entry)
        return entries

    def _baseline(self, entry: Entry, kind: type[Baseline]) -> None:
        parts = self.prepared.parts
        baseline = kind(self.prepared.spec, self.seeds[0], for_a_baseline(self.settings.budget))
        began = time.perf_counter()
        baseline.fit(parts)
        seconds = time.perf_counter() - began
        made = hasattr(baseline, "sample")
        for seed in self.seeds if made else self.seeds[:1]:
            self._enter(entry, self.judge.evaluate(baseline, self.test, seed=seed, reference=parts.train), seconds)
            entry.validation += self._chooses(baseline, parts, seed)
        if not made:  # one fit stands for all seeds
            entry.scores, entry.evaluations = entry.scores * len(self.seeds), entry.evaluations * len(self.seeds)
            entry.validation = entry.validation * len(self.seeds)
        entry.train_seconds, entry.fits, entry.note = seconds, 1, baseline.note
        entry.trained, entry.parameters = baseline, baseline.parameters
        self._measure(entry, self.test)

    def _enter(self, entry: Entry, evaluation: Evaluation, seconds: float) -> None:
        score = float(evaluation.scores[self.judge.metric])
        if not np.isfinite(score):
            raise DataError(f"{entry.kind}'s {self.judge.metric} is {score}: its answers are not finite numbers")
        entry.scores.append(score)
        entry.evaluations.append(evaluation)
        entry.train_seconds = (entry.train_seconds or 0.0) + seconds
        entry.fits += 1

    def _chooses(self, entrant: Any, parts: Parts, seed: int) -> list[float]:
        """The score on the validation part, by which entrants are chosen; none where there is no such part."""
        if parts.valid is None or not len(parts.valid):
            return []
        return [self.judge.evaluate(entrant, parts.valid, seed=seed, reference=parts.train).score]

    def _settle(self, entry: Entry) -> None:
        if not np.isfinite(entry.validation).all():
            entry.validation = []
        if entry.error:
            entry.scores, entry.validation, entry.evaluations, entry.train_seconds = [], [], [], None
        elif entry.train_seconds is not None:
            entry.train_seconds /= entry.fits

    def _measure(self, entry: Entry, test: Dataset) -> None:
        entry.latency_ms_1, entry.latency_ms_256 = latencies(entry.trained, test)
        entry.bytes = disk_bytes(entry.trained, self.prepared.preprocessing)

    def _start(self, entry: Entry, seed: int) -> None:
        self.tell(Racing(entry.kind, entry.role, seed, self.done, self.total, self._left()))

    @contextmanager
    def _own_failure(self, entry: Entry, seed: int) -> Iterator[None]:
        """A failure that a person can act on is this entrant's own; being interrupted ends the race."""
        began = time.perf_counter()
        try:
            yield
        except Interrupted:
            raise
        except NnzooError as error:
            entry.error = str(error)
        except torch.OutOfMemoryError:
            entry.error = f"{entry.kind} ran out of memory; lower its batch or its width with --set"
        self.done += 1
        score = None if entry.error else entry.scores[-1]
        self.tell(Finished(entry.kind, entry.role, seed, score, time.perf_counter() - began, entry.error))

    def _left(self) -> float | None:
        """From the budget where it is in time, else from what the runs so far have taken (None before the first)."""
        rest, each = self.total - self.done, seconds_of(self.settings.budget)
        if each is None and self.done:
            each = (time.perf_counter() - self.began) / self.done
        return None if each is None else rest * each


def warm_up() -> None:
    """One step of an optimiser that nobody needs: the first in a process loads seconds of code, which must not count against the
    kind that happens to run first."""
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.sum().backward()
    torch.optim.AdamW([weight]).step()
