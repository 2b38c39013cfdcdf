"""The report of a comparison: one HTML file that needs nothing else, the verdict first.

Everything that came from data or from a person's hand is escaped; there is no script and no outside resource.
"""

from __future__ import annotations

import math
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from nnzoo.comparing import calibration, disagreement, examples, findings, groups, tradeoffs
from nnzoo.comparing.budget import seconds_of
from nnzoo.comparing.charts import COLOURS, Line, Scale, curves, interval_mark, padded
from nnzoo.comparing.columns import SHARES
from nnzoo.comparing.entries import Comparison, Entry
from nnzoo.comparing.judging import section as judged
from nnzoo.comparing.verdict import IGNORANT
from nnzoo.comparing.words import name_of, shown, size_of
from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import RunError
from nnzoo.core.fields import Spec, Tokens
from nnzoo.tasks.text_generation import whole_text

GREY = "#8c9196"
FAR = 8.0  # times the distance of the last but one from the best
FIGURES = ("training", "one sample", "256 samples", "learned numbers", "on disk")


def write_report(comparison: Comparison, path: Path) -> Path:
    """Write the report and give its absolute path. Raises RunError where it cannot be written."""
    page = render(comparison)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RunError(f"the report cannot be written to {path}: {error.strerror}; choose another place with --out") from None
    return path.resolve()


def render(comparison: Comparison) -> str:
    """The report as HTML text."""
    tints = _tints(comparison)
    best = comparison.best_network
    found = [
        ("Scores, time and size", _race(comparison, tints)),
        ("Made data, judged", judged.section(comparison)),
        ("Other scores", "" if comparison.bound else _other_scores(comparison)),
        ("Score against time and size", tradeoffs.section(comparison, tints, _scale(comparison))),
        ("Learning curves", _learning(comparison, tints)),
        ("Scores by group", groups.section(comparison, tints)),
        disagreement.section(comparison),
        *examples.sections(comparison, tints[best.kind] if best else GREY),
        ("Calibration", calibration.section(comparison, tints)),
        ("What the doctor found in the data", findings.section(comparison)),
        ("Kinds that did not start", _refused(comparison)),
        ("How this was measured", _method(comparison)),
        ("Do it again", _again(comparison)),
    ]
    sections = "\n".join(f"<section>\n<h2>{escape(heading)}</h2>\n{html}\n</section>" for heading, html in found if html)
    template = Template(files("nnzoo.comparing").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(f"{comparison.data}: {comparison.task}"),
        heading=f"{escape(comparison.data)}: {escape(comparison.task.replace('-', ' '))}",
        facts=escape(_facts(comparison)),
        verdict=escape(comparison.verdict.text),
        sections=sections,
    )


def _tints(comparison: Comparison) -> dict[str, str]:
    """A colour for each network, in order of kind so that reports of the same kinds look alike; baselines are grey."""
    networks = sorted(e.kind for e in comparison.entries if e.role == "network")
    tints = {kind: COLOURS[i % len(COLOURS)] for i, kind in enumerate(networks)}
    return {e.kind: tints.get(e.kind, GREY) for e in comparison.entries}


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def _facts(comparison: Comparison) -> str:
    networks = sum(e.role == "network" for e in comparison.entries)
    words = [
        f"{_count(networks, 'network')} and {_count(len(comparison.entries) - networks, 'baseline')}",
        _count(len(comparison.seeds), "seed"),
    ]
    if comparison.per_run:
        words.append(f"{_long(comparison.per_run)} for each run")
    parts = comparison.prepared.parts if comparison.prepared is not None else None
    if parts is not None and parts.test is not None:
        train, valid, test = (_length(part) for part in (parts.train, parts.valid, parts.test))
        what = "rows" if _rowwise(comparison.prepared.spec) else "symbols"
        words.append(f"{train:,} training, {valid:,} validation and {test:,} test {what}")
    return " · ".join(words)


def _rowwise(spec: Spec) -> bool:
    """Whether parts are made of rows, not one long text."""
    name = spec.only("inputs", Tokens)
    return name is None or spec.inputs[name].lines  # type: ignore[union-attr]


def _length(part: Dataset | None) -> int:
    """Rows of a part, of a long text its symbols."""
    if part is None:
        return 0
    return len(part) if _rowwise(part.spec) else len(whole_text(part))


def _long(budget: str) -> str:
    """A budget as people write it."""
    seconds = seconds_of(budget)
    return f"{seconds:.3g} s" if seconds is not None else re.sub(r"(?<=\d)(?=[a-z])", " ", budget)


