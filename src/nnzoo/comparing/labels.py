"""Where names go in a chart so that they cover neither each other nor what is drawn. Lengths are in the chart's own units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Anchor = Literal["start", "middle", "end"]


class Box(NamedTuple):
    """A rectangle: left, top, right, bottom (downwards is more)."""

    left: float
    top: float
    right: float
    bottom: float

    def common(self, other: Box) -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def outside(self, bounds: Box) -> float:
        """The area that lies outside of `bounds`."""
        return (self.right - self.left) * (self.bottom - self.top) - self.common(bounds)


class Label(NamedTuple):
    """A text's anchor point on its baseline, how it is anchored, the box it needs, and whether it stands so far from its point that
    a line should lead there."""

    x: float
    y: float
    anchor: Anchor
    box: Box
    far: bool = False

    def lead(self, x: float, y: float) -> tuple[float, float]:
        """Where a line from (x, y) meets the text's box."""
        box = self.box
        return min(max(x, box.left), box.right), box.top if y < box.top else box.bottom if y > box.bottom else y


def text_width(text: str, size: float) -> float:
    """A generous estimate of a text's width in a sans-serif face, of which each machine has its own."""
    return sum(1.0 if ord(c) > 0x2E80 or c in "mwMW%@—" else 0.64 for c in text) * size


def clipped(text: str, most: int) -> str:
    """A text of at most `most` characters on one line, the last a sign that there is more."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def placed(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    bounds: Box,
    taken: Sequence[Box] = (),
    size: float = 11.5,
    radius: float = 6.0,
) -> list[Label]:
    """A place for the name of each point: of several beside, above and below it, near ones first, the one that covers least of the
    points, of the `taken` boxes, of other names and of what lies outside `bounds`. Long names choose first."""
    dots = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    found: dict[int, Label] = {}
    for at in sorted(range(len(points)), key=lambda i: -len(texts[i])):
        weighed = [*((4, label.box) for label in found.values()), *((2, dot) for dot in (*dots[:at], *dots[at + 1 :]))]
        weighed += [(1, box) for box in taken]

        def cost(order: int, label: Label, weighed: Sequence[tuple[int, Box]] = weighed) -> float:
            covered = sum(weight * label.box.common(box) for weight, box in weighed)
            return covered + 8 * label.box.outside(bounds) + 3 * order

        choices = enumerate(_choices(*points[at], text_width(texts[at], size), size, radius))
        found[at] = min(choices, key=lambda choice: cost(*choice))[1]
    return [found[at] for at in range(len(points))]


def _choices(x: float, y: float, width: float, size: float, radius: float) -> list[Label]:
    """Places around a point, in order of preference."""
    gap, labels = radius + 2, []
    for away in (1.0, 2.2, 3.4, 4.6):
        shift = (away - 1) * size
        for dx, dy, anchor in (
            (gap, shift, "start"),
            (gap, -shift, "start"),
            (-gap, shift, "end"),
            (-gap, -shift, "end"),
            (0.0, -gap - shift - 0.3 * size, "middle"),
            (0.0, gap + shift + 0.5 * size, "middle"),
        ):
            left = {"start": x + dx, "end": x + dx - width, "middle": x - width / 2}[anchor]
            box = Box(left, y + dy - 0.55 * size, left + width, y + dy + 0.55 * size)
            labels.append(Label(x + dx, y + dy + 0.35 * size, anchor, box, away > 1))  # type: ignore[arg-type]
    return labels
