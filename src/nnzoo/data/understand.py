"""What was understood of a data set, as JSON: fields, sizes, balance, missing values, and which tasks and kinds fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from nnzoo import networks, tasks
from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes, Future, Series, Spec, Values
from nnzoo.core.network import Can
from nnzoo.data import corpus
from nnzoo.data.columns import ISO, kind_of, numbers_of, texts_of
from nnzoo.data.doctor import examine
from nnzoo.data.prepare import Prepared, prepare, sort_of
from nnzoo.data.raw import (
    RawCorpus,
    RawGraph,
    RawImages,
    RawPairs,
    RawPicturePairs,
    RawQuestions,
    RawSequences,
    RawSeries,
    RawTable,
    RawTexts,
)
from nnzoo.data.table_preprocessing import TablePreprocessing

TOP = 10


def understand(source: Any, **same: Any) -> dict[str, Any]:
    """What `prepare(source, **same)` makes of a source: name, sort, rows, task, targets, fields, parts, balance, notes, findings,
    tasks and kinds.

    `kinds` gives for each kind {"can": [abilities]} or {"cannot": sentence}. Raises DataError as `prepare` does.
    """
    ready = source if isinstance(source, Prepared) else prepare(source, **same)
    raw, spec, parts = ready.raw, ready.spec, ready.parts
    return {
        "name": ready.name,
        "sort": sort_of(raw),
        "rows": len(raw),
        "task": ready.task.name,
        "targets": [n for field in spec.outputs.values() for n in (field.names if isinstance(field, (Values, Future)) else [])]
        or list(spec.outputs),
        "fields": _fields(ready),
        "parts": {p: len(d) for p, d in (("train", parts.train), ("valid", parts.valid), ("test", parts.test)) if d is not None},
        "balance": _balance(spec, parts.train),
        "notes": ready.notes,
        "findings": [finding.to_json() for finding in examine(ready)],
        "tasks": fitting_tasks(spec),
        "kinds": fitting_kinds(ready),
    }


def fitting_tasks(spec: Spec) -> list[str]:
    """The tasks that these data pose, with their targets or without."""
    without = spec.model_copy(update={"outputs": {}})
    return [name for name in tasks.names() if tasks.find(name).fits(spec) is None or tasks.find(name).fits(without) is None]


def fitting_kinds(ready: Prepared) -> dict[str, dict[str, Any]]:
    """Every kind's abilities on these data, or the sentence why it has none."""
    answers: dict[str, dict[str, Any]] = {}
    for name in networks.names():
        answer = networks.find(name).can(ready.spec, ready.task)
        able = isinstance(answer, Can)
        answers[name] = {"can": [a.__name__ for a in answer.abilities]} if able else {"cannot": str(answer)}  # type: ignore[union-attr]
    return answers


def _fields(ready: Prepared) -> list[dict[str, Any]]:
    raw = ready.raw
    if isinstance(raw, RawTable) and isinstance(ready.preprocessing, TablePreprocessing):
        return [_column(raw.frame[name], ready.preprocessing, ready.rows["train"]) for name in raw.frame.columns]
    fields: list[dict[str, Any]] = []
    if isinstance(raw, RawImages):
        height, width, channels = raw.pixels.shape[1:]
        role = "input" if "image" in ready.spec.inputs else "target"
        fields.append({"name": "image", "kind": "image", "role": role, "height": height, "width": width, "channels": channels})
    elif isinstance(raw, RawPicturePairs):
        for name, role, pixels in (("image", "input", raw.source), ("target", "target", raw.target)):
            size = dict(zip(("height", "width", "channels"), pixels.shape[1:])) if pixels is not None else {}
            fields.append({"name": name, "kind": "image", "role": role, **size})
    elif isinstance(raw, RawTexts):
        known = corpus.surveyed(raw) if isinstance(raw, RawCorpus) else None
        lengths = [len(text) for text in raw.texts] if known is None else known.lengths
        fields.append(
            {
                "name": "text",
                "kind": "lines" if raw.lines else "long text",
                "role": "input",
                "characters": sum(lengths),
                "distinct": len(set().union(*map(set, raw.texts)) if known is None else known.first),
                "range": [min(lengths), max(lengths)],
            }
        )
    elif isinstance(raw, RawGraph):
        edges, features = int(raw.edges.shape[1]), int(raw.x.shape[1])
        fields.append({"name": "graph", "kind": "graph", "role": "input", "nodes": len(raw), "edges": edges, "features": features})
    elif isinstance(raw, RawPairs):
        fields += [
            _side(name, side, role) for name, side, role in zip(raw.languages, (raw.source, raw.target), ("input", "target"))
        ]
    elif isinstance(raw, RawQuestions):
        sides = (("question", raw.questions), ("context", raw.contexts), ("answer", raw.answers))
        fields += [_side(name, side, "target" if name == "answer" else "input") for name, side in sides]
    elif isinstance(raw, RawSequences):
        fields.append(_sequence(raw))
        for o, name in enumerate(raw.value_names):
            numbers = pd.Series(raw.values[:, o])  # type: ignore[index]
            fields.append({"name": name, "kind": "number", "role": "target", **_numbers(numbers)})
        if raw.tags is not None:
            tags = pd.Series(np.concatenate(raw.tags), dtype=object)
            fields.append({"name": raw.label_name, "kind": "label at every step", "role": "target", **_texts(tags)})
    elif isinstance(raw, RawSeries):
        fields += _series(raw, ready.spec)
    labels = getattr(raw, "labels", None)
    if labels is not None:
        cells = pd.Series(labels, dtype=object, name=raw.label_name)  # type: ignore[attr-defined]
        role = "input" if raw.label_name in ready.spec.inputs else "target"  # type: ignore[attr-defined]
        fields.append({"name": raw.label_name, "kind": "label", "role": role, **_texts(cells)})  # type: ignore[attr-defined]
    return fields


