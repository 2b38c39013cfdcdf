"""Gaps and vectors from the command line: texts in a file, a trained run, what may stand at [MASK], and which texts are alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import nnzoo
from nnzoo.cli.app import app
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawTexts
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.zoo.embedding import nearest
from nnzoo.zoo.filling import with_gaps

CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo"}
LINES = [f"The capital of {land} is {town}." for land, town in CAPITALS.items()] * 40
LINES += [f"{town} lies in {land}." for land, town in CAPITALS.items()] * 40


def run(*words: str | Path) -> Any:
    """The command line in this process; an unforeseen error is raised."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned capitals from lines without labels."""
    folder = tmp_path_factory.mktemp("gaps")
    (folder / "corpus.txt").write_text("\n".join(LINES) + "\n")
    small = [word for one in ("width=32", "layers=2", "heads=2", "context=16", "dropout=0", "lr=0.004") for word in ("--set", one)]
    done = run("train", "bert", folder / "corpus.txt", "--units", "words", "--budget", "400steps", *small, "--out", folder / "run")
    assert done.exit_code == 0, done.stderr
    assert "predict" in done.stdout and "perplexity" in done.stdout
    return folder


def test_a_gap_is_filled_by_what_both_sides_tell(trained: Path) -> None:
    found = json.loads(run("predict", trained / "run", "The capital of [MASK] is Rome.", "--top", "2", "--json").stdout)
    first, second = found["predictions"]
    assert first["symbol"] == "Italy" and first["probability"] > 0.3 > second["probability"] and found["task"] == "fill-mask"
    (trained / "asked.txt").write_text("The capital of Japan is [MASK].\n[MASK] lies in [MASK].\n")
    run("predict", trained / "run", trained / "asked.txt", "--top", "3", "--out", trained / "answers.csv")
    frame = pd.read_csv(trained / "answers.csv")
    assert frame.groupby(["text", "gap"]).size().tolist() == [3, 3, 3] and frame["symbol"][0] == "Tokyo"
    assert frame["probability"].between(0, 1).all()
    for _, some in frame.groupby(["text", "gap"]):
        assert some["probability"].is_monotonic_decreasing
    assert set(frame[frame["text"] == "[MASK] lies in [MASK]."]["symbol"]) <= {*CAPITALS, *CAPITALS.values()}


def test_what_has_no_gap_is_refused_in_a_line(trained: Path) -> None:
    done = run("predict", trained / "run", "The capital of Italy is Rome.")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and "write [MASK]" in done.stderr
    with pytest.raises(DataError, match="text 2"):
        nnzoo.predict(trained / "run", ["[MASK] lies in Italy.", "Rome lies in Italy."])
    with pytest.raises(ConfigError, match="--top 0"):
        nnzoo.predict(trained / "run", "[MASK] lies in Italy.", top=0)


def test_texts_become_vectors_and_the_nearest_by_cosine_is_named(trained: Path) -> None:
    texts = ["The capital of Spain is Madrid.", "Rome lies in Italy.", "The capital of Italy is Rome.", "Paris lies in France."]
    model = nnzoo.load(trained / "run")
    vectors_ND = model.embed(texts)
    assert vectors_ND.shape == (4, 32) and np.allclose(model.embed(texts[2:3]), vectors_ND[2:3], atol=1e-5)
    assert np.allclose(np.linalg.norm(model.embed(texts, unit=True), axis=1), 1)
    assert not np.allclose(model.embed(texts, pooling="first"), vectors_ND)
    (trained / "texts.txt").write_text("\n".join(texts) + "\n")
    shown = json.loads(run("embed", trained / "run", trained / "texts.txt", "--json").stdout)
    cosine_NN = np.array([[u @ v / np.linalg.norm(u) / np.linalg.norm(v) for v in vectors_ND] for u in vectors_ND]) - 2 * np.eye(4)
    assert shown["nearest"] == cosine_NN.argmax(1).tolist() and np.allclose(shown["cosine"], cosine_NN.max(1), atol=1e-5)
    assert np.allclose(shown["vectors"], vectors_ND, atol=1e-5)
    twice = model.embed([*texts[:2], texts[0]])  # a text is nearest to itself
    assert nearest(twice)[0][[0, 2]].tolist() == [2, 0] and np.allclose(nearest(twice)[1][[0, 2]], 1)
    assert "Madrid" in run("embed", trained / "run", trained / "texts.txt").stdout
    for name in ("v.npz", "v.csv"):
        assert "4 vectors of 32 numbers" in run("embed", trained / "run", trained / "texts.txt", "--out", trained / name).stdout
    with np.load(trained / "v.npz") as kept:
        assert kept["text"].tolist() == texts and np.allclose(kept["vectors"], vectors_ND, atol=1e-5)
    frame = pd.read_csv(trained / "v.csv")
    assert frame["text"].tolist() == texts and np.allclose(frame.iloc[:, 1:], vectors_ND, atol=1e-5)
    assert "ends in .npz or .csv" in run("embed", trained / "run", trained / "texts.txt", "--out", trained / "v.txt").stderr
    with pytest.raises(ConfigError, match="no pooling 'last'"):
        model.embed(texts, pooling="last")


def test_what_writes_has_vectors_too(tmp_path: Path) -> None:
    config = {"width": 16, "layers": 1, "heads": 2, "context": 8}
    nnzoo.train("gpt", RawTexts("lines", LINES), config=config, budget="2steps", out=tmp_path / "run", device="cpu")
    model, texts = nnzoo.load(tmp_path / "run"), ["Rome", "Paris lies in France."]  # the second is longer than the context
    vectors_ND = model.embed(texts)
    assert np.allclose(vectors_ND[0], model.embed(["Rome"])[0], atol=1e-5)
    dataset = model._open(texts).dataset
    with torch.no_grad():
        states_BTD = model.network._of_blocks(dataset.all().inputs["text"].tokens_BT)
    assert np.allclose(vectors_ND[1], states_BTD[1].mean(0), atol=1e-5) and states_BTD.shape[1] == 23
    assert np.allclose(model.embed(texts, pooling="last")[0], states_BTD[0, 5], atol=1e-5)


@pytest.mark.parametrize("units", ["characters", "words", "bpe:60"])
@pytest.mark.parametrize("lines", [True, False])
def test_a_gap_takes_the_place_of_one_symbol(units: str, lines: bool) -> None:
    raw = RawTexts("t", LINES if lines else ["\n".join(LINES)], lines=lines)
    learned = prepare(raw, task="fill-mask", units=units).preprocessing
    assert isinstance(learned, TextPreprocessing)
    text, gap = ("Rome lies in Italy.", "Rome lie[MASK] in Italy.") if units == "characters" else ("Rome lies in Italy.", "")
    if units == "words":
        gap = "Rome [MASK] in Italy."
    if units.startswith("bpe"):  # the unit for the last stop alone
        gap = "Rome lies in Italy[MASK]"
    whole = learned.open([text]).dataset.all().inputs["text"].tokens_BT[0].tolist()
    codes = with_gaps(learned, gap, 999)
    assert codes.count(999) == 1 and len(codes) == len(whole)
    assert [a for a, b in zip(whole, codes) if b != 999] == [b for b in codes if b != 999]
