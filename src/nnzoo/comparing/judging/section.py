"""What the judge says of every entrant, in the report: all scores of what it made, whether it copies, what a picture costs."""

from __future__ import annotations

from html import escape

from nnzoo.comparing.entries import Comparison, Entry
from nnzoo.comparing.words import name_of, shown, size_of


def section(comparison: Comparison) -> str:
    """A row an entrant, and one of training rows as the bound; "" where nothing was made."""
    there = [entry for entry in comparison.entries if entry.mean is not None and entry.evaluations]
    if not comparison.bound or not there:
        return ""
    names = [comparison.metric, *(name for name in comparison.bound if name != comparison.metric)]
    watched = any("copies" in evaluation.extra for entry in there for evaluation in entry.evaluations)
    columns = [*(name_of(name) for name in names), *(["copies"] if watched else []), "ms a sample", "size"]
    head = "".join(f"<th scope=col class=n>{escape(column)}" for column in columns)
    body = "".join(_row(entry.kind, _cells(entry, names, watched)) for entry in there)
    copied = ["(they are)"] if watched else []
    body += _row("training rows themselves", [*(shown(comparison.bound[name], name) for name in names), *copied, "-", "-"])
    words = [
        "On the test part, means over seeds; nothing is decided by scores other than the first.",
        "Last row: training rows scored as if they were made, which is what a generator can hope for; it is no entrant.",
    ]
    if watched:
        words.append(
            "Copied: the share of made pictures that are as near to one training picture as only 1 % of held-out ones are; an "
            "entrant that copies far more is flagged and left out of the verdict."
        )
    if comparison.judged_by:
        words.append(comparison.judged_by[0].upper() + comparison.judged_by[1:] + ".")
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in words)
    return f'<div class="wide"><table><thead><tr><th scope=col>entrant{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}'


def _cells(entry: Entry, names: list[str], watched: bool) -> list[str]:
    scores = {entry.evaluations[0].metric: entry.mean, **entry.other_scores}
    each = None if entry.latency_ms_256 is None else entry.latency_ms_256 / 256
    copied = ["yes" if entry.copies else "no"] if watched else []
    return [
        *(shown(scores.get(name), name) for name in names),
        *copied,
        "-" if each is None else f"{each:.2g}",
        size_of(entry.bytes),
    ]


def _row(name: str, cells: list[str]) -> str:
    return f"<tr><th scope=row>{escape(name)}" + "".join(f"<td class=n>{escape(cell)}" for cell in cells) + "</tr>"
