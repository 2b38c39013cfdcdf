"""Which code a result came from: the kind's file and every block it imports, by SHA-256."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import nnzoo
from nnzoo.networks import files

ROOT = Path(nnzoo.__file__).parent


def code_digests(kind: str) -> dict[str, str]:
    """Path within the package to digest, for the kind's file and its blocks (and theirs)."""
    found: dict[str, str] = {}
    waiting = [files()[kind]]
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(ROOT))
        if name in found:
            continue
        source = path.read_bytes()
        found[name] = hashlib.sha256(source).hexdigest()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nnzoo.blocks"):
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py") for module in modules]
                waiting += [p for p in paths if p.is_file()]
    return dict(sorted(found.items()))
