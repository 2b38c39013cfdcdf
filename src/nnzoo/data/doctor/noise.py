"""Labels that are probably wrong, found after training by confident learning (Northcutt, Jiang & Chuang 2021).

A network's answers for rows it did not learn from; t_j is the mean probability of label j over the rows labelled j; a row
labelled i is counted for label j if p_j >= t_j and j is the likeliest such label. Rows counted for another label than their own
are suspects, the surest first (by p_j - p_i). N rows, K labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nnzoo.core.fields import Classes
from nnzoo.data.doctor.finding import SHOWN, Finding, count, percent
from nnzoo.data.doctor.view import PARTS, called

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

MOST = 200  # suspects that are kept
FEWEST = 20  # rows, before a threshold means anything


@dataclass(frozen=True)
class Suspect:
    """A row whose label is doubtful: where it is, the label it bears, the one the network would give, and the two probabilities."""

    row: int | str
    part: str
    given: str
    predicted: str
    probability: float
    probability_given: float

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def confident_joint(truth: np.ndarray, probability_NK: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many rows labelled i (rows) are counted for j (columns): K K; and the label that each row is counted for (N, -1 for
    none)."""
    labels = probability_NK.shape[1]
    own = probability_NK[np.arange(len(truth)), truth]
    counts = np.bincount(truth, minlength=labels)
    threshold = np.bincount(truth, weights=own, minlength=labels) / np.maximum(counts, 1)
    threshold[counts == 0] = np.inf
    above = np.where(probability_NK >= threshold, probability_NK, -1.0)
    counted = np.where(above.max(1) >= 0, above.argmax(1), -1)
    joint = np.zeros((labels, labels), np.int64)
    np.add.at(joint, (truth[counted >= 0], counted[counted >= 0]), 1)
    return joint, counted


def suspects(truth: np.ndarray, probability_NK: np.ndarray) -> np.ndarray:
    """Positions of the rows whose label is doubtful, the surest first."""
    if len(truth) < FEWEST:
        return np.empty(0, np.int64)
    _, counted = confident_joint(truth, probability_NK)
    off = np.flatnonzero((counted >= 0) & (counted != truth))
    margin = probability_NK[off, counted[off]] - probability_NK[off, truth[off]]
    return off[margin > 0][np.argsort(-margin[margin > 0], kind="stable")]


def doubtful_labels(prepared: Prepared, answers: Mapping[str, Any]) -> tuple[list[Suspect], Finding | None]:
    """The rows of the parts "valid" and "test" whose label is doubtful, the surest first (200 at most), and what to say of them.

    `answers` holds for each part the probabilities (N K) of its rows that have a label, in order. Nothing is found where labels are
    not what is asked.
    """
    output = next(iter(prepared.spec.outputs.items()), ("", None))
    if not isinstance(output[1], Classes):
        return [], None
    name, labels = output[0], output[1].labels
    truth, probability, parts, rows = [], [], [], []
    for part in ("valid", "test"):
        dataset, own = getattr(prepared.parts, part), prepared.source(part)[1]
        answer = np.asarray(answers.get(part, ()))
        if dataset is None or answer.ndim != 2 or len(own) != len(dataset):
            continue
        codes = dataset.stored(name, "codes").cpu().numpy()
        truth.append(codes[codes >= 0])
        probability.append(answer)
        rows.append(own[codes >= 0])
        parts += [part] * len(truth[-1])
    if not truth:
        return [], None
    codes, chances, places = np.concatenate(truth), np.concatenate(probability), np.concatenate(rows)
    found = suspects(codes, chances)
    listed = []
    for position in found[:MOST]:
        part, given = parts[position], int(codes[position])
        other = chances[position].copy()
        other[given] = -1
        listed.append(
            Suspect(
                row=called(prepared, PARTS.index(part), int(places[position])),
                part=part,
                given=labels[given],
                predicted=labels[int(other.argmax())],
                probability=round(float(other.max()), 4),
                probability_given=round(float(chances[position, given]), 4),
            )
        )
    return listed, _finding(listed, len(found), len(codes)) if listed else None


def _finding(doubtful: list[Suspect], total: int, looked: int) -> Finding:
    """What to say of `total` suspects among so many rows looked at, of which `doubtful` are the first. No more than a note: a weak
    network doubts much that is right."""
    first = doubtful[0]
    place = first.row if isinstance(first.row, str) else f"row {first.row}"
    return Finding(
        "note",
        "label-noise",
        count(total, "label"),
        f"of {looked:,} held-out ones ({percent(total / looked)}) {'are' if total > 1 else 'is'} doubtful: the network is sure of "
        f"another, as '{first.predicted}' where {place} says '{first.given}'",
        "look at them: they are listed under suspects",
        tuple(suspect.row for suspect in doubtful[:SHOWN]),
    )
