"""Which code a result came from: the kind's file and every block it imports, by SHA-256.

What cannot change a result does not count: comments, docstrings, the card, the space that tuning searches, and imports of
names (what they name is used in lines that do count; a block stands in the list itself).
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from pathlib import Path

import nnzoo
from nnzoo.networks import files

ROOT = Path(nnzoo.__file__).parent
WORDS = {"card", "search"}  # class attributes that describe and compute nothing


def code_digests(kind: str) -> dict[str, str]:
    """Path within the package to digest, for the kind's file and its blocks (and theirs)."""
    found: dict[str, str] = {}
    waiting = [files()[kind]]
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(ROOT))
        if name in found:
            continue
        source = path.read_text(encoding="utf-8")
        found[name] = digest(source)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("nnzoo.blocks"):
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py") for module in modules]
                waiting += [p for p in paths if p.is_file()]
    return dict(sorted(found.items()))


def digest(source: str) -> str:
    """SHA-256 of the statements of a Python file, as they stand in it."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if _describes(node):
            for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):  # type: ignore[attr-defined]
                lines[row - 1] = ""
    kept = [line.rstrip() for line in lines if line.strip()]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


def _describes(node: ast.AST) -> bool:
    """An import, a string that stands alone, or an attribute of WORDS."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id in WORDS for target in targets)
