"""How unusual each step of a series is: how far forecasts missed it, in units of how far they usually miss.

    e_thc  = forecast made h steps before step t, of series c, less what came       (standardised by the training part)
    s_hc   = sqrt( mean over the validation part of e_thc^2 )                       what forecasts h steps ahead usually miss by
    a_t    = max over c of  sqrt( mean over h of (e_thc / s_hc)^2 )                 the score; 1 is an everyday error

The mean is over all forecasts that cover step t: H of them, one made just before, one a horizon ago (fewer within the first H - 1
steps that can be scored). The nearest alone would do less: it follows a new level or a new rhythm at once and finds one step odd,
and after a spike it is led astray by the spike it has read; those from further back still say what was to be expected. Each is
measured by its own usual error, else the far ones, which miss by more, would drown the near ones. All were made before the step, so
the score of a step is known as soon as the step is, and nothing later changes it.

A step is flagged where its score is above a threshold. With a share p of false alarms it is the k-th smallest of the n scores of
the validation part, k = ceil((n + 1) (1 - p)): a step that is like those of the validation part, in any order, is flagged with
probability p at most (split conformal prediction: Vovk, Gammerman & Shafer 2005). Neighbours are alike, so false alarms come in
runs; and the validation part also chose the epoch and gave the s_hc, which makes its scores a little too small.

M steps, N windows, B batch, L history, H horizon, C series forecast.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import ConfigError, DataError, RunError
from nnzoo.core.fields import Future, Series, Spec
from nnzoo.core.network import Network
from nnzoo.core.task import outputs_of

AT_ONCE = 1024  # windows
KEPT = 1000  # scores of the validation part that are kept, the highest
LEAST = 1e-6  # standard deviations: errors below it are rounding
SHARE = 0.01  # of false alarms, where the validation part is long enough to tell


@dataclass(frozen=True)
class Usual:
    """What a network's errors usually are: `scale` s (H C), and of the `steps` scores a_t of the validation part the `highest`,
    ascending."""

    scale: list[list[float]]
    highest: list[float]
    steps: int

    def threshold(self, share: float | None = None) -> tuple[float, float]:
        """The score above which a step is flagged, and the share of false alarms that this allows: the one that is asked for, else
        a hundredth, or the smallest that so few steps can tell. Raises ConfigError where it cannot be told from these scores."""
        return threshold_of(self.highest, self.steps, share, "steps")

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return {"scale": self.scale, "highest": self.highest, "steps": self.steps}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Usual:
        """The inverse of `to_json`. Raises RunError for anything else."""
        try:
            scale = [[float(s) for s in row] for row in facts["scale"]]
            highest, steps = [float(a) for a in facts["highest"]], int(facts["steps"])
        except (KeyError, TypeError, ValueError):
            raise RunError("the run's usual errors are not what nnzoo writes; copy the run again from where it is whole") from None
        return cls(scale, highest, steps)


def threshold_of(highest: list[float], count: int, share: float | None, what: str) -> tuple[float, float]:
    """The threshold that a `share` of `count` usual scores, of which the `highest` are known, ascending, exceeds at most (None: a
    hundredth, or the smallest that so few can tell), and that share. Raises ConfigError where these scores cannot tell it."""
    least = 1 / (count + 1)
    share = max(SHARE, least) if share is None else share
    if not 0 < share < 1:
        raise ConfigError(f"--share {share} is no share of false alarms; give a number between 0 and 1")
    above = math.floor((count + 1) * share + 1e-9)  # scores, the threshold among them
    if above < 1:
        raise ConfigError(
            f"--share {share} cannot be told from {count} {what} of the validation part; give {least:.2g} or more, or a --threshold"
        )
    if above > len(highest):
        raise ConfigError(f"--share {share} is more than the run keeps scores for; give {len(highest) / (count + 1):.2g} or less")
    return highest[-above], share


@dataclass(frozen=True)
class Stretch:
    """Flagged steps that lie at most a horizon apart: first, last and oddest step (dates, or numbers of steps from 0), how many
    were flagged, the highest score, and the series that it is of."""

    first: Any
    last: Any
    flagged: int
    peak: Any
    score: float
    series: str


@dataclass(frozen=True)
class Anomalies:
    """`frame` has a row for each step that can be scored: its date (or `step`, counted from 0), `score`, of several series the one
    that is oddest (`series`), and `flagged`. `values` are the series themselves at these steps. `stretches` come highest first.
    `share` is that of false alarms that the threshold allows, None where the threshold was given."""

    frame: pd.DataFrame
    values: pd.DataFrame
    threshold: float
    share: float | None
    stretches: list[Stretch]

    def to_json(self) -> dict[str, Any]:
        """As the command line's `--json` prints it, without the rows."""
        found = [
            {**vars(stretch), **{at: _told(getattr(stretch, at)) for at in ("first", "last", "peak")}} for stretch in self.stretches
        ]
        flagged = int(self.frame["flagged"].sum())
        return {"steps": len(self.frame), "flagged": flagged, "threshold": self.threshold, "share": self.share, "stretches": found}


