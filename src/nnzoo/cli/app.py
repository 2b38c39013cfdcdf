"""The commands. Each reads its options, calls the library's verb of the same name, and shows what came back.

Everything heavy is imported inside the commands, so that `nnzoo --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nnzoo import __version__
from nnzoo.cli import options as o
from nnzoo.cli.compare import compare
from nnzoo.cli.embed import embed
from nnzoo.cli.output import OneLine, print_json, told, working
from nnzoo.cli.train import train
from nnzoo.cli.weights import export, import_

app = typer.Typer(
    cls=OneLine,
    help="Every kind of neural network in one library: train it on your data, compare it fairly, use what it learned.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
@told
def kinds(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One kind, or the path of a file with one of your own.")
    ] = None,
    task: o.Task = None,
    json: o.Json = False,
) -> None:
    """List the kinds of network, those for a task, or all about one."""
    from nnzoo.zoo.catalogue import kinds as catalogue

    with working():
        found = catalogue(name, task=task)
    if json:
        return print_json(found)
    from nnzoo.cli import show

    show.kind(found) if isinstance(found, dict) else show.kinds(found)


@app.command()
@told
def data(
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
    seed: o.Seed = 0,
    json: o.Json = False,
) -> None:
    """Say what is understood of DATA, what is wrong with them, and which tasks and kinds fit."""
    from nnzoo.data.understand import understand

    ways = {"valid": valid, "test": test, "split": split, "weight": weight, "dedup": dedup, "units": units, "seed": seed}
    ways |= {"horizon": horizon, "history": history, "calendar": calendar}
    with working():
        found = understand(data, task=task, targets=target, **ways)
    if json:
        return print_json(found)
    from nnzoo.cli import show

    show.understood(found)


app.command()(train)
app.command()(compare)
app.command("import")(import_)
app.command()(export)
app.command()(embed)


@app.command()
@told
def evaluate(
    run: o.Run, data: o.Data, seed: o.Seed = 0, device: o.Device = "auto", own: o.Own = None, json: o.Json = False
) -> None:
    """Score RUN on DATA with known answers."""
    with working():
        model = _load(run, device, own)
        scores = model.evaluate(data, seed)
    about = {"run": str(run), "kind": model.manifest.kind, "data": data, "task": model.task.name, "metric": model.task.metric}
    if json:
        return print_json({**about, "score": scores[model.task.metric], "scores": scores})
    from nnzoo.cli import show

    show.scores(about, scores)


@app.command()
@told
def predict(
    run: o.Run,
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A table, pictures or texts, as the run learned from; or a text.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write: .csv .tsv .json .jsonl .parquet")
    ] = None,
    beam: Annotated[int, typer.Option("--beam", metavar="N", help="Answers kept side by side while a translation is written.")] = 4,
    top: Annotated[int, typer.Option("--top", metavar="K", help="Of texts with gaps: symbols shown for each [MASK].")] = 5,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Answer for every row of INPUT: a table in gives a table out, a text to translate its translation, a text with [MASK]
    what may stand there."""
    with working():
        from nnzoo.zoo.verbs import predict as answer

        model = _load(run, device, own)
        frame = answer(model, source, out=out, beam=beam, top=top)
    if json:
        from json import loads

        about = {"run": str(run), "kind": model.manifest.kind, "task": model.task.name, "rows": len(frame)}
        rows = {"predictions": loads(frame.to_json(orient="records", date_format="iso"))} if out is None else {"out": str(out)}
        return print_json({**about, **rows})
    if out is None and frame.attrs.get("answer") is not None:
        print(frame.attrs["answer"])
    elif out is None:
        frame.to_csv(sys.stdout, index=False)
    else:
        print(f"{len(frame)} rows written to {out}")


