"""The table of all results, made from the result files: reached, missed, stale and not yet run alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nnzoo.networks import files
from nnzoo.reproductions.digests import code_digests
from nnzoo.training.durable import write_text

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
    rows = [_row(result) for result in results()]
    have = {result["kind"] for result in results()}
    rows += [f"| {kind} | | | not yet run | | | | | |" for kind in files() if kind not in have]
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


def _row(result: dict[str, Any]) -> str:
    spread = "" if result["spread"] is None else f" ± {result['spread']:.2g}"
    sign = "≥" if result["better"] == "higher" else "≤"
    target = "reported" if result["target"] is None else f"{sign} {result['target']:g}"
    met = {True: "reached", False: "**missed**", None: ""}[result["met"]]
    state = "stale" if result["stale"] else "confirmed" if "confirmed" in result else "current"
    ours = f"{result['mean']:.4g}{spread} ({len(result['scores'])})"
    return (
        f"| {result['kind']} | {result['data']} | {result['metric']} | {ours} | {target} | {met} "
        f"| {result['published']} | {result['minutes']:g} | {state} |"
    )
