"""Label names and their codes, the same for pictures, texts and nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.errors import DataError


def missing(label: Any) -> bool:
    """Whether a label is not there: None, NaN or empty."""
    return label is None or label == "" or label != label


def sorted_labels(labels: Iterable[Any]) -> tuple[str, ...]:
    """The distinct labels that are there, as strings, in order; as numbers where all are numbers."""
    names = sorted({str(label) for label in labels if not missing(label)})
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return tuple(names)
    return tuple(sorted(names, key=float)) if np.isfinite(numbers).all() else tuple(names)


def label_codes(labels: Iterable[Any], known: Sequence[str], where: Sequence[str] | None = None) -> Tensor:
    """Codes (N, long) of labels, -1 where missing. Raises DataError for one that the training part did not have."""
    code_of = {name: code for code, name in enumerate(known)}
    codes = []
    for row, label in enumerate(labels):
        code = -1 if missing(label) else code_of.get(str(label))
        if code is None:
            place = where[row] if where is not None else f"row {row + 1}"
            shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            raise DataError(
                f"label '{label}' ({place}) does not occur in the training part, which has {shown}; correct or remove it"
            )
        codes.append(code)
    return torch.from_numpy(np.array(codes, dtype=np.int64))
