"""A text larger than memory: mapped symbols are those that the same text has in memory, and so is all that is learned from them."""

import gzip
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.events import Reading
from nnzoo.data import corpus, texts
from nnzoo.data.doctor import texts as doctor
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.raw import RawCorpus, RawTexts
from nnzoo.data.understand import understand
from nnzoo.zoo.beginning import rows_digest
from nnzoo.zoo.fitting import train

PARTS = ("train", "valid", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "texts"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces so small that every join falls into the test's texts."""
    monkeypatch.setattr("nnzoo.data.archives._PIECE", 37)
    monkeypatch.setattr(corpus, "DIVIDED", 64)
    monkeypatch.setattr(corpus, "_CHUNK", 50)


def prose(words: int = 3000, seed: int = 0, end: str = "\n") -> str:
    """Paragraphs of words with letters beyond ASCII; one letter stands in the last part alone."""
    rng = random.Random(seed)
    known = ["sea", "Ørsted", "漢字", "don't", "well-known", "a", "über", "42", "\U0001f600", "end.", "x\u00a0y", "tab\tbed"]
    text = "".join(rng.choice(known) + rng.choice([" ", " ", "  ", ", ", end, end + end]) for _ in range(words))
    return text + " ÿ"


def both(monkeypatch: pytest.MonkeyPatch, source: Path, **how):
    """The same source in memory and mapped."""
    monkeypatch.setattr(texts, "IN_MEMORY", 1 << 40)
    held = prepare(str(source), **how)
    monkeypatch.setattr(texts, "IN_MEMORY", 100)
    mapped = prepare(str(source), **how)
    assert not isinstance(held.raw, RawCorpus) and isinstance(mapped.raw, RawCorpus)
    return held, mapped


def same(held, mapped) -> None:
    assert mapped.preprocessing.facts() == held.preprocessing.facts() and mapped.spec == held.spec
    for part in PARTS:
        a, b = getattr(held.parts, part), getattr(mapped.parts, part)
        assert (a is None) == (b is None)
        if a is not None:
            a, b = a.columns["text"], b.columns["text"]
            assert a["values"].dtype == b["values"].dtype and torch.equal(a["values"], b["values"])
            assert torch.equal(a["offsets"], b["offsets"])
    assert rows_digest(held.parts) == rows_digest(mapped.parts)
    assert held.task.floor(held.parts.train, held.parts.test) == mapped.task.floor(mapped.parts.train, mapped.parts.test)


@pytest.mark.parametrize("units", [None, "words", "bpe:60"])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "wide.txt"])
def test_mapped_parts_are_those_in_memory(tmp_path, monkeypatch, small, units, name):
    text = prose(end="\r\n")
    content = text.encode("utf-16") if name == "wide.txt" else text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    same(*both(monkeypatch, tmp_path / name, units=units))


@pytest.mark.parametrize("units", [None, "words"])
@pytest.mark.parametrize("parts", [("",), ("test/", "train/"), ("test/", "train/", "valid/")])
def test_folders_are_cut_as_in_memory(tmp_path, monkeypatch, small, units, parts):
    for seed, part in enumerate(parts):
        for k in range(2):
            path = tmp_path / "books" / part / f"{k}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(prose(400, seed=10 * seed + k), encoding="utf-8")
    same(*both(monkeypatch, tmp_path / "books", units=units))


@pytest.mark.parametrize("units", [None, "words"])
def test_new_texts_are_coded_as_in_memory(tmp_path, monkeypatch, small, units):
    (tmp_path / "new").mkdir()
    for k in range(3):
        (tmp_path / "new" / f"{k}.txt").write_text(prose(200, seed=k), encoding="utf-8")
    (tmp_path / "a.txt").write_text(prose(), encoding="utf-8")
    learned = both(monkeypatch, tmp_path / "a.txt", units=units, test=str(tmp_path / "new"))[1]
    mapped = open_like(learned.preprocessing, str(tmp_path / "new")).dataset.columns["text"]
    monkeypatch.setattr(texts, "IN_MEMORY", 1 << 40)
    held = open_like(learned.preprocessing, str(tmp_path / "new")).dataset.columns["text"]
    assert torch.equal(held["values"], mapped["values"]) and torch.equal(held["offsets"], mapped["offsets"])
    assert torch.equal(learned.parts.test.columns["text"]["values"], held["values"])


