"""Texts: what is a list and what one long text, and characters as symbols and back."""

import gzip
import time

import numpy as np
import pytest
import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.data.made import names_like
from nnzoo.data.raw import RawTexts
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.data.texts import read_lines, read_texts

NAMES = [f"name{i}" for i in range(60)]


def fit(raw: RawTexts, rows=None) -> TextPreprocessing:
    return TextPreprocessing.fit(raw, np.arange(len(raw)) if rows is None else np.array(rows))


def test_a_list_of_short_lines_is_many_texts_and_prose_is_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(NAMES) + "\n")
    assert read_texts(path).texts == NAMES and read_texts(path).lines
    path.write_text("\n".join(NAMES[:30] + [""] + NAMES[30:]))  # a paragraph's end
    assert read_texts(path).texts == [path.read_text()] and not read_texts(path).lines
    assert read_lines(path).texts == NAMES
    path.write_text("\n".join(NAMES[:49]))
    assert not read_texts(path).lines
    path.write_text("\n".join(NAMES + ["x" * 81] * 4))
    assert not read_texts(path).lines


def test_packed_marked_and_foreign_line_ends_read_alike(tmp_path):
    (tmp_path / "a.txt").write_bytes("zwölf\r\nx".encode("utf-8-sig"))
    (tmp_path / "b.txt").write_bytes("zwölf\nx".encode("utf-16"))
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress("zwölf\rx".encode()))
    assert {read_texts(tmp_path / name).texts[0] for name in ("a.txt", "b.txt", "c.txt.gz")} == {"zwölf\nx"}


def test_folders_are_parts_of_one_text_and_class_folders_are_labels(tmp_path):
    for name in ("b", "a"):
        (tmp_path / "book").mkdir(exist_ok=True)
        (tmp_path / "book" / f"{name}.txt").write_text(f"chapter {name}\n")
    raw = read_texts(tmp_path / "book")
    assert raw.texts == ["chapter a\n", "chapter b\n"] and not raw.lines and raw.labels is None
    for part in ("train", "test"):
        for label in ("good", "bad"):
            folder = tmp_path / "reviews" / part / label
            folder.mkdir(parents=True)
            (folder / "1.txt").write_text(f"{label}!\n")
    raw = read_texts(tmp_path / "reviews")
    assert raw.lines and sorted(zip(raw.part, raw.labels, raw.texts)) == [
        (part, label, f"{label}!") for part in ("test", "train") for label in ("bad", "good")
    ]


