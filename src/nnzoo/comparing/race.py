"""The fair race: the same rows, the same time, several seeds for every kind, plain baselines beside them.

Learning sees the training part, every choice (best epoch, early stopping, penalties of baselines, who is best) the validation
part; the test part is used once for each trained entrant.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nnzoo.comparing import budget as budgets
from nnzoo.comparing import findings
from nnzoo.comparing.calibration import calibration_error
from nnzoo.comparing.candidate import Given
from nnzoo.comparing.commands import named, repeated
from nnzoo.comparing.eligibility import eligible
from nnzoo.comparing.entries import Comparison
from nnzoo.comparing.groups import members_of, scores_by_group
from nnzoo.comparing.intervals import intervals
from nnzoo.comparing.judging.handing import bound, makes_data, with_judge
from nnzoo.comparing.machine import machine
from nnzoo.comparing.running import Listen, Race
from nnzoo.comparing.scored import scored_weights
from nnzoo.comparing.tracking import race_tracking
from nnzoo.comparing.verdict import decide
from nnzoo.comparing.workers import runner_for
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.events import Warned
from nnzoo.core.fields import Classes
from nnzoo.core.network import Network
from nnzoo.training.settings import Settings
from nnzoo.zoo.records import known_trackers

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

SHORTEST = 0.5  # seconds; less for one run is hardly learning


def compare(
    source: Any,
    *,
    task: str | None = None,
    target: str | Sequence[str] = (),
    valid: Any = None,
    test: Any = None,
    split: str = "random",
    weight: str | None = None,
    dedup: bool = False,
    units: str | None = None,
    horizon: int | None = None,
    history: int | None = None,
    calendar: bool = False,
    pairs: str | None = None,
    metric: str | None = None,
    margin: float | None = None,
    kinds: Sequence[str | type[Network]] | None = None,
    config: Mapping[str, Mapping[str, Any]] = {},
    budget: str | None = "60s",
    per_run: str | None = None,
    seeds: int = 3,
    seed: int = 0,
    tune: int = 0,
    workers: int | str = 1,
    device: str = "auto",
    groups: str | Sequence[str] = (),
    out: str | Path | None = None,
    track: str | Sequence[str] | None = None,
    listen: Listen = (),
    command: str | None = None,
    **more: Any,
) -> Comparison:
    """Race kinds of network and plain baselines on data.

    `kinds` are names, paths of Python files or Network classes (None: all that can); `config` sets fields of their Configs, by
    kind. `budget` is the time for the whole race, shared equally among all runs (epochs and steps are each run's own);
    `per_run` names a run's budget instead. Seeds are `seed`, `seed` + 1, ...; the division of the data depends on `seed` alone.
    `tune` is how often each kind first tries settings of its own search space, judged on the validation part: trials are runs of
    the budget, and what `config` names is not searched over. `workers` is how many runs are on at once: processes of this machine,
    or "ray://local" or "ray://HOST:PORT" for a Ray cluster. With budgets in steps or epochs it changes no score; in time, it gives
    each run more, while runs slow one another down, all kinds alike.
    `margin` is the smallest difference that matters, in units of the metric (accuracy: 0.01 is a point; None: see `verdict`).
    `groups` are columns by whose values the test rows are also scored group by group. `out` is where the report goes (HTML; None:
    none is written), `command` the line that the report shows to repeat the race, `more` are fields of `Settings`. A kind that
    fails becomes an entry with an error. `dedup` drops copies of rows; `units` are those of texts, `horizon` and
    `history` steps to forecast and to read of series, with `calendar` also the dates of the steps to come.
    `pairs` says how pairs of pictures are made of single ones. `track` names trackers (tensorboard, mlflow) that are told
    everything. Raises NnzooError where nothing can be compared.
    """
    from nnzoo.data.doctor import announce
    from nnzoo.data.prepare import prepare
    from nnzoo.zoo.fitting import with_metric

    trackers = known_trackers(track)
    if seeds < 1:
        raise ConfigError(f"seeds={seeds}: a comparison needs at least one seed; give 3 to see how scores vary")
    if tune < 0:
        raise ConfigError(f"tune={tune}: give the number of trials for each kind, 0 for none")
    if margin is not None and not margin > 0:
        raise ConfigError(
            f"margin={margin}: the smallest difference that matters is more than 0; give such a number, or leave it out"
        )
    began = time.perf_counter()
    targets = (target,) if isinstance(target, str) else tuple(target)
    ways: dict[str, Any] = {"valid": valid, "test": test, "split": split, "weight": weight, "dedup": dedup, "units": units}
    ways |= {"horizon": horizon, "history": history, "calendar": calendar, "pairs": pairs}
    prepared = prepare(source, task=task, targets=targets, seed=seed, listen=listen, **ways)
    judge = with_metric(with_judge(prepared, listen), metric)
    held_out = prepared.parts.test
    if held_out is None or not len(held_out):
        raise DataError(f"{prepared.name} has no test part to compare on; name one with --test, or give more rows")
    able, refused = eligible(kinds, prepared.spec, judge)
    columns = (groups,) if isinstance(groups, str) else tuple(groups)
    apart = {part: named(given, part) for part, given in (("valid", valid), ("test", test)) if given is not None}
    asked: dict[str, Any] = {"task": task, "target": targets, "split": split, "weight": weight} | apart
    asked |= {"dedup": dedup, "metric": metric, "margin": margin, "group": columns, "kinds": ",".join(able), "device": device}
    asked |= {"units": units, "horizon": horizon, "history": history, "calendar": calendar, "pairs": pairs}
    asked |= {"budget": None if per_run else budget, "per_run": per_run, "tune": tune, "workers": workers} | more
    unknown = set(config) - set(able) - {r.kind for r in refused}
    if unknown:
        raise ConfigError(
            f"settings are given for '{min(unknown)}', which is not in this comparison; add it to --kinds, or leave them out"
        )
    members = members_of(prepared, columns, judge)
    for name, kind in able.items():  # before any time is spent
        kind.Config.read(config.get(name, {}), name)
    found = findings.before(prepared, judge, able, config)
    announce(found, listen)
    if judge.judge is not None:
        judge.judge.learn(device, listen)
    facts = asked | {"data": prepared.name, "task": judge.name, "metric": judge.metric, "seeds": seeds, "seed": seed}
    with race_tracking(trackers, able, facts, listen) as tracker:
        with runner_for(workers) as runner:
            run = budgets.per_run(budget, per_run, budgets.rounds(len(able), seeds, tune, runner.count))
            settings = Settings(budget=run, seed=seed, device=device, **more)
            given = Given.on(device, prepared.spec, judge, prepared.parts)
            race = Race(given, able, config, settings, [seed + s for s in range(seeds)], [*listen, tracker], tune)
            if (budgets.seconds_of(run) or SHORTEST) < SHORTEST:
                race.tell(
                    Warned(
                        f"each run has only {budgets.seconds_of(run):.2g} s; name fewer kinds with --kinds, or a larger --budget"
                    )
                )
            runner.run(race)
        entries = race.entries()
        race.measure(entries, prepared.preprocessing)

        there = {e.kind: e.evaluations for e in entries if not e.error}
        weights = scored_weights(held_out)
        sure = intervals(there, judge.metric, weights, seed)
        for entry in entries:
            if not entry.error:
                entry.mean = float(np.mean(entry.scores))
                bounds = sure.of(entry.kind, 1 - 0.05 / len(there))  # all of them hold together with 95 % (Bonferroni)
                entry.low, entry.high = (x if np.isfinite(x) else None for x in bounds)
                if prepared.spec.only("outputs", Classes):
                    entry.calibration_error = calibration_error(entry.evaluations, weights)
        higher = judge.higher_is_better
        entries.sort(
            key=lambda e: (e.mean is None, 0.0 if e.mean is None else (-e.mean if higher else e.mean), e.role == "network")
        )
        comparison = Comparison(
            data=prepared.name,
            task=judge.name,
            metric=judge.metric,
            higher_is_better=higher,
            entries=entries,
            verdict=decide(entries, sure, judge.metric, higher, _rows_in_all(prepared), margin),
            bound=bound(judge, prepared.parts.train, held_out, seed).scores if makes_data(judge) else {},
            judged_by=getattr(judge.judge, "about", ""),
            refused=refused,
            interval=f"{sure.method}; {_together(len(there))}",
            seeds=race.seeds,
            per_run=run,
            seconds=time.perf_counter() - began,
            floor=judge.floor(prepared.parts.train, held_out),
            command=command or repeated(source, prepared.name, config, asked | {"seeds": seeds, "seed": seed}),
            machine={**machine(settings.device), "workers": runner.count, "threads": runner.threads},
            prepared=prepared,
            groups=scores_by_group(members, prepared, entries, judge, seed),
        )
        comparison.suspects, noise = findings.after(comparison)
        announce(noise, listen)
        comparison.findings = [*found, *noise]
        if out is not None:
            from nnzoo.comparing.report import write_report

            comparison.report = str(write_report(comparison, Path(out)))
        tracker.result(comparison)
    return comparison


def _rows_in_all(prepared: Prepared) -> int | None:
    """Rows of all parts, None where some came from a source of their own."""
    parts = (prepared.parts.train, prepared.parts.valid, prepared.parts.test)
    return None if prepared.others else sum(len(part) for part in parts if part is not None)


def _together(entrants: int) -> str:
    return f"all {entrants} intervals hold together with 95 % (Bonferroni)" if entrants > 1 else "95 %"
