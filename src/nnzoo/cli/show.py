"""Answers for people, on stdout: tables and a few lines."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from nnzoo.cli.output import console
from nnzoo.core.errors import ConfigError

if TYPE_CHECKING:
    from nnzoo.comparing.entries import Comparison
    from nnzoo.zoo.anomalies import Anomalies
    from nnzoo.zoo.fitting import Trained
    from nnzoo.zoo.unusual_rows import UnusualRows


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _facts(rows: Mapping[str, Any]) -> None:
    """Names and values, a line each."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value not in (None, "", [], {}):
            table.add_row(name, str(value))
    console().print(table)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def kinds(found: Sequence[Mapping[str, Any]]) -> None:
    """Kinds, a line each."""
    table = _table("kind", "family", "idea")
    for entry in found:
        table.add_row(entry["kind"], entry["family"], entry["idea"])
    console().print(table)
    if not found:
        console().print("no kind can do this")


def kind(found: Mapping[str, Any]) -> None:
    """All about one kind."""
    card = found["card"]
    _facts(
        {
            "kind": f"{found['kind']} ({found['family']})",
            "idea": card["idea"],
            "equation": card["equation"],
            "paper": f"{card['paper']} ({card['year']})",
            "learns": card["learns"],
            "good at": card["good_at"],
            "weak at": card["weak_at"],
            "cost": card["cost"],
            "processes": card["processes"],
            "not exported": card["export"],
            "tasks": "\n".join(f"{task} ({', '.join(abilities)})" for task, abilities in found["tasks"].items()),
        }
    )
    settings = _table("--set", "default", "type")
    for name, field in found["settings"].items():
        settings.add_row(name, str(field["default"]), field["type"])
    console().print(settings)
    if found["reproductions"]:
        reproduced(found["reproductions"])


def understood(found: Mapping[str, Any]) -> None:
    """What was understood of a data set."""
    targets = ", ".join(found["targets"])
    _facts(
        {
            "data": f"{found['name']} ({found['sort']}), {found['rows']:,} rows",
            "task": found["task"] + (f", predict {targets}" if targets else ""),
            "parts": ", ".join(f"{part} {rows:,}" for part, rows in found["parts"].items()),
            "balance": _balance(found["balance"]),
            "notes": "\n".join(found["notes"]),
            "other tasks": ", ".join(task for task in found["tasks"] if task != found["task"]),
        }
    )
    fields = _table("field", "kind", "role", "missing", "distinct", "values", right=("missing", "distinct"))
    for field in found["fields"]:
        top = [f"{value} ({count:,})" for value, count in field.get("top", [])[:5]]
        limits = [_number(value) for value in field.get("range", [])]
        shape = [
            f"{field[name]} {name}"
            for name in ("height", "width", "channels", "characters", "nodes", "edges", "features")
            if name in field
        ]
        values = ", ".join(top) or " to ".join(limits)
        fields.add_row(
            field["name"],
            field["kind"],
            field["role"],
            str(field.get("missing", "-")),
            str(field.get("distinct", "-")),
            ", ".join(filter(None, [*shape, values])),
        )
    console().print(fields)
    fits = _table("kind", "fits")
    for name, answer in found["kinds"].items():
        fits.add_row(name, f"yes ({', '.join(answer['can'])})" if "can" in answer else f"no: {answer['cannot']}")
    console().print(fits)
    findings(found["findings"])


def findings(found: Sequence[Mapping[str, Any]]) -> None:
    """What the doctor found, a line each, the worst first."""
    if not found:
        console().print("the doctor found nothing wrong")
        return
    table = _table("the doctor", "finding", "remedy", "code")
    for finding in found:
        style = {"error": "bold red", "warning": "yellow"}.get(finding["severity"])
        table.add_row(
            Text(finding["severity"], style or ""), f"{finding['where']} {finding['text']}", finding["remedy"], finding["code"]
        )
    console().print(table)


def _found(found: Sequence[Mapping[str, Any]]) -> str:
    """How many findings of each severity."""
    counts = Counter(finding["severity"] for finding in found)
    return ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in counts.items())


def _doubtful(suspects: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"{s['row']} (says {s['given']}; {s['predicted']} {s['probability']:.2f})" for s in suspects[:5]]
    return "\n".join([*shown, f"and {len(suspects) - 5} more"] if len(suspects) > 5 else shown)


