"""`nnzoo judge`: what a saved run makes, judged as a comparison judges it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import load, print_json, told, working


@told
def judge(
    run: o.Run,
    data: o.Data,
    inception: Annotated[
        Path | None,
        typer.Option("--inception", metavar="FILE", help="Weights of FID's Inception-v3 (pt_inception-2015-12-05): FID beside."),
    ] = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Judge what RUN makes against the held-out part of DATA: of labelled pictures by a classifier that is trained on the rest."""
    from nnzoo.cli.progress import Watch

    with working(), Watch() as watch:
        from nnzoo.comparing.judging.judge import judge as ask

        model = load(run, device, own)
        scores = ask(model, data, seed=seed, inception=inception, listen=(watch,))
    about = {"run": str(run), "kind": model.manifest.kind, "data": data, "task": model.task.name, "metric": next(iter(scores))}
    if json:
        return print_json({**about, "score": scores[about["metric"]], "scores": scores})
    from nnzoo.cli import show

    show.scores(about, scores)
