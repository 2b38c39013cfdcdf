"""Made pictures in a folder are read with the labels beside them, and say that they are synthetic."""

import json

import numpy as np
import pytest
from PIL import Image

from nnzoo.core.errors import DataError
from nnzoo.data.prepare import prepare
from nnzoo.data.reading import read


def folder(tmp_path, labels="file,label\n0001.png,cat\n0002.png,dog\n0003.png,cat\n", synthetic=True):
    for k in range(1, 4):
        Image.fromarray(np.full((5, 6), 40 * k, np.uint8)).save(tmp_path / f"{k:04d}.png")
    if labels is not None:
        (tmp_path / "labels.csv").write_text(labels)
    (tmp_path / "origin.json").write_text(json.dumps({"synthetic": synthetic, "kind": "cgan"}))
    return tmp_path


def test_labels_beside_pictures_are_theirs(tmp_path):
    raw = read(str(folder(tmp_path)))
    assert raw.labels.tolist() == ["cat", "dog", "cat"] and raw.pixels.shape == (3, 5, 6, 1)
    assert raw.notes == ["these pictures are synthetic, made by cgan; keep them apart from real ones, and never test on them"]


def test_what_is_marked_stays_marked(tmp_path):
    folder(tmp_path)
    for k in range(4, 13):
        Image.fromarray(np.full((5, 6), 10 * k, np.uint8)).save(tmp_path / f"{k:04d}.png")
    lines = "".join(f"{k:04d}.png,{'cat' if k % 2 else 'dog'}\n" for k in range(1, 13))
    (tmp_path / "labels.csv").write_text("file,label\n" + lines)
    prepared = prepare(str(tmp_path))
    assert prepared.task.name == "image-classification" and any("synthetic" in note for note in prepared.notes)


def test_pictures_without_a_line_have_no_label(tmp_path):
    raw = read(str(folder(tmp_path, "file,label\n0002.png,dog\n", synthetic=False)))
    assert raw.labels.tolist() == [None, "dog", None] and raw.notes == []
    (tmp_path / "labels.csv").unlink()
    assert read(str(tmp_path)).labels is None


@pytest.mark.parametrize(
    "labels, said",
    [
        ("picture,label\n0001.png,cat\n", "no columns file and label"),
        ("file,label\n0009.png,cat\n", "names '0009.png', which is no picture"),
        ("file,label\n0001.png,cat\n0001.png,dog\n", "twice"),
        ("", "cannot be read"),
    ],
)
def test_a_broken_list_is_refused_in_a_line(tmp_path, labels, said):
    with pytest.raises(DataError, match=said):
        read(str(folder(tmp_path, labels)))
