"""What a person has, opened and nothing more: no value is changed, scaled or coded yet.

N rows. `part` says, for sets with an official division, where each row belongs ("train", "valid", "test"); else None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd


def shown(name: str) -> str:
    """A file's name with escapes where it is not UTF-8, as everything that is printed and written must be."""
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass
class Raw:
    """Base: the name that the person used, the official division, what a made set knows of itself (centres of modes, ...), and
    `notes`: sentences on what was changed or passed over while opening."""

    name: str
    part: np.ndarray | None = field(default=None, kw_only=True)
    truth: dict[str, Any] = field(default_factory=dict, kw_only=True)
    notes: list[str] = field(default_factory=list, kw_only=True)

    def __post_init__(self) -> None:
        self.name = shown(self.name)

    def __len__(self) -> int:
        raise NotImplementedError  # abstract


@dataclass
class RawTable(Raw):
    """Rows and columns. `targets` are the columns to predict where the set itself says so; `guess` (files and frames, which
    never say) allows to take the column called target, label, class or y, else the last."""

    frame: pd.DataFrame
    targets: tuple[str, ...] = ()
    guess: bool = False

    def __len__(self) -> int:
        return len(self.frame)


@dataclass
class RawImages(Raw):
    """Pictures of one size: uint8 (N H W C), possibly a memory map. `labels` are strings (N), None where there are none; `files`
    says where each came from, `headers` its height, width and whether it was grey before all were brought to one size and mode."""

    pixels: np.ndarray
    labels: np.ndarray | None = None
    files: list[str] | None = None
    label_name: str = "label"
    headers: list[tuple[int, int, bool]] | None = None

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass
class RawTexts(Raw):
    """Texts. `lines`: each is a whole of its own (names, reviews); otherwise they are parts of one long text, in order."""

    texts: list[str]
    lines: bool = True
    labels: np.ndarray | None = None
    label_name: str = "label"

    def __len__(self) -> int:
        return len(self.texts)


@dataclass
class RawGraph(Raw):
    """One graph; a row is a node: features (N F, float32), undirected edges once each (2 E), labels (N, strings)."""

    x: np.ndarray
    edges: np.ndarray
    labels: np.ndarray | None = None
    label_name: str = "label"
    nodes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.x)