@app.command()
@told
def anomalies(
    run: o.Run,
    source: Annotated[str, typer.Argument(metavar="DATA", help="Series, as the run learned from.")],
    share: Annotated[
        float | None,
        typer.Option(
            "--share", metavar="P", help="Flag what so many of the steps of data like the validation part exceed; else 0.01."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="X", help="Flag scores above X usual errors instead.")
    ] = None,
    usual: Annotated[
        str | None, typer.Option("--usual", metavar="DATA", help="Series with nothing unusual, in place of the validation part.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="All steps: .csv .tsv .json .jsonl .parquet; a picture: .png .svg .pdf"),
    ] = None,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Say how unusual each step of series is, by how far RUN's forecasts miss it; list the stretches that stand out."""
    with working():
        from nnzoo.looking.anomalies import anomalies as look

        model = _load(run, device, own)
        found = look(model, source, share=share, threshold=threshold, usual=usual, out=out)
    if json:
        from json import loads

        about = {"run": str(run), "kind": model.manifest.kind, "data": source, **found.to_json()}
        rows = {"rows": loads(found.frame.to_json(orient="records", date_format="iso"))} if out is None else {"out": str(out)}
        return print_json({**about, **rows})
    from nnzoo.cli import show

    show.anomalies(found, out)


@app.command()
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
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Points: .csv; texts: .txt; pictures: .png .npz; music: .mid .json")
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
        model = _load(run, device, own)
        choice = {"top_k": top_k, "top_p": top_p, "min_p": min_p, "repetition": repetition, "stop": stop, "beam": beam}
        with WritingWatch(terminal, begun) as watch:
            wanted = {"n": n, "prompt": begun, "label": label, "seed": seed, "tokens": tokens, "temperature": temperature}
            made = make(model, out=out, listen=(watch,), **wanted, **choice)
    if json:
        about = {"run": str(run), "kind": model.manifest.kind, "task": model.task.name, "n": len(made), "seed": seed}
        values = made.to_dict(orient="records") if hasattr(made, "to_dict") else made
        if hasattr(made, "prompts"):
            about |= {"prompts": made.prompts, "written": made.written, "tokens": made.tokens}
            about |= {"seconds": made.seconds, "tokens_per_second": sum(made.tokens) / max(made.seconds, 1e-9)}
        return print_json({**about, **({"made": values} if out is None else {"out": str(out)})})
    from nnzoo.cli import show

    if not watch.shown:
        show.made(made, out)


@app.command()
@told
def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where runs are.")] = Path("runs"),
    json: o.Json = False,
) -> None:
    """List saved runs with their scores, newest first."""
    with working():
        from nnzoo.zoo.listing import runs as listing

        found = listing(folder)
    if json:
        return print_json(found)
    from nnzoo.cli import show

    show.runs(found, folder)


@app.command()
@told
def reproduce(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="The kind whose published results are tried.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All kinds.")] = False,
    only: Annotated[str | None, typer.Option("--only", metavar="DATA", help="Those on data whose name contains this.")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="One seed of each stale result: does it still come out?")] = False,
    json: o.Json = False,
) -> None:
    """Run a kind's reproduction and write its result beside the published one."""
    if every == (kind is not None):
        raise typer.BadParameter("name one KIND, or --all")
    from nnzoo.cli.progress import Watch

    with working(), Watch() as watch:
        from nnzoo import reproductions

        named = reproductions.names() if kind is None else [kind]
        run = reproductions.confirm if confirm else reproductions.reproduce
        results = [result for name in named for result in run(name, listen=(watch,), only=only)]
    if json:
        return print_json(results)
    from nnzoo.cli import show

    show.reproduced(results)


@app.command()
@told
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A known data set, such as fashion-mnist.")],
    address: Annotated[
        str | None, typer.Option("--address", metavar="URL", help="A mirror, or one file for a name of your own.")
    ] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", metavar="HEX", help="The digest of that one file.")] = None,
    json: o.Json = False,
) -> None:
    """Fetch a known data set into the cache; an interrupted fetch goes on where it stopped."""
    with working():
        from nnzoo.cli.fetch_progress import FetchWatch
        from nnzoo.data.fetch import fetch as bring

        with FetchWatch() as watch:
            folder = bring(name, address=address, sha256=sha256, listen=watch)
    if json:
        return print_json({"name": name, "folder": str(folder)})
    print(f"{name} lies in {folder}")


def _load(run: Path, device: str, own: Path | None) -> Any:
    from nnzoo.zoo.loaded import load

    return load(run, {} if own is None else {own.stem: str(own)}, device)