def _side(name: str, texts: list[str] | None, role: str) -> dict[str, Any]:
    """One side of pairs of texts."""
    lengths = [len(text) for text in texts or []]
    counts = {"characters": sum(lengths), "distinct": len(set(texts or [])), "range": [min(lengths), max(lengths)]}
    return {"name": name, "kind": "lines", "role": role, **counts}


def _sequence(raw: RawSequences) -> dict[str, Any]:
    lengths = [len(piece) for piece in raw.steps]
    kind = "piano roll" if raw.binary and not (raw.tags or raw.value_names) else "sequence"
    about = {"channels": len(raw.names), "steps": sum(lengths), "range": [min(lengths), max(lengths)]}
    return {"name": "sequence", "kind": kind, "role": "input", **about}


def _series(raw: RawSeries, spec: Spec) -> list[dict[str, Any]]:
    """The dates, then a column a series; what was missing is counted before it was filled."""
    (series,), (future,) = spec.inputs.values(), spec.outputs.values()
    assert isinstance(series, Series) and isinstance(future, Future)
    found: list[dict[str, Any]] = []
    if raw.dates is not None:
        ends = [str(pd.Timestamp(date)) for date in (raw.dates[0], raw.dates[-1])]
        found.append({"name": raw.time, "kind": "date", "role": "time", "distinct": len(raw), "range": ends})
    for name in raw.frame.columns:
        counts = {**_numbers(raw.frame[name]), "missing": raw.faults.missing.get(name, 0)}
        role = "input and target" if name in future.names else "input" if name in series.names else "left out"
        found.append({"name": name, "kind": "series", "role": role, **counts})
    return found


def _column(cells: pd.Series, learned: TablePreprocessing, train: np.ndarray) -> dict[str, Any]:
    """One column of a table; its kind as the training rows show it, its counts over all rows."""
    name = str(cells.name)
    column = next((c for c in learned.columns if c.name == name), None)
    if name in learned.targets:
        role, kind = "target", "label" if isinstance(learned.output, Classes) else "number"
    elif name == learned.weight:
        role, kind = "weight", "number"
    else:
        role, kind = ("input", column.kind) if column else ("left out", kind_of(cells.iloc[train]).kind or "text")
    counts = _numbers(cells) if kind == "number" else _texts(cells)
    if kind == "date":
        dates = pd.to_datetime(cells, format=column.form if column else ISO, errors="coerce", utc=True)
        counts = {k: v for k, v in counts.items() if k != "top"} | {"range": [str(dates.min().date()), str(dates.max().date())]}
    return {"name": name, "kind": kind, "role": role, **counts}


def _numbers(cells: pd.Series) -> dict[str, Any]:
    numbers = numbers_of(cells)
    known = numbers[~np.isnan(numbers)]
    limits = [float(known.min()), float(known.max())] if len(known) else []
    return {"missing": int(len(numbers) - len(known)), "distinct": len(np.unique(known)), "range": limits}


def _texts(cells: pd.Series) -> dict[str, Any]:
    codes, texts = texts_of(cells)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    order = np.argsort(-counts, kind="stable")[:TOP]
    return {"missing": int((codes < 0).sum()), "distinct": len(texts), "top": [[str(texts[i])[:80], int(counts[i])] for i in order]}


def _balance(spec: Spec, train: Dataset) -> dict[str, Any]:
    """How the target is spread over the training part: share of each label, or mean, spread and limits of each number."""
    for name, field in spec.outputs.items():
        if isinstance(field, Classes):
            codes = train.stored(name, "codes").cpu().numpy()
            counts = np.bincount(codes[codes >= 0], minlength=field.size)
            return {label: round(float(c) / max(1, int(counts.sum())), 6) for label, c in zip(field.labels, counts)}
        if isinstance(field, Values):
            numbers = train.stored(name, "numbers").cpu().double().numpy()
            return {target: _spread(numbers[:, o]) for o, target in enumerate(field.names)}
    return {}


def _spread(numbers: np.ndarray) -> dict[str, float]:
    known = numbers[~np.isnan(numbers)]
    figures = {"mean": known.mean(), "std": known.std(), "min": known.min(), "max": known.max()}
    return {name: float(value) for name, value in figures.items() if math.isfinite(value)}
