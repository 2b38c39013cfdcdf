"""`nnzoo embed`: texts as vectors, and which of them are alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nnzoo.cli import options as o
from nnzoo.cli.output import print_json, told, working


@told
def embed(
    run: o.Run,
    source: Annotated[str, typer.Argument(metavar="DATA", help="Texts: a file, a folder, a table, or the name of a known set.")],
    pooling: Annotated[
        str | None, typer.Option("--pooling", metavar="P", help="mean of all symbols (usual), the first's state, or the last's.")
    ] = None,
    unit: Annotated[bool, typer.Option("--unit", help="Give every vector length 1.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write: .npz or .csv")] = None,
    device: o.Device = "auto",
    own: o.Own = None,
    json: o.Json = False,
) -> None:
    """Turn each text of DATA into a vector by RUN; without --out, show the nearest other text of each."""
    with working():
        from nnzoo.zoo.embedding import MOST_COMPARED, nearest
        from nnzoo.zoo.loaded import load
        from nnzoo.zoo.verbs import embed as turn

        model = load(run, {} if own is None else {own.stem: str(own)}, device)
        texts, vectors_ND = turn(model, source, pooling=pooling, unit=unit or None, out=out)
        near = nearest(vectors_ND) if 1 < len(texts) <= MOST_COMPARED else None
    if json:
        about: dict[str, Any] = {"run": str(run), "kind": model.manifest.kind, "pooling": pooling, "unit": unit}
        about |= {"texts": len(texts), "width": vectors_ND.shape[1]}
        about |= {} if near is None else {"nearest": near[0].tolist(), "cosine": near[1].tolist()}
        return print_json({**about, **({"vectors": vectors_ND.tolist()} if out is None else {"out": str(out)})})
    if out is not None:
        print(f"{len(texts)} vectors of {vectors_ND.shape[1]} numbers written to {out}")
        return
    from nnzoo.cli import show

    show.embedded(texts, near, vectors_ND.shape[1])
