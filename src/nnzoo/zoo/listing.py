"""Which runs there are, finished or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnzoo.core.errors import ConfigError, RunError
from nnzoo.zoo.runs import CONFIG, is_complete, read_json, read_manifest

REQUEST = "request.json"  # what training was asked for, written when it begins

SIGNS = (CONFIG, REQUEST, "journal.jsonl", "checkpoints")  # what makes a folder a run


def runs(root: Path | str = "runs") -> list[dict[str, Any]]:
    """Runs in `root` and its subfolders, newest first.

    Each has `path`, `complete`, `kind`, `data`, `task`, `metric`, `test` (the test score by the metric), `date`, `seconds` and
    `bytes` (all files of the run, checkpoints included); None where a run does not say. A run whose config.json cannot be read
    is listed as not complete. Raises RunError where `root` is no folder.
    """
    if Path(root).exists() and not Path(root).is_dir():
        raise RunError(f"{root} is a file; name the folder where runs are")
    found = [_facts(folder) for folder in sorted(_folders(Path(root)))]
    return sorted(found, key=lambda run: run["date"] or "", reverse=True)


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    if any((folder / name).exists() for name in SIGNS):
        return [folder]  # what lies inside a run (parts, checkpoints) is no run of its own
    return [run for inner in folder.iterdir() if inner.is_dir() and not inner.name.startswith(".") for run in _folders(inner)]


def _facts(folder: Path) -> dict[str, Any]:
    run: dict[str, Any] = dict.fromkeys(("kind", "data", "task", "metric", "test", "date", "seconds"))
    complete = is_complete(folder)
    try:
        if complete:
            manifest = read_manifest(folder)
            run.update(kind=manifest.kind, data=manifest.data, task=manifest.task, date=manifest.date)
            run.update(metric=manifest.metric, test=manifest.result.get("test"), seconds=manifest.result.get("seconds"))
        elif (folder / REQUEST).is_file():
            asked = read_json(folder / REQUEST)
            run.update({name: asked[name] for name in ("kind", "data", "task", "date") if name in asked})
            run["metric"] = metric_of(str(run["task"]))
    except RunError:
        complete = False
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"path": str(folder), "complete": complete, **run, "bytes": size}


def metric_of(task: str) -> str | None:
    """The metric of the task of that name, None for a task this nnzoo does not know."""
    from nnzoo.tasks import find

    try:
        return find(task).metric
    except ConfigError:
        return None
