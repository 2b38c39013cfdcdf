"""The commands. Each reads its options, calls the library's verb of the same name, and shows what came back.

Everything heavy is imported inside the commands, so that `nnzoo --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nnzoo import __version__
from nnzoo.cli import options as o
from nnzoo.cli.anomalies import anomalies
from nnzoo.cli.compare import compare
from nnzoo.cli.embed import embed
from nnzoo.cli.generate import generate
from nnzoo.cli.judge import judge
from nnzoo.cli.output import OneLine, load, print_json, told, working
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
    pairs: o.Pairs = None,
    normal: o.Normal = None,
    seed: o.Seed = 0,
    json: o.Json = False,
) -> None:
    """Say what is understood of DATA, what is wrong with them, and which tasks and kinds fit."""
    from nnzoo.data.understand import understand

    ways = {"valid": valid, "test": test, "split": split, "weight": weight, "dedup": dedup, "units": units, "seed": seed}
    ways |= {"horizon": horizon, "history": history, "calendar": calendar, "pairs": pairs, "normal": normal}
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
app.command()(anomalies)
app.command()(judge)
app.command()(generate)


@app.command()
@told
def evaluate(
    run: o.Run, data: o.Data, seed: o.Seed = 0, device: o.Device = "auto", own: o.Own = None, json: o.Json = False
) -> None:
    """Score RUN on DATA with known answers."""
    from nnzoo.cli.progress import Watch

    with working(), Watch() as watch:
        from nnzoo.core.events import hearing

        model = load(run, device, own)
        with hearing((watch,)):
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
        Path | None,
        typer.Option("--out", metavar="FILE", help="To: .csv .tsv .json .jsonl .parquet; pictures: .png .npz, a new folder"),
    ] = None,
    beam: Annotated[int, typer.Option("--beam", metavar="N", help="Answers kept side by side while a translation is written.")] = 4,
    top: Annotated[int, typer.Option("--top", metavar="K", help="Of texts with gaps: symbols shown for each [MASK].")] = 5,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Answer for every row of INPUT: a table in gives a table out, a text to translate its translation, a text with [MASK]
    what may stand there, pictures pictures."""
    with working():
        from nnzoo.core.errors import ConfigError
        from nnzoo.zoo.verbs import answers_with
        from nnzoo.zoo.verbs import predict as answer

        model = load(run, device, own)
        if out is None and answers_with(model) is not None:
            raise ConfigError("the answers are pictures; name a file or a folder for them with --out FILE.png")
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
    only: Annotated[str | None, typer.Option("--only", metavar="TEXT", help="Those whose data or metric contains this.")] = None,
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
