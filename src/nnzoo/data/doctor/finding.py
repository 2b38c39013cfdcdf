"""What the doctor says: a finding, and the rules by which it is an error, a warning or a note.

The rules are the same for every data set:

    error    the score cannot be trusted or nothing can be learned: a column that is the target, a tenth of the test rows among
             the training rows, cells that cannot be read
    warning  the outcome or a decision is likely to change: at least 5 % of the rows are touched; or more test rows than could move
             a score by its own standard error (half a square root of their number); or cells that no one can have meant (an age of
             -3, -999 for missing), of which one is enough
    note     true and worth knowing, but of little effect, or dealt with already
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
ORDER: dict[str, int] = {"error": 0, "warning": 1, "note": 2}
MANY = 0.05  # the share of rows from which a fault is worth a warning
SHOWN = 20  # rows that a finding names


@dataclass(frozen=True)
class Finding:
    """One fault. `code` names it for programs; `where` is a column, rows or pictures; `text` says what is wrong, with a figure, and
    `remedy` what to do. `rows` are the first twenty concerned: their numbers from 1 as in the file, or files, or words."""

    severity: Severity
    code: str
    where: str
    text: str
    remedy: str
    rows: tuple[int | str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in one line."""
        return f"{self.where} {self.text}; {self.remedy}"

    def __str__(self) -> str:
        return f"{self.severity}: {self.sentence}"

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "rows": list(self.rows)}


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Findings, the worst first; within a severity as they were found."""
    return sorted(found, key=lambda finding: ORDER[finding.severity])


def by_share(touched: int, total: int) -> Severity:
    """The severity of a fault that touches so many rows."""
    return "warning" if touched >= max(2, MANY * total) else "note"


def by_error(touched: int, total: int) -> Severity:
    """The severity of rows of a held-out part that are not fit to judge by: a tenth of them is an error; a warning where they could
    move a share measured on `total` rows by its standard error, sqrt(p (1 - p) / n), at p = 1/2 where that is largest."""
    if touched >= max(3, 0.1 * total):
        return "error"
    return "warning" if touched > 0.5 * math.sqrt(total) else "note"


def count(n: int, thing: str, things: str = "") -> str:
    """`1 row`, `2,000 rows`."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def percent(share: float) -> str:
    """`12 %`, `0.31 %`."""
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.4g} %"


def number(value: float) -> str:
    """`-999`, `0.25`, `1.5e+06`."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"


def listed(names: Sequence[object], most: int = 5) -> str:
    """`'a', 'b' and 3 more`."""
    shown = ", ".join(f"'{str(name)[:60]}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def column(name: object) -> str:
    """How a column is called in a sentence."""
    return f"column '{str(name)[:80]}'"
