"""Unusual steps of series: the table, and a picture of the series with the flagged stretches marked above their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nnzoo.core.errors import ConfigError
from nnzoo.training.durable import replacing
from nnzoo.zoo.anomalies import Anomalies, forecasts
from nnzoo.zoo.unusual_rows import UnusualRows
from nnzoo.zoo.verbs import Run, check_table, opened, save_predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")
MOST_SERIES = 6  # drawn; those of the oddest steps
INK, MARK, LINE = "#3b4046", "#d1495b", "#2b6cb0"


def anomalies(
    run: Run,
    data: Any,
    *,
    share: float | None = None,
    threshold: float | None = None,
    usual: Any = None,
    normal: str | None = None,
    target: str | None = None,
    out: Path | str | None = None,
) -> Anomalies | UnusualRows:
    """How unusual each step of series or each row is to a run, as `Loaded.anomalies` gives it; also written to `out`, as a table or
    (of series) as a picture by its ending. Raises NnzooError."""
    path = None if out is None else Path(out)
    if path is not None and path.suffix not in PICTURES:
        check_table(path, *PICTURES)  # before any work is done
    elif path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise ConfigError(f"{path} cannot be written; give --out a file in a folder that exists")
    model = opened(run)
    if path is not None and path.suffix in PICTURES and not forecasts(model.spec):
        check_table(path)
    found = model.anomalies(data, share=share, threshold=threshold, usual=usual, normal=normal, target=target)
    if path is not None and path.suffix in PICTURES:
        assert isinstance(found, Anomalies)
        with replacing(path) as file:
            picture(found).savefig(file, format=path.suffix[1:], dpi=120)
    elif path is not None:
        save_predictions(found.frame, path)
    return found


def picture(found: Anomalies) -> Figure:
    """The series one below the other, flagged stretches behind them, and the score with its threshold."""
    from matplotlib.figure import Figure

    names = list(found.values.columns)
    if len(names) > MOST_SERIES:
        oddest = [stretch.series for stretch in found.stretches]
        names = list(dict.fromkeys([*oddest, *names]))[:MOST_SERIES]
    at = found.frame.iloc[:, 0].to_numpy()
    step = np.median(np.diff(at).astype(np.int64)).astype(at.dtype.str.replace("M8", "m8")) if len(at) > 1 else 0
    figure = Figure(figsize=(11, 1.4 + 1.7 * (len(names) + 1)), layout="constrained")
    axes = figure.subplots(len(names) + 1, 1, sharex=True)
    for axis, name in zip(axes, names):
        axis.plot(at, found.values[name].to_numpy(), color=INK, linewidth=0.8)
        axis.set_ylabel(name)
    axes[-1].plot(at, found.frame["score"].to_numpy(), color=LINE, linewidth=0.8)
    axes[-1].axhline(found.threshold, color=MARK, linewidth=0.8, linestyle="--")
    axes[-1].set_ylabel("score (usual errors)")
    axes[-1].set_xlabel(str(found.frame.columns[0]))
    for stretch in found.stretches:
        first, last = (pd.Timestamp(x).to_datetime64() if at.dtype.kind == "M" else x for x in (stretch.first, stretch.last))
        for axis in axes:
            axis.axvspan(first - step / 2, last + step / 2, color=MARK, alpha=0.25, linewidth=0.8)
    axes[0].set_title(f"{len(found.stretches)} stretches stand out", loc="left")
    return figure
