"""Labels that are probably wrong, found after training by confident learning (Northcutt, Jiang & Chuang 2021).

A network's answers for rows it did not learn from; t_j is the mean probability of label j over the rows labelled j; a row
labelled i is counted for label j if p_j >= t_j and j is the likeliest such label. Rows counted for another label than their own
are suspects, the surest first (by p_j - p_i). N rows, K labels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnzoo.data.doctor.finding import SHOWN, Finding, by_share, count, percent

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


def finding(doubtful: list[Suspect], total: int, looked: int) -> Finding | None:
    """What to say of `total` suspects among so many rows looked at, of which `doubtful` are the first."""
    if not doubtful:
        return None
    first = doubtful[0]
    place = first.row if isinstance(first.row, str) else f"row {first.row}"
    return Finding(
        by_share(total, looked),
        "label-noise",
        count(total, "label"),
        f"of {looked:,} held-out ones ({percent(total / looked)}) {'are' if total > 1 else 'is'} doubtful: the network is sure of "
        f"another, as '{first.predicted}' where {place} says '{first.given}'",
        "look at them: they are listed under suspects",
        tuple(suspect.row for suspect in doubtful[:SHOWN]),
    )
