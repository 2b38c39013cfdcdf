"""What a score costs: scores against training time and against size, and which entrants nobody beats on both.

An entrant is on the Pareto front where no other is at least as good in score and in cost, and better in one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from nnzoo.comparing.charts import Scale, framed, left_of, number, percent
from nnzoo.comparing.columns import SHARES
from nnzoo.comparing.entries import Comparison, Entry
from nnzoo.comparing.labels import Box, Label, clipped, placed
from nnzoo.comparing.words import name_of, shown, size_of

WIDTH, HEIGHT = 410, 340
LEAST_SECONDS = 1e-4  # what a clock tells reliably
NAME_SIZE = 11.5


def pareto(points: Sequence[tuple[float, float]], higher: bool) -> list[int]:
    """Which of the points (cost, score) are on the front, by cost. Points that are equal in both are on it together."""
    sign = 1 if higher else -1

    def beaten(cost: float, score: float) -> bool:
        return any(c <= cost and sign * s >= sign * score and (c, s) != (cost, score) for c, s in points)

    return sorted((i for i, point in enumerate(points) if not beaten(*point)), key=lambda i: points[i])


def section(comparison: Comparison, tints: dict[str, str], scale: Scale) -> str:
    """Two charts side by side; empty with fewer than two entrants. `scale` has the range of scores that is drawn."""
    charts = []
    for cost_of, cost_name, way in (
        (_training, "training, seconds", "training time"),
        (_size, "size on disk", "size"),
    ):
        there = [(e, cost) for e in comparison.entries if e.mean is not None and (cost := cost_of(e)) is not None]
        if len(there) < 2:
            continue
        entries, costs = [e for e, _ in there], [c for _, c in there]
        front = pareto([(c, e.mean or 0.0) for e, c in there], comparison.higher_is_better)
        form: Callable[[float], str] = number if cost_of is _training else size_of  # type: ignore[assignment]
        title = f"{name_of(comparison.metric)} against {way}; on the front: {', '.join(entries[i].kind for i in front)}"
        cloud = _Cloud(comparison, entries, costs, front, tints, scale)
        charts.append(
            f"<figure>{cloud.drawn(cost_name, title, form)}<figcaption>{escape(_words(cloud, way))}</figcaption></figure>"
        )
    if not charts:
        return ""
    corner = "upper" if comparison.higher_is_better else "lower"
    words = (
        f"The best place is the {corner} left corner. Ringed and joined by the stepped line: the Pareto front, those that nobody "
        "beats in both score and cost by their means. Hollow: plain baselines. Bars: 95 % intervals. A triangle: beyond the "
        "scale."
    )
    return f'<p class="note">{words}</p><div class="pair even">{"".join(charts)}</div>'


def _training(entry: Entry) -> float | None:
    return None if entry.train_seconds is None else max(entry.train_seconds, LEAST_SECONDS)


def _size(entry: Entry) -> float | None:
    return float(entry.bytes) if entry.bytes else None


def _words(cloud: _Cloud, way: str) -> str:
    kinds = [cloud.entries[i].kind for i in cloud.front]
    return f"On the front of score and {way}: {', '.join(kinds)}."


@dataclass
class _Cloud:
    """Entrants at (cost, score), the front among them."""

    comparison: Comparison
    entries: list[Entry]
    costs: list[float]
    front: list[int]
    tints: dict[str, str]
    scores: Scale

    def drawn(self, cost_name: str, title: str, form: Callable[[float], str]) -> str:
        """The chart as SVG."""
        metric = self.comparison.metric
        y, y_form = Scale(self.scores.low, self.scores.high, HEIGHT - 42, 16), percent if metric in SHARES else number
        x = _logarithmic(self.costs, left_of(y, y_form), WIDTH - 18)
        edge = {True: y.low, False: y.high}
        means = [e.mean if y.low <= (e.mean or 0.0) <= y.high else edge[(e.mean or 0.0) < y.low] for e in self.entries]
        places = [(x(cost), y(mean or 0.0)) for cost, mean in zip(self.costs, means)]
        bars, taken = self._bars(places, y)
        names = [self._name(e, y) for e in self.entries]
        bounds = Box(x.start + 2, y.end - 8, WIDTH - 3, y.start - 3)
        labels = placed(places, names, bounds, [*taken, *self._steps(places, x)], NAME_SIZE, 9)
        words = "".join(_named(label, name, place) for label, name, place in zip(labels, names, places))
        marks = "".join(self._mark(i, *places[i], y) for i in range(len(self.entries)))
        drawn = f'<path class="front" d="{self._line(places, x)}"/>{bars}{words}{marks}'
        y_name = f"test {name_of(metric)}" + (", %" if metric in SHARES else "")
        return framed(
            drawn,
            x,
            y,
            f"{cost_name} (logarithmic)" if x.log else cost_name,
            y_name,
            title,
            WIDTH,
            HEIGHT,
            form,
            y_form,
        )

    def _name(self, entry: Entry, y: Scale) -> str:
        beyond = not y.low <= (entry.mean or 0.0) <= y.high
        return clipped(entry.kind, 26) + (f" {shown(entry.mean, self.comparison.metric)}" if beyond else "")

    def _bars(self, places: list[tuple[float, float]], y: Scale) -> tuple[str, list[Box]]:
        drawn, boxes = "", []
        for entry, (px, _) in zip(self.entries, places):
            if entry.low is None or entry.high is None or not y.low <= (entry.mean or 0.0) <= y.high:
                continue
            a, b = y(max(entry.low, y.low)), y(min(entry.high, y.high))
            drawn += f'<path d="M{px} {a}V{b}" stroke="{self.tints[entry.kind]}" stroke-width="1.5" opacity=".55"/>'
            boxes.append(Box(px - 1.5, min(a, b), px + 1.5, max(a, b)))
        return drawn, boxes

    def _mark(self, i: int, px: float, py: float, y: Scale) -> str:
        entry = self.entries[i]
        tint, score = self.tints[entry.kind], entry.mean or 0.0
        title = f"<title>{escape(f'{entry.kind}: {shown(score, self.comparison.metric)}')}</title>"
        if not y.low <= score <= y.high:
            tip = 7 if score < y.low else -7
            ring = f'<circle class="ring" cx="{px}" cy="{py - 0.6 * tip:.1f}" r="8"/>' if i in self.front else ""
            return f'{ring}<path d="M{px - 5:.2f} {py - tip}h10l-5 {tip}z" fill="{tint}">{title}</path>'
        ring = f'<circle class="ring" cx="{px}" cy="{py}" r="8"/>' if i in self.front else ""
        inside = "var(--page)" if entry.role == "baseline" else tint
        return f'{ring}<circle cx="{px}" cy="{py}" r="4.5" stroke="{tint}" stroke-width="2" fill="{inside}">{title}</circle>'

    def _corners(self, places: list[tuple[float, float]], x: Scale) -> list[tuple[float, float]]:
        """Corners of the stepped line: what is the best score to be had up to a cost."""
        corners: list[tuple[float, float]] = []
        for i in self.front:
            px, py = places[i]
            corners += [*([(px, corners[-1][1])] if corners else []), (px, py)]
        return [*corners, (x.end, corners[-1][1])]

    def _line(self, places: list[tuple[float, float]], x: Scale) -> str:
        return "M" + "L".join(f"{px} {py}" for px, py in self._corners(places, x))

    def _steps(self, places: list[tuple[float, float]], x: Scale) -> list[Box]:
        """The stepped line as thin boxes, so that names stay off it."""
        corners = self._corners(places, x)
        return [Box(min(a, c) - 2, min(b, d) - 2, max(a, c) + 2, max(b, d) + 2) for (a, b), (c, d) in pairwise(corners)]


def _named(label: Label, name: str, point: tuple[float, float]) -> str:
    """A name beside its point, or away from it with a line that leads there."""
    x, y = label.lead(*point)
    lead = f'<path class="lead-line" d="M{point[0]} {point[1]}L{x:.1f} {y:.1f}"/>' if label.far else ""
    return f'{lead}<text class="label" x="{label.x:.1f}" y="{label.y:.1f}" text-anchor="{label.anchor}">{escape(name)}</text>'


def _logarithmic(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale by logarithms with room on both sides."""
    low, high = min(values), max(values)
    room = max(1.25, (high / low) ** 0.07)
    return Scale(low / room, high * room, start, end, log=True)
