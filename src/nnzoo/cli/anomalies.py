"""`nnzoo anomalies`: what stands out in data to a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import load, print_json, told, working


@told
def anomalies(
    run: o.Run,
    source: Annotated[str, typer.Argument(metavar="DATA", help="Series, pictures or a table, as the run learned from.")],
    share: Annotated[
        float | None,
        typer.Option(
            "--share",
            metavar="P",
            help="Flag what so many steps or rows of data like the validation part exceed; else 0.01.",
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="X", help="Flag scores above X instead (of series: usual errors).")
    ] = None,
    usual: Annotated[
        str | None, typer.Option("--usual", metavar="DATA", help="Data with nothing unusual, in place of the validation part.")
    ] = None,
    normal: Annotated[
        str | None, typer.Option("--normal", metavar="L", help="The label of usual rows: says how well the others are told.")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", metavar="COLUMN", help="The table column with the labels.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="All steps or rows: .csv .tsv .json .jsonl .parquet; series drawn: .png .svg .pdf"
        ),
    ] = None,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Say how unusual each step of series is, by how far RUN's forecasts miss it, or each picture or row of a table to a kind that
    can tell; list what stands out."""
    with working():
        from nnzoo.looking.anomalies import anomalies as look

        model = load(run, device, own)
        found = look(model, source, share=share, threshold=threshold, usual=usual, normal=normal, target=target, out=out)
    if json:
        from json import loads

        about = {"run": str(run), "kind": model.manifest.kind, "data": source, **found.to_json()}
        rows = {"rows": loads(found.frame.to_json(orient="records", date_format="iso"))} if out is None else {"out": str(out)}
        return print_json({**about, **rows})
    from nnzoo.cli import show

    show.anomalies(found, out)
