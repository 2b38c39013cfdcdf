"""Where a run goes, and what was asked for: settled before anything is learned, so that nothing is ever written over."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

import torch

from nnzoo.core.dataset import Parts
from nnzoo.core.errors import RunError
from nnzoo.training.durable import lock, saving, write_text
from nnzoo.zoo.listing import REQUEST
from nnzoo.zoo.runs import DIGESTS, read_json

_MOST_READ = 64 << 20


def run_folder(out: str | Path | None, resume: bool, kind: str, data: str) -> Path:
    """The folder of a run that begins or is resumed: `out`, or a new one below runs/. Raises RunError where it cannot be one."""
    if out is not None:
        return _named(str(out), resume)
    if resume:
        raise RunError("which run shall go on? name it with --out RUN")
    plain = re.sub(r"\.(csv|tsv|parquet|jsonl|json|txt|zip|npz)(\.gz)?$", "", Path(data).name)
    stem = re.sub(r"[^\w.-]+", "-", f"{kind}-{plain}")[:100]
    for number in range(1, 100_000):
        folder = Path("runs") / f"{stem}-{number}"
        try:
            with saving(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise RunError("runs/ is full of runs of this name; clear it out")


def _named(out: str, resume: bool) -> Path:
    folder = Path(out)
    if not out.strip():
        raise RunError("--out is empty; name a folder for the run")
    file = next((path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()), None)
    if file is not None:
        raise RunError(f"{file} is a file where the run needs a folder; choose another --out")
    if (folder / DIGESTS).exists():
        raise RunError(
            f"{folder} holds a finished run; choose another --out, or remove it"
            + (" (there is nothing to resume)" if resume else "")
        )
    if not resume and (folder / "checkpoints").exists():
        raise RunError(f"{folder} holds an unfinished run; add --resume to go on, or choose another --out")
    if folder.is_dir() and not (folder / REQUEST).exists():
        others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if others:
            raise RunError(f"{folder} holds other things, such as {others[0]}, and no run; choose a new folder with --out")
    return folder


def agree(folder: Path, request: dict[str, Any], resume: bool) -> None:
    """Write down what was asked for, or check that a resumed run is asked for the same. Raises RunError; a folder that another
    process holds is left as it is."""
    path = folder / REQUEST
    if resume and not path.exists():
        raise RunError(f"{folder} holds no run to resume; leave --resume out, or name the run with --out")
    with lock(folder):
        if not resume:
            write_text(path, json.dumps({**request, "date": time.strftime("%Y-%m-%dT%H:%M:%S")}, indent=1))
            return
        before = read_json(path)
    for name, value in request.items():
        if name != "rows" and name in before and before[name] != value:
            then, now = _differing(before[name], value, name)
            raise RunError(f"{folder} was begun with {then}, not {now}; use the same command to resume")
    if before.get("rows", request["rows"]) != request["rows"]:
        raise RunError(
            f"{folder} was begun with other rows than {request['data']} gives now; bring back the data it was begun with, or begin "
            "a new run with another --out"
        )


def _differing(then: Any, now: Any, name: str) -> tuple[str, str]:
    """What stood in a request and what stands there now, in the narrowest words: the first setting that differs, by its name."""
    if isinstance(then, dict) and isinstance(now, dict):
        for inner in {**then, **now}:
            if then.get(inner) != now.get(inner):
                return f"{inner}={then.get(inner)}", f"{inner}={now.get(inner)}"
    return f"{name}={then}", f"{name}={now}"


def rows_digest(parts: Parts) -> str:
    """What tells these data from others of the same name: a digest of which rows each part has, and of their values (of storage
    that is larger than 64 MiB, of rows at equal distances)."""
    digest = hashlib.blake2b(digest_size=16)
    seen: set[int] = set()
    for part in (parts.train, parts.valid, parts.test):
        if part is None:
            digest.update(b"none")
            continue
        stored = [tensor for column in part.columns.values() for tensor in column.values()]
        for tensor in (part.index, part.weight, *stored, *part.extra.values()):
            if tensor is None or id(tensor) in seen:
                continue
            seen.add(id(tensor))
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            apart = -(-tensor.numel() * tensor.element_size() // _MOST_READ)
            some = (tensor[::apart] if apart > 1 else tensor).detach().cpu().contiguous()
            digest.update(some.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
