"""Running reproductions and writing down what came of them, with everything that another person needs to believe it."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from nnzoo.core.dataset import Parts
from nnzoo.core.errors import RunError
from nnzoo.core.events import Event, Warned
from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared, place, prepare
from nnzoo.reproductions.digests import code_digests
from nnzoo.training.devices import device_of
from nnzoo.training.durable import write_text
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build, inherit_weights

Listeners = Sequence[Callable[[Event], Any]]


@dataclass(frozen=True)
class Reproduction:
    """One published figure and how we reach for it.

    `run(seed, listen)` trains and scores one repetition and gives `{"score": ..., more figures}`. `target` None: reported
    only. `published` is the source's own figure, as text. `needs_gpu`: it would take days without one, so that it is passed over
    where there is none.
    """

    data: str
    metric: str
    run: Callable[[int, Listeners], dict[str, float]]
    target: float | None
    better: Literal["higher", "lower"]
    published: str
    source: str
    seeds: tuple[int, ...] = (0, 1, 2)
    note: str = ""
    judged_by: Literal["mean", "each"] = "mean"
    needs_gpu: bool = False

    def met(self, scores: Sequence[float]) -> bool | None:
        """Whether the target was reached: by the mean of the scores, or by each of them."""
        if self.target is None:
            return None
        figures = [float(np.mean(scores))] if self.judged_by == "mean" else list(scores)
        return all(f >= self.target if self.better == "higher" else f <= self.target for f in figures)


def fit(
    kind: str,
    prepared: Prepared,
    seed: int,
    listen: Listeners = (),
    config: dict[str, Any] | None = None,
    base: Network | None = None,
    **settings: Any,
) -> Network:
    """Train a kind on prepared data as `nnzoo train` would, without keeping a run; the trained network. `base` is one to go on
    from, whose weights are copied."""
    chosen = Settings(seed=seed, **settings)
    network = build(kind, config or {}, prepared, seed)
    if base is not None:
        inherit_weights(network, base, listen)
    parts: Parts = place(prepared.parts, device_of(chosen.device))
    return train(network, parts, chosen, None, listen).network


def supervised(
    kind: str, data: str, config: dict[str, Any] | None = None, metric: str | None = None, task: str | None = None, **settings: Any
) -> Callable[[int, Listeners], dict[str, float]]:
    """The usual run: train on a known set, let its validation part choose the epoch, score the official test part."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        prepared = prepare(data, task=task, seed=seed)
        network = fit(kind, prepared, seed, listen, config, **settings)
        assert prepared.parts.test is not None
        parts = prepared.parts.to(network.device)
        assert parts.test is not None
        evaluation = prepared.task.evaluate(network, parts.test, seed=seed, reference=parts.train)
        return {"score": evaluation.scores[metric or prepared.task.metric], **evaluation.scores, "parameters": network.count()}

    return run


