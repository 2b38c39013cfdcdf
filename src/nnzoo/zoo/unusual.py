"""What is unusual in data to a trained model: steps of series to a forecaster, rows to a kind that can tell (`Surprise`)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.prepare import open_like
from nnzoo.data.preprocessing import Opened
from nnzoo.data.raw import RawSeries
from nnzoo.data.series_preprocessing import SeriesPreprocessing
from nnzoo.zoo.anomalies import Anomalies, Usual, forecasts, found_in, scores, usual_errors
from nnzoo.zoo.unusual_rows import UnusualRows, UsualRows, surprises, unusual_in, usual_rows

if TYPE_CHECKING:
    from nnzoo.zoo.loaded import Loaded


def found_by(
    model: Loaded,
    source: Any,
    *,
    share: float | None,
    threshold: float | None,
    usual: Any,
    normal: str | None,
    target: str | None,
) -> Anomalies | UnusualRows:
    """What `Loaded.anomalies` gives. Raises ConfigError, DataError."""
    of_series, kept = forecasts(model.spec), model.manifest.usual
    if not of_series and not surprises(model.network):
        raise ConfigError(
            f"{model.manifest.kind} trained for {model.task.name} forecasts no series and cannot tell what is unusual; anomalies "
            "of series need a run of time-series-forecasting, others a kind with the ability Surprise (`nnzoo data` says which)"
        )
    if of_series and (normal is not None or target is not None):
        raise ConfigError(f"steps of series have no labels; leave --{'target' if normal is None else 'normal'} out")
    if share is not None and threshold is not None:
        raise ConfigError("a share and a threshold are two ways to say what is flagged; give one of them")
    if threshold is not None and not (0 <= threshold < math.inf if of_series else math.isfinite(threshold)):
        raise ConfigError(f"--threshold {threshold} is no score; give a number{' from 0 up, in usual errors' * of_series}")
    if usual is None and not kept and (of_series or threshold is None):
        what = "series" if of_series else "data"
        raise ConfigError(f"the run does not say what its usual errors are; give {what} with nothing unusual in them by --usual")
    if of_series:
        return _steps(model, source, share, threshold, usual)
    allowed: tuple[float, float | None]
    if threshold is None:
        known = UsualRows.from_json(kept) if usual is None else usual_rows(model.network, _open(model, usual).dataset)
        if known is None:
            raise DataError("scores of the usual data are not finite, so that they are no measure; train the network anew")
        allowed = known.threshold(share)
    else:
        allowed = (threshold, None)
    opened = _open(model, source)
    return unusual_in(model.network, opened.raw, opened.dataset, allowed, normal, target)


def _steps(model: Loaded, source: Any, share: float | None, threshold: float | None, usual: Any) -> Anomalies:
    kept = model.manifest.usual
    known = Usual.from_json(kept) if usual is None else usual_errors(model.network, _open(model, usual).dataset)
    if known is None:
        raise DataError("forecasts of the usual data are not finite, so that they are no measure; train the network anew")
    allowed: tuple[float, float | None] = known.threshold(share) if threshold is None else (threshold, None)
    opened = _open(model, source)
    assert isinstance(opened.raw, RawSeries) and isinstance(model.preprocessing, SeriesPreprocessing)
    first, score_MC = scores(model.network, opened.dataset, np.array(known.scale))
    dates, values = opened.raw.dates, opened.raw.frame[list(model.preprocessing.targets)]
    steps = pd.RangeIndex(len(values), name="step") if dates is None else pd.DatetimeIndex(dates, name=opened.raw.time)
    return found_in(score_MC, steps[first:], values.iloc[first:], model.preprocessing.horizon, *allowed)


def _open(model: Loaded, source: Any) -> Opened:
    opened = open_like(model.preprocessing, source, model.spec.train_size)
    return Opened(opened.dataset.to(model.network.device), opened.raw)
