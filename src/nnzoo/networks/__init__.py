"""The loader of kinds: a kind's name is its file's name. Adding one edits no list, registry or `__init__`.

A kind of one's own is as good as ours: a path to a Python file, or an installed package's entry point in group `nnzoo.kinds`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nnzoo.core.errors import ConfigError

if TYPE_CHECKING:
    from nnzoo.core.network import Network


@cache
def files() -> dict[str, Path]:
    """Our kinds: name to file."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*/*.py")) if not path.stem.startswith("_")}


def _entry_points() -> dict[str, object]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="nnzoo.kinds")}


def names() -> list[str]:
    """The names of all kinds: ours by family, then installed ones."""
    return list(files()) + [name for name in _entry_points() if name not in files()]


def family(name: str) -> str:
    """The folder a kind stands in."""
    path = files().get(name)
    return path.parent.name if path else "own"


@cache
def find(name: str) -> type[Network]:
    """The kind of that name, or in the Python file at that path. Raises ConfigError with the nearest names."""
    if name in files():
        return _only_network(importlib.import_module(f"nnzoo.networks.{files()[name].parent.name}.{name}"), name)
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"there is no file {name} with a kind; check the path")
        return _only_network(_module_of(path), path.stem)
    point = _entry_points().get(name)
    if point is not None:
        kind = point.load()  # type: ignore[attr-defined]
        kind.kind = name
        return kind
    near = difflib.get_close_matches(name, names(), 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"kinds are: {', '.join(names())}"
    raise ConfigError(f"no kind '{name}'; {hint}")


def _module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"nnzoo_own_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, UnicodeDecodeError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigError(f"{path}{line} is no Python ({getattr(error, 'msg', error)}); correct the kind's file") from None
    except ImportError as error:
        raise ConfigError(f"{path} cannot be loaded ({error}); install what it imports") from None
    return module


def _only_network(module: ModuleType, name: str) -> type[Network]:
    from nnzoo.core.network import Network

    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Network) and value.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        raise ConfigError(
            f"{module.__file__} must define exactly one Network, not {len(kinds)}; write one class that inherits from Network"
        )
    kinds[0].kind = name
    return kinds[0]
