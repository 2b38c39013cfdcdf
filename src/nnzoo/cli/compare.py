"""`nnzoo compare`: kinds of network beside plain baselines, a verdict and a report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import print_json, told, working
from nnzoo.cli.values import read_names, read_settings_by_kind


@told
def compare(
    data: o.Data,
    task: o.Task = None,
    target: o.Target = [],
    valid: o.Valid = None,
    test: o.Test = None,
    split: o.Split = "random",
    weight: o.Weight = None,
    dedup: o.Dedup = False,
    units: o.Units = None,
    horizon: o.Horizon = None,
    history: o.History = None,
    calendar: o.Calendar = False,
    pairs: o.Pairs = None,
    metric: o.Metric = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", metavar="X", help="Smallest difference of scores that matters; else 1 point."),
    ] = None,
    kinds: Annotated[str | None, typer.Option("--kinds", metavar="A,B", help="Kinds to compare; else all that can.")] = None,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KIND.FIELD=VALUE", help="A setting of one of the kinds.", show_default=False)
    ] = [],
    budget: Annotated[str, typer.Option("--budget", metavar="B", help="Time for the whole comparison, shared equally.")] = "60s",
    per_run: Annotated[str | None, typer.Option("--per-run", metavar="B", help="Budget of each run instead.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="How often each kind is trained.")] = 3,
    tune: Annotated[
        int, typer.Option("--tune", metavar="N", help="Trials of each kind's search space first; part of the budget.")
    ] = 0,
    workers: Annotated[
        str, typer.Option("--workers", metavar="N", help="Runs at once, in processes; or ray://local, ray://HOST:PORT.")
    ] = "1",
    seed: o.Seed = 0,
    device: o.Device = "auto",
    precision: o.Precision = "float32",
    accumulate: o.Accumulate = 1,
    patience: o.Patience = None,
    compile: o.Compile = False,
    track: o.Track = [],
    group: Annotated[
        list[str], typer.Option("--group", metavar="COLUMN", help="Score also by this column's groups.", show_default=False)
    ] = [],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The report (HTML); else one under reports/.")] = None,
    json: o.Json = False,
) -> None:
    """Compare kinds of network and plain baselines on DATA: a table, a verdict and a report."""
    config, named = read_settings_by_kind(settings), read_names(kinds)
    with working():
        from nnzoo.cli.race_progress import RaceWatch
        from nnzoo.comparing.race import compare as race

        with RaceWatch() as watch:
            comparison = race(
                data,
                task=task,
                target=target,
                valid=valid,
                test=test,
                split=split,
                weight=weight,
                dedup=dedup,
                units=units,
                horizon=horizon,
                history=history,
                calendar=calendar,
                pairs=pairs,
                metric=metric,
                margin=margin,
                kinds=named,
                config=config,
                budget=budget,
                per_run=per_run,
                seeds=seeds,
                seed=seed,
                tune=tune,
                workers=workers,
                device=device,
                precision=precision,
                accumulate=accumulate,
                patience=patience,
                compile=compile,
                groups=group,
                out=out or _free("reports", data, ".html"),
                track=track,
                listen=(watch,),
                command=shlex.join(["nnzoo", *sys.argv[1:]]),
            )
    if json:
        return print_json(comparison)
    from nnzoo.cli import show

    show.comparison(comparison)


def _free(folder: str, data: str, ending: str) -> Path:
    """A file name of its own for a report on these data."""
    stem = "".join(
        c if c.isalnum() or c in ".-_" else "-" for c in (Path(data).stem if "/" in data and Path(data).exists() else data)
    )
    number = 1
    while (path := Path(folder) / f"{stem}-{number}{ending}").exists():
        number += 1
    return path
