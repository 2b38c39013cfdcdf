"""Tables are opened as they are, or refused in one sentence that names the place."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch

from nnzoo.core.errors import DataError
from nnzoo.data import archives
from nnzoo.data.tables import read_table


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(source):
    with pytest.raises(DataError) as caught:
        read_table(source)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, mark):
    rows = [["a", "b", "c"], ["1", "x y", "2.5"], ["2", "z", "3.5"]]
    raw = read_table(write(tmp_path / "t.csv", "\n".join(mark.join(row) for row in rows)))
    assert list(raw.frame.columns) == rows[0] and raw.frame.values.tolist() == rows[1:]


def test_quotes_byte_order_mark_spaces_and_gzip(tmp_path):
    text = '\ufeffname, note\n"a, b", "two\nlines"\nc, "say ""hi"""\n'
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert read_table(path).frame.to_dict("list") == {"name": ["a, b", "c"], "note": ["two\nlines", 'say "hi"']}


def test_a_file_without_a_header_gets_names(tmp_path):
    raw = read_table(write(tmp_path / "t.csv", "5.1,3.5,setosa\n4.9,3.0,setosa\n"))
    assert list(raw.frame.columns) == ["x0", "x1", "x2"] and len(raw) == 2 and "x0 to x2" in raw.notes[0]
    assert list(read_table(write(tmp_path / "p.csv", "0,1,2\n5,6,7\n")).frame.columns) == ["0", "1", "2"]  # as pandas writes arrays
    years = write(tmp_path / "y.csv", "name,2019\na,5\n")
    assert list(read_table(years, columns=["2019"]).frame.columns) == ["name", "2019"]


def test_decimal_commas_beside_semicolons(tmp_path):
    raw = read_table(write(tmp_path / "t.csv", "a;b\n1,5;x,y\n2;z\n"))
    assert raw.frame.to_dict("list") == {
        "a": ["1.5", "2"],
        "b": ["x,y", "z"],
    }


@pytest.mark.parametrize(
    "content, words",
    [
        ("", ["is empty"]),
        ("a,b\n", ["no rows"]),
        ("a,b\n1,2,3\n", ["line 2", "3 cells", "2"]),
        ("a,b,c\n1,2,\n3,4\n", ["line 3", "2 cells", "3"]),
        ('a,b\n1,"2\n3,4\n', ["quote", "line 2"]),
        ("a,b,a\n1,2,3\n", ["column 3", "'a'", "name of its own"]),
        (b"a,b\n1,2\ncaf\xe9,3\n", ["byte 11", "line 3", "UTF-8"]),
        ("a,b\n1,2\n".encode("utf-16"), ["UTF-16"]),
        (b"a,b\n1,\x002\n", ["zero bytes", "line 2"]),
    ],
)
def test_broken_csv_is_refused_with_its_place(tmp_path, content, words):
    text = refusal(write(tmp_path / "t.csv", content))
    assert all(word in text for word in [*words, "t.csv"]), text


def test_an_absurd_gzip_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 1 << 20)
    path = tmp_path / "t.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(bytes(1 << 22))
    assert "200 times" in refusal(path)


def test_damaged_and_missing_files(tmp_path):
    good = gzip.compress(b"a,b\n1,2\n" * 1000)
    assert "cut short" in refusal(write(tmp_path / "t.csv.gz", good[:-20]))
    assert "no file" in refusal(tmp_path / "none.csv")
    assert "Parquet" in refusal(write(tmp_path / "t.parquet", "a,b\n"))


def test_json_lines_and_parquet_hold_what_the_frame_held(tmp_path):
    frame = pd.DataFrame({"n": [1.5, 2.5, np.nan], "t": ["a", None, "b"], "b": [True, False, True]})
    records = [{k: None if v != v else v for k, v in record.items()} for record in frame.to_dict("records")]
    write(tmp_path / "t.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.jsonl").frame, frame)
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet").frame, frame)


def test_broken_json_lines_name_the_line(tmp_path):
    assert "line 2" in refusal(write(tmp_path / "t.jsonl", '{"a": 1}\n{"a": \n'))
    assert "row 2" in refusal(write(tmp_path / "t.jsonl", '{"a": 1}\n[1]\n'))


def test_frames_records_arrays_and_tensors():
    assert read_table([{"a": 1}, {"a": 2, "b": 3}]).frame.shape == (2, 2)
    assert list(read_table(torch.zeros(3, 2)).frame.columns) == ["x0", "x1"]
    assert list(read_table(np.zeros((3, 2)), columns=["p", "q"]).frame.columns) == ["p", "q"]
    assert "dimensions" in refusal(np.zeros(3))
    assert "equal length" in refusal({"a": [1], "b": [1, 2]})
    assert "'a'" in refusal(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert list(read_table(pd.DataFrame({"a": [1, 2]}, index=[7, 9])).frame.index) == [0, 1]