def _balance(balance: Mapping[str, Any]) -> str:
    shown = []
    for name, value in list(balance.items())[:20]:
        figures = ", ".join(f"{k} {v:.4g}" for k, v in value.items()) if isinstance(value, Mapping) else f"{100 * value:.1f} %"
        shown.append(f"{name}: {figures}")
    return ", ".join(shown) + (", ..." if len(balance) > 20 else "")


def trained(result: Trained) -> None:
    """What came of a training run, and what to do next."""
    part = "test" if result.test is not None else "validation"
    score = result.test if result.test is not None else result.validation
    _facts(
        {
            f"{part} {result.metric}": _number(score),
            "other scores": ", ".join(f"{name} {_number(value)}" for name, value in result.scores.items() if name != result.metric),
            "learned for": f"{result.seconds:.1f} s, {result.epochs} epochs, {result.steps} steps",
            "ended because": result.stopped,
            "the doctor": _found(result.findings),
            "doubtful labels": _doubtful(result.suspects),
            "run": result.run,
        }
    )
    use = "generate {run} --n 16" if "generation" in result.task else "predict {run} INPUT"
    console().print(f"\nnext: nnzoo {use.format(run=result.run)}\n      nnzoo evaluate {result.run} DATA")


def comparison(result: Comparison) -> None:
    """The table of a comparison (narrow enough for 80 columns), its verdict, and where the report is."""
    from nnzoo.comparing.verdict import name_of, shown, size_of

    out, metric, best = console(), result.metric, result.verdict.winner or result.verdict.recommended
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    table.add_column("kind", no_wrap=True)
    for name in (name_of(metric), "95 % interval", "train s", "ms: 1", "ms: 256", "numbers", "size"):
        table.add_column(name, justify="right", overflow="fold")
    for entry in result.entries:
        if entry.error:
            table.add_row(f"({entry.kind})" if entry.role == "baseline" else entry.kind, "failed")
            continue
        table.add_row(
            f"({entry.kind})" if entry.role == "baseline" else entry.kind,
            shown(entry.mean, metric, False),
            "-" if entry.low is None else f"{shown(entry.low, metric, False)}\u2013{shown(entry.high, metric, False)}",
            *(_short(figure) for figure in (entry.train_seconds, entry.latency_ms_1, entry.latency_ms_256, entry.parameters)),
            size_of(entry.bytes),
            style="bold" if entry.kind == best else None,
        )
    better = "higher" if result.higher_is_better else "lower"
    out.print(f"\n{result.data}, {result.task}: {name_of(metric)} on the test part, {better} is better;")
    out.print(
        "(in brackets): plain baselines; ms: time to answer for 1 row and for 256; numbers: how many were learned or stored\n"
    )
    out.print(table)
    out.print()
    for entry in result.entries:
        if others := entry.other_scores:
            told = ", ".join(f"{name_of(name)} {shown(score, name)}" for name, score in others.items())
            out.print(f"{entry.kind}: {told}", style="dim")
        if entry.error:
            out.print(f"{entry.kind} failed: {entry.error}")
    if result.bound:
        told = ", ".join(f"{name_of(name)} {shown(score, name)}" for name, score in result.bound.items())
        out.print(f"training rows themselves (the bound, no entrant): {told}", style="dim")
    for refused in result.refused:
        out.print(f"{refused.kind} did not start: {refused.why}")
    out.print(result.verdict.text, style="bold")
    if result.report:
        print(f"\nreport: {result.report}")


def _short(figure: float | None) -> str:
    """A number in six characters: `0.036`, `12.5`, `34.6k`."""
    if figure is None:
        return "-"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if figure >= size:
            return f"{figure / size:.3g}{unit}"
    return str(figure) if isinstance(figure, int) else f"{figure:.2g}" if figure < 10 else f"{figure:.0f}"


def scores(about: Mapping[str, Any], found: Mapping[str, float]) -> None:
    """Scores of a run on data, the one it is judged by first."""
    metric = about["metric"]
    _facts({"data": about["data"], metric: _number(found[metric]), **{n: _number(v) for n, v in found.items() if n != metric}})