def _race(comparison: Comparison, tints: dict[str, str]) -> str:
    metric, there = comparison.metric, [e for e in comparison.entries if e.mean is not None]
    scale = _scale(comparison)
    better = "higher is better" if comparison.higher_is_better else "lower is better"
    ends = (
        f'<span class="ends"><span>{shown(scale.low, metric)}</span><span>{shown(scale.high, metric)}</span></span>'
        if there
        else ""
    )
    head = f"<th scope=col>entrant<th scope=col>test {escape(name_of(metric))}, {better}{ends}" + "".join(
        f"<th scope=col class=n>{name}" for name in FIGURES
    )
    lead = {comparison.verdict.winner, *comparison.verdict.tied}
    body = "".join(_race_row(e, comparison, scale, tints[e.kind], e.kind in lead) for e in comparison.entries)
    notes = [f"{e.kind}: {e.note}." for e in comparison.entries if e.note]
    words = "Dot: mean over seeds. Bar: 95 % interval; without a whisker it goes on beyond the scale. An arrow: beyond the scale."
    if len(there) > 1 and lead - {None}:
        words += " Tinted: the winner, or those that share the lead."
    below = "".join(f'<p class="note">{escape(text)}</p>' for text in [words, *notes])
    return f'<div class="wide"><table class="race"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{below}'


def _scale(comparison: Comparison) -> Scale:
    """The range of scores that is drawn. Entrants no better than an ignorant answer, and one far behind all others, would squeeze
    it: they are left out where two others remain. Intervals widen it by no more than the means span."""
    there = [e for e in comparison.entries if e.mean is not None]
    sign = 1 if comparison.higher_is_better else -1
    serious = [e for e in there if e.kind not in IGNORANT and sign * ((e.mean or 0.0) - comparison.floor) > 0]
    serious = sorted(serious if len(serious) > 1 else there, key=lambda e: -sign * (e.mean or 0.0))
    means = [e.mean or 0.0 for e in serious]
    while len(means) > 2 and abs(means[-1] - means[0]) > FAR * abs(means[-2] - means[0]) > 0:
        means.pop()
    low, high = (min(means), max(means)) if means else (0.0, 1.0)
    span = high - low or math.inf
    ends = [v for e in serious[: len(means)] for v in (e.low, e.high) if v is not None]
    low, high = padded([low, high, *(min(max(v, low - span), high + span) for v in ends)])
    if comparison.metric in (*SHARES, "r2"):
        low, high = max(0.0, low) if comparison.metric in SHARES else low, min(1.0, high)
    return Scale(low, high, 10, 290)


def _race_row(entry: Entry, comparison: Comparison, scale: Scale, tint: str, leads: bool) -> str:
    hollow = entry.role == "baseline"
    dot = f'<span class="dot{" hollow" if hollow else ""}" style="--c:{tint}"></span>'
    name = f"<th scope=row>{dot}{escape(entry.kind)}<span class=role>{entry.role}</span>"
    if entry.mean is None:
        return f'<tr>{name}<td class="error" colspan=6>{escape(entry.error)}</tr>'
    metric, score = comparison.metric, shown(entry.mean, comparison.metric)
    between = ""
    if entry.low is not None and entry.high is not None:
        between = f"{shown(entry.low, metric, False)} to {shown(entry.high, metric, False)}"
    title = f"{entry.kind}: {score}" + (f", 95 % interval {between}" if between else "")
    mark = interval_mark(entry.mean, entry.low, entry.high, scale, tint, title, hollow)
    cells = (
        _seconds(entry.train_seconds),
        _milliseconds(entry.latency_ms_1),
        _milliseconds(entry.latency_ms_256),
        "-" if entry.parameters is None else f"{entry.parameters:,}",
        size_of(entry.bytes),
    )
    figures = "".join(f'<td class=n data-name="{name}">{cell}' for name, cell in zip(FIGURES, cells))
    lead = ' class="lead"' if leads else ""
    return f"<tr{lead}>{name}<td>{mark}<b>{score}</b><span class=range>{between}</span>{figures}</tr>"


