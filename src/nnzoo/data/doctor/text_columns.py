"""Texts that are something else: numbers with units or separators, dates not understood, one word in several spellings."""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from nnzoo.core.fields import Classes
from nnzoo.data.doctor.finding import Finding, column, count, listed, percent
from nnzoo.data.doctor.view import Seen, TableView

NEARLY = 0.9  # of the distinct texts
FEWEST = 5  # distinct ones, before a pattern is believed
MOST_TEXTS = 2000
_NUMBER = re.compile(
    r"(?P<before>[€$£¥₹]|[A-Z]{3}(?= ?\d)|[<>~≈])?\s*[-+]?"
    r"(?:\d{1,3}(?:[,' \u00a0]\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d+[.,]?\d*)"
    r"(?:[eE][-+]?\d+)?\s*(?P<after>[€$£¥₹%°]|[a-zA-Zµ°²³/]{1,10}\.?)?"
)
_DATE = re.compile(
    r"\d{1,4}\s*[-/.]\s*\d{1,2}\s*[-/.]\s*\d{1,4}.*|(?i:\d{1,2}\.?\s+)?(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    r"\.?,?\s+\d.*|\d{1,2}:\d{2}(:\d{2})?(\s*[aApP][mM])?|\d{4}-\d{2}|\d{4}-\d{2}-\d{2}.*"
)
_JOINED = re.compile(r"(?<=\w)[-_](?=\w)|_")


def find(table: TableView) -> Iterator[Finding]:
    """Findings on columns of texts, those left out included, and on labels."""
    for seen in table.columns:
        if seen.kind == "category":
            yield from _meaning(seen.name, seen.levels)
            yield from _spellings(seen.name, seen.levels, seen.counts)
        elif seen.kind == "number" and seen.learned.whole:
            yield from _packed_dates(seen)
    training = table.view.of(0)[:MOST_TEXTS]
    for name in table.left_out:
        yield from _meaning(name, tuple(table.cells(name, training)[1]))
    output = table.learned.output
    if isinstance(output, Classes):
        yield from _meaning(table.learned.targets[0], output.labels, "target")


def labels(names: Sequence[str], codes: np.ndarray, name: str) -> Iterator[Finding]:
    """Labels that differ by capitals and blanks only."""
    yield from _spellings(name, names, np.bincount(codes[codes >= 0], minlength=len(names)), "label-spelling")


def _meaning(name: str, texts: Sequence[str], what: str = "column") -> Iterator[Finding]:
    where = f"{what} '{name}'"
    texts = [text for text in texts[:MOST_TEXTS] if text]
    if len(texts) < FEWEST:
        return
    dates = [text for text in texts if _DATE.fullmatch(text)]
    if len(dates) >= NEARLY * len(texts) and _parse(dates) >= NEARLY * len(texts):
        yield Finding(
            "warning",
            "dates-as-text",
            where,
            f"holds dates or times that are read as mere words ({listed(dates, 3)})",
            "write them all in one form, best as 2024-12-31",
        )
        return
    matches = [(text, match) for text in texts if (match := _NUMBER.fullmatch(text))]
    if len(matches) < NEARLY * len(texts) or all(text.replace(".", "", 1).isdigit() for text in texts):
        return
    units = Counter((match["after"] or match["before"] or "").strip(" .<>~≈").lower() for _, match in matches)
    usual = {unit: n for unit, n in units.items() if unit and n >= max(2, 0.02 * len(matches))}
    if len(usual) > 4 or sum(usual.values()) + units[""] < NEARLY * len(matches):
        return  # as many endings as in a code: 12a, 13f, 20c
    shown = listed([text for text, match in matches if not text.replace(".", "").isdigit()] or texts, 3)
    if len(usual) > 1:
        yield Finding(
            "warning",
            "mixed-units",
            where,
            f"holds numbers in {len(usual)} units ({', '.join(usual)}) as words ({shown})",
            "bring all to one unit and write the numbers alone",
        )
    yield Finding(
        "warning",
        "numbers-as-text",
        where,
        f"holds numbers that are read as mere words ({shown})",
        "write the numbers alone, with a decimal point and without separators or units",
    )


def _parse(texts: Sequence[str]) -> int:
    """How many texts are dates or times in some form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns that forms are guessed, which is the question here
        return int(pd.to_datetime(pd.Series(list(texts)), format="mixed", errors="coerce", utc=True).notna().sum())


def _packed_dates(seen: Seen) -> Iterator[Finding]:
    """Whole numbers such as 20240131."""
    known = seen.known
    if len(known) < FEWEST or known[0] < 19000101 or known[-1] > 21001231:
        return
    month, day = known // 100 % 100, known % 100
    if ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():
        example = f"{known[0]:.0f}"
        yield Finding(
            "warning",
            "dates-as-numbers",
            column(seen.name),
            f"holds dates written as whole numbers ({example}), between which the steps are uneven",
            f"write them as {example[:4]}-{example[4:6]}-{example[6:]}",
        )


def _spellings(name: str, levels: Sequence[str], counts: np.ndarray, code: str = "spelling") -> Iterator[Finding]:
    """Words that are the same but for capitals, blanks, hyphens between letters, and a full stop at the end."""
    same = defaultdict(list)
    for level, n in zip(levels, counts):
        if any(c.isalpha() for c in str(level)):
            same[" ".join(_JOINED.sub(" ", str(level).casefold()).split()).rstrip(" .,;:")].append((level, int(n)))
    several = [group for key, group in same.items() if len(group) > 1 and key]
    if several:
        first = sorted(several[0], key=lambda pair: -pair[1])
        rows = sum(n for group in several for _, n in sorted(group, key=lambda pair: -pair[1])[1:])
        yield Finding(
            "warning",
            code,
            f"{'label' if code == 'label-spelling' else 'column'} '{name}'",
            f"spells {count(len(several), 'word')} in several ways ({listed([level for level, _ in first], 3)}): "
            f"{count(rows, 'row')} ({percent(rows / max(1, int(np.sum(counts))))})",
            "spell each in one way",
        )
