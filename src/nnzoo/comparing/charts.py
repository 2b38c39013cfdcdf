"""Charts as SVG text: a score with its interval, curves, clouds of points. Colours and type come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from nnzoo.comparing.labels import clipped, text_width

COLOURS = ("#4269d0", "#e0a106", "#e8604c", "#3ca951", "#a463f2", "#2ba7a0", "#f06fa4", "#7a9be8", "#9c6b4e", "#8c9196")
WIDE = 500  # charts wider than this have larger letters on narrow screens


@dataclass(frozen=True)
class Scale:
    """Numbers `low`..`high` onto lengths `start`..`end`, evenly or by their logarithms."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (
            math.log10(v) if self.log else v for v in (self.low, self.high, max(value, 1e-300) if self.log else value)
        )
        share = 0.5 if high == low else (value - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers within the scale; of a logarithmic one 1, 2 and 5 times powers of ten, or as many powers as have room."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            found = [m * 10.0**p for p in range(first, last + 1) for m in (1, 2, 5) if self.low <= m * 10.0**p <= self.high]
            powers = [v for v in found if math.isclose(math.log10(v), round(math.log10(v)), abs_tol=1e-9)]
            if len(found) > about + 3:
                return powers[:: -(-len(powers) // (about + 3))]
            if len(found) > 1:
                return found
        if self.high == self.low:
            return [self.low]
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
        return [round(i * step, 12) for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A tick's number, short."""
    if abs(value) >= 1e6 or 0 < abs(value) < 1e-4:
        return f"{value:.3g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def padded(values: Sequence[float], share: float = 0.05) -> tuple[float, float]:
    """The range of values with some room on both sides."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def interval_mark(mean: float, low: float | None, high: float | None, scale: Scale, colour: str, title: str, hollow: bool) -> str:
    """A score: a dot, its interval as a bar with whiskers (none where it goes on beyond the scale). A score beyond the
    scale is an arrow."""
    width, y = scale.end + scale.start, 11
    open_tag = (
        f'<svg class="mark" viewBox="0 0 {width:g} 22" preserveAspectRatio="xMinYMid" role="img"><title>{escape(title)}</title>'
    )
    rail = f'<line class="rail" x1="{scale.start:g}" x2="{scale.end:g}" y1="{y}" y2="{y}"/>'
    if not scale.low <= mean <= scale.high:
        x, tip = (scale.start, -6) if mean < scale.low else (scale.end, 6)
        return f'{open_tag}{rail}<path d="M{x} {y - 5}l{tip} 5l{-tip} 5z" fill="{colour}"/></svg>'
    bar = ""
    if low is not None and high is not None:
        a, b = scale(max(low, scale.low)), scale(min(high, scale.high))
        ends = "".join(f"M{x} {y - 6}v12" for x, end in ((a, low), (b, high)) if scale.low <= end <= scale.high)
        bar = (
            f'<rect x="{a}" y="{y - 4}" width="{max(0.5, b - a):.2f}" height="8" rx="2" fill="{colour}" opacity=".3"/>'
            f'<path d="{ends}M{a} {y}H{b}" stroke="{colour}" stroke-width="1.5"/>'
        )
    inside = "var(--page)" if hollow else colour
    dot = f'<circle cx="{scale(mean)}" cy="{y}" r="4" stroke="{colour}" stroke-width="2" fill="{inside}"/>'
    return f"{open_tag}{rail}{bar}{dot}</svg>"


@dataclass(frozen=True)
class Line:
    """A curve: points (x, y), its name, colour, and whether it is drawn faintly."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str
    faint: bool = False


def curves(
    lines: Sequence[Line], x_name: str, y_name: str, title: str, width: int = 720, height: int = 320, *, even: bool = False
) -> str:
    """Lines over one another; unless `even`, a logarithmic height where values span more than a factor of 20."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    log = not even and min(ys) > 0 and max(ys) / min(ys) > 20
    low, high = (min(ys) * 0.9, max(ys) * 1.1) if log else padded(ys)
    y_scale = Scale(low, high, height - 40, 12, log)
    x_scale = Scale(min(0.0, *xs), max(xs), left_of(y_scale, size=16 if width > WIDE else 11), width - 14)
    drawn = []
    for line in lines:
        path = "".join(f"{'M' if i == 0 else 'L'}{x_scale(x)} {y_scale(y)}" for i, (x, y) in enumerate(line.points))
        style = 'stroke-width="1" opacity=".45"' if line.faint else 'stroke-width="2.2"'
        drawn.append(f'<path d="{path}" fill="none" stroke="{line.colour}" {style} stroke-linejoin="round"/>')
        if len(line.points) == 1:
            (x, y), *_ = line.points
            drawn.append(f'<circle cx="{x_scale(x)}" cy="{y_scale(y)}" r="3" fill="{line.colour}"/>')
    return framed("".join(drawn), x_scale, y_scale, x_name, y_name, title, width, height)


def scatter(
    points: Sequence[tuple[float, float]],
    x_name: str,
    y_name: str,
    title: str,
    colour: str,
    *,
    diagonal: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    width: int = 400,
    height: int = 380,
) -> str:
    """A cloud of points, with the diagonal where both axes mean the same."""
    if diagonal:
        x_range = y_range = padded([v for point in points for v in point])
    low_x, high_x = x_range or padded([x for x, _ in points])
    low_y, high_y = y_range or padded([y for _, y in points])
    y_scale = Scale(low_y, high_y, height - 40, 12)
    x_scale = Scale(low_x, high_x, left_of(y_scale), width - 18)
    inside = [(x, y) for x, y in points if low_x <= x <= high_x and low_y <= y <= high_y]
    marks = "".join(f'<circle cx="{x_scale(x)}" cy="{y_scale(y)}" r="2.4"/>' for x, y in inside)
    line = f'<path class="guide" d="M{x_scale(low_x)} {y_scale(low_x)}L{x_scale(high_x)} {y_scale(high_x)}"/>' if diagonal else ""
    drawn = f'{line}<g fill="{colour}" opacity=".55">{marks}</g>'
    return framed(drawn, x_scale, y_scale, x_name, y_name, title, width, height)


def histogram(counts: Sequence[float], edges: Sequence[float], x_name: str, y_name: str, title: str, colour: str) -> str:
    """Bars of `counts` between `edges` (one more), with a line at zero where the range holds it."""
    width, height = 400, 380
    y_scale = Scale(0.0, max(*counts, 1.0) * 1.05, height - 40, 12)
    x_scale = Scale(edges[0], edges[-1], left_of(y_scale), width - 18)
    bars = "".join(
        f'<rect x="{x_scale(a)}" y="{y_scale(count)}" width="{max(0.3, x_scale(b) - x_scale(a) - 0.6):.2f}" '
        f'height="{y_scale.start - y_scale(count):.2f}"/>'
        for count, a, b in zip(counts, edges, edges[1:])
        if count
    )
    zero = f'<path class="guide" d="M{x_scale(0)} {y_scale.start}V{y_scale.end}"/>' if edges[0] < 0 < edges[-1] else ""
    return framed(f'<g fill="{colour}" opacity=".7">{bars}</g>{zero}', x_scale, y_scale, x_name, y_name, title, width, height)


def reliability(
    confidence: Sequence[float], right: Sequence[float], low: Sequence[float], high: Sequence[float], title: str, colour: str
) -> str:
    """Shares of right answers against confidence, a dot a bin, joined; whiskers from `low` to `high` say where each dot would fall
    if confidence came true. Both axes have the same range."""
    width, height = 300, 286
    least = math.floor(min(0.95, *confidence, *right, *low) * 20 - 1e-9) / 20
    x_scale, y_scale = Scale(max(0.0, least), 1.0, 46, width - 16), Scale(max(0.0, least), 1.0, height - 40, 12)
    places = [(x_scale(x), y_scale(y)) for x, y in zip(confidence, right)]
    chance = "".join(
        f'<path d="M{x} {y_scale(a)}V{y_scale(b)}M{x - 3:.2f} {y_scale(a)}h6M{x - 3:.2f} {y_scale(b)}h6"/>'
        for (x, _), a, b in zip(places, low, high)
    )
    line = "".join(f"{'M' if i == 0 else 'L'}{x} {y}" for i, (x, y) in enumerate(places))
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3.6"/>' for x, y in places)
    drawn = (
        f'<path class="guide" d="M{x_scale.start} {y_scale.start}L{x_scale.end} {y_scale.end}"/>'
        f'<g class="chance">{chance}</g><path d="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        f'<g fill="{colour}">{dots}</g>'
    )
    return framed(drawn, x_scale, y_scale, "confidence, %", "right answers, %", title, width, height, percent, percent)


def percent(share: float) -> str:
    """A share as a tick in per cent, without the sign."""
    return f"{100 * share:.4g}"


Form = Callable[[float], str]


def framed(
    drawn: str,
    x: Scale,
    y: Scale,
    x_name: str,
    y_name: str,
    title: str,
    width: int,
    height: int,
    x_form: Form = number,
    y_form: Form = number,
) -> str:
    """Grid, numbers and names around what was drawn. `x_form` and `y_form` write the numbers."""
    large = " large" if width > WIDE else ""
    parts = [f'<svg class="chart{large}" viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>']
    for tick in y.ticks():
        parts.append(f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text x="{x.start - 6}" y="{y(tick) + 3.5:.2f}" text-anchor="end">{y_form(tick)}</text>')
    for tick, text in _apart(x, x_form):
        parts.append(f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="{y.start}" y2="{y.start + 4}"/>')
        parts.append(f'<text x="{x(tick)}" y="{y.start + 16}" text-anchor="middle">{text}</text>')
    parts.append(f'<line class="axis" x1="{x.start}" x2="{x.end}" y1="{y.start}" y2="{y.start}"/>{drawn}')
    middle_x, middle_y = (x.start + x.end) / 2, (y.start + y.end) / 2
    across, up = (
        clipped(name, int(abs(end - start) / 6.5)) for name, start, end in ((x_name, x.start, x.end), (y_name, y.start, y.end))
    )
    parts.append(f'<text class="name" x="{middle_x}" y="{height - 6}" text-anchor="middle">{escape(across)}</text>')
    turned = f'transform="translate(11 {middle_y}) rotate(-90)"'
    return "".join([*parts, f'<text class="name" {turned} text-anchor="middle">{escape(up)}</text></svg>'])


def left_of(y: Scale, form: Form = number, size: float = 11.0) -> float:
    """Where an x axis starts so that the numbers and the name of `y` have room beside it."""
    return max(46.0, 28.0 + max((text_width(form(tick), size) for tick in y.ticks()), default=0.0))


def _apart(scale: Scale, form: Form, size: float = 11.0) -> list[tuple[float, str]]:
    """Ticks and their texts, as many as stand side by side."""
    for about in (6 if scale.end - scale.start > 400 else 5, 4, 3, 2, 1):
        ticks = [(tick, form(tick)) for tick in scale.ticks(about)]
        halves = [text_width(text, size) / 2 for _, text in ticks]
        places = [scale(tick) for tick, _ in ticks]
        if all(b - a > left + right + 4 for a, b, left, right in zip(places, places[1:], halves, halves[1:])):
            break
    return ticks