def _other_scores(comparison: Comparison) -> str:
    """What else the task scores: a column a score. Empty where there is nothing else."""
    there = [entry for entry in comparison.entries if entry.other_scores]
    names = list(dict.fromkeys(name for entry in there for name in entry.other_scores))
    if not names:
        return ""
    head = "".join(f"<th scope=col class=n>{escape(name_of(name))}" for name in names)
    body = "".join(
        f"<tr><th scope=row>{escape(entry.kind)}"
        + "".join(f"<td class=n>{shown(entry.other_scores.get(name), name)}" for name in names)
        + "</tr>"
        for entry in there
    )
    words = '<p class="note">On the test part, means over seeds. Nothing is decided by them.</p>'
    return f'{words}<div class="wide"><table><thead><tr><th scope=col>entrant{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s" if value >= 100 else f"{value:.2g} s" if value >= 0.01 else "< 0.01 s"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms" if value >= 100 else f"{value:.2g} ms"


def _learning(comparison: Comparison, tints: dict[str, str]) -> str:
    """Validation loss over time: one chart where it is the task's own loss; else each stage of a kind has a loss and a chart of
    its own."""
    drawn: dict[tuple[str, int], list[Line]] = {}
    for entry in comparison.entries:
        for seed, history in enumerate(entry.histories):
            for stage, points in _points(history).items():
                drawn.setdefault((entry.kind, stage), []).append(Line(entry.kind, points, tints[entry.kind], seed > 0))
    if not drawn:
        return ""
    last = {kind: max(stage for k, stage in drawn if k == kind) for kind, _ in drawn}
    note = "The loss on the validation part after so many seconds of training; thick: the first seed, thin: the others."
    without = [e.kind for e in comparison.entries if e.role == "network" and not e.error and e.kind not in last]
    if without:
        note += f" Without a validation loss: {', '.join(without)}."
    if comparison.prepared is not None and comparison.prepared.spec.outputs and not comparison.bound:
        legend = "".join(f'<li><span class="dot" style="--c:{tints[kind]}"></span>{escape(kind)}</li>' for kind in last)
        together = [line for kind, stage in last.items() for line in reversed(drawn[kind, stage])]
        chart = curves(together, "seconds", "validation loss", f"Validation loss over time of {', '.join(last)}")
        return f'<p class="note">{escape(note)}</p><ul class="legend">{legend}</ul>{chart}'
    charts = []
    for (kind, stage), lines in drawn.items():
        name = kind if sum(k == kind for k, _ in drawn) == 1 else f"{kind}, stage {stage + 1}"
        chart = curves(lines[::-1], "seconds", "validation loss", f"Validation loss over time of {name}", 420, 260)
        charts.append(f"<figure>{chart}<figcaption>{escape(name)}</figcaption></figure>")
    return f'<p class="note">{escape(note)}</p><div class="pair">{"".join(charts)}</div>'


def _points(history: list[dict[str, Any]]) -> dict[int, list[tuple[float, float]]]:
    """Seconds and validation loss of each look, by stage; stages without a validation loss have none."""
    points: dict[int, list[tuple[float, float]]] = {}
    for look in history:
        if look.get("valid") is not None and math.isfinite(look["valid"]):
            points.setdefault(look["stage"], []).append((float(look["seconds"]), float(look["valid"])))
    return points


def _refused(comparison: Comparison) -> str:
    rows = "".join(f"<tr><th scope=row>{escape(r.kind)}<td>{escape(r.why)}</tr>" for r in comparison.refused)
    return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>' if rows else ""


def _method(comparison: Comparison) -> str:
    metric = comparison.metric
    percent = " (share of rows)" if metric in SHARES[:1] else ""
    limit = f"at most {_long(comparison.per_run)}" if comparison.per_run else "as long as each kind asks for"
    items = [
        (
            "Metric",
            f"{name_of(metric)}{percent} on the test part, which each trained entrant sees once; choices are made on validation",
        ),
        ("Ignorant answer", f"{shown(comparison.floor, metric)} without looking at the input"),
        (
            "Intervals",
            f"95 %, {comparison.interval}; the verdict corrects for the number of entrants",
        ),
        (
            "Training",
            f"{limit} a run, seeds {', '.join(map(str, comparison.seeds))}",
        ),
        *([("Judge", comparison.judged_by)] if comparison.judged_by else []),
        ("Latency", "median after warm-up, preprocessing not included; size on disk includes preprocessing"),
        ("Whole race", f"{comparison.seconds:.0f} s"),
        *(("Note", note) for note in getattr(comparison.prepared, "notes", ())),
    ]
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in items) + "</dl>"


def _again(comparison: Comparison) -> str:
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in comparison.machine.items() if v is not None)
    return f"<pre>{escape(comparison.command)}</pre><dl>{facts}</dl>"
