"""Pairs of texts that the program makes itself: dates as people write them, and the same dates in ISO 8601."""

from __future__ import annotations

import datetime

import numpy as np
import torch

from nnzoo.core.seeds import generator
from nnzoo.data.raw import RawPairs

_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
_ONES = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
]
_ONES += ["sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"]
_ORDINALS = [*_ONES, *(f"twenty-{one}" for one in _ONES[:9]), "thirtieth", "thirty-first"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_FIRST, _LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
_FORMS = (
    "{d} {month} {y}",
    "{d} {month}, {y}",
    "{dd} {mon} {y}",
    "{d}-{mon}-{y}",
    "{month} {d}, {y}",
    "{mon} {d}, {y}",
    "{month} {nth}, {y}",
    "{month} {nth} {y}",
    "{nth} {month} {y}",
    "{nth} of {month} {y}",
    "the {nth} of {month} {y}",
    "the {nth} of {month}, {y}",
    "the {ordinal} of {month} {y}",
    "the {ordinal} of {month}, {y}",
    "{month} the {ordinal}, {y}",
    "{y} {month} {d}",
    "{y}, {month} {nth}",
    "{day}, {d} {month} {y}",
    "{day}, {month} {d}, {y}",
    "{day} the {nth} of {month}, {y}",
    "{day}, the {ordinal} of {month} {y}",
    "{short}, {d} {mon} {y}",
    "{short} {mon} {d} {y}",
)


def dates(n: int = 10_000, seed: int = 0) -> RawPairs:
    """`n` different days from 1900 to 2099, each written in one of 23 English forms, and as ISO date: "the third of May 2001" is
    2001-05-03. A tenth of the days is for validation, a tenth for the test; none of them is learned from in any form."""
    random = generator(seed, 1900)
    span = (_LAST - _FIRST).days + 1
    days = [_FIRST + datetime.timedelta(days=int(d)) for d in torch.randperm(span, generator=random)[:n]]
    forms = torch.randint(len(_FORMS), (n,), generator=random).tolist()
    cases = torch.rand(n, generator=random).tolist()
    source = [_cased(_written(day, form), case) for day, form, case in zip(days, forms, cases)]
    part = np.full(n, "train", dtype=object)
    part[: n // 10], part[n // 10 : 2 * (n // 10)] = "test", "valid"
    return RawPairs("dates", source, [day.isoformat() for day in days], ("written", "iso"), part=part)


def _written(day: datetime.date, form: int) -> str:
    month, weekday = _MONTHS[day.month - 1], _DAYS[day.weekday()]
    return _FORMS[form].format(
        y=day.year,
        d=day.day,
        dd=f"{day.day:02}",
        month=month,
        mon=month[:3],
        nth=f"{day.day}{_ending(day.day)}",
        ordinal=_ORDINALS[day.day - 1],
        day=weekday,
        short=weekday[:3],
    )


def _ending(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _cased(text: str, case: float) -> str:
    """Most as they are, some in small letters, a few in capitals."""
    return text.upper() if case < 0.05 else text.lower() if case < 0.25 else text
