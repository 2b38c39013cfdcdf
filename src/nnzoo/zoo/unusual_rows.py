"""How unusual each row is to a kind that can tell (`Surprise`): scores, a threshold from the validation part, and how well both
work where labels say what is unusual.

A row is flagged where its score is above the k-th smallest of the n scores of the validation part, k = ceil((n + 1) (1 - p)): of
rows like these a share p at most is flagged (split conformal prediction: Vovk, Gammerman & Shafer 2005).

    AUROC = P(score of an unusual row > score of a normal one) + P(equal) / 2

N rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from nnzoo.core.abilities import Surprise
from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import ConfigError, DataError, RunError
from nnzoo.core.network import Can, Network
from nnzoo.core.seeds import seed_default
from nnzoo.data.one_label import label_column, labels_of
from nnzoo.data.raw import Raw, RawImages, RawTable
from nnzoo.zoo.anomalies import KEPT, threshold_of

SHOWN = 10


@dataclass(frozen=True)
class UsualRows:
    """Of the scores of the validation part's `rows` the `highest`, ascending."""

    highest: list[float]
    rows: int

    def threshold(self, share: float | None = None) -> tuple[float, float]:
        """The score above which a row is flagged, and the share of false alarms that this allows. Raises ConfigError."""
        return threshold_of(self.highest, self.rows, share, "rows")

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return {"highest": self.highest, "rows": self.rows}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> UsualRows:
        """The inverse of `to_json`. Raises RunError for anything else."""
        try:
            return cls([float(score) for score in facts["highest"]], int(facts["rows"]))
        except (KeyError, TypeError, ValueError):
            raise RunError("the run's usual scores are not what nnzoo writes; copy the run again from where it is whole") from None


@dataclass(frozen=True)
class UnusualRows:
    """`frame` has a row for each row: its number from 1 or its file, its label where there are labels, `score` and `flagged`.
    `share` is that of false alarms that the threshold allows, None where the threshold was given. With a `normal` label:
    `auroc`, and which shares of the normal rows and of the others are flagged."""

    frame: pd.DataFrame
    threshold: float
    share: float | None
    normal: str | None = None
    auroc: float | None = None
    flagged_normal: float | None = None
    flagged_others: float | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the command line's `--json` prints it, without the rows."""
        found: dict[str, Any] = {"count": len(self.frame), "flagged": int(self.frame["flagged"].sum())}
        found |= {"threshold": self.threshold, "share": self.share, "notes": list(self.notes)}
        if self.normal is not None:
            found |= {"normal": self.normal, "auroc": self.auroc}
            found |= {"flagged_normal": self.flagged_normal, "flagged_others": self.flagged_others}
        return found

    def strangest(self, most: int = SHOWN) -> pd.DataFrame:
        """The rows with the highest scores, highest first."""
        return self.frame.sort_values("score", ascending=False, kind="stable").head(most)


def surprises(network: Network) -> bool:
    """Whether a network can say how unusual rows are."""
    able = type(network).can(network.spec, network.task)
    return isinstance(able, Can) and Surprise in able


@torch.no_grad()
def surprise_of(network: Network, dataset: Dataset) -> np.ndarray:
    """Scores (N, float64); what a kind draws for them is always the same. The network is in eval mode meanwhile."""
    was_training = network.training
    network.eval()
    with torch.random.fork_rng(devices=[network.device] if network.device.type == "cuda" else []):
        seed_default(0, -2)
        scores = [network.surprise(batch.inputs).float().cpu() for batch in dataset.batches()]  # type: ignore[operator]
    network.train(was_training)
    return torch.cat(scores).double().numpy()


def usual_rows(network: Network, dataset: Dataset | None) -> UsualRows | None:
    """The usual scores of a validation part; None where there is none, the kind cannot tell, or a score is not finite."""
    if dataset is None or not len(dataset) or not surprises(network):
        return None
    score_N = np.sort(surprise_of(network, dataset))
    if not np.isfinite(score_N).all():
        return None
    return UsualRows([float(f"{score:.9g}") for score in score_N[-KEPT:]], len(score_N))


def unusual_in(
    network: Network,
    raw: Raw,
    dataset: Dataset,
    allowed: tuple[float, float | None],
    normal: str | None = None,
    target: str | None = None,
) -> UnusualRows:
    """Scores of rows beside what these are to the person. Of a set with an official test part only that is scored, since the
    network may have learned from the rest. Raises DataError, ConfigError."""
    rows = np.arange(len(raw))
    notes: tuple[str, ...] = ()
    if raw.part is not None and (raw.part == "test").any():
        rows = np.flatnonzero(raw.part == "test")
        notes = (f"the {len(rows):,} rows of the official test part are scored",)
        dataset = dataset.part(torch.from_numpy(rows))
    score_N = surprise_of(network, dataset)
    if not np.isfinite(score_N).all():
        raise DataError(f"{raw.name}: a score is not finite, so that nothing can be told from it; train the network anew")
    threshold, share = allowed
    columns: dict[str, Any] = {"row": rows + 1}
    if isinstance(raw, RawImages) and raw.files:
        columns["file"] = np.array(raw.files, dtype=object)[rows]
    labels_N = _labels(raw, normal, target)
    if labels_N is not None:
        columns["label"] = labels_N[rows]
    flagged_N = score_N > threshold
    frame = pd.DataFrame({**columns, "score": score_N, "flagged": flagged_N})
    if normal is None or labels_N is None:
        return UnusualRows(frame, threshold, share, notes=notes)
    known_N = np.array([label is not None for label in labels_N[rows]])
    same_N = labels_N[rows] == normal
    if not same_N.any() or not (known_N & ~same_N).any():
        there = sorted({str(label) for label in labels_N[rows][known_N]})
        what = "no other label than" if same_N.any() else f"no label '{normal}', only"
        raise DataError(f"{raw.name} has {what} {', '.join(there[:10])}; to score normal and unusual rows are needed, give both")
    others_N = known_N & ~same_N
    judged = {"flagged_normal": float(flagged_N[same_N].mean()), "flagged_others": float(flagged_N[others_N].mean())}
    return UnusualRows(frame, threshold, share, normal, auroc(score_N[same_N], score_N[others_N]), **judged, notes=notes)


def auroc(normal_N: np.ndarray, unusual_N: np.ndarray) -> float:
    """The chance that an unusual row scores higher than a normal one, ties counting half."""
    order = np.sort(normal_N)
    below = np.searchsorted(order, unusual_N, side="left") + np.searchsorted(order, unusual_N, side="right")
    return float(below.mean() / (2 * len(order)))


def _labels(raw: Raw, normal: str | None, target: str | None) -> np.ndarray | None:
    """Labels of rows (N), where they are known or asked for."""
    if isinstance(raw, RawTable):
        if target is None and normal is None:
            return None
        return labels_of(raw, label_column(raw, () if target is None else (target,)))
    if target is not None:
        raise ConfigError(f"{raw.name} has no columns; leave --target {target} out")
    if normal is not None and not isinstance(raw, RawImages):
        raise ConfigError(f"{raw.name} has no labels; leave --normal {normal} out")
    if normal is None and getattr(raw, "labels", None) is None:
        return None
    return labels_of(raw, "")
