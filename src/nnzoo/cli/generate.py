"""`nnzoo generate`: new data from a saved run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import load, print_json, told, working


@told
def generate(
    run: o.Run,
    n: Annotated[int | None, typer.Option("--n", metavar="N", help="How many, for each prompt; 10, or 1 of a long text.")] = None,
    prompt: Annotated[
        list[str],
        typer.Option("--prompt", metavar="TEXT", help="What a text begins with, several times for several; of music a file."),
    ] = [],
    prompts: Annotated[Path | None, typer.Option("--prompts", metavar="FILE", help="Prompts, one a line.")] = None,
    label: Annotated[str | None, typer.Option("--label", metavar="L", help="What to make, where labels were learned.")] = None,
    seed: o.Seed = 0,
    tokens: Annotated[int, typer.Option("--tokens", metavar="N", help="Length of a text at most; steps of music.")] = 200,
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="X", help="Below 1: more usual texts; above: stranger.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option("--top-k", metavar="K", help="Keep the K likeliest symbols.")] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", metavar="P", help="Keep the fewest symbols whose probabilities reach P.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option("--min-p", metavar="P", help="Keep symbols at least P times as likely as the likeliest.")
    ] = None,
    repetition: Annotated[
        float | None, typer.Option("--repetition", metavar="X", help="Above 1: shun symbols that stand there already.")
    ] = None,
    stop: Annotated[list[str], typer.Option("--stop", metavar="TEXT", help="End before this; several times for several.")] = [],
    beam: Annotated[
        int | None, typer.Option("--beam", metavar="N", help="Draw nothing: search for the likeliest text, N side by side.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="Steps of sampling, where the kind takes some.")] = None,
    guidance: Annotated[
        float | None, typer.Option("--guidance", metavar="G", help="How strongly the label guides, where the kind can.")
    ] = None,
    sampler: Annotated[str | None, typer.Option("--sampler", metavar="NAME", help="Where the kind has several.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Points: .csv; texts: .txt; pictures: .png .npz, or a new folder for single files; music: .mid .json",
        ),
    ] = None,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Make texts, points, pictures or music with RUN. A single text is shown as it is written."""
    from nnzoo.cli.writing_progress import WritingWatch, beginnings

    terminal = sys.stdout if sys.stdout.isatty() and not json and out is None else None
    with working():
        from nnzoo.zoo.verbs import generate as make

        begun = beginnings(prompt, prompts)
        model = load(run, device, own)
        choice: dict[str, Any] = {
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "repetition": repetition,
            "stop": stop,
            "beam": beam,
        }
        sampling = {"steps": steps, "guidance": guidance, "sampler": sampler}
        choice |= {name: value for name, value in sampling.items() if value is not None}
        with WritingWatch(terminal, begun) as watch:
            wanted = {"n": n, "prompt": begun, "label": label, "seed": seed, "tokens": tokens, "temperature": temperature}
            made = make(model, out=out, listen=(watch,), **wanted, **choice)
    if json:
        about = {"run": str(run), "kind": model.manifest.kind, "task": model.task.name, "n": len(made), "seed": seed}
        if getattr(made, "labels", None) is not None:
            about["labels"] = made.labels
        values = made.to_dict(orient="records") if hasattr(made, "to_dict") else made
        if hasattr(made, "prompts"):
            about |= {"prompts": made.prompts, "written": made.written, "tokens": made.tokens}
            about |= {"seconds": made.seconds, "tokens_per_second": sum(made.tokens) / max(made.seconds, 1e-9)}
        return print_json({**about, **({"made": values} if out is None else {"out": str(out)})})
    from nnzoo.cli import show

    if not watch.shown:
        show.made(made, out)
