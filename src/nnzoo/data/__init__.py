"""Open what a person has and make it ready for learning. `nnzoo.data.prepare.prepare` does all of it; names load when used."""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "Prepared": "prepare",
    "infer_task": "prepare",
    "open_like": "prepare",
    "place": "prepare",
    "read": "reading",
    "sorts": "prepare",
    "sort_of": "prepare",
    "Opened": "preprocessing",
    "Preprocessing": "preprocessing",
    "TablePreprocessing": "table_preprocessing",
    "Raw": "raw",
    "RawGraph": "raw",
    "RawImages": "raw",
    "RawSequences": "raw",
    "RawPairs": "raw",
    "RawQuestions": "raw",
    "RawSeries": "raw",
    "RawTable": "raw",
    "RawTexts": "raw",
    "sequences_from_arrays": "sequences",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'nnzoo.data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"nnzoo.data.{_WHERE[name]}"), name)