@pytest.mark.parametrize(
    "content, word",
    [
        (b"abc\n\xff\xfa\n", "line 2"),
        (b"a\0b", "zero bytes"),
        (b"\n \n", "empty"),
        (gzip.compress(b"abc" * 999, mtime=0)[:-9], "cut short"),  # with a time in it the test's name would differ by worker
    ],
)
def test_what_is_no_text_is_refused_by_name(tmp_path, content, word):
    path = tmp_path / ("a.txt.gz" if content[:2] == b"\x1f\x8b" else "a.txt")
    path.write_bytes(content)
    with pytest.raises(DataError, match=word) as error:
        read_texts(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_missing_files_and_empty_folders_are_refused(tmp_path):
    for path in (tmp_path / "no.txt", tmp_path):
        with pytest.raises(DataError, match=str(path)):
            read_texts(path)


def test_lines_are_framed_and_padded_by_length():
    raw = RawTexts("made", ["ba", "", "abc"], lines=True)
    preprocessing = fit(raw)
    stored = preprocessing.encode(raw)["text"]
    assert stored["values"].tolist() == [1, 5, 4, 2, 1, 2, 1, 4, 5, 6, 2] and stored["offsets"].tolist() == [0, 4, 6, 11]
    field = preprocessing.spec(3).inputs["text"]
    assert (field.vocabulary, field.longest, field.lines, field.start, field.end) == (7, 5, True, 1, 2)
    taken = Dataset(preprocessing.spec(3), {"text": stored}).take(torch.tensor([1, 2])).inputs["text"]
    assert taken.tokens_BT.tolist() == [[1, 2, 0, 0, 0], [1, 4, 5, 6, 2]] and taken.lengths_B.tolist() == [2, 5]


def test_long_texts_lie_end_to_end_without_frame():
    raw = RawTexts("made", ["ab", "ba"], lines=False)
    stored = fit(raw).encode(raw)["text"]
    assert stored["values"].tolist() == [4, 5, 5, 4] and stored["offsets"].tolist() == [0, 2, 4]
    assert stored["values"].dtype == torch.int16 and stored["offsets"].dtype == torch.int64


def test_the_vocabulary_is_of_the_training_rows_and_others_are_unknown():
    raw = RawTexts("made", ["ab", "a\U0001f600zÅ"], lines=False)
    preprocessing = fit(raw, [0])
    values = preprocessing.encode(raw)["text"]["values"]
    assert preprocessing.vocabulary == 6 and values.tolist() == [4, 5, 4, 3, 3, 3]
    assert preprocessing.restore("text", values) == "aba\ufffd\ufffd\ufffd"
    assert preprocessing.symbols("b?").tolist() == [5, 3]


def test_text_to_symbols_and_back_is_the_identity_also_after_saving(tmp_path):
    raw = RawTexts("made", ["naïve 漢字\n", "\U0001f600\t x"], lines=True)
    first = fit(raw)
    second = TextPreprocessing.from_facts(first.facts())
    stored = second.encode(raw)["text"]
    rows = [stored["values"][stored["offsets"][i] : stored["offsets"][i + 1]] for i in range(2)]
    assert second.restore("text", rows) == raw.texts and second.spec(2) == first.spec(2)
    padded = torch.nn.utils.rnn.pad_sequence([row.long() for row in rows], batch_first=True)
    assert second.restore("text", padded) == raw.texts
    assert second.restore("text", second.symbols("naïve")) == "naïve"
    first.save(tmp_path)
    assert "\\u" not in (tmp_path / "preprocessing.json").read_text(encoding="utf-8")


def test_nothing_after_the_end_symbol_is_written():
    preprocessing = fit(RawTexts("made", ["ab"], lines=True))
    assert preprocessing.restore("text", [1, 4, 5, 2, 4, 4]) == "ab"


def test_labels_become_classes():
    raw = RawTexts("made", ["x", "y", "z"], labels=np.array(["b", "a", None], dtype=object))
    preprocessing = fit(raw)
    assert preprocessing.encode(raw)["label"]["codes"].tolist() == [1, 0, -1]
    assert preprocessing.spec(3).outputs["label"].labels == ("a", "b")
    with pytest.raises(DataError, match=r"'a' \(row 2\)"):
        fit(raw, [0]).encode(raw)


def test_reading_for_prediction_takes_files_texts_and_lists(tmp_path):
    (tmp_path / "few.txt").write_text("anna\n\nben\n")
    lines, long = fit(RawTexts("made", ["ab"], lines=True)), fit(RawTexts("made", ["ab"], lines=False))
    assert lines.read(tmp_path / "few.txt").texts == ["anna", "ben"]
    assert long.read(str(tmp_path / "few.txt")).texts == ["anna\n\nben\n"]
    assert lines.read("anna").texts == ["anna"] and lines.read(["a", "b"]).texts == ["a", "b"]
    with pytest.raises(DataError, match=r"gone\.txt"):
        lines.read("gone.txt")
    with pytest.raises(DataError, match="int is no text"):
        lines.read([1, 2])


def test_halves_of_characters_are_refused():
    with pytest.raises(DataError, match="surrogates"):
        fit(RawTexts("made", ["a\ud800"]))


def test_a_megabyte_is_encoded_in_well_under_a_second():
    long = RawTexts("made", [" ".join(names_like(3000).texts) * 40], lines=False)
    short = RawTexts("made", long.texts[0].split(" "), lines=True)
    for raw in (long, short):
        preprocessing = fit(raw)
        start = time.process_time()
        preprocessing.encode(raw)
        assert time.process_time() - start < 0.5
    assert len(long.texts[0]) > 1_000_000
