"""Texts in tables, and texts in words or byte-pair units: what is read as prose, what a vocabulary keeps, what comes back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nnzoo
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Tokens
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.raw import RawTexts
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.data.units import learn

THINGS = ("film", "meal", "trip", "book")


def reviews(rows: int = 60) -> pd.DataFrame:
    made = [
        (f"The {THINGS[i % 4]} number {i} was {'Good' if i % 2 else 'bad'} indeed .", "yes" if i % 2 else "no") for i in range(rows)
    ]
    return pd.DataFrame(made, columns=["review", "label"])


def field_of(prepared) -> Tokens:
    field = prepared.spec.inputs["text"]
    assert isinstance(field, Tokens)
    return field


def test_a_table_of_prose_and_labels_is_read_as_texts_in_words(tmp_path) -> None:
    path = tmp_path / "reviews.csv"
    reviews().to_csv(path, index=False)
    prepared = prepare(path)
    assert prepared.task.name == "text-classification" and prepared.spec.outputs["label"].labels == ("no", "yes")
    assert "column 'review' is read as text" in prepared.notes
    pieces = prepared.preprocessing.pieces
    assert " good" in pieces and " Good" not in pieces and len(pieces) < 60  # in small letters; numbers that stand once are unknown
    assert field_of(prepared).vocabulary == len(pieces) + 4 and field_of(prepared).longest == 10


def test_other_columns_make_it_a_table_unless_texts_are_asked_for() -> None:
    frame = reviews().assign(stars=np.arange(60) % 5)
    assert prepare(frame, targets="label").task.name == "tabular-classification"
    asked = prepare(frame, targets="label", task="text-classification")
    assert asked.task.name == "text-classification"
    assert "column 'review' is read as text, stars left out" in asked.notes
    with pytest.raises(DataError, match="has no column of texts beside 'label'"):
        prepare(frame.drop(columns="review"), targets="label", task="text-classification")


def test_short_names_are_categories_and_no_prose() -> None:
    frame = pd.DataFrame({"colour": ["deep red", "blue", "green"] * 20, "label": ["a", "b", "b"] * 20})
    assert prepare(frame).task.name == "tabular-classification"


def test_a_trained_run_reads_tables_lists_and_texts(tmp_path) -> None:
    trained = nnzoo.train("lstm", reviews(), config={"hidden": 8, "width": 8, "layers": 1}, budget="20epochs", out=tmp_path / "run")
    model = nnzoo.load(trained.run)
    unseen = pd.DataFrame({"review": ["the meal was good indeed .", "the trip was bad indeed ."], "label": ["yes", "no"]})
    assert model.evaluate(unseen)["accuracy"] == 1.0
    for source in (unseen, unseen[["review"]], list(unseen["review"])):
        answers = model.predict(source)
        assert list(answers["label"]) == ["yes", "no"]


@pytest.mark.parametrize("units", ["words", "bpe:120", "characters"])
def test_a_long_text_comes_back_to_the_last_space(units: str) -> None:
    text = "To be, or not\n\tto be:  that is (the) Question -- l'été 42!\n" * 40
    prepared = prepare(RawTexts("long", [text], lines=False), units=units)
    learned = prepared.preprocessing
    assert isinstance(learned, TextPreprocessing)
    again = TextPreprocessing.from_facts(learned.facts())
    codes = again.symbols(text[:200])
    assert again.restore("text", codes) == text[:200]
    assert (len(codes) < 100) == (units != "characters")
    assert again.vocabulary == field_of(prepared).vocabulary > int(codes.max()) and again.opening is not None


def test_units_of_a_table_are_refused_and_unknown_ones_named() -> None:
    with pytest.raises(ConfigError, match="--units words needs texts"):
        prepare("iris", units="words")
    with pytest.raises(ConfigError, match="--units syllables is not known; write characters, words, bpe or bpe:SIZE"):
        prepare(reviews(), units="syllables")


def test_words_that_stand_once_are_unknown() -> None:
    made = learn("words", ["a dog sees a dog", "a cat"])
    assert made.pieces == (" a", " dog") and made.codes("a cat") == [4, 3]


def test_an_empty_cell_is_an_empty_text() -> None:
    frame = reviews()
    learned = prepare(frame).preprocessing
    opened = open_like(learned, pd.DataFrame({"review": ["The film was good", None], "label": ["yes", "no"]}))
    assert isinstance(opened.raw, RawTexts) and opened.raw.texts[1] == ""
