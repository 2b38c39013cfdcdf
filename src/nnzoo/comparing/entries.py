"""What a comparison holds: an entry for every entrant, those refused with their sentence, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nnzoo.core.task import Evaluation
from nnzoo.data.doctor import Finding, Suspect


@dataclass(frozen=True)
class Trial:
    """One attempt at better settings: what was searched over and its value, the score on the validation part. `pruned`: it was
    given up half way, being worse than others at the same point; then, and where it failed with an `error`, there is no score."""

    number: int
    settings: Mapping[str, Any]
    score: float | None
    pruned: bool
    seconds: float
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        facts = {name: getattr(self, name) for name in ("number", "settings", "score", "pruned", "seconds")}
        return facts | ({"error": self.error} if self.error else {})


@dataclass
class Entry:
    """One entrant. Score fields are None, and `error` a sentence, where it failed.

    `scores` has one number a seed, `validation` the same of the validation part (empty where there is none): by these the best is
    chosen, by `scores` it is confirmed. `train_seconds` is the mean over seeds; latencies are of one sample and of 256 together.
    `fits` is how often it was really trained: a baseline without chance is fitted once for all seeds. `note` says what was bounded.
    `tuned` are the settings that `trials` on the validation part found best, empty where none were searched for.
    `calibration_error` (classification) is the mean over seeds of the expected calibration error on the test part.
    """

    kind: str
    role: Literal["network", "baseline"]
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    scores: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    train_seconds: float | None = None
    latency_ms_1: float | None = None
    latency_ms_256: float | None = None
    parameters: int | None = None
    bytes: int | None = None
    calibration_error: float | None = None
    fits: int = 0
    note: str = ""
    error: str = ""
    tuned: dict[str, Any] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    histories: list[list[dict[str, Any]]] = field(default_factory=list, repr=False)
    evaluations: list[Evaluation] = field(default_factory=list, repr=False)
    trained: Any = field(default=None, repr=False)  # the network or baseline of the first seed

    @property
    def copies(self) -> bool:
        """Whether what it makes is said to be copied from the training part, under any seed."""
        return any(evaluation.extra.get("copies", False) for evaluation in self.evaluations)

    @property
    def other_scores(self) -> dict[str, float]:
        """The scores on the test part that nothing is decided by, by name: means over seeds."""
        each = [evaluation.scores for evaluation in self.evaluations]
        names = [name for name in (each[0] if each else {}) if name != self.evaluations[0].metric]
        return {name: sum(scores[name] for scores in each) / len(each) for name in names}

    def to_json(self) -> dict[str, Any]:
        """As JSON; numbers that are not finite become null."""
        names = (
            "kind",
            "role",
            "mean",
            "low",
            "high",
            "scores",
            "validation",
            "train_seconds",
            "latency_ms_1",
            "latency_ms_256",
            "parameters",
            "bytes",
        )
        facts: dict[str, Any] = {name: _plain(getattr(self, name)) for name in names}
        if others := self.other_scores:
            facts["other_scores"] = {name: _plain(score) for name, score in others.items()}
        if any("copies" in evaluation.extra for evaluation in self.evaluations):
            facts["copies"] = self.copies
        if self.calibration_error is not None:
            facts["calibration_error"] = self.calibration_error
        if self.trials:
            facts |= {"tuned": self.tuned, "trials": [trial.to_json() for trial in self.trials]}
        if self.stopped:
            facts["stopped"] = self.stopped
        return facts | {name: getattr(self, name) for name in ("note", "error") if getattr(self, name)}


@dataclass(frozen=True)
class Refused:
    """A kind that did not start, and why, in one sentence."""

    kind: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """The answer in words. `winner` is a kind that is better than every other entrant beyond chance, else None; `tied` are the
    kinds that share the lead, the best first (empty where there is a winner); `recommended` the one to take. `outcome` is one of

        winner             a network is ahead of every other entrant
        tie                networks whose differences are too small to matter
        no network needed  a plain baseline is as good as every network, or better
        not enough data    a difference that matters can be neither shown nor excluded; `rows_needed` test rows would do
        no comparison      fewer than two entrants came through, or no network

    `rows_needed` is None for other outcomes, and where only more seeds would tell.
    """

    text: str
    winner: str | None
    tied: tuple[str, ...]
    recommended: str | None = None
    outcome: str = "no comparison"
    rows_needed: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "text": self.text,
            "winner": self.winner,
            "tied": list(self.tied),
            "recommended": self.recommended,
            "outcome": self.outcome,
            "rows_needed": self.rows_needed,
        }


@dataclass(frozen=True)
class Group:
    """Test rows that have the same value in a column, or values in one range. `scores` are mean, low and high by kind; low and high
    are None where the rows are too few for an interval."""

    name: str
    rows: int
    scores: Mapping[str, tuple[float, float | None, float | None]]


@dataclass(frozen=True)
class Grouping:
    """Scores by group of the test rows: the column that makes the groups, and the metric."""

    column: str
    metric: str
    groups: tuple[Group, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        groups = [
            {
                "name": g.name,
                "rows": g.rows,
                "scores": {k: dict(zip(("mean", "low", "high"), map(_plain, v))) for k, v in g.scores.items()},
            }
            for g in self.groups
        ]
        return {"column": self.column, "metric": self.metric, "groups": groups}


@dataclass
class Comparison:
    """A race that was run. `entries` are in order of score, failed ones last."""

    data: str
    task: str
    metric: str
    higher_is_better: bool
    entries: list[Entry]
    verdict: Verdict
    refused: list[Refused]
    interval: str  # how the intervals were made
    seeds: list[int]
    per_run: str | None
    seconds: float
    floor: float
    command: str
    machine: Mapping[str, Any]
    prepared: Any = field(repr=False, default=None)
    report: str | None = None
    groups: list[Grouping] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)  # test rows whose label the best network doubts
    bound: dict[str, float] = field(default_factory=dict)  # scores of training rows, as if a network had made them
    judged_by: str = ""  # the judge of what was made, in a sentence

    def entry(self, kind: str) -> Entry:
        """The entry of a kind. Raises KeyError."""
        for entry in self.entries:
            if entry.kind == kind:
                return entry
        raise KeyError(kind)

    @property
    def best_network(self) -> Entry | None:
        """The network that is best on the validation part (on the test part where there is none), None if none came through."""
        there = [e for e in self.entries if e.mean is not None]
        best = chosen_order(there, self.higher_is_better)
        return next((e for e in best if e.role == "network"), None)

    def to_json(self) -> dict[str, Any]:
        """The document that `nnzoo compare --json` prints."""
        return {
            "data": self.data,
            "task": self.task,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "entries": [entry.to_json() for entry in self.entries],
            "verdict": self.verdict.to_json(),
            "report": self.report,
            "groups": [grouping.to_json() for grouping in self.groups],
            "findings": [finding.to_json() for finding in self.findings],
            "suspects": [suspect.to_json() for suspect in self.suspects],
            "refused": [{"kind": r.kind, "why": r.why} for r in self.refused],
            "interval": self.interval,
            "floor": _plain(self.floor),
            **({"bound": {name: _plain(score) for name, score in self.bound.items()}} if self.bound else {}),
            **({"judged_by": self.judged_by} if self.judged_by else {}),
            "seeds": self.seeds,
            "per_run": self.per_run,
            "seconds": round(self.seconds, 3),
            "command": self.command,
            "machine": dict(self.machine),
        }


def chosen_order(entries: Sequence[Entry], higher: bool) -> list[Entry]:
    """Entries that have scores, best first by their mean validation score, by that of the test part where one of them has none;
    of equal ones the baseline first, being plainer."""
    validated = all(e.validation for e in entries)

    def key(entry: Entry) -> tuple[float, bool]:
        scores = entry.validation if validated else [entry.mean or 0.0]
        mean = sum(scores) / len(scores)
        return (-mean if higher else mean, entry.role == "network")

    return sorted(entries, key=key)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
