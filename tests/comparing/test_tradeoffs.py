"""The Pareto front, and names in charts that do not cover one another."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Guesser, Linear, flowers

from nnzoo.comparing.charts import Scale, number
from nnzoo.comparing.labels import Box, clipped, placed, text_width
from nnzoo.comparing.race import compare
from nnzoo.comparing.report import render
from nnzoo.comparing.tradeoffs import pareto


def test_a_front_by_hand():
    points = [(1.0, 0.5), (2.0, 0.9), (3.0, 0.8), (0.5, 0.1), (2.0, 0.7)]
    assert pareto(points, higher=True) == [3, 0, 1]
    assert pareto(points, higher=False) == [3]


@pytest.mark.parametrize("higher", [True, False])
def test_the_front_is_what_nobody_beats(higher):
    rng = np.random.default_rng(4)
    points = [(float(c), float(s)) for c, s in rng.integers(0, 12, (60, 2))]
    better = (lambda a, b: a >= b) if higher else (lambda a, b: a <= b)
    front = {
        i
        for i, (cost, score) in enumerate(points)
        if not any(c <= cost and better(s, score) and (c < cost or s != score) for c, s in points)
    }
    found = pareto(points, higher)
    assert set(found) == front and [points[i] for i in found] == sorted(points[i] for i in found)


def test_entrants_that_are_equal_in_both_share_the_front():
    assert pareto([(1.0, 0.5), (1.0, 0.5), (2.0, 0.5)], True) == [0, 1]


def test_names_of_scattered_points_cover_neither_points_nor_each_other():
    rng = np.random.default_rng(7)
    bounds = Box(0, 0, 400, 300)
    for _ in range(20):
        points = [(float(x), float(y)) for x, y in rng.uniform((40, 30), (360, 270), (7, 2))]
        names = ["mlp", "cnn", "gradient-boosting", "logistic-regression", "pnn", "gmdh", "majority"]
        labels = placed(points, names, bounds, radius=6)
        for i, label in enumerate(labels):
            assert label.box.outside(bounds) == 0
            for other in labels[i + 1 :]:
                assert label.box.common(other.box) == 0
            assert sum(label.box.common(Box(x - 4, y - 4, x + 4, y + 4)) for x, y in points) < 25


def test_names_of_points_in_one_place_stand_apart_with_lines_to_them():
    labels = placed([(200.0, 150.0)] * 5, ["first", "second", "third", "fourth", "fifth"], Box(0, 0, 400, 300))
    assert not any(a.box.common(b.box) for i, a in enumerate(labels) for b in labels[i + 1 :])
    assert any(label.far for label in labels)


def test_a_name_at_the_edge_turns_inwards():
    (label,) = placed([(395.0, 150.0)], ["gradient-boosting"], Box(0, 0, 400, 300))
    assert label.box.right <= 400 and label.anchor == "end"


def test_long_texts_are_cut_with_a_sign_and_on_one_line():
    assert clipped("a  b\nc", 10) == "a b c" and clipped("abcdefghij", 5) == "abcd…"
    assert text_width("漢字", 10) > text_width("ab", 10)


def test_numbers_of_ticks_are_short():
    assert [number(v) for v in (0, 0.5, 1234.5, 2.5e6, 3e-7, -0.0002)] == ["0", "0.5", "1,234", "2.5e6", "3e-7", "-0.0002"]


def test_ticks_of_a_narrow_logarithmic_scale_are_several():
    assert len(Scale(1.1, 1.6, 0, 100, log=True).ticks()) >= 2
    assert len(Scale(1e-6, 1e12, 0, 300, log=True).ticks()) <= 9


def test_both_charts_name_every_entrant_and_ring_the_front():
    found = compare(flowers(), target="flower", kinds=[Linear, Guesser], budget="40steps", seeds=2)
    page = render(found)
    section = page[page.index("<h2>Score against time and size") :].split("</section>")[0]
    charts = re.findall(r"<svg.*?</svg>", section, re.S)
    assert len(charts) == 2
    for chart, cost in zip(charts, ("train_seconds", "bytes")):
        for entry in found.entries:
            assert f">{entry.kind}" in chart
        front = pareto([(max(getattr(e, cost), 1e-4), e.mean) for e in found.entries], True)
        assert chart.count('class="ring"') == len(front)
        title = re.search(r"<title>(.*?)</title>", chart)[1]
        assert title.endswith("on the front: " + ", ".join(found.entries[i].kind for i in front))
    assert re.findall(r"<figcaption>On the front of score and (.*?):", section) == ["training time", "size"]


def test_one_entrant_alone_has_no_such_charts():
    found = compare(flowers(), target="flower", kinds=[Linear], budget="5steps", seeds=1)
    found.entries = found.entries[:1]
    assert "Score against time and size" not in render(found)
