"""One candidate of a race, run from what it is given to what came of it: a function of its arguments, wherever it runs.

    (spec, judge, parts) + request -> train -> score -> result

The race here, worker processes, a cluster and tuning all call `run_candidate`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from nnzoo.comparing.budget import for_a_baseline
from nnzoo.comparing.measure import learned_bytes
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError, Interrupted, NnzooError
from nnzoo.core.events import Event, StageStarted, Validated
from nnzoo.core.fields import Spec
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.core.task import Evaluation, Task
from nnzoo.training.settings import Settings

TENTHS = 10  # points of a stage at which trials are compared with one another


@dataclass(frozen=True)
class Given:
    """What all candidates of a race are given: networks read `parts`, which lie on the device, baselines `host`."""

    spec: Spec
    judge: Task
    host: Parts
    parts: Parts

    @classmethod
    def on(cls, device: str, spec: Spec, judge: Task, host: Parts) -> Given:
        """With the parts laid out for a device."""
        from nnzoo.data.prepare import place
        from nnzoo.training.devices import device_of

        return cls(spec, judge, host, place(host, device_of(device)))


@dataclass(frozen=True)
class Request:
    """Which candidate to run, and how. `make` is the class of a network or baseline, `config` the settings that are not default.

    A `trial` (its number) is judged on the validation part and never sees the test part; it is given up where its best
    validation loss is above `ceilings` at a tenth of the last stage. `seeds` are those under which a baseline that makes data
    is scored; a network learns under `settings.seed`. `keep`: what was learned is wanted, not only its scores.
    """

    kind: str
    role: Literal["network", "baseline"]
    make: Any
    settings: Settings
    config: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    trial: int | None = None
    ceilings: tuple[float, ...] = (math.inf,) * TENTHS
    keep: bool = False


@dataclass
class Result:
    """What came of a candidate. `error` is a sentence where it failed, and the rest then says nothing.

    `evaluations` are of the test part, `validation` scores of the validation part, one for each seed scored; `looks` is the best
    validation loss by each tenth of the last stage, as far as it went; `learned` the network or baseline, if it was to be kept.
    """

    error: str = ""
    seconds: float = 0.0
    evaluations: list[Evaluation] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    stopped: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)
    parameters: int | None = None
    bytes: int | None = None
    note: str = ""
    looks: tuple[float, ...] = ()
    pruned: bool = False
    learned: Any = None


def run_candidate(given: Given, request: Request, tell: Callable[[Event], Any]) -> Result:
    """Train and score one candidate. A failure that a person can act on is its own and becomes `error`; raises Interrupted."""
    run = _baseline if request.role == "baseline" else _trial if request.trial is not None else _network
    began = time.perf_counter()
    try:
        return run(given, request, tell)
    except Interrupted:
        raise
    except NnzooError as error:
        why = str(error)
    except torch.OutOfMemoryError:
        why = f"{request.kind} ran out of memory; lower its batch or its width with --set"
    return Result(why, time.perf_counter() - began)


def build(given: Given, request: Request) -> Network:
    """The network of a request, initialised as `nnzoo train` does."""
    seed_default(request.settings.seed, -1)
    return request.make(request.make.Config.read(request.config, request.kind), given.spec, given.judge)


def _network(given: Given, request: Request, tell: Callable[[Event], Any]) -> Result:
    from nnzoo.training.loop import train

    parts, seed = given.parts, request.settings.seed
    network = build(given, request)
    began = time.perf_counter()
    outcome = train(network, replace(parts, test=None), request.settings, listen=(tell,))
    seconds = time.perf_counter() - began
    assert parts.test is not None
    return Result(
        seconds=seconds,
        evaluations=[_judged(given, request, outcome.network, parts.test, parts, seed)],
        validation=_chooses(given, outcome.network, parts, seed),
        stopped=outcome.stopped,
        history=outcome.history,
        parameters=outcome.network.count(),
        bytes=learned_bytes(outcome.network),
        learned=outcome.network if request.keep else None,
    )


def _trial(given: Given, request: Request, tell: Callable[[Event], Any]) -> Result:
    from nnzoo.training.loop import train

    parts = replace(given.parts, test=None)
    network, looks = build(given, request), Looks(request.ceilings)

    def listen(event: Event) -> None:
        tell(event)
        looks(event)

    began = time.perf_counter()
    try:
        outcome = train(network, parts, request.settings, listen=(listen,))
    except GivenUp:
        return Result(seconds=time.perf_counter() - began, looks=looks.best, pruned=True)
    seconds = time.perf_counter() - began
    scores = _chooses(given, outcome.network, parts, request.settings.seed)
    if not all(map(math.isfinite, scores)):
        raise DataError(f"{request.kind}'s {given.judge.metric} on the validation part is not a finite number")
    return Result(seconds=seconds, validation=scores, looks=looks.best, stopped=outcome.stopped)


def _baseline(given: Given, request: Request, tell: Callable[[Event], Any]) -> Result:
    parts = given.host
    baseline = request.make(given.spec, request.seeds[0], for_a_baseline(request.settings.budget))
    began = time.perf_counter()
    baseline.fit(replace(parts, test=None))
    result = Result(seconds=time.perf_counter() - began)
    assert parts.test is not None
    for seed in request.seeds if hasattr(baseline, "sample") else request.seeds[:1]:
        result.evaluations.append(_judged(given, request, baseline, parts.test, parts, seed))
        result.validation += _chooses(given, baseline, parts, seed)
    result.note, result.parameters, result.bytes = baseline.note, baseline.parameters, learned_bytes(baseline)
    result.learned = baseline if request.keep else None
    return result


def _judged(given: Given, request: Request, entrant: Any, test: Dataset, parts: Parts, seed: int) -> Evaluation:
    evaluation = given.judge.evaluate(entrant, test, seed=seed, reference=parts.train)
    score = float(evaluation.scores[given.judge.metric])
    if not math.isfinite(score):
        raise DataError(f"{request.kind}'s {given.judge.metric} is {score}: its answers are not finite numbers")
    return evaluation


def _chooses(given: Given, entrant: Any, parts: Parts, seed: int) -> list[float]:
    """The score on the validation part, by which entrants are chosen; none where there is no such part."""
    if parts.valid is None or not len(parts.valid):
        return []
    return [float(given.judge.evaluate(entrant, parts.valid, seed=seed, reference=parts.train).score)]


class GivenUp(Exception):
    """A trial that is worse than others were at the same point: raised by a listener, it ends the run at once."""


class Looks:
    """Listens to the looks at the validation part during the last stage; raises GivenUp where the best is above a ceiling.

    `best` is the lowest loss so far when each tenth of the stage was reached.
    """

    def __init__(self, ceilings: tuple[float, ...]):
        self.ceilings, self.last, self.lowest = ceilings, False, math.inf
        self.best: tuple[float, ...] = ()

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted():
                self.last = event.stage == event.stages - 1
            case Validated() if self.last and event.valid is not None:
                self.lowest = min(self.lowest, event.valid if math.isfinite(event.valid) else math.inf)
                fresh = range(len(self.best), TENTHS * event.step // event.steps)  # one look may stand for several tenths
                self.best += (self.lowest,) * len(fresh)
                if any(self.lowest > self.ceilings[tenth] for tenth in fresh):
                    raise GivenUp
