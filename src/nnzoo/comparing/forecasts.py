"""Forecasts beside what came, for some windows of the test part: the end of the history, the truth, the best network and the best
baseline.

K windows shown, L history, H horizon, C series.
"""

from __future__ import annotations

from html import escape

import numpy as np
import torch

from nnzoo.comparing.charts import Line, curves
from nnzoo.comparing.entries import Comparison, Entry
from nnzoo.comparing.labels import clipped
from nnzoo.core.fields import Future, Series

SHOWN = 6  # charts
BEFORE = 2  # horizons of history drawn before the forecast
GREY, INK, OTHER = "#b4b8bc", "#3b4046", "#e0a106"


def sections(comparison: Comparison, best: Entry, colour: str) -> list[tuple[str, str]]:
    """Charts of the first seed: a window each, series in turn."""
    test, evaluation = comparison.prepared.parts.test, best.evaluations[0]
    ((name, series),) = test.spec.inputs.items()
    (future,) = test.spec.outputs.values()
    assert isinstance(series, Series) and isinstance(future, Future)
    windows = np.asarray(evaluation.extra["windows"])[:SHOWN]
    past_KLC = series.restore(test.take(torch.from_numpy(windows)).inputs[name].x_BTC.cpu().double()).numpy()
    rival = _best_baseline(comparison)
    figures = []
    for k, window in enumerate(windows.tolist()):
        c = k % len(future.names)
        called = future.names[c]
        shown = min(series.longest, BEFORE * future.horizon)
        past = past_KLC[k, -shown:, series.names.index(called)] if called in series.names else np.empty(0)
        lines = [
            Line("history", _points(past, 1 - len(past)), GREY),
            Line("truth", _points(np.concatenate([past[-1:], evaluation.truth[k, :, c]]), 1 - len(past[-1:])), INK),
            Line(best.kind, _points(evaluation.predictions[k, :, c], 1), colour),
        ]
        if rival is not None:
            lines.append(Line(rival.kind, _points(rival.evaluations[0].predictions[k, :, c], 1), OTHER, faint=True))
        lines = [line for line in lines if line.points]
        title = f"{clipped(called, 40)}, test window {window + 1:,}"
        svg = curves(lines, "steps from the last one known", clipped(called, 40), title, even=True)
        figures.append(f"<figure>{svg}<figcaption>{escape(title)}</figcaption></figure>")
    keys = [(GREY, "history"), (INK, "truth"), (colour, best.kind)] + ([(OTHER, rival.kind)] if rival else [])
    legend = "".join(f'<li><span class="dot" style="--c:{tint}"></span>{escape(word)}</li>' for tint, word in keys)
    note = f'<p class="note">Windows spread evenly over the test part, in original units.</p><ul class="legend">{legend}</ul>'
    return [(f"Forecasts of {best.kind} beside the truth", note + "".join(figures))]


def _points(values: np.ndarray, first: int) -> list[tuple[float, float]]:
    return [(float(first + i), float(value)) for i, value in enumerate(values)]


def _best_baseline(comparison: Comparison) -> Entry | None:
    """The best baseline that has answers, None where there is none."""
    able = [e for e in comparison.entries if e.role == "baseline" and e.evaluations and e.mean is not None]
    sign = 1 if comparison.higher_is_better else -1
    return max(able, key=lambda e: sign * (e.mean or 0.0), default=None)
