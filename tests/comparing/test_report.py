"""The report: verdict first, complete, self-contained, safe with any text, and only what applies."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Exploder, Linear, Refuser, flowers

from nnzoo.comparing.charts import Scale, interval_mark
from nnzoo.comparing.race import compare
from nnzoo.comparing.report import render
from nnzoo.comparing.rows import data_uri
from nnzoo.core.errors import RunError
from nnzoo.data.raw import RawImages

VOID = {"meta", "img", "br", "link", "input"}
MAY_STAY_OPEN = {"th", "td", "li"}  # HTML closes them where the next begins


class Reader(HTMLParser):
    """Checks that tags nest, and keeps the words and the addresses."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.addresses, self.tags = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "data", "action")]
        if tag not in VOID:
            if tag in MAY_STAY_OPEN and self.open[-1] in MAY_STAY_OPEN:
                self.open.pop()
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        while self.open[-1] != tag:
            assert self.open.pop() in MAY_STAY_OPEN, f"</{tag}> closes nothing"
        self.open.pop()

    def handle_data(self, text):
        self.words.append(text)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "new" / "flowers.html"
    return compare(flowers(), target="flower", kinds=[Linear, Refuser, Exploder], budget="40steps", seeds=2, out=out)


@pytest.fixture(scope="module")
def page(result):
    return Path(result.report).read_text(encoding="utf-8")


def test_the_verdict_comes_before_every_figure(result, page):
    words = "".join(Reader(page).words)
    assert words.index(result.verdict.text) < words.index("Scores, time and size")


def test_it_stands_alone(page):
    reader = Reader(page)
    assert all(address.startswith("data:") for address in reader.addresses)
    assert "script" not in reader.tags and "link" not in reader.tags
    assert not re.search(r"url\(|@import|https?://", page)


def test_text_from_the_data_is_text_and_not_markup(page):
    assert "<b>rose" not in page and "&lt;b&gt;rose&lt;/b&gt;" in page
    assert "tulip &amp; co" in page


def test_every_entrant_has_its_row_with_figures(result, page):
    words = "".join(Reader(page).words)
    for entry in result.entries:
        assert entry.kind in words
        assert entry.error in words
        if entry.parameters is not None:
            assert f"{entry.parameters:,}" in words


def test_refused_kinds_command_and_seeds_are_there(result, page):
    words = "".join(Reader(page).words)
    assert "refuser never can; use linear" in words and result.command in words and "seeds 0, 1" in words
    assert "Confusion of linear" in words and "Learning curves" in words and "Right answers of linear" in words


def test_headings_of_what_does_not_apply_are_absent():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=120), "z": rng.normal(size=120)})
    frame["y"] = 2 * frame.x + rng.normal(0, 0.1, 120)
    words = "".join(Reader(render(compare(frame, target="y", kinds=["mlp"], budget="30steps", seeds=1))).words)
    assert "Answers of mlp" in words and "Largest errors of mlp" in words
    assert "Confusion" not in words and "did not start" not in words and "Made by" not in words


def test_pictures_are_shown_as_pictures():
    rng = np.random.default_rng(1)
    labels = np.array(["dark", "light"] * 60)
    pixels = (rng.integers(0, 90, (120, 6, 6, 3)) + 150 * (labels == "light")[:, None, None, None]).astype(np.uint8)
    raw = RawImages("shades", pixels, labels)
    reader = Reader(render(compare(raw, kinds=["mlp"], budget="20steps", seeds=1)))
    assert reader.tags.count("img") >= 12 and all(a.startswith("data:image/png;base64,") for a in reader.addresses)


def test_made_points_are_drawn_beside_the_real_ones():
    words = "".join(Reader(render(compare("moons", kinds=["wgan_gp"], budget="10steps", seeds=2))).words)
    assert "Real points and those that wgan_gp made" in words and "gaussian" in words


def test_texts_written_by_the_best_network_are_shown():
    words = "".join(Reader(render(compare("names-like", kinds=["lstm"], budget="5steps", seeds=1))).words)
    assert "Written by lstm" in words and "n-gram" in words


def test_a_place_that_cannot_be_written_is_said(result, tmp_path):
    from nnzoo.comparing.report import write_report

    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="choose another place"):
        write_report(result, tmp_path / "file" / "report.html")


def test_small_pictures_are_enlarged_by_whole_pixels():
    import base64
    import io

    from PIL import Image

    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(data_uri(pixels).split(",")[1]))))
    assert shown.shape == (88, 88) and (shown[::11, ::11] == pixels[:, :, 0]).all()


def test_scales_put_numbers_where_they_belong():
    even = Scale(0, 10, 100, 200)
    assert (even(0), even(5), even(10)) == (100, 150, 200) and even.ticks() == [0, 2, 4, 6, 8, 10]
    log = Scale(0.01, 100, 0, 100, log=True)
    assert log(1) == 50 and log.ticks() == [0.01, 0.1, 1, 10, 100]


def test_an_interval_is_drawn_to_scale_and_what_is_beyond_it_is_an_arrow():
    scale = Scale(0.5, 1.0, 10, 110)
    mark = interval_mark(0.8, 0.7, 0.9, scale, "#000", "a <title>", False)
    assert 'x="50.0" ' in mark and 'width="40.00"' in mark and 'cx="70.0"' in mark and "a &lt;title&gt;" in mark
    assert "<circle" not in interval_mark(0.1, 0.05, 0.2, scale, "#000", "low", True)