def test_learning_from_a_mapped_text_is_the_same_to_the_last_bit(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(prose(800), encoding="utf-8")
    results = []
    for limit in (1 << 40, 100):
        monkeypatch.setattr(texts, "IN_MEMORY", limit)
        out = tmp_path / str(limit)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = train("lstm", str(tmp_path / "a.txt"), config={"hidden": 8}, budget="20steps", out=out, device="cpu")
        results.append((done.scores, done.validation, (out / "model.safetensors").read_bytes()))
    assert results[0] == results[1]


def test_the_second_start_reads_no_text(tmp_path, monkeypatch, cache):
    path = tmp_path / "a.txt"
    path.write_text(prose(), encoding="utf-8")
    first = both(monkeypatch, path)[1]
    written = {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}
    monkeypatch.setattr(texts, "is_list", lambda text: False)
    beginning = texts._beginning(path)
    monkeypatch.setattr(texts, "_beginning", lambda path: beginning)
    monkeypatch.setattr(texts, "text_pieces", None)
    same(first, prepare(str(path)))
    assert {file.name: file.stat().st_mtime_ns for file in cache.iterdir()} == written and len(written) == 3


def test_a_changed_text_of_the_same_size_and_time_is_read_anew(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("abab\n\n" * 100)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    monkeypatch.setattr(texts, "IN_MEMORY", 100)
    prepare(str(path))
    path.write_text("baba\n\n" * 100)
    os.utime(path, ns=times)
    assert prepare(str(path)).parts.train.columns["text"]["values"][:4].tolist() == [6, 5, 6, 5]


@pytest.mark.parametrize("where", ["survey", "symbols"])
def test_what_was_broken_off_is_never_trusted(tmp_path, monkeypatch, cache, where):
    path = tmp_path / "a.txt"
    path.write_text(prose(), encoding="utf-8")
    held = both(monkeypatch, path)[0]
    for file in cache.iterdir():
        if where in file.name:
            file.write_bytes(file.read_bytes()[:-100])
    (cache / f"{next(cache.glob('*.symbols')).name}.999999999.part").write_bytes(b"torn")  # of a process that is gone
    same(held, prepare(str(path)))
    assert where == "survey" or not list(cache.glob("*.part"))


def test_a_full_disk_or_a_broken_text_leaves_nothing(tmp_path, monkeypatch, cache):
    path = tmp_path / "a.txt"
    path.write_bytes(prose().encode() + b"\n\xff\xfe")
    monkeypatch.setattr(texts, "IN_MEMORY", 100)
    line = path.read_bytes().count(b"\n") + 1
    with pytest.raises(DataError, match=rf"line {line} holds the byte 0xff"):
        prepare(str(path))
    path.write_text(prose(), encoding="utf-8")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: os.terminal_size((0, 0)) and type("D", (), {"free": 10}))
    with pytest.raises(DataError, match="point NNZOO_CACHE at a larger disk"):
        prepare(str(path))
    assert [file.name for file in cache.iterdir() if not file.name.endswith(".survey.json")] == []


def test_progress_is_told_with_the_time_left(tmp_path, monkeypatch, small):
    (tmp_path / "a.txt").write_text(prose(), encoding="utf-8")
    monkeypatch.setattr(texts, "IN_MEMORY", 100)
    monkeypatch.setattr(corpus, "_EVERY", 0.0)
    heard: list[Reading] = []
    prepare(str(tmp_path / "a.txt"), listen=(heard.append,))
    assert list(dict.fromkeys(event.what for event in heard)) == ["reading", "looking for characters", "tokenising"]
    last = [[event for event in heard if event.what == what][-1] for what in ("reading", "looking for characters", "tokenising")]
    assert all(event.done == event.total and event.left is not None and event.left < 1e-6 for event in last)


def test_large_lists_and_labelled_folders_stay_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "IN_MEMORY", 100)
    (tmp_path / "a.txt").write_text("\n".join(f"name{i}" for i in range(60)) + "\n")
    assert texts.read_texts(tmp_path / "a.txt").lines
    for label in "pq":
        (tmp_path / "l" / label).mkdir(parents=True)
        (tmp_path / "l" / label / "1.txt").write_text(prose(100))
    assert type(texts.read_texts(tmp_path / "l")) is RawTexts


def test_what_is_understood_of_a_mapped_text(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(prose(), encoding="utf-8")
    facts = [understand(ready) for ready in both(monkeypatch, tmp_path / "a.txt")]
    for one in facts:
        one.pop("notes")
    assert facts[0] == facts[1]


def test_held_out_parts_have_so_many_characters_at_most(monkeypatch):
    monkeypatch.setattr(texts, "MOST_HELD", 40)
    lengths = {"train": 1000, "valid": 0, "test": 0}
    assert texts.spans("a", lengths, 0.05, 0.05) == {"train": (0, 920), "valid": (920, 960), "test": (960, 1000)}
    assert texts.spans("a", lengths, 0.05, 0.0) == {"train": (0, 960), "valid": (960, 1000)}


def test_repeated_pieces_of_a_long_text_are_found_across_blocks(monkeypatch):
    rng = np.random.RandomState(0)
    symbols = rng.randint(4, 90, 5000).astype(np.int16)
    pieces = {"train": symbols, "test": np.concatenate([symbols[1900:2220], rng.randint(4, 90, 320).astype(np.int16)])}
    whole = list(doctor.long_texts(pieces))
    monkeypatch.setattr(doctor, "BLOCK", 100)
    assert list(doctor.long_texts(pieces)) == whole and "50 %" in whole[0].sentence
    monkeypatch.setattr(doctor, "MOST_SYMBOLS", 1000)  # every fifth block alone is read
    assert list(doctor.long_texts({"train": symbols, "test": symbols[150:214]})) == []
