"""What a comparison comes to: a winner, a tie, no network needed, or not enough data to tell; each by a stated rule.

The best entrant is chosen on the validation part, and the test part is used once, to confirm it:

    beaten      the best is ahead of an entrant by more than chance explains: one-sided tests of the paired difference at 5 % for
                all entrants together (Holm 1979). One-sided, since validation data said who is ahead before the test part was seen.
    winner      the best is a network, and every other entrant is beaten.
    no network  a baseline is unbeaten, and no network is ahead of it by as much as the margin (each tested at 5 %: all have to
    needed      hold, Berger 1982), or it has beaten all networks.
    tie         networks share the lead, and no difference between the best and another is as large as the margin, in either
                direction (two one-sided tests at 5 %, Schuirmann 1987).
    not enough  anything else: a difference that matters can be neither shown nor excluded.
    data

The margin, from which on a difference matters, is 1 point of a share, 0.01 of R2 and 2 % of any other score, unless the caller
has one. Where there is no validation part the best is chosen on the test part itself, and 5 % is divided among those that might
have been it. A generator that copies training data is left out: how near its rows are to real ones says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from nnzoo.comparing.columns import SHARES
from nnzoo.comparing.entries import Entry, Verdict, chosen_order
from nnzoo.comparing.intervals import Estimate, Intervals
from nnzoo.comparing.power import ALPHA, needed
from nnzoo.comparing.words import about, gap, listed, name_of, shown, size_of

__all__ = ["IGNORANT", "SHARES", "decide", "margin_of", "name_of", "shown", "size_of"]

IGNORANT = ("majority", "mean", "unigram")  # baselines that do not look at the input


def decide(
    entries: Sequence[Entry],
    sure: Intervals,
    metric: str,
    higher: bool,
    rows_in_all: int | None = None,
    margin: float | None = None,
) -> Verdict:
    """The verdict on entries that have scores. `rows_in_all` are those of all parts, where one division made them; `margin` is
    the smallest difference that matters, in units of the metric."""
    through = [e for e in entries if not e.error and e.mean is not None]
    there = chosen_order([e for e in through if not e.copies], higher)
    if copiers := [e.kind for e in through if e.copies]:
        verdict = decide([e for e in entries if not e.copies], sure, metric, higher, rows_in_all, margin) if there else None
        text = f"{listed(copiers)} cop{'ies' if len(copiers) == 1 else 'y'} training rows, which is no success, and is left out. "
        return replace(verdict, text=text + verdict.text) if verdict else Verdict(text + "No entrant is left.", None, ())
    if not there:
        return Verdict("No entrant came through, so there is nothing to compare; the reasons stand beside each.", None, ())
    best, others = there[0], there[1:]
    if not others:
        text = f"{best.kind} ran alone: {name_of(metric)} {shown(best.mean, metric)}{_between(best, metric)}."
        return Verdict(text, None, (), best.kind)
    validated = all(e.validation for e in there)
    alpha = ALPHA if validated else ALPHA / len(there)
    scale = margin_of(metric, best.mean or 0.0) if margin is None else margin
    judging = _Judging(sure, metric, higher, alpha, scale, rows_in_all)
    verdict = judging.verdict(there)
    text = verdict.text
    if not validated:
        text += " There is no validation part: the best was chosen on the test part itself, and the tests are the stricter for it."
    if sure.seeds == 1 and any(e.role == "network" for e in there):
        text += " Only one seed was run: what another would bring is not in these figures."
    return Verdict(text, verdict.winner, verdict.tied, verdict.recommended, verdict.outcome, verdict.rows_needed)


def margin_of(metric: str, score: float) -> float:
    """The smallest difference that matters: 1 point of a share, 0.01 of R2, 2 % of any other score."""
    return 0.01 if metric in SHARES or metric == "r2" else 0.02 * abs(score)


class _Pair(NamedTuple):
    first: Entry
    second: Entry
    lead: Estimate  # of the first over the second


@dataclass(frozen=True)
class _Judging:
    sure: Intervals
    metric: str
    higher: bool
    alpha: float
    margin: float
    rows_in_all: int | None

    def verdict(self, there: Sequence[Entry]) -> Verdict:
        """The verdict on two or more entries, the best by validation first."""
        best, others = there[0], there[1:]
        networks = [e for e in there if e.role == "network"]
        pairs = [self.pair(best, other) for other in others]
        beaten = holm([p.lead.doubt() for p in pairs], self.alpha)
        unbeaten = [p for p, lost in zip(pairs, beaten) if not lost]
        tied = [best, *(p.second for p in unbeaten)]
        if not networks:
            text = f"No network came through. Of the baselines, {listed([e.kind for e in tied])} "
            return Verdict(text + ("leads." if len(tied) == 1 else "share the lead."), None, _kinds(tied), best.kind)
        if not unbeaten:
            return self.won(best, pairs)
        plain = next((e for e in tied if e.role == "baseline"), None)
        if plain is None:
            return self.networks_lead(best, unbeaten)
        against = [self.pair(network, plain) for network in networks]
        closest = max(against, key=lambda p: self.ahead(p.lead))
        if plain is best and all(e.role == "baseline" for e in tied):
            return self.not_needed(plain, tied, max(against, key=lambda p: p.lead.value), ahead=True)
        if self.ahead(closest.lead) < self.alpha:
            return self.not_needed(plain, tied, closest, ahead=False)
        return self.too_few(best, tied, closest, plain)

    def pair(self, first: Entry, second: Entry) -> _Pair:
        found = self.sure.estimate(first.kind, second.kind)
        return _Pair(first, second, found if self.higher else found.turned())

    def won(self, best: Entry, pairs: Sequence[_Pair]) -> Verdict:
        closest = max(pairs, key=lambda p: p.lead.doubt())
        text = (
            f"{best.kind} is best: {self.score(best)}, ahead of every other entrant by more than chance explains "
            f"(closest: {closest.second.kind}, {gap(closest.lead.value, self.metric)} behind, {self.least(closest.lead)})."
        )
        if best.role == "baseline":
            text += f" It is a plain baseline: no neural network is needed for these data. Use {best.kind}."
            return Verdict(text, best.kind, (), best.kind, "no network needed")
        if closest.lead.value < self.margin:
            text += f" So small a lead hardly matters: {self.matters}."
        return Verdict(text, best.kind, (), best.kind, "winner")

    def not_needed(self, plain: Entry, tied: Sequence[Entry], closest: _Pair, ahead: bool) -> Verdict:
        if ahead:
            text = f"{plain.kind}, a plain baseline, is ahead of every network by more than chance explains: {self.score(plain)}."
        else:
            most = closest.lead.interval(1 - 2 * self.alpha)[1]
            text = (
                f"{plain.kind}, a plain baseline, is as good as every network: {self.score(plain)}; {closest.first.kind} is ahead "
                f"by {gap(max(most, 0.0), self.metric)} at most, and {self.matters}."
            )
        text += self.ignorance(tied) + f" No neural network is needed for these data. Use {plain.kind}."
        return Verdict(text, None, _kinds(tied), plain.kind, "no network needed")

    def networks_lead(self, best: Entry, unbeaten: Sequence[_Pair]) -> Verdict:
        """Networks alone share the lead: practically equal, or not enough data to tell."""
        tied = [best, *(p.second for p in unbeaten)]
        open_pair = max(unbeaten, key=lambda p: self.unequal(p.lead))
        if self.unequal(open_pair.lead) >= self.alpha:
            return self.too_few(best, tied, open_pair, None)
        text = (
            f"{listed(_kinds(tied))} are practically equal: {best.kind} has {self.score(best)}, every difference from it is "
            f"below {gap(self.margin, self.metric)}, and {self.matters}."
        )
        take, words = _cheapest_of(tied)
        return Verdict(f"{text} {words} Use {take.kind}.", None, _kinds(tied), take.kind, "tie")

    def too_few(self, best: Entry, tied: Sequence[Entry], pair: _Pair, plain: Entry | None) -> Verdict:
        """A difference that matters is neither shown nor excluded: how much more would tell, and what to take until then."""
        low, high = pair.lead.interval(1 - 2 * self.alpha)
        first, second, lead = pair
        text = (
            f"Not enough data to tell {listed(_kinds(tied))} apart from {self.sure.evidence}: {best.kind}, the best so far, has "
            f"{self.score(best)}; the lead of {first.kind} over {second.kind} is {gap(lead.value, self.metric)} "
            f"({gap(low, self.metric, False)} to {gap(high, self.metric, False)} with chance), and {self.matters}."
        )
        behind = [e.kind for e in tied[1:] if self.pair(e, best).lead.doubt() < self.alpha / len(tied)]
        if behind:
            text += f" The test part contradicts the validation part: there {listed(behind)} would lead, so nobody is the winner."
        if plain is None:
            take, words = _cheapest_of(tied)
            effect, advice = max(abs(lead.value), self.margin - abs(lead.value)), f"{words} Until then use {take.kind}."
        else:
            take, effect = plain, max(lead.value, self.margin - lead.value)
            advice = (
                f"{self.ignorance(tied)} As far as these data tell, a plain baseline is as good and no neural network is needed. "
                f"Until then use {take.kind}."
            ).strip()
        rows, words = self.needed(lead, effect)
        return Verdict(f"{text} {words} {advice}", None, _kinds(tied), take.kind, "not enough data", rows)

    def needed(self, lead: Estimate, effect: float) -> tuple[int | None, str]:
        """Test rows that would decide, and a sentence that says so."""
        test, seeds = self.sure.rows, self.sure.seeds
        more = needed(lead, effect, test, seeds, alpha=self.alpha)
        if more is None:
            return None, "More seeds are needed before anything can be said (--seeds)."
        parts = [] if more.rows is None else [f"about {about(more.rows)} {self.sure.unit}"]
        if more.rows is not None and self.rows_in_all:
            parts[0] += f" ({about(round(more.rows * self.rows_in_all / test))} rows in all, divided as here)"
        if more.seeds > seeds or more.rows is None:
            parts.append(f"{more.seeds} seeds")
        return more.rows, f"If the difference is what it looks like, {' and '.join(parts)} would decide it four times in five."

    def ahead(self, lead: Estimate) -> float:
        """The p-value of "ahead by the margin or more"."""
        return lead.turned().doubt(-self.margin)

    def unequal(self, lead: Estimate) -> float:
        """The p-value of "they differ by the margin or more", in either direction."""
        return max(self.ahead(lead), self.ahead(lead.turned()))

    def score(self, entry: Entry) -> str:
        return f"{name_of(self.metric)} {shown(entry.mean, self.metric)}{_between(entry, self.metric)}"

    def least(self, lead: Estimate) -> str:
        return f"at least {gap(max(0.0, lead.interval(1 - 2 * self.alpha)[0]), self.metric)}"

    @property
    def matters(self) -> str:
        return f"a difference matters from {gap(self.margin, self.metric)} on"

    def ignorance(self, tied: Sequence[Entry]) -> str:
        ignorant = [e.kind for e in tied if e.kind in IGNORANT]
        if not ignorant:
            return ""
        return f" One of them, {ignorant[0]}, does not even look at the input: nothing shows that anything useful was learned."


def holm(doubts: Sequence[float], alpha: float) -> list[bool]:
    """Which null hypotheses fall, so that one that is true falls with chance `alpha` at most (Holm 1979): the smallest of m
    p-values is held against alpha / m, the next against alpha / (m - 1), and so on until one stands."""
    fallen = [False] * len(doubts)
    for rank, i in enumerate(sorted(range(len(doubts)), key=lambda i: doubts[i])):
        if doubts[i] >= alpha / (len(doubts) - rank):
            break
        fallen[i] = True
    return fallen


def _kinds(entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(e.kind for e in entries)


def _cheapest_of(tied: Sequence[Entry]) -> tuple[Entry, str]:
    """The one to take, and a sentence that names the fastest and the smallest."""
    speed: Callable[[Entry], tuple] = lambda e: (e.latency_ms_1 is None, e.latency_ms_1, e.bytes)  # noqa: E731
    fast, small = min(tied, key=speed), min(tied, key=lambda e: (e.bytes is None, e.bytes))
    text = f"Of them {fast.kind} answers fastest ({fast.latency_ms_1 or 0:.2g} ms a sample)"
    return fast, text + (" and is the smallest." if small is fast else f"; {small.kind} is the smallest ({size_of(small.bytes)}).")


def _between(entry: Entry, metric: str) -> str:
    if entry.low is None or entry.high is None:
        return " (no interval from one seed)"
    return f" (95 % interval {shown(entry.low, metric, False)} to {shown(entry.high, metric)})"