def reproduce(kind: str, listen: Listeners = (), folder: Path | None = None, only: str | None = None) -> list[dict[str, Any]]:
    """Run the kind's reproductions (`only` those whose data or metric contains it), write each result as soon as it is there."""
    from nnzoo.reproductions import find
    from nnzoo.reproductions.table import write_table

    where = folder or results_folder()
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{kind}.json"
    chosen: list[Reproduction] = []
    passed_over: list[Reproduction] = []
    for reproduction in find(kind):
        if not only or only in reproduction.data or only in reproduction.metric:
            here = torch.cuda.is_available() or not reproduction.needs_gpu
            (chosen if here else passed_over).append(reproduction)
    for reproduction in passed_over:
        for listener in listen:
            listener(Warned(f"{kind} on {reproduction.data} needs a GPU and is passed over"))
    again = {(reproduction.data, reproduction.metric) for reproduction in chosen}
    kept = {(reproduction.data, reproduction.metric) for reproduction in find(kind)} - again
    results = [r for r in _read(path) if (r["data"], r["metric"]) in kept]
    for reproduction in chosen:
        results.append(_result(kind, reproduction, listen))
        write_text(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        if where == results_folder():
            write_table()
    return results


def confirm(kind: str, listen: Listeners = (), folder: Path | None = None, only: str | None = None) -> list[dict[str, Any]]:
    """Run the first seed of each stale result again, with as many threads as then. Where the same score comes out to nine digits,
    the change did not touch the result, which is current again and says so; otherwise it stays stale. Gives the stale results
    looked at, each with `again`, the score that came out."""
    from nnzoo.reproductions import find
    from nnzoo.reproductions.table import write_table

    where = folder or results_folder()
    path = where / f"{kind}.json"
    results, known = _read(path), {(r.data, r.metric): r for r in find(kind)}
    looked_at, threads = [], torch.get_num_threads()
    for result in results:
        reproduction, code = known.get((result["data"], result["metric"])), code_digests(kind)
        if reproduction is None or result["code"] == code or (only and only not in result["data"] and only not in result["metric"]):
            continue
        torch.set_num_threads(result["threads"])
        again = float(reproduction.run(result["seeds"][0], listen)["score"])
        torch.set_num_threads(threads)
        if math.isclose(again, result["scores"][0], rel_tol=1e-9):
            result |= {"code": code, "confirmed": {"commit": _commit(), "date": time.strftime("%Y-%m-%d"), "score": again}}
            write_text(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        looked_at.append({**result, "again": again})
    if where == results_folder():
        write_table()
    return looked_at


def results_folder() -> Path:
    """`results/` of a checkout; otherwise `reproductions/` beside the runs."""
    folder = Path(__file__).parent / "results"
    return folder if os.access(folder, os.W_OK) and "site-packages" not in str(folder) else Path("runs") / "reproductions"


def _result(kind: str, reproduction: Reproduction, listen: Listeners) -> dict[str, Any]:
    began, code, commit = time.perf_counter(), code_digests(kind), _commit()  # as they are now, whatever is edited meanwhile
    runs = []
    for k, seed in enumerate(reproduction.seeds):
        for listener in listen if len(reproduction.seeds) <= 20 else ():
            listener(Warned(f"{kind} on {reproduction.data}: run {k + 1} of {len(reproduction.seeds)} (seed {seed})"))
        runs.append(reproduction.run(seed, listen if len(reproduction.seeds) <= 20 else ()))
    scores = [float(run["score"]) for run in runs]
    more = {name: [float(run[name]) for run in runs] for name in runs[0] if name != "score"}
    return {
        "kind": kind,
        "data": reproduction.data,
        "metric": reproduction.metric,
        "better": reproduction.better,
        "scores": scores,
        "mean": float(np.mean(scores)),
        "spread": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
        "target": reproduction.target,
        "met": reproduction.met(scores),
        "published": reproduction.published,
        "source": reproduction.source,
        "note": reproduction.note,
        "more": more if len(scores) <= 40 else {name: [float(np.mean(values))] for name, values in more.items()},
        "seeds": list(reproduction.seeds),
        "minutes": round((time.perf_counter() - began) / 60, 2),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores"
        + (f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""),
        "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn")} | {"python": platform.python_version()},
        "commit": commit,
        "code": code,
        "date": time.strftime("%Y-%m-%d"),
    }


def _commit() -> str:
    """The checkout's commit, with "+" if files differ from it; "" outside a checkout."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = subprocess.run(["git", "status", "--porcelain", "--", ".."], cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    code_changed = [
        line for line in changed.stdout.splitlines() if "/results/" not in line and not line.endswith("reproductions/README.md")
    ]
    return commit.stdout.strip() + ("+" if code_changed else "")


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is not JSON ({error}); remove it") from None


def with_seeds(reproduction: Reproduction, seeds: Sequence[int]) -> Reproduction:
    """The same reproduction with other seeds (quicker looks; not written down)."""
    return replace(reproduction, seeds=tuple(seeds))
