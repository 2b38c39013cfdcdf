"""`nnzoo import` and `nnzoo export`: models from elsewhere as runs, and runs as models for elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import print_json, told, working


@told
def import_(
    source: Annotated[str, typer.Argument(metavar="FOLDER|NAME", help="A folder that transformers saved, or a repository's name.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="The folder for the run; else one under runs/.")] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="R", help="Of a repository: a branch, tag or commit.")
    ] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Read pickled weights where there are no safetensors (tensors alone).")
    ] = False,
    json: o.Json = False,
) -> None:
    """Make a run of a model in Hugging Face's layout: GPT-2, Llama, BERT, T5."""
    with working():
        from nnzoo.zoo.huggingface.importing import import_model

        made = import_model(source, out=out, revision=revision, allow_pickle=allow_pickle)
    if json:
        return print_json(made.to_json())
    for note in made.notes:
        print(f"note: {note}")
    print(f"{made.architecture} of {made.source} is the run {made.run}: a {made.kind} for {made.task},")
    print(f"{made.parameters:,} numbers, {made.vocabulary:,} symbols")


@told
def export(
    run: o.Run,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="WHERE", help="huggingface: a folder that transformers loads; nnzoo: a run of its own, adapters merged."
        ),
    ] = "huggingface",
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="The folder; else beside the run.")] = None,
    json: o.Json = False,
) -> None:
    """Write RUN's network and tokenizer for other libraries, or as a run that needs no other."""
    with working():
        from nnzoo.zoo.huggingface.exporting import export_model

        made = export_model(run, to=to, out=out)
    if json:
        return print_json(made.to_json())
    for note in made.notes:
        print(f"note: {note}")
    print(f"{made.run} lies in {made.folder} as {made.architecture}: {', '.join(made.files)}")
