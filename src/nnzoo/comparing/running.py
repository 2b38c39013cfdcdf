"""A race as a plan of candidates: which is next, what came of each, how far it is. Who runs them is another matter.

Trials come first, where kinds are tuned, then every kind under every seed, then the baselines. Seeds and trials are the outer
loop, so that a machine that grows busy slows all kinds alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from nnzoo.comparing.baselines import baselines_for
from nnzoo.comparing.budget import seconds_of
from nnzoo.comparing.candidate import Given, Request, Result, build, run_candidate
from nnzoo.comparing.entries import Entry
from nnzoo.comparing.measure import facts_bytes, latencies
from nnzoo.comparing.reconstruction_baselines import components_for
from nnzoo.comparing.tuning import Study, trial_seed
from nnzoo.core.errors import ConfigError, NnzooError
from nnzoo.core.events import Event
from nnzoo.core.network import Network
from nnzoo.training.settings import Settings

Listen = Sequence[Callable[[Event], Any]]


@dataclass(frozen=True)
class Racing(Event):
    """A run starts: number `index` (from 0) of `total`; `left` is the time left for the whole race, None if unknown. `trial`
    (from 0, of `trials`) where the run is one that tunes. `config` are the settings that are not default."""

    kind: str
    role: str
    seed: int
    index: int
    total: int
    left: float | None
    trial: int | None = None
    trials: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished(Event):
    """A run is over: its score on the test part (a trial's is on the validation part, None where it was given up), or the sentence
    why there is none."""

    kind: str
    role: str
    seed: int
    score: float | None
    seconds: float
    error: str = ""
    trial: int | None = None
    pruned: bool = False


@dataclass(frozen=True)
class Told(Event):
    """What the loop of one run tells where several are on at once, and which of the workers (from 0) tells it."""

    worker: int
    kind: str
    seed: int
    trial: int | None
    event: Event


@dataclass
class _Kind:
    """A kind of network in the race: its search, the seeds it has begun, what came of each."""

    name: str
    make: type[Network]
    config: dict[str, Any]
    study: Study | None
    trying: bool = False
    begun: int = 0
    results: dict[int, Result] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether its settings stand."""
        return self.study is None or self.study.over

    @property
    def failed(self) -> bool:
        """Whether no further seed is worth its time."""
        return any(result.error for result in self.results.values())


class Race:
    """Candidates of a race, one after another as they are asked for with `next`; `take` takes what came of them, `entries` gives
    all of it once nothing is left.

    `next` gives None where all that is left waits for candidates that are on. `tune` is the number of trials for each kind.
    """

    def __init__(
        self,
        given: Given,
        able: Mapping[str, type[Network]],
        configs: Mapping[str, Mapping[str, Any]],
        settings: Settings,
        seeds: list[int],
        listen: Listen = (),
        tune: int = 0,
    ):
        self.given, self.settings, self.seeds, self.listen, self.tune = given, settings, seeds, listen, tune
        if tune and (given.parts.valid is None or not len(given.parts.valid)):
            raise ConfigError("tuning needs a validation part; name one with --valid, or leave --tune out")
        higher = given.judge.higher_is_better
        self.kinds = {
            name: _Kind(
                name,
                make,
                dict(configs.get(name, {})),
                Study(name, make.Config, configs.get(name, {}), tune, seeds[0], higher) if tune else None,
            )
            for name, make in able.items()
        }
        self.baseline_kinds: list[Any] = list(baselines_for(given.spec, given.judge.name))
        if given.judge.name == "reconstruction":
            made = {kind.name: (kind.make, kind.config) for kind in self.kinds.values()}
            self.baseline_kinds += components_for(given.spec, given.judge, made)
        self.baselines: dict[str, Result] = {}
        self.waiting = list(self.baseline_kinds)
        trials = sum(kind.study.length for kind in self.kinds.values() if kind.study is not None)
        self.total = trials + len(able) * len(seeds) + len(self.baseline_kinds)
        self.started = self.done = 0
        self.workers = 1
        self.began = time.perf_counter()

    def tell(self, event: Event) -> None:
        """Tell all listeners."""
        for listener in self.listen:
            listener(event)

    def next(self) -> Request | None:
        """The next candidate, or None where there is none now."""
        request = self._next_trial() or self._next_run() or self._next_baseline()
        if request is not None:
            left, trials = self._left(), self.tune if request.trial is not None else 0
            seed = request.settings.seed
            place = (self.started, self.total, left, request.trial, trials)
            self.tell(Racing(request.kind, request.role, seed, *place, request.config))
            self.started += 1
        return request

    def _next_trial(self) -> Request | None:
        ready = [kind for kind in self.kinds.values() if kind.study is not None and not kind.study.over and not kind.trying]
        if not ready:
            return None
        kind = min(ready, key=lambda kind: len(kind.study.trials) if kind.study else 0)
        assert kind.study is not None
        kind.trying = True
        settings = replace(self.settings, seed=trial_seed(self.seeds[0]))
        config, number = kind.config | kind.study.propose(), len(kind.study.trials)
        return Request(kind.name, "network", kind.make, settings, config, trial=number, ceilings=kind.study.ceilings())

    def _next_run(self) -> Request | None:
        while ready := [k for k in self.kinds.values() if k.settled and k.begun < len(self.seeds)]:
            kind = min(ready, key=lambda kind: kind.begun)
            first, seed = kind.begun == 0, self.seeds[kind.begun]
            kind.begun += 1
            if kind.failed:
                self._skip()
                continue
            tuned = kind.study.tuned if kind.study is not None else {}
            settings = replace(self.settings, seed=seed)
            request = Request(kind.name, "network", kind.make, settings, kind.config | tuned, keep=first)
            if not first and self._repeats(request):
                self._skip()
                continue
            return request
        return None

    def _next_baseline(self) -> Request | None:
        if not self.waiting:
            return None
        kind = self.waiting.pop(0)
        return Request(kind.kind, "baseline", kind, replace(self.settings, seed=self.seeds[0]), seeds=tuple(self.seeds), keep=True)

    def _skip(self) -> None:
        self.started, self.done = self.started + 1, self.done + 1

    def _repeats(self, request: Request) -> bool:
        """A kind that every seed leaves the same is trained once; its first run stands for all."""
        try:
            network = build(self.given, request)
        except NnzooError:
            return False  # the candidate itself says so
        return network.chanceless() and not hasattr(network, "sample")

    def take(self, request: Request, result: Result) -> None:
        """What came of a candidate."""
        self.done += 1
        seed, score = request.settings.seed, None
        if request.trial is not None:
            kind = self.kinds[request.kind]
            assert kind.study is not None
            kind.trying = False
            kind.study.take({name: request.config[name] for name in kind.study.space}, result)
            score = kind.study.trials[-1].score
        else:
            if request.role == "network":
                self.kinds[request.kind].results[seed] = result
            else:
                self.baselines[request.kind] = result
            score = None if result.error else result.evaluations[-1].score
        told = Finished(request.kind, request.role, seed, score, result.seconds, result.error, request.trial, result.pruned)
        self.tell(told)

    def entries(self) -> list[Entry]:
        """An entry for every entrant, networks first, with all that is measured on what they learned."""
        entries = [self._network_entry(kind) for kind in self.kinds.values()]
        return entries + [self._baseline_entry(kind) for kind in self.baseline_kinds]

    def _network_entry(self, kind: _Kind) -> Entry:
        entry = Entry(kind.name, "network")
        if kind.study is not None:
            entry.trials, entry.tuned = kind.study.trials, kind.study.tuned
            if not kind.study.space:
                entry.note = "there is nothing to tune: its search space is empty, or every setting in it was given"
        results = [kind.results[seed] for seed in self.seeds if seed in kind.results]
        for result in results:
            entry.stopped += [result.stopped] if not result.error else []
            entry.histories += [result.history] if not result.error else []
        return self._filled(entry, results)

    def _baseline_entry(self, kind: Any) -> Entry:
        return self._filled(Entry(kind.kind, "baseline"), [self.baselines[kind.kind]])

    def _filled(self, entry: Entry, results: list[Result]) -> Entry:
        """The results under all seeds in one entry; fewer than seeds, as one fit without chance stands for the rest."""
        entry.error = next((result.error for result in results if result.error), "")
        if entry.error:
            return entry
        first, entry.fits = results[0], len(results)
        entry.train_seconds = sum(result.seconds for result in results) / entry.fits
        entry.evaluations = [evaluation for result in results for evaluation in result.evaluations]
        entry.evaluations += entry.evaluations[-1:] * (len(self.seeds) - len(entry.evaluations))
        entry.scores = [float(evaluation.score) for evaluation in entry.evaluations]
        entry.validation = [score for result in results for score in result.validation]
        entry.validation += entry.validation[-1:] * (len(self.seeds) - len(entry.validation))
        if not all(map(math.isfinite, entry.validation)):
            entry.validation = []
        entry.note = entry.note or first.note
        entry.trained, entry.parameters, entry.bytes = first.learned, first.parameters, first.bytes
        return entry

    def measure(self, entries: Sequence[Entry], preprocessing: Any) -> None:
        """Latencies, once nothing else runs that would disturb them, and sizes with the preprocessing that goes along."""
        for entry in entries:
            test = self.given.parts.test if entry.role == "network" else self.given.host.test
            if entry.trained is not None and test is not None:
                entry.latency_ms_1, entry.latency_ms_256 = latencies(entry.trained, test)
                entry.bytes = (entry.bytes or 0) + facts_bytes(preprocessing)

    def _left(self) -> float | None:
        """From the budget where it is in time, else from what the runs so far have taken (None before the first)."""
        rest, each = self.total - self.done, seconds_of(self.settings.budget)
        if each is None:
            return (time.perf_counter() - self.began) / self.done * rest if self.done else None
        return rest * each / self.workers


def run_here(race: Race) -> None:
    """All candidates of a race, one after another, in this process."""
    warm_up()
    while (request := race.next()) is not None:
        race.take(request, run_candidate(race.given, request, race.tell))


def warm_up() -> None:
    """One step of an optimiser that nobody needs: the first in a process loads seconds of code, which must not count against the
    kind that happens to run first."""
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.sum().backward()
    torch.optim.AdamW([weight]).step()
