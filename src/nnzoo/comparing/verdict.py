"""Who won, in plain words: a winner only where every difference is beyond chance, else a tie and the cheapest way out of it."""

from __future__ import annotations

from collections.abc import Sequence

from nnzoo.comparing.entries import Entry, Verdict
from nnzoo.comparing.intervals import Intervals

IGNORANT = ("majority", "mean", "unigram")  # baselines that do not look at the input
SHARES = ("accuracy", "balanced_accuracy", "macro_f1")  # scores that people read as per cent
NAMES = {
    "macro_f1": "macro F1",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "psnr": "PSNR",
}  # the others are their names without underlines


def decide(entries: Sequence[Entry], sure: Intervals, metric: str, higher: bool) -> Verdict:
    """The verdict on entries that have scores.

    The best is compared with each other entrant by a paired interval at 95 % for all comparisons together (Bonferroni: each at
    1 - .05 / comparisons). Those whose interval contains 0 share the lead.
    """
    there = sorted((e for e in entries if not e.error and e.mean is not None), key=lambda e: _order(e, higher))
    if not there:
        return Verdict("No entrant came through, so there is nothing to compare; the reasons stand beside each.", None, ())
    best, others = there[0], there[1:]
    level = 1 - 0.05 / max(1, len(others))
    tied = [best]
    for other in others:
        low, high = sure.difference(best.kind, other.kind, level)
        if low <= 0 <= high:
            tied.append(other)
    if not others:
        text = f"{best.kind} ran alone: {name_of(metric)} {shown(best.mean, metric)}{_between(best, metric)}."
        return Verdict(text, None, (), best.kind)
    if len(tied) == 1:
        return _won(best, others, sure, metric, level)
    return _tie(tied, metric, sure.evidence)


def _order(entry: Entry, higher: bool) -> tuple[float, int]:
    """Best score first; of equal scores the baseline, being plainer."""
    assert entry.mean is not None
    return (-entry.mean if higher else entry.mean, entry.role == "network")


def _won(best: Entry, others: Sequence[Entry], sure: Intervals, metric: str, level: float) -> Verdict:
    gaps = {o.kind: sorted(map(abs, sure.difference(best.kind, o.kind, level))) for o in others}
    nearest = min(gaps, key=lambda kind: gaps[kind][0])
    low, high = gaps[nearest]
    text = (
        f"{best.kind} is best: {name_of(metric)} {shown(best.mean, metric)}{_between(best, metric)}, "
        f"ahead of every other entrant by more than chance explains (closest: {nearest}, {_gap(low, high, metric)} behind)."
    )
    if best.role == "baseline":
        text += f" It is a plain baseline: no neural network is needed for these data. Use {best.kind}."
    return Verdict(text, best.kind, (), best.kind)


def _tie(tied: Sequence[Entry], metric: str, evidence: str) -> Verdict:
    baselines = [e for e in tied if e.role == "baseline"]
    kinds = tuple(e.kind for e in tied)
    best = tied[0]
    text = (
        f"{_listed(kinds)} cannot be told apart from {evidence}: "
        f"the best mean is {best.kind}'s, {name_of(metric)} {shown(best.mean, metric)}{_between(best, metric)}, "
        "and the differences lie within chance."
    )
    if baselines:
        take = _cheapest(baselines)
        ignorant = [e.kind for e in baselines if e.kind in IGNORANT]
        if ignorant:
            text += f" One of them, {ignorant[0]}, does not even look at the input: nothing useful was learned from these data."
        text += f" As far as that can tell, a plain baseline is as good: no neural network is needed here. Use {take.kind}."
        return Verdict(text, None, kinds, take.kind)
    take, small = _cheapest(tied), min(tied, key=lambda e: e.bytes or 0)
    text += f" Of them {take.kind} answers fastest ({take.latency_ms_1 or 0:.2g} ms a sample)"
    text += " and is the smallest" if small is take else f"; {small.kind} is the smallest ({size_of(small.bytes)})"
    return Verdict(f"{text}. Use {take.kind}.", None, kinds, take.kind)


def _cheapest(entries: Sequence[Entry]) -> Entry:
    return min(entries, key=lambda e: (e.latency_ms_1 is None, e.latency_ms_1, e.bytes))


def name_of(metric: str) -> str:
    """A metric's name as people write it."""
    return NAMES.get(metric, metric.replace("_", " "))


def shown(score: float | None, metric: str, unit: bool = True) -> str:
    """A score as people write it: a share in per cent, R² with three decimals, anything else with four figures."""
    if score is None:
        return "-"
    if metric in SHARES:
        return f"{100 * score:.1f}" + (" %" if unit else "")
    return f"{score:.3f}" if metric == "r2" else f"{score:.4g}"


def size_of(size: int | None) -> str:
    """Bytes in the unit that suits them."""
    if size is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size = size / 1000  # type: ignore[assignment]
    return f"{size:.3g} GB"


def _between(entry: Entry, metric: str) -> str:
    if entry.low is None or entry.high is None:
        return " (no interval from one seed)"
    return f" (95 % interval {shown(entry.low, metric, False)} to {shown(entry.high, metric)})"


def _gap(low: float, high: float, metric: str) -> str:
    if metric in SHARES:
        return f"{100 * low:.1f} to {100 * high:.1f} points"
    return f"{low:.3g} to {high:.3g}"


def _listed(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} and {kinds[-1]}"
