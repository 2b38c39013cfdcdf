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
    """A text's anchor point on its baseline, how it is anchored, and the box it needs."""

    x: float
    y: float
    anchor: Anchor
    box: Box


def text_width(text: str, size: float) -> float:
    """A generous estimate of a text's width in a sans-serif face, fonts differ; wide scripts count double."""
    return sum(1.0 if ord(c) > 0x2E80 else 0.6 for c in text) * size


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
    points, of the `taken` boxes, of the names placed before it and of what lies outside `bounds`."""
    dots = [Box(x - radius, y - radius, x + radius, y + radius) for x, y in points]
    found: list[Label] = []
    for at, ((x, y), text) in enumerate(zip(points, texts)):
        others = [*dots[:at], *dots[at + 1 :], *taken, *(label.box for label in found)]

        def cost(order: int, label: Label, others: Sequence[Box] = others) -> float:
            covered = sum(label.box.common(box) for box in others)
            return covered + 4 * label.box.outside(bounds) + 3 * order

        choices = list(enumerate(_choices(x, y, text_width(text, size), size, radius)))
        found.append(min(choices, key=lambda choice: cost(*choice))[1])
    return found


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
            labels.append(Label(x + dx, y + dy + 0.35 * size, anchor, box))  # type: ignore[arg-type]
    return labels
