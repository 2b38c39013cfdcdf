"""All checks on one data set, by the sort that it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnzoo.core.events import Listener, Warned
from nnzoo.core.network import Network
from nnzoo.data.doctor import balance, columns, copies, drift, leakage, pictures, series, text_columns, texts, values
from nnzoo.data.doctor.finding import Finding, count, in_order
from nnzoo.data.doctor.view import PARTS, TableView, View, view_of
from nnzoo.data.raw import RawImages, RawPicturePairs, RawSeries, RawTable, RawTexts

if TYPE_CHECKING:
    from nnzoo.data.prepare import Prepared

TOLD = 8  # findings that are told one by one before work begins


def examine(prepared: Prepared, networks: Mapping[str, Network] | None = None) -> list[Finding]:
    """What is wrong with prepared data, the worst first. `networks` (by name) are those that shall learn from them: each is asked
    whether the rows are enough for it."""
    found = list(_found(prepared))
    if networks and prepared.spec.outputs:
        found += balance.too_few_for(networks, prepared)
    return in_order(found)


def announce(found: Sequence[Finding], listen: Sequence[Listener]) -> None:
    """Tell errors and warnings to listeners, the first eight one by one."""
    worth = [finding for finding in found if finding.severity != "note"]
    events = [Warned(finding.sentence, finding.severity) for finding in worth[:TOLD]]
    if len(worth) > TOLD:
        events.append(Warned(f"and {len(worth) - TOLD} findings more; nnzoo data lists them all", "warning"))
    for event in events:
        for listener in listen:
            listener(event)


def summary(found: Sequence[Finding]) -> str:
    """`1 error, 2 warnings`; "" where there is nothing but notes."""
    counts = Counter(finding.severity for finding in found)
    return ", ".join(count(counts[severity], severity) for severity in ("error", "warning") if counts[severity])


def _found(prepared: Prepared) -> Iterator[Finding]:
    yield from _dropped(prepared)
    if isinstance(prepared.raw, RawSeries):
        yield from series.find(prepared.raw)
        return
    view = view_of(prepared, _width(prepared))
    if view is None:
        yield from texts.long_texts(_long(prepared))
        return
    yield from balance.find(view)
    if isinstance(prepared.raw, RawTable):
        table = TableView(view)
        for family in (leakage, columns, values, text_columns, drift):
            yield from family.find(table)
        twins, inputs, coarse = copies.of_table(table)
        yield from copies.find(view, twins, inputs, "row", coarse)
    elif isinstance(prepared.raw, RawImages):
        seen = pictures.PictureView(view)
        yield from pictures.find(seen)
        twins, inputs = pictures.twins(seen)
        yield from copies.find(view, twins, inputs, "picture")
        yield from drift.of_target(view)
        yield from drift.of_figures(view, {"light": seen.light, "contrast": seen.contrast})
    elif isinstance(prepared.raw, RawPicturePairs):
        became = pictures.PictureView(view, "target")  # inputs that are made of them may be alike though these are not
        yield from pictures.find(became)
        twins, inputs = pictures.twins(became)
        yield from copies.find(view, twins, inputs, "picture")
    elif isinstance(prepared.raw, RawTexts):
        read = texts.TextView(view)
        yield from texts.find(read)
        twins, inputs = texts.twins(read)
        yield from copies.find(view, twins, inputs, "text")
        yield from drift.of_target(view)
        yield from drift.of_figures(view, {"length": read.lengths})


def _width(prepared: Prepared) -> int:
    """Cells of a row."""
    dataset = prepared.parts.train
    if isinstance(prepared.raw, RawTexts):
        return max(1, sum(map(len, prepared.raw.texts)) // max(1, len(prepared.raw.texts)))
    widths = [
        sum(tensor[0].numel() for tensor in stored.values() if tensor.ndim > 1 and len(tensor))
        for stored in dataset.columns.values()
    ]
    return max(1, *widths)


def _long(prepared: Prepared) -> dict[str, np.ndarray]:
    """The symbols of each part of one long text, which may lie in a mapped file."""
    pieces = {name: getattr(prepared.parts, name) for name in PARTS}
    return {name: part.columns["text"]["values"].cpu().numpy() for name, part in pieces.items() if part is not None}


def _dropped(prepared: Prepared) -> Iterator[Finding]:
    if prepared.dropped:
        each = ", ".join(f"{part} {n:,}" for part, n in prepared.dropped.items())
        yield Finding(
            "note",
            "dropped-copies",
            count(sum(prepared.dropped.values()), "row"),
            f"repeated another exactly or nearly and were dropped, as --dedup asks ({each})",
            "nothing is left to do",
        )


def dropping(prepared: Prepared) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each part the positions of rows that repeat another exactly, and of those that nearly do. A row of the test part is never
    dropped for one of another part. Only copies that were looked at are found: sets beyond 30 million cells are sampled."""
    view = view_of(prepared, _width(prepared))
    if view is None:
        return {}
    equal, close = copies.surplus(view, _twins(view))
    found = {}
    for code, name in enumerate(PARTS):
        own = view.of(code)
        found[name] = (np.flatnonzero(np.isin(own, equal)), np.flatnonzero(np.isin(own, close)))
    return found


def _twins(view: View) -> copies.Twins:
    raw = view.prepared.raw
    if isinstance(raw, RawTable):
        return copies.of_table(TableView(view))[0]
    if isinstance(raw, RawImages):
        return pictures.twins(pictures.PictureView(view))[0]
    if isinstance(raw, RawPicturePairs):
        return pictures.twins(pictures.PictureView(view, "target"))[0]
    if isinstance(raw, RawTexts):
        return texts.twins(texts.TextView(view))[0]
    return copies.Twins(np.arange(len(view)), np.arange(len(view)))
