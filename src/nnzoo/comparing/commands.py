"""The line that repeats a race, written from what it was asked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

USUAL: dict[str, Any] = {
    "split": "random",
    "workers": "1",
    "tune": "0",
    "device": "auto",
    "precision": "float32",
    "accumulate": "1",
}


def repeated(source: Any, name: str, config: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]) -> str:
    """`nnzoo compare` with every one of the `options` that is not as usual; names of options with underscores for dashes. Data that
    are no path and no name stand as `<name>`: they lived in a program."""
    words = ["nnzoo", "compare", named(source, name)]
    for option, value in options.items():
        flag = f"--{option.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, (list, tuple)):
            words += [word for one in value for word in (flag, str(one))]
        elif value is not None and value is not False and str(value) != USUAL.get(option):
            words += [flag, str(value)]
    for kind, fields in config.items():
        for field, value in fields.items():
            words += ["--set", f"{kind}.{field}={_setting(value)}"]
    return shlex.join(words)


def named(source: Any, name: str) -> str:
    """A path or the name of a known set as it is; `<name>` for data that lived in a program."""
    return str(source) if isinstance(source, (str, Path)) else f"<{name}>"


def _setting(value: Any) -> str:
    """A setting as the command line reads it: JSON, texts as they are."""
    return value if isinstance(value, str) else json.dumps(value)
