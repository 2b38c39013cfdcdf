"""The table of all results, made from the result files: reached, missed, stale and not yet run alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.networks import files
from nnzoo.reproductions.digests import code_digests
from nnzoo.training.durable import write_text

if TYPE_CHECKING:
    from nnzoo.reproductions.running import Reproduction

HERE = Path(__file__).parent

_HEAD = """# Published results and ours

Made by `nnzoo reproduce` from the files in `results/`; do not edit. The epoch is chosen on validation data; the test part is
used once for each seed. *Stale* means that the kind's file or one of its blocks has changed since; *confirmed*, that it has changed
and the first seed still gives the same score to nine digits.

| kind | data | metric | ours: mean ± spread (runs) | target | | published | minutes | state |
|---|---|---|---|---|---|---|---|---|
"""


def results() -> list[dict[str, Any]]:
    """Every result on file, each with `stale`."""
    found = []
    for path in sorted((HERE / "results").glob("*.json")):
        digests = code_digests(path.stem) if path.stem in files() else {}
        found += [{**result, "stale": result["code"] != digests} for result in json.loads(path.read_text(encoding="utf-8"))]
    return found


def write_table() -> str:
    """Write README.md beside this file; its text."""
    from nnzoo import reproductions

    rows = [_row(result) for result in results()]
    have = {(result["kind"], result["data"], result["metric"]) for result in results()}
    wanted = [(kind, one) for kind in files() if kind in reproductions.names() for one in reproductions.find(kind)]
    rows += [_missing(kind, one) for kind, one in wanted if (kind, one.data, one.metric) not in have]
    notes = [f"- {r['kind']}, {r['data']}, {r['metric']}: {r['note']}" for r in results() if r.get("note")]
    sources = [f"- {r['kind']}, {r['data']}: {r['source']}" for r in results()]
    text = (
        _HEAD
        + "\n".join(rows)
        + "\n\n## Notes\n"
        + "\n".join(notes)
        + "\n\n## Sources of the published figures\n"
        + "\n".join(sources)
        + "\n"
    )
    write_text(HERE / "README.md", text)
    return text


def _missing(kind: str, one: Reproduction) -> str:
    state = "needs a GPU" if one.needs_gpu else ""
    return (
        f"| {kind} | {one.data} | {one.metric} | not yet run | {_target(one.target, one.better)} | | {one.published} | | {state} |"
    )


def _target(target: float | None, better: str) -> str:
    return "reported" if target is None else f"{'≥' if better == 'higher' else '≤'} {target:g}"


def _row(result: dict[str, Any]) -> str:
    spread = "" if result["spread"] is None else f" ± {result['spread']:.2g}"
    target = _target(result["target"], result["better"])
    met = {True: "reached", False: "**missed**", None: ""}[result["met"]]
    state = "stale" if result["stale"] else "confirmed" if "confirmed" in result else "current"
    ours = f"{result['mean']:.4g}{spread} ({len(result['scores'])})"
    return (
        f"| {result['kind']} | {result['data']} | {result['metric']} | {ours} | {target} | {met} "
        f"| {result['published']} | {result['minutes']:g} | {state} |"
    )