def made(values: Any, out: Path | None) -> None:
    """What a run made, or where it was written. Raises ConfigError for pictures and music without a file."""
    if out is not None:
        print(f"{len(values)} written to {out}")
    elif hasattr(values, "to_csv"):
        values.to_csv(sys.stdout, index=False)
    elif isinstance(values, list):
        print("\n".join(values))
    elif hasattr(values, "to_json"):
        raise ConfigError("music needs a file; name one with --out FILE.mid")
    else:
        raise ConfigError("pictures need a file; name one with --out FILE.png")


def embedded(texts: Sequence[str], near: tuple[Any, Any] | None, width: int, most: int = 20) -> None:
    """The nearest other text of each of the first texts."""
    if near is not None:
        table = _table("text", "nearest", "cosine", right=("cosine",))
        for text, other, cosine in list(zip(texts, *near))[:most]:
            table.add_row(Text(text[:80]), Text(texts[other][:80]), f"{cosine:.3f}")
        console().print(table)
    print(f"{len(texts)} vectors of {width} numbers; --out FILE.npz or FILE.csv writes them")


def runs(found: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Saved runs, a line each."""
    if not found:
        print(f"no runs in {folder}")
        return
    table = _table("run", "kind", "data", "task", "score", "seconds", "date", right=("seconds",))
    for run in found:
        score = "unfinished" if not run["complete"] else f"{run['metric']} {_number(run['test'])}"
        table.add_row(
            run["path"],
            *(str(run[name] or "-") for name in ("kind", "data", "task")),
            score,
            _number(run["seconds"]),
            str(run["date"] or "-"),
        )
    console().print(table)


def unusual(found: UnusualRows, out: Path | None) -> None:
    """The rows that stand out most, what the threshold means, and how well labels are told."""
    for note in found.notes:
        print(note)
    table = _table(*found.frame.columns, right=("row", "score"))
    for _, row in found.strangest().iterrows():
        cells = {**row, "score": _number(float(row["score"])), "flagged": "yes" if row["flagged"] else "no"}
        table.add_row(*(Text(str(cells[name])) for name in found.frame.columns))
    console().print(table)
    flagged = int(found.frame["flagged"].sum())
    meant = "" if found.share is None else f", which a share of {_number(found.share)} of usual rows exceeds at most"
    print(f"{flagged} of {len(found.frame)} rows score above {_number(found.threshold)}{meant}")
    if found.auroc is not None:
        print(
            f"AUROC {_number(found.auroc)} of all others against '{found.normal}'; flagged are {_number(found.flagged_others)} of "
            f"the others and {_number(found.flagged_normal)} of the normal rows"
        )
    if out is not None:
        print(f"written to {out}")


def anomalies(found: Anomalies | UnusualRows, out: Path | None, most: int = 10) -> None:
    """The stretches that stand out most, and in one line what the threshold means."""
    from nnzoo.zoo.unusual_rows import UnusualRows

    if isinstance(found, UnusualRows):
        return unusual(found, out)
    flagged, steps = int(found.frame["flagged"].sum()), len(found.frame)
    several = found.values.shape[1] > 1
    if found.stretches:
        columns = ["from", "to", "steps flagged", "highest at", "score", *(["series"] if several else [])]
        table = _table(*columns, right=("steps flagged", "score"))
        for one in found.stretches[:most]:
            name = [one.series] if several else []
            table.add_row(str(one.first), str(one.last), str(one.flagged), str(one.peak), _number(one.score), *name)
        console().print(table)
    if len(found.stretches) > most:
        print(f"and {len(found.stretches) - most} more stretches, lower ones")
    meant = "" if found.share is None else f", which a share of {_number(found.share)} of usual steps exceeds at most"
    print(f"{flagged} of {steps} steps score above {_number(found.threshold)} usual errors{meant}")
    if out is not None:
        print(f"written to {out}")


def reproduced(results: Sequence[Mapping[str, Any]]) -> None:
    """Results of reproductions beside their targets."""
    table = _table("kind", "data", "metric", "ours", "target", "met", "published", "source")
    for result in results:
        mean = _number(result["mean"]) + (f" ± {_number(result['spread'])}" if result.get("spread") else "")
        met = {True: "yes", False: "no"}.get(result["met"], "-")
        table.add_row(
            *(str(result[name]) for name in ("kind", "data", "metric")),
            mean,
            _number(result["target"]),
            met,
            _number(result["published"]),
            str(result["source"]),
        )
    console().print(table)
