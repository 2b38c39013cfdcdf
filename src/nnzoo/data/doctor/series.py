"""What is wrong with the dates and the numbers of series. What was mended is told with the rule it was mended by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnzoo.data.doctor.finding import Finding, by_share, column, count, percent
from nnzoo.data.raw import RawSeries

STILL = 0.5  # share of steps without any change from which on a series is called still


def find(raw: RawSeries) -> Iterator[Finding]:
    """Copies of dates, gaps, uneven steps, filled numbers, series that hardly move. Dates that are there twice, and steps that no
    one has measured, are worth a warning each: two series may stand in one file."""
    faults, dates = raw.faults, column(raw.time)
    if faults.copies:
        says = f"has {count(faults.copies, 'row')} whose date stands again further down; of each date the last row was kept"
        yield Finding("warning", "repeated-dates", dates, says, "keep one row a date")
    if faults.put_in:
        says = f"lacks {count(faults.absent, 'date')} of its calendar; they were put in with the numbers before them"
        yield Finding("warning", "gaps", dates, says, "fill the gaps with what was measured, if it is known")
    elif faults.absent:
        says = f"lacks {count(faults.absent, 'date')} of its calendar, too many to be put in: every row is taken as one step"
        yield Finding("warning", "gaps", dates, says, "give rows at even steps, or take a coarser step")
    if faults.uneven:
        says = f"has {count(faults.uneven, 'date')} between the steps of its calendar: every row is taken as one step"
        yield Finding("warning", "uneven-steps", dates, says, "bring the rows to even steps first")
    for name, missing in faults.missing.items():
        says = f"lacks {count(missing, 'number')} ({percent(missing / len(raw))}), which took the last one known before"
        remedy = "fill them in by what is known of them"
        yield Finding(by_share(missing, len(raw)), "missing-values", column(name), says, remedy)
    for name in raw.frame.columns:
        still = float((np.diff(raw.frame[name].to_numpy()) == 0).mean()) if len(raw) > 1 else 0.0
        if still > STILL:
            says = f"does not change in {percent(still)} of its steps, so that repeating the last number is a strong answer"
            yield Finding("note", "still", column(name), says, "compare with repeat-last, or take a coarser step")
