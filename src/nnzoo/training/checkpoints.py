"""Checkpoints: everything a run needs to go on as if nothing had happened, in one file that names its own digest.

`checkpoints/<number>-<sha256>.safetensors` holds all tensors and, in its header, the JSON facts. The digest is part of the
name, so one rename makes file and digest durable together; a torn or flipped file is found out and the one before it serves.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from nnzoo.core.errors import RunError
from nnzoo.training.durable import make_folder, remove_leftovers, saving, sha256_of, sync_folder, write_bytes

FORMAT = 1
_NAME = re.compile(r"(\d{8})-([0-9a-f]{64})\.safetensors")


@dataclass
class Checkpoint:
    """Facts (JSON) and tensors by group: model, ema, best, memory, optimizer."""

    facts: dict[str, Any]
    groups: dict[str, dict[str, Tensor]] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one run; the last two are kept."""

    def __init__(self, folder: Path, keep: int = 2):
        self.folder, self.keep = folder / "checkpoints", keep
        self.number = max((int(match[1]) for match in self._names()), default=0)

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write durably; older ones go only after the new one is safe. Raises RunError if it cannot be written."""
        make_folder(self.folder)
        data = packed(checkpoint)
        self.number += 1
        path = self.folder / f"{self.number:08d}-{hashlib.sha256(data).hexdigest()}.safetensors"
        write_bytes(path, data)
        with saving(path):
            for old in self._paths()[: -self.keep]:
                old.unlink(missing_ok=True)
            sync_folder(self.folder)
        return path

    def load(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint that is whole, and a sentence for each damaged one passed over (and removed, so that it is never
        counted among those kept)."""
        warnings: list[str] = []
        damaged: list[Path] = []
        if self.folder.is_dir():
            remove_leftovers(self.folder)
        for path in reversed(self._paths()):
            match = _NAME.fullmatch(path.name)
            assert match is not None
            if sha256_of(path) != match[2]:
                warnings.append(f"checkpoint {path.name} is damaged (its digest differs); going back to the one before it")
                damaged.append(path)
                continue
            checkpoint = _read(path)
            for bad in damaged:
                bad.unlink(missing_ok=True)
            return checkpoint, warnings
        if damaged:
            warnings.append(f"no checkpoint in {self.folder} is whole; learning begins anew")
        return None, warnings

    def clear(self) -> None:
        """Remove all checkpoints (the finished run is saved elsewhere)."""
        for path in self._paths():
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            remove_leftovers(self.folder)
            self.folder.rmdir()

    def _names(self) -> list[re.Match[str]]:
        if not self.folder.is_dir():
            return []
        return [match for path in sorted(self.folder.iterdir()) if (match := _NAME.fullmatch(path.name))]

    def _paths(self) -> list[Path]:
        return [self.folder / match[0] for match in self._names()]


def packed(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as the bytes of its file."""
    tensors = {
        f"{group}|{name}": tensor.detach().cpu().contiguous()
        for group, named in checkpoint.groups.items()
        for name, tensor in named.items()
    }
    facts = json.dumps(checkpoint.facts, allow_nan=True)
    return save(_without_sharing(tensors), metadata={"format": str(FORMAT), "facts": facts})


def unpacked(data: bytes) -> Checkpoint:
    """What `packed` made bytes of."""
    (length,) = struct.unpack("<Q", data[:8])  # safetensors: the length of a JSON header, the header, the tensors
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in load(data).items():
        group, name = key.split("|", 1)
        groups.setdefault(group, {})[name] = tensor
    return Checkpoint(json.loads(metadata["facts"]), groups)


def _without_sharing(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """safetensors refuses tensors that share memory (tied weights): the later ones are copied."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        pointer = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if pointer in seen else tensor
        seen.add(pointer)
    return result


def _read(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != str(FORMAT):
                raise RunError(f"{path} was written by another version of nnzoo; finish the run with that version")
            groups: dict[str, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118  # no mapping
                group, name = key.split("|", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
            return Checkpoint(json.loads(metadata["facts"]), groups)
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