def usual_errors(network: Network, dataset: Dataset | None) -> Usual | None:
    """The usual errors of a forecaster from its validation part; None where it forecasts no series, there is no such
    part, or an error is not finite."""
    if dataset is None or not len(dataset) or not forecasts(dataset.spec):
        return None
    field = _future(dataset.spec)
    square_HC = np.zeros((field.horizon, len(field.names)))
    count_H1 = np.zeros((field.horizon, 1))
    for _, error_BHC in _errors(network, dataset):
        square_HC += np.nansum(np.square(error_BHC), axis=0)
        count_H1 += (~np.isnan(error_BHC[:, :, :1])).sum(0)
    scale_HC = np.maximum(np.sqrt(square_HC / np.maximum(count_H1, 1)), LEAST)
    if not np.isfinite(scale_HC).all():
        return None
    _, score_MC = scores(network, dataset, scale_HC)
    each = np.sort(score_MC.max(1))
    highest = [float(f"{score:.7g}") for score in each[-KEPT:]]
    return Usual([[float(f"{s:.7g}") for s in row] for row in scale_HC], highest, len(each))


def scores(network: Network, dataset: Dataset, scale_HC: np.ndarray) -> tuple[int, np.ndarray]:
    """The first step that can be scored, and the scores of each series from there on (M C); the windows follow one another.
    Raises DataError where a forecast is no finite number."""
    first, end = _span(dataset)
    sum_MC = np.zeros((end - first, len(_future(dataset.spec).names)))
    count_M1 = np.zeros((end - first, 1))
    for begins, error_BHC in _errors(network, dataset):
        part_BHC = np.square(error_BHC / scale_HC)
        for h in range(part_BHC.shape[1]):
            rows = slice(begins - first + h, min(begins + h + len(part_BHC), end) - first)
            some = part_BHC[: max(0, rows.stop - rows.start), h]
            if len(some):
                sum_MC[rows] += some
                count_M1[rows] += 1
    score_MC = np.sqrt(sum_MC / count_M1)
    if not np.isfinite(score_MC).all():
        raise DataError("the network's forecasts of these data are not finite, so that nothing can be scored; train it anew")
    return first, score_MC


def found_in(
    score_MC: np.ndarray, labels: pd.Index, values: pd.DataFrame, horizon: int, threshold: float, share: float | None
) -> Anomalies:
    """Scores as a table and as stretches. `labels` (M) name the steps, `values` (M rows, C columns) are the series."""
    score_M, worst_M = score_MC.max(1), score_MC.argmax(1)
    flagged_M = score_M > threshold
    names = np.array(values.columns, dtype=object)
    when = "date" if labels.name in ("score", "series", "flagged") else str(labels.name)
    columns: dict[str, Any] = {when: labels, "score": score_M}
    if len(names) > 1:
        columns["series"] = names[worst_M]
    frame = pd.DataFrame({**columns, "flagged": flagged_M})
    stretches = []
    at = np.flatnonzero(flagged_M)
    for some in np.split(at, np.flatnonzero(np.diff(at) > horizon) + 1) if len(at) else []:
        peak = some[score_M[some].argmax()]
        where = {"first": labels[some[0]], "last": labels[some[-1]], "peak": labels[peak]}
        stretches.append(Stretch(**where, flagged=len(some), score=float(score_M[peak]), series=str(names[worst_M[peak]])))
    stretches.sort(key=lambda stretch: -stretch.score)
    return Anomalies(frame, values.reset_index(drop=True), threshold, share, stretches)


def forecasts(spec: Spec) -> bool:
    """Whether what goes in is a series and what comes out its future."""
    return spec.only("inputs", Series) is not None and spec.only("outputs", Future) is not None


def _future(spec: Spec) -> Future:
    (field,) = spec.outputs.values()
    assert isinstance(field, Future)
    return field


def _span(dataset: Dataset) -> tuple[int, int]:
    """The first step that a data set asks for, and the end of them."""
    (name,) = dataset.spec.outputs
    asked = dataset.stored(name, "first")
    return int(asked.min()), int(asked.max()) + _future(dataset.spec).horizon


def _errors(network: Network, dataset: Dataset) -> Iterator[tuple[int, np.ndarray]]:
    """The steps at which the futures of some windows in a row begin (the first of them), and their errors (B H C, NaN beyond the
    last step that is asked for). The last H - 1 windows, whose futures are known in part, are there too: else the last steps would
    only be covered by forecasts from far back."""
    ((name, series),) = dataset.spec.inputs.items()
    (output,) = dataset.spec.outputs
    field = _future(dataset.spec)
    assert isinstance(series, Series)
    first, end = _span(dataset)
    stored, truth_MC = dataset.columns[name], dataset.columns[output]["values"].cpu().double().numpy()
    begins = torch.arange(first - series.longest, end - series.longest, device=stored["first"].device)
    lengths = torch.full_like(begins, series.longest)
    inputs = {name: {"values": stored["values"], "first": begins, "length": lengths}}
    windows = Dataset(dataset.spec, inputs, device=dataset.device, resident=dataset.resident)
    mean, std = np.array(field.mean), np.array(field.std)
    for start in range(0, len(windows), AT_ONCE):
        rows = torch.arange(start, min(start + AT_ONCE, len(windows)), device=begins.device)
        answer_BHC = outputs_of(network, windows.part(rows), 256)[output].double().numpy()
        steps_BH = first + rows.cpu().numpy()[:, None] + np.arange(field.horizon)
        came_BHC = (truth_MC[np.minimum(steps_BH, end - 1)] - mean) / std
        yield first + start, np.where((steps_BH < end)[:, :, None], answer_BHC - came_BHC, np.nan)


def _told(label: Any) -> Any:
    return label.isoformat() if isinstance(label, pd.Timestamp) else int(label)
