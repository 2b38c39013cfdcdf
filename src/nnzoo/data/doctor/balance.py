"""Labels that are rare or absent, and rows that are too few: for any network, and for a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from nnzoo.core.fields import Graph, Table
from nnzoo.core.learning import Solve
from nnzoo.core.network import Network
from nnzoo.data.doctor.finding import Finding, count, listed, percent
from nnzoo.data.doctor.text_columns import labels as spellings
from nnzoo.data.doctor.view import View

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

UNEVEN = 20  # times as many rows of the commonest label as of the rarest
FEW = 10  # training rows of a label
FEWEST_ROWS = 50
A_COLUMN = 5  # training rows for each number that goes in
NUMBERS_A_ROW = 1000  # learned numbers for each training row


def find(view: View) -> Iterator[Finding]:
    """Findings on labels and on the number of training rows."""
    prepared = view.prepared
    field = next(iter(prepared.spec.inputs.values()))
    if view.codes is not None:
        yield from spellings(view.labels, view.codes, next(iter(prepared.spec.outputs)))
        yield from _labels(view, graph=isinstance(field, Graph))
    if isinstance(field, Graph):
        return  # learns from few labels by way of all nodes
    rows = len(prepared.parts.train)
    width = len(field.numeric) + sum(min(category.size, 10) for category in field.categories) if isinstance(field, Table) else 0
    if rows < max(FEWEST_ROWS, A_COLUMN * width):
        what = f"for {count(width, 'column')} (categories count by their levels)" if rows >= FEWEST_ROWS else "for any network"
        yield Finding(
            "warning",
            "too-few-rows",
            "the training part",
            f"has {count(rows, 'row')}, too few {what}",
            f"bring at least {max(FEWEST_ROWS, A_COLUMN * width):,}, or take a plain baseline: nnzoo compare shows how they do",
        )


def _labels(view: View, graph: bool) -> Iterator[Finding]:
    assert view.codes is not None
    counts = [np.bincount(view.codes[(view.part == p) & (view.codes >= 0)], minlength=len(view.labels)) for p in range(3)]
    train = counts[0]
    met = np.flatnonzero(train)
    if len(met) < 2:
        return
    most, least = met[train[met].argmax()], met[train[met].argmin()]
    if train[most] >= UNEVEN * train[least]:
        yield Finding(
            "warning",
            "class-imbalance",
            "the labels",
            f"are uneven: '{view.labels[most]}' has {percent(train[most] / train.sum())} of the training rows, "
            f"'{view.labels[least]}' {percent(train[least] / train.sum())}",
            "judge by --metric balanced_accuracy, and bring more rows of the rare ones",
        )
    few = [int(label) for label in met if train[label] < FEW]
    if few:
        yield Finding(
            "note" if graph else "warning",
            "rare-labels",
            f"label{'s' if len(few) > 1 else ''} {listed([view.labels[label] for label in few])}",
            f"{'have' if len(few) > 1 else 'has'} fewer than {FEW} training rows ("
            f"{', '.join(str(train[label]) for label in few[:5])})",
            "bring more of them, join them with others, or leave them out",
        )
    for part, spoken in ((1, "validation"), (2, "test")):
        gone = [view.labels[label] for label in range(len(view.labels)) if not counts[part][label] and train[label]]
        if counts[part].sum() and gone:
            yield Finding(
                "note",
                "absent-labels",
                f"label{'s' if len(gone) > 1 else ''} {listed(gone)}",
                f"{'do' if len(gone) > 1 else 'does'} not occur in the {spoken} part, so the score says nothing of "
                f"{'them' if len(gone) > 1 else 'it'}",
                "bring more rows of them" if len(gone) > 1 else "bring more rows of it",
            )


def too_few_for(networks: Mapping[str, Network], prepared: Prepared) -> Iterator[Finding]:
    """Kinds that have many more numbers to learn than there are training rows, and which plain kinds to take instead."""
    from nnzoo.networks import find as find_kind
    from nnzoo.networks import names

    rows = max(1, len(prepared.parts.train))
    for name, network in networks.items():
        moves = [move for stage in network.stages(prepared.task) for move in stage.moves]
        size = sum(parameter.numel() for parameter in network.parameters())
        if (
            all(isinstance(move, Solve) for move in moves)
            or size <= NUMBERS_A_ROW * rows
            or isinstance(next(iter(prepared.spec.inputs.values())), Graph)
        ):
            continue
        plain = [other for other in names() if other != name and _solves(find_kind(other), prepared)]
        yield Finding(
            "warning",
            "too-few-rows",
            "the training part",
            f"has {count(rows, 'row')} for the {size:,} numbers that {name} learns ({size / rows:,.0f} each)",
            (f"make it smaller with --set, or take {' or '.join(plain[:3])}" if plain else "make it smaller with --set")
            + "; nnzoo compare shows plain baselines beside it",
        )


def _solves(kind: type[Network], prepared: Prepared) -> bool:
    """Whether a kind can do this and learns in closed form, by storing or by growing, with no more numbers than rows allow."""
    if not kind.can(prepared.spec, prepared.task):
        return False
    network = kind(kind.Config.read({}, kind.kind), prepared.spec, prepared.task)
    moves = [move for stage in network.stages(prepared.task) for move in stage.moves]
    return all(isinstance(move, Solve) and move.sees == "dataset" for move in moves)
