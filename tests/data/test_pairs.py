"""Pairs of texts: however they lie on disk, what is wrong with them, and that the units they are made of are the text again."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.known import read_known
from nnzoo.data.pair_preprocessing import PairPreprocessing
from nnzoo.data.prepare import prepare, sorts
from nnzoo.data.preprocessing import load_preprocessing
from nnzoo.data.raw import RawPairs
from nnzoo.data.reading import read
from nnzoo.data.units import UNKNOWN, Units, learn

GERMAN = ["ein Hund", "zwei Katzen", "der Ball, rot!", "ein Ball", "zwei Hunde", "eine Katze"] * 5
ENGLISH = ["a dog", "two cats", "the ball, red!", "a ball", "two dogs", "a cat"] * 5


def parallel(folder: Path, stem: str = "train", ends: tuple[str, str] = ("de", "en"), packed: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    for end, lines in zip(ends, (GERMAN, ENGLISH)):
        content = ("\n".join(lines) + "\n").encode()
        path = folder / f"{stem}.{end}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


def pairs_of(raw: RawPairs) -> list[tuple[str, str]]:
    assert isinstance(raw, RawPairs) and raw.target is not None
    return list(zip(raw.source, raw.target))


PAIRS = list(zip(GERMAN, ENGLISH))


@pytest.mark.parametrize("packed", [False, True])
def test_parallel_files_are_found_by_folder_prefix_and_first_file(tmp_path: Path, packed: bool) -> None:
    folder = parallel(tmp_path / "texts", packed=packed)
    gz = ".gz" if packed else ""
    assert pairs_of(read(str(folder))) == PAIRS
    assert pairs_of(read(str(folder / "train"))) == PAIRS
    assert pairs_of(read(folder / f"train.de{gz}")) == PAIRS
    turned = read(folder / f"train.en{gz}")
    assert turned.languages == ("en", "de") and pairs_of(turned) == [(b, a) for a, b in PAIRS]


def test_parts_of_a_folder_are_official_and_target_turns_the_direction(tmp_path: Path) -> None:
    for stem in ("train", "val", "test_2016"):
        parallel(tmp_path, stem)
    raw = read(str(tmp_path))
    assert {str(p): int((raw.part == p).sum()) for p in np.unique(raw.part)} == {"train": 30, "valid": 30, "test": 30}
    ready = prepare(str(tmp_path), targets="de", units="words")
    assert ready.task.name == "translation" and len(ready.parts.test) == 30
    assert ready.preprocessing.languages == ("en", "de")
    with pytest.raises(DataError, match="no side 'fr'; its sides are de and en"):
        prepare(str(tmp_path), targets="fr")


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.jsonl", "nested.jsonl", "headed.tsv"])
def test_tables_of_two_columns_and_json_lines_are_pairs_where_translation_is_asked_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    records = [{"de": a, "en": b} for a, b in PAIRS]
    match name:
        case "p.tsv":
            path.write_text("".join(f"{a}\t{b}\textra\n" for a, b in PAIRS))
        case "headed.tsv":
            path.write_text("de\ten\n" + "".join(f"{a}\t{b}\n" for a, b in PAIRS))
        case "p.csv":
            pd.DataFrame(PAIRS).to_csv(path, index=False, header=False)
        case "p.jsonl":
            path.write_text("".join(json.dumps(r) + "\n" for r in records))
        case _:
            path.write_text("".join(json.dumps({"id": 1, "translation": r}) + "\n" for r in records))
    ready = prepare(str(path), task="translation")
    assert pairs_of(ready.raw) == PAIRS
    assert ready.raw.languages == (("source", "target") if name in ("p.tsv", "p.csv") else ("de", "en"))


def test_frames_and_lists_are_pairs_where_translation_is_asked_for() -> None:
    frame = pd.DataFrame({"de": GERMAN, "en": ENGLISH})
    assert pairs_of(prepare(frame, task="translation").raw) == PAIRS
    assert pairs_of(prepare(frame, task="translation", targets="de").raw) == [(b, a) for a, b in PAIRS]
    assert pairs_of(prepare((GERMAN, ENGLISH), task="translation").raw) == PAIRS


def test_unequal_files_are_refused_with_both_counts(tmp_path: Path) -> None:
    folder = parallel(tmp_path / "t")
    (folder / "train.en").write_text("\n".join(ENGLISH[:-1]) + "\n")
    with pytest.raises(DataError, match=r"train.de has 30 lines and .*train.en has 29; a pair stands on the same line"):
        read(str(folder))


def test_empty_and_endless_lines_are_left_out_and_told_of(tmp_path: Path) -> None:
    folder = parallel(tmp_path / "t")
    (folder / "train.de").write_text("\n".join([*GERMAN[:28], "", "x" * 10_000_000]) + "\n")
    raw = read(str(folder))
    assert pairs_of(raw) == PAIRS[:28]
    assert "1 of 30 pairs have an empty side and are left out (line 29 first)" in raw.notes
    assert "1 of 30 pairs are longer than 2,000 characters and are left out (line 30 first)" in raw.notes


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.tsv", b"a dog\tein Hund\nno tab here\n", "line 2 has one column"),
        ("a.tsv", b"", "is empty"),
        ("a.tsv", b"caf\xe9\tcoffee\n", "no UTF-8"),
        ("a.tsv", b"x\t \n \ty\n", "holds no pair"),
        ("a.jsonl", b'{"de": "a", "en": "b"}\n{"de": "a"', "line 2 is no JSON"),
        ("a.jsonl", b'{"de": "a", "en": "b"}\n{"de": "a", "fr": "b"}\n', "line 2 has no text 'en'"),
        ("a.jsonl", b'{"de": "a"}\n', "1 texts by name"),
        ("a.jsonl", b"[1, 2]\n", "0 texts by name"),
        ("a.csv", b"only\none\n", "one column"),
    ],
)
def test_faults_are_one_sentence_that_names_the_file(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=word) as caught:
        prepare(str(path), task="translation")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_what_holds_no_pairs_is_refused_and_units_are_checked() -> None:
    with pytest.raises(DataError, match="iris has 5 columns"):
        prepare("iris", task="translation")
    with pytest.raises(DataError, match="no pairs of texts"):
        prepare("digits", task="translation")
    with pytest.raises(ConfigError, match="--units words needs"):
        prepare("iris", units="words")
    raw = RawPairs("mine", GERMAN, ENGLISH)
    for wrong in ("syllables", "words:9", "bpe:x", "bpe:0"):
        with pytest.raises(ConfigError, match="characters, words, bpe or bpe:SIZE"):
            prepare(raw, units=wrong)
    with pytest.raises(DataError, match="no word of 'source' stands there twice"):
        prepare(RawPairs("rare", [f"word{k}" for k in range(9)], ["x y"] * 9), units="words")


def test_a_folder_of_other_files_is_not_taken_for_pairs(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "b.txt", "b.md"):
        (tmp_path / name).write_text("hello, this is text\n")
    from nnzoo.data.pairs import find_pairs

    assert not find_pairs(tmp_path) and not find_pairs(tmp_path / "a") and not find_pairs(tmp_path / "b.txt")


@pytest.mark.parametrize("units", ["characters", "words", "bpe:40"])
def test_units_put_together_are_the_text_and_survive_json(units: str) -> None:
    if units.startswith("bpe"):
        pytest.importorskip("tokenizers")
    learned = learn(units, ENGLISH)
    again = Units.from_facts(json.loads(json.dumps(learned.facts())))
    for text in ENGLISH:
        codes = learned.codes(text)
        assert UNKNOWN not in codes and again.codes(text) == codes
        assert "".join(learned.symbols[code] for code in codes).strip() == text
    strange = learned.codes("a %")
    assert UNKNOWN in strange and len(learned.symbols) > max(strange)


def test_words_are_small_letters_that_stand_there_twice() -> None:
    learned = learn("words", ["A dog,  a Cat", "a DOG, once"])
    assert learned.pieces == (" a", " dog", ",")
    assert learned.codes("a cat") == [learned.code_of[" a"], UNKNOWN]
    assert "".join(learned.symbols[code] for code in learned.codes("a cat, a dog")) == " a \ufffd, a dog"


def test_byte_pairs_join_what_often_stands_together() -> None:
    pytest.importorskip("tokenizers")
    few, many = learn("bpe:20", ENGLISH), learn("bpe:60", ENGLISH)
    assert len(few.pieces) <= 20 < len(many.pieces) <= 60
    assert len(many.codes("two dogs")) < len(few.codes("two dogs")) <= len("two dogs") + 1


def test_units_are_learned_from_training_rows_only() -> None:
    raw = RawPairs("mine", [*GERMAN, "Ö" * 5], [*ENGLISH, "Ü" * 90], part=np.array(["train"] * 30 + ["test"], dtype=object))
    learned = prepare(raw).preprocessing
    assert isinstance(learned, PairPreprocessing) and learned.units[0].sort == "characters"
    assert "Ö" not in learned.units[0].pieces and "Ü" not in learned.units[1].pieces
    assert learned.longest[1] == max(map(len, ENGLISH)) + 2


def test_short_answers_are_read_by_characters_and_sentences_by_words() -> None:
    assert prepare(RawPairs("mine", GERMAN, ENGLISH)).preprocessing.units[0].sort == "characters"
    long = prepare(RawPairs("mine", GERMAN, [f"{text} and {text} and so on" for text in ENGLISH]))
    assert long.preprocessing.units[1].sort == "words"


def test_it_is_saved_and_treats_new_texts_alike(tmp_path: Path) -> None:
    ready = prepare(RawPairs("mine", GERMAN, ENGLISH, ("de", "en")))
    ready.preprocessing.save(tmp_path)
    again = load_preprocessing(tmp_path, sorts())
    assert again.facts() == ready.preprocessing.facts() and again.spec(21) == ready.preprocessing.spec(21)
    field = ready.spec.inputs["source"]
    opened = again.open("ein Hund").dataset
    assert set(opened.columns) == {"source"}
    assert field.text(opened.all().inputs["source"].tokens_BT[0].tolist()) == "ein Hund"
    assert again.restore("source", opened.all().inputs["source"].tokens_BT) == ["ein Hund"]
    turned = again.open(RawPairs("other way", ENGLISH, GERMAN, ("en", "de"))).dataset
    assert again.restore("target", turned.all().outputs["target"].tokens_BT) == ENGLISH
    (tmp_path / "new.txt").write_text("ein Ball\n\nzwei Hunde\n")
    assert again.read(tmp_path / "new.txt").source == ["ein Ball", "", "zwei Hunde"]
    with pytest.raises(DataError, match="a int is no text"):
        again.read([3])


def test_dates_are_different_days_in_every_form() -> None:
    raw, again = read_known("dates"), read_known("dates")
    assert isinstance(raw, RawPairs) and raw.source == again.source and raw.target is not None
    assert len(set(raw.target)) == len(raw) == 10_000
    assert {str(p): int((raw.part == p).sum()) for p in np.unique(raw.part)} == {"train": 8000, "valid": 1000, "test": 1000}
    read_back = {a.lower(): b for a, b in zip(raw.source, raw.target)}
    assert read_back["june 4th, 1901"] == "1901-06-04"
    for text, iso in list(zip(raw.source, raw.target))[:300]:
        year, _, day = iso.split("-")
        assert year in text
        plain = "first" not in text.lower() and any(c.isdigit() for c in text.replace(year, ""))
        assert not plain or str(int(day)) in text.replace(year, "")


@pytest.mark.skipif(not os.environ.get("NNZOO_DATA"), reason="NNZOO_DATA is not set: Multi30k is not on this machine")
def test_multi30k_has_its_official_parts() -> None:
    raw = read_known("multi30k-de-en")
    assert {str(p): int((raw.part == p).sum()) for p in np.unique(raw.part)} == {"train": 29_000, "valid": 1014, "test": 1000}
    assert raw.languages == ("de", "en") and raw.source[0].startswith("Zwei junge") and raw.target[0].startswith("Two young")
