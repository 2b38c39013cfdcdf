"""`nnzoo train`: one kind on data, saved and scored."""

from __future__ import annotations

from typing import Annotated

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import print_json, told, working
from nnzoo.cli.values import read_settings


@told
def train(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A name that `nnzoo kinds` lists, or the path of a file.")],
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
    normal: o.Normal = None,
    metric: o.Metric = None,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="A setting of the kind.", show_default=False)
    ] = [],
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="B", help="60s, 5m, 20epochs or 1000steps; else as long as the kind says.")
    ] = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    precision: o.Precision = "float32",
    accumulate: o.Accumulate = 1,
    patience: o.Patience = None,
    compile: o.Compile = False,
    track: o.Track = [],
    from_run: Annotated[str | None, typer.Option("--from", metavar="RUN", help="Start from this run's weights.")] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", metavar="A", help="lora: keep the weights of --from, learn little matrices beside them."),
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", metavar="R", help="The rank of these; else 8.")] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="RUN", help="The folder for the run; else one under runs/.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted run at --out.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Under torchrun: after this long a silent process counts as lost.")
    ] = 60.0,
    json: o.Json = False,
) -> None:
    """Train KIND on DATA, save the run, score it on the untouched test part."""
    from nnzoo.cli.progress import Watch

    config = read_settings(settings)
    with working(), Watch() as watch:
        from nnzoo.zoo.fitting import train as fit

        trained = fit(
            kind,
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
            normal=normal,
            metric=metric,
            config=config,
            budget=budget,
            seed=seed,
            device=device,
            precision=precision,
            accumulate=accumulate,
            patience=patience,
            compile=compile,
            from_run=from_run,
            adapter=adapter,
            rank=rank,
            out=out,
            resume=resume,
            track=track,
            timeout=timeout,
            listen=(watch,),
        )
    if json:
        return print_json(trained)
    from nnzoo.cli import show

    show.trained(trained)
