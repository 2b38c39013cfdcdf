"""Rows of data as HTML: pictures, lines of text, table rows, nodes; each with a caption."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image as Pillow

from nnzoo.comparing.charts import number
from nnzoo.comparing.entries import Comparison
from nnzoo.comparing.scored import test_source
from nnzoo.comparing.sequence_baselines import texts_of
from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Course, Graph, Image, Series, Tokens
from nnzoo.data.raw import RawGraph, RawTable

PICTURE = 84  # points across, at least, of a picture shown
MOST_COLUMNS = 8
MOST_STEPS = 12
LONGEST_LINE = 160
SHORT = " class=short"  # a cell that is never broken


def rows_shown(comparison: Comparison, test: Dataset, rows: torch.Tensor, captions: Sequence[str], first: str = "answer") -> str:
    """Rows of the test part with a caption each, in tables under the heading `first`: pictures, lines of text, table rows (as they
    stood in the file, with their number there) or nodes."""
    ((name, field),) = test.spec.inputs.items()
    restore: Callable[[str, Any], Any] = comparison.prepared.preprocessing.restore
    raw, places = test_source(comparison.prepared)
    if isinstance(field, Graph):
        nodes = (rows if test.index is None else test.index[rows]).tolist()
        names = raw.nodes if isinstance(raw, RawGraph) else None
        return table(["node"], [[names[n] if names else str(n)] for n in nodes], captions, first)
    value = test.take(rows).inputs[name]
    if isinstance(field, Image):
        return grid(restore(name, value), captions, "test picture")
    if isinstance(field, Tokens):
        return table(["text"], clipped_lines(restore(name, texts_of(value))), captions, first)
    if isinstance(field, Series):
        return table(["steps", *field.names[:MOST_COLUMNS]], _courses(value, field), captions, first)
    if isinstance(raw, RawTable) and places is not None:
        chosen = places[rows.cpu().numpy()]
        frame = raw.frame[[c for c in comparison.prepared.preprocessing.order if c in raw.frame.columns]].iloc[chosen]
        before, cells = ["row"], [[f"{place + 1}"] for place in chosen.tolist()]
    else:
        frame, before, cells = restore(name, value), [], [[] for _ in captions]
    columns = list(frame.columns)[:MOST_COLUMNS]
    cells = [[*place, *(_cell(v) for v in row)] for place, row in zip(cells, frame[columns].itertuples(index=False))]
    hidden = len(frame.columns) - len(columns)
    more = f'<p class="note">{hidden} more column{"" if hidden == 1 else "s"} not shown.</p>' if hidden > 0 else ""
    return table([*before, *(str(c) for c in columns)], cells, captions, first) + more


def _courses(value: Course, field: Series) -> list[list[str]]:
    """How many steps each row has, and the first numbers of its first channels in original units."""
    cells = []
    for x_TC, length in zip(field.restore(value.x_BTC).cpu(), value.lengths_B.tolist()):
        begins = [[number(v) for v in x_T[:length].tolist()] for x_T in x_TC.T[:MOST_COLUMNS]]
        cells.append([str(length), *(" ".join([*words[:MOST_STEPS], "..."] if length > MOST_STEPS else words) for words in begins)])
    return cells


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)
    if isinstance(value, (float, np.floating)):
        exact = float(value)
        return f"{exact:.0f}" if exact.is_integer() and abs(exact) < 1e15 else number(exact)
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " ..."


def clipped_lines(texts: Sequence[str]) -> list[list[str]]:
    """Texts as a column of cells, long ones cut."""
    return [[_cut(text)] for text in texts]


def written_cells(frame: pd.DataFrame) -> list[str]:
    """Each row of a frame in words: names and values of its first columns."""
    names = [str(c) for c in frame.columns[:MOST_COLUMNS]]
    return [", ".join(f"{n} {_cell(v)}" for n, v in zip(names, row)) for row in frame.itertuples(index=False)]


def picture_cell(pixels_P: np.ndarray, field: Image, what: str) -> str:
    """A cell with a picture, from numbers in 0..1 (C H W in one row)."""
    pixels_CHW = (pixels_P.clip(0, 1) * 255).round().astype(np.uint8).reshape(field.channels, field.height, field.width)
    return f'<td><img class="inline" src="{data_uri(pixels_CHW.transpose(1, 2, 0))}" alt="{escape(what)}">'


def table(columns: Sequence[str], cells: Sequence[Sequence[str]], captions: Sequence[str], first: str = "answer") -> str:
    """A table with a caption before each row, under the heading `first`."""
    head = "".join(f"<th scope=col>{escape(c)}" for c in [first, *columns])
    body = ""
    for caption, row in zip(captions, cells):
        body += f"<tr><th scope=row>{escape(caption)}" + "".join(f"<td{SHORT * (len(c) <= 16)}>{escape(c)}" for c in row) + "</tr>"
    return f'<div class="wide"><table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def grid(pictures_NHWC: np.ndarray, captions: Sequence[str], what: str) -> str:
    """Pictures side by side, each over its caption (empty: none)."""
    figures = []
    for pixels_HWC, caption in zip(pictures_NHWC, captions):
        words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        figures.append(
            f'<figure><img src="{data_uri(pixels_HWC)}" alt="{escape(f"{what}: {caption}" if caption else what)}">{words}</figure>'
        )
    return f'<div class="pictures">{"".join(figures)}</div>'


def data_uri(pixels_HWC: np.ndarray) -> str:
    """A picture (H W C, uint8; C 1, 3 or 4) as a PNG inside the page, small ones enlarged by a whole factor so that pixels show."""
    factor = max(1, -(-PICTURE // max(pixels_HWC.shape[:2])))
    large = pixels_HWC.repeat(factor, 0).repeat(factor, 1)
    buffer = io.BytesIO()
    Pillow.fromarray(large[:, :, 0] if large.shape[2] == 1 else large[:, :, :4]).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
