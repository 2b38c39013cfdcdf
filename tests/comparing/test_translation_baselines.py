"""Plain rivals of a translator answer what they say, and a race shows translations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnzoo.comparing.baselines import baselines_for
from nnzoo.comparing.race import compare
from nnzoo.comparing.translation_baselines import CopySource, NearestSource
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawPairs

LEARNED = [("red dog", "dog red 1"), ("blue cat", "cat blue 2"), ("old tree", "tree old 3")] * 4
ASKED = [("the red dog", "dog red 1"), ("abc", "abc"), ("blue cats", "cat blue 9")]


@pytest.fixture(scope="module")
def ready() -> Prepared:
    part = np.array(["train"] * len(LEARNED) + ["valid", "valid", "valid"] + ["test"] * len(ASKED), dtype=object)
    pairs = [*LEARNED, *LEARNED[:3], *ASKED]
    return prepare(RawPairs("made", [a for a, _ in pairs], [b for _, b in pairs], part=part), units="characters")


def test_pairs_have_both_baselines_and_they_say_what_they_should(ready: Prepared) -> None:
    assert baselines_for(ready.spec) == [CopySource, NearestSource]
    inputs = ready.parts.test.all().inputs
    found = {}
    for make in (CopySource, NearestSource):
        baseline = make(ready.spec)
        baseline.fit(ready.parts)
        evaluation = ready.task.evaluate(baseline, ready.parts.test)
        found[make] = ready.task.decode(baseline(inputs), ready.spec)["target"]
        assert evaluation.predictions == found[make] and baseline.bytes() > 0
    known = set("".join(b for _, b in LEARNED))
    assert found[CopySource] == ["".join(c for c in text if c in known) for text, _ in ASKED]
    assert found[NearestSource][0] == "dog red 1" and found[NearestSource][2] == "cat blue 2"


def test_a_race_of_translators_ends_in_a_report_with_translations(ready: Prepared, tmp_path: Path) -> None:
    raw = RawPairs("pairs", [a for a, _ in LEARNED * 4], [b for _, b in LEARNED * 4])
    found = compare(raw, units="characters", kinds=["attention_seq2seq"], per_run="3steps", seeds=1, out=tmp_path / "r.html")
    assert {e.kind for e in found.entries} == {"attention_seq2seq", "copy-the-source", "nearest-source"}
    assert not any(e.error for e in found.entries) and found.metric == "exact_match"
    assert found.entries[0].kind == "nearest-source" and found.entries[0].mean == 1
    page = (tmp_path / "r.html").read_text()
    assert "Translated by attention_seq2seq" in page and "dog red 1" in page
    assert "--units characters" in found.command
