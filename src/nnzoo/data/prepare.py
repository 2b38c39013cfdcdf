"""From a source to parts ready for learning: open, say what is asked, split, fit on the training rows, encode once.

`read` opens, `infer_task` says what the data ask for, `prepare` does all of it, `open_like` treats new data as a trained
model's preprocessing does, and `place` lays parts out for a device.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from nnzoo import tasks
from nnzoo.core.dataset import Parts
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.events import Listener
from nnzoo.core.fields import Spec
from nnzoo.core.task import Task
from nnzoo.data import splits
from nnzoo.data.asking import IMAGE_TO_IMAGE, choose_targets, infer_task, unlabelled
from nnzoo.data.corpus import cut
from nnzoo.data.dividing import answered, divide, naming_the_data
from nnzoo.data.inheriting import adapted
from nnzoo.data.labelled_texts import judged
from nnzoo.data.one_label import OneLabel
from nnzoo.data.pairs import towards
from nnzoo.data.places import physical_memory
from nnzoo.data.preprocessing import Opened, Preprocessing
from nnzoo.data.questions import OF_TEXTS, alike, open_for
from nnzoo.data.raw import (
    Raw,
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
from nnzoo.data.reading import read, read_known
from nnzoo.data.series_parts import is_series, prepare_series
from nnzoo.data.table_preprocessing import TablePreprocessing
from nnzoo.data.tables import known_column

TEXT_VALID = TEXT_TEST = 0.05  # of the characters of one long text (`MOST_HELD` of them at most)
_SORTS: tuple[tuple[type[Raw], str, str], ...] = (
    (RawTable, "table", "TablePreprocessing"),
    (RawImages, "images", "ImagePreprocessing"),
    (RawTexts, "texts", "TextPreprocessing"),
    (RawGraph, "graph", "GraphPreprocessing"),
    (RawSequences, "sequences", "SequencePreprocessing"),
    (RawSeries, "series", "SeriesPreprocessing"),
    (RawPairs, "pairs", "PairPreprocessing"),
    (RawQuestions, "questions", "QuestionPreprocessing"),
    (RawPicturePairs, "picture-pairs", "PicturePairPreprocessing"),
)
_MODULES = {"table": "table", "images": "image", "texts": "text", "graph": "graph"}
_MODULES |= {"sequences": "sequence", "pairs": "pair", "series": "series", "questions": "question"}
_MODULES |= {"picture-pairs": "picture_pair"}


@dataclass
class Prepared:
    """A data set ready for learning. `raw` is as it was opened; `rows` says which of its rows each part holds (a long text, whose
    parts are no rows, and parts that came from other sources have none). `others` has the parts that came from other sources: as
    opened, and which rows of that. `split` is how rows were divided, `dropped` how many copies each part has lost. `labels` are
    those of the rows of `raw` that the task leaves out (None: there are none): nothing learns from them, but a judge may."""

    name: str
    task: Task
    spec: Spec
    parts: Parts
    preprocessing: Preprocessing
    raw: Raw
    notes: list[str]
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    others: dict[str, tuple[Raw, np.ndarray]] = field(default_factory=dict)
    split: str = "random"
    dropped: dict[str, int] = field(default_factory=dict)
    labels: np.ndarray | None = None

    def source(self, part: str) -> tuple[Raw, np.ndarray]:
        """The source of a part, and the numbers of its rows there (none where parts are no rows)."""
        return self.others.get(part) or (self.raw, self.rows.get(part, np.empty(0, np.int64)))


def sorts() -> dict[str, type[Preprocessing]]:
    """The preprocessing of every sort of data, by the name in its saved file."""
    return {sort: getattr(importlib.import_module(f"nnzoo.data.{_MODULES[sort]}_preprocessing"), name) for _, sort, name in _SORTS}


def sort_of(raw: Raw) -> str:
    """The sort of data."""
    return next(sort for kind, sort, _ in _SORTS if isinstance(raw, kind))


def prepare(
    source: Any,
    *,
    task: str | None = None,
    targets: Sequence[str] | str = (),
    valid: Any = None,
    test: Any = None,
    split: str = "random",
    weight: str | None = None,
    seed: int = 0,
    inherit: Preprocessing | None = None,
    dedup: bool = False,
    units: str | None = None,
    horizon: int | None = None,
    history: int | None = None,
    calendar: bool = False,
    pairs: str | None = None,
    normal: str | None = None,
    listen: Sequence[Listener] = (),
) -> Prepared:
    """Open `source` and make training, validation and test parts of it.

    Official parts are honoured where `split` is "random"; "group:COL" keeps groups together, "time:COL" tests on the newest rows.
    `valid` and `test` are sources of their own. `inherit` is a trained model's preprocessing, used instead of a new one. Rows of
    which no target is known are left out; with `dedup` also those that repeat another exactly or nearly (a row of the test part
    stays, its copies in training go). `units` is what texts are made of: characters, words, bpe or bpe:SIZE; of pairs, `targets`
    names the side that is the answer. Series, and tables of which forecasting is asked, are divided in time: `horizon` steps are
    forecast from the `history` before them, with `calendar` also from the dates of the steps to come. `pairs` says how pairs of
    pictures are made of single ones; with `normal` rows of that label alone are learned from, without their labels. `listen` hears
    how far the reading of a text larger than memory is. Raises DataError or ConfigError.
    """
    raw = _opened(source, task, targets, pairs, inherit)
    if isinstance(raw, (RawPairs, RawQuestions)):
        raw = towards(raw, _only(targets)) if isinstance(raw, RawPairs) else raw
        targets, task = (), task or raw.asks
        raw = alike("texts", raw) if task == "text-classification" else raw
    if isinstance(raw, RawTable) and task in (None, "text-classification"):
        names, _ = choose_targets(raw, targets, task)
        found = (
            judged(raw, names[0], task is not None) if len(names) == 1 and known_column(raw, names[0], "target column") else None
        )
        raw, targets = (raw, targets) if found is None else (found, ())
    if units is not None and not isinstance(raw, (RawPairs, RawQuestions, RawTexts)):
        raise ConfigError(f"--units {units} needs texts; leave it out, or write --task translation or text-classification")
    if not len(raw):
        raise DataError(f"{raw.name} has no rows; give data with at least three")
    if is_series(raw, task, inherit):
        named = (targets,) if isinstance(targets, str) else tuple(targets)
        ahead: dict[str, Any] = {"horizon": horizon, "history": history, "task": task, "split": split, "weight": weight}
        return prepare_series(raw, targets=named, valid=valid, test=test, inherit=inherit, calendar=calendar, **ahead)
    if horizon is not None or history is not None or calendar:
        raise ConfigError(
            "--horizon, --history and --calendar are for series; add --task time-series-forecasting, or leave them out"
        )
    if isinstance(inherit, TablePreprocessing):
        targets = _inherited_targets(inherit, targets)
        weight = weight or inherit.weight
    own: OneLabel | None = None
    if normal is not None:
        own = OneLabel.of(raw, normal, targets, task)
        raw, targets, task = own.raw, (), task or infer_task(own.raw)
    names, notes = choose_targets(raw, targets, task)
    task = task or infer_task(raw, names)
    asked = tasks.find(task)
    left_out = getattr(raw, "labels", None) if unlabelled(task) else None
    if left_out is not None:
        raw = replace(raw, labels=None)  # type: ignore[call-arg]
    ways: dict[str, Any] = {"targets": names, "task": task, "weight": weight}
    ways |= {"units": units} if units is not None else {}
    wanted = {"valid": 0.0 if valid is not None else splits.VALID, "test": 0.0 if test is not None else splits.TEST}
    seen = raw
    if isinstance(raw, RawTexts) and not raw.lines and raw.labels is None:
        if split != "random":
            raise ConfigError(f"--split {split} needs a table; one long text is cut into contiguous pieces; leave --split out")
        texts = cut(raw, **{part: TEXT_VALID if share else 0.0 for part, share in wanted.items()}, listen=listen)
        learned = _preprocessing(texts["train"], np.arange(len(texts["train"])), inherit, ways)
        made = {part: learned.open(text, len(texts["train"])).dataset for part, text in texts.items()}
        rows: dict[str, np.ndarray] = {}
    else:
        usable, labels = answered(raw, names, task)
        if own is not None:
            usable = own.rows
            notes.append(own.note)
        elif len(usable) < len(raw):
            notes.append(f"{len(raw) - len(usable)} of {len(raw)} rows have no target and are left out")
        rows, by_group = divide(raw, usable, labels, split, seed, wanted)
        if by_group and isinstance(raw, RawTable):
            seen = replace(raw, frame=raw.frame.drop(columns=by_group))
            notes.append(f"column '{by_group}' forms the groups and is no input")
        learned = _preprocessing(seen, rows["train"], inherit, ways)
        whole = learned.open(seen, len(rows["train"])).dataset
        made = {part: whole.part(torch.from_numpy(index)) for part, index in rows.items() if len(index)}
    spec = learned.spec(len(made["train"]))
    others: dict[str, tuple[Raw, np.ndarray]] = {}
    for part, other in (("valid", valid), ("test", test)):
        if other is not None:
            opened = open_like(learned, other, spec.train_size)
            kept = answered(opened.raw, names, task)[0] if own is None else own.rows_of(opened.raw)
            made[part] = opened.dataset if isinstance(opened.raw, RawTexts) else opened.dataset.part(torch.from_numpy(kept))
            others[part] = opened.raw, np.arange(len(opened.raw)) if isinstance(opened.raw, RawTexts) else kept
    for part, dataset in made.items():
        absent = [name for name in spec.outputs if name not in dataset.columns]
        if absent:
            raise DataError(f"the {part} data have no target '{absent[0]}'; add its column, or use predict, which needs none")
        if (weights := dataset.weights()) is not None and not weights.any():
            raise DataError(f"{raw.name}: all weights of the {part} part are 0; give some of its rows a weight")
    refusal = asked.fits(spec)
    if refusal is not None:
        raise DataError(f"{raw.name}: {refusal}; leave --task out, or see what fits with: nnzoo data {raw.name}")
    more = learned.notes if isinstance(learned, TablePreprocessing) else []
    parts = Parts(made["train"], made.get("valid"), made.get("test"))
    ready = Prepared(raw.name, asked.suited(spec), spec, parts, learned, raw, [*raw.notes, *notes, *more], rows, others, split)
    ready.labels = left_out
    return _without_copies(ready, seen, inherit, ways) if dedup and rows else ready


def _without_copies(ready: Prepared, seen: Raw, inherit: Preprocessing | None, ways: dict[str, Any]) -> Prepared:
    """The same data without rows that repeat another; the preprocessing is learned anew from the training rows that stay."""
    from nnzoo.data.doctor import dropping

    copies = dropping(ready)
    gone = {part: np.concatenate(two) for part, two in copies.items() if sum(map(len, two))}
    if not gone:
        return replace(ready, notes=[*ready.notes, "no row repeats another, so none was dropped"])
    rows = {part: np.delete(index, [] if part in ready.others else gone.get(part, [])) for part, index in ready.rows.items()}
    others = {part: (raw, np.delete(index, gone.get(part, []))) for part, (raw, index) in ready.others.items()}
    learned = _preprocessing(seen, rows["train"], inherit, ways)
    spec = learned.spec(len(rows["train"]))
    whole = learned.open(seen, len(rows["train"])).dataset
    made = {part: whole.part(torch.from_numpy(index)) for part, index in rows.items() if len(index)}
    for part, (raw, index) in others.items():
        made[part] = open_like(learned, raw, spec.train_size).dataset.part(torch.from_numpy(index))
    exact, close = (sum(len(two[which]) for two in copies.values()) for which in (0, 1))
    dropped = {part: len(index) for part, index in gone.items()}
    each = ", ".join(f"{part} {n:,}" for part, n in dropped.items())
    note = f"{exact + close:,} rows that repeat another were dropped, {exact:,} exact copies and {close:,} near ones ({each})"
    parts = Parts(made["train"], made.get("valid"), made.get("test"))
    changed: dict[str, Any] = {"spec": spec, "parts": parts, "preprocessing": learned, "rows": rows, "others": others}
    return replace(ready, **changed, notes=[*ready.notes, note], dropped=dropped)


def open_like(preprocessing: Preprocessing, source: Any, train_size: int = 0, to_answer: bool = False) -> Opened:
    """New data as a trained model sees them: whatever `read` opens, or the preprocessing itself. `to_answer`: those rows alone
    that a prediction answers. Raises DataError."""
    raw = read(source) if isinstance(source, (Raw, tuple)) else read_known(source) or preprocessing.read(source)
    raw = preprocessing.taken(alike(preprocessing.sort, raw), to_answer)
    _same_sort(preprocessing, raw)
    return preprocessing.ask(raw, train_size) if to_answer else preprocessing.open(raw, train_size)


def _opened(source: Any, task: str | None, targets: Sequence[str] | str, pairs: str | None, inherit: Preprocessing | None) -> Raw:
    """A source as its task needs it."""
    if task in OF_TEXTS:
        return open_for(task, source, _only(targets))
    if pairs is not None and task not in (None, IMAGE_TO_IMAGE):
        raise ConfigError(f"--pairs {pairs} makes pairs for {IMAGE_TO_IMAGE}, not for {task}; leave one of them out")
    if pairs is not None or task == IMAGE_TO_IMAGE or getattr(inherit, "sort", "") == "picture-pairs":
        from nnzoo.data.picture_pairs import open_pairs

        return open_pairs(source, pairs or getattr(inherit, "made", None) or None)
    return read(source)


def place(parts: Parts, device: torch.device | str, limit_bytes: int | None = None) -> Parts:
    """Parts for a device: moved there as a whole if they fit into `limit_bytes` (default: half of its free memory), else left on
    the host and moved batch by batch, with the same results."""
    device = torch.device(device)
    if limit_bytes is None:
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else physical_memory()
        limit_bytes = free // 2
        if device.type == "cpu":
            return parts.to(device)  # they are there already; a memory map is read as it is used
    stores = {
        id(next(iter(part.columns.values()))): part.bytes() for part in (parts.train, parts.valid, parts.test) if part is not None
    }
    return parts.to(device, resident=sum(stores.values()) <= limit_bytes)


def _only(targets: Sequence[str] | str) -> str | None:
    """The one side of pairs that was named as the answer, if any."""
    names = (targets,) if isinstance(targets, str) else tuple(targets)
    if len(names) > 1:
        raise ConfigError(f"pairs have one side that is the answer; name one --target, not {', '.join(names)}")
    return names[0] if names else None


def _same_sort(preprocessing: Preprocessing, raw: Raw) -> None:
    if preprocessing.sort != sort_of(raw):
        raise DataError(
            f"{raw.name} is of the sort {sort_of(raw)}, and the network was trained on {preprocessing.sort}; give it that"
        )


def _inherited_targets(inherit: TablePreprocessing, targets: Sequence[str] | str) -> tuple[str, ...]:
    named = (targets,) if isinstance(targets, str) else tuple(targets)
    if named and named != inherit.targets:
        raise DataError(
            f"the run was trained to predict {', '.join(inherit.targets) or 'nothing'}, not {', '.join(named)}; leave --target out"
        )
    return inherit.targets


@naming_the_data
def _preprocessing(raw: Raw, rows: np.ndarray, inherit: Preprocessing | None, ways: dict[str, Any]) -> Preprocessing:
    if inherit is None:
        return sorts()[sort_of(raw)].fit(raw, rows, **ways)
    if not isinstance(raw, RawQuestions):
        _same_sort(inherit, raw)
    return adapted(inherit, raw, rows, **ways)
