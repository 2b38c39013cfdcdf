"""Known sets: published counts and divisions, and a sentence where a set is not on this machine."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from nnzoo.core.errors import DataError
from nnzoo.data.fetch import SOURCES
from nnzoo.data.known import known_names, read_known
from nnzoo.data.known_files import _phrases
from nnzoo.data.places import find_file, find_folder
from nnzoo.data.raw import RawImages, RawTable


def needs(folder: str, file: str):
    return pytest.mark.skipif(find_folder(folder, file) is None, reason=f"needs {folder}/{file} in NNZOO_DATA")


def counts(raw) -> dict:
    return dict(zip(*(part.tolist() for part in np.unique(raw.part.astype(str), return_counts=True))))


def test_an_unknown_name_is_no_known_set():
    assert read_known("no-such-set") is None and read_known("digits:3") is None


@pytest.mark.parametrize(
    "name, rows, target, kinds", [("iris", 150, "species", 3), ("wine", 178, "grower", 3), ("breast-cancer", 569, "diagnosis", 2)]
)
def test_scikit_learns_tables_name_their_target(name, rows, target, kinds):
    raw = read_known(name)
    assert isinstance(raw, RawTable) and len(raw) == rows and raw.targets == (target,) and raw.frame[target].nunique() == kinds
    assert not isinstance(raw.frame[target].iloc[0], (int, np.integer))


def test_diabetes_is_a_number_to_predict():
    raw = read_known("diabetes")
    assert raw.targets == ("progression",) and raw.frame["progression"].dtype.kind == "f" and raw.frame.shape == (442, 11)


def test_digits_use_the_whole_range_of_grey():
    raw, theirs = read_known("digits"), load_digits()
    assert isinstance(raw, RawImages) and raw.pixels.shape == (1797, 8, 8, 1)
    assert np.array_equal(np.rint(raw.pixels[..., 0] / (255 / 16)), theirs.images) and raw.pixels.max() == 255
    assert raw.labels.tolist() == [str(digit) for digit in theirs.target]


def test_every_name_has_a_line_and_opens_or_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NNZOO_DATA", str(tmp_path))
    monkeypatch.setenv("NNZOO_CACHE", str(tmp_path))
    absent = []
    for name, line in known_names().items():
        assert line and "\n" not in line
        try:
            raw = read_known(name)
        except DataError as error:
            text = str(error)
            assert f"'{name}'" in text and "NNZOO_DATA" in text and (f"nnzoo fetch {name}" in text) == (name in SOURCES)
            absent.append(name)
        else:
            assert len(raw) and raw.name == name
    assert set(SOURCES) <= set(absent) and "digits" not in absent


@needs("fashion-mnist", "train-images-idx3-ubyte")
def test_fashion_mnist_has_its_official_test_part_and_balanced_names():
    raw = read_known("fashion-mnist")
    assert raw.pixels.shape == (70_000, 28, 28, 1) and counts(raw) == {"train": 60_000, "test": 10_000}
    assert np.unique(raw.labels[raw.part == "test"], return_counts=True)[1].tolist() == [1000] * 10
    assert raw.labels[:3].tolist() == ["Ankle boot", "T-shirt/top", "T-shirt/top"]
    assert abs(raw.pixels[:60_000].mean() / 255 - 0.2860) < 1e-4  # published with the set


@needs("tinyshakespeare", "input.txt")
def test_tinyshakespeare_is_divided_as_nanogpt_does():
    raw = read_known("tinyshakespeare")
    assert [len(text) for text in raw.texts] == [1_003_854, 111_540] and raw.part.tolist() == ["train", "valid"] and not raw.lines


@needs("names", "names.txt")
def test_names_are_lines():
    raw = read_known("names")
    assert len(raw) == 32_033 and raw.lines and raw.texts[:2] == ["emma", "olivia"] and max(map(len, raw.texts)) == 15


@needs("cora", "cora.npz")
def test_cora_by_name():
    assert counts(read_known("cora")) == {"": 1068, "train": 140, "valid": 500, "test": 1000}


@needs("tabular/adult", "adult-train.csv")
def test_adult_has_missing_values_and_two_clean_labels():
    raw = read_known("adult")
    assert counts(raw) == {"train": 32_561, "test": 16_281} and sorted(raw.frame["income"].unique()) == ["<=50K", ">50K"]
    assert raw.frame["workclass"].isna().sum() > 2000 and raw.frame["age"].dtype.kind == "i"
    assert "State-gov" in set(raw.frame["workclass"])
    assert not (raw.frame == "?").any().any()


@needs("tabular/california-housing", "housing.csv")
def test_california_housing():
    raw = read_known("california-housing")
    assert len(raw) == 20_640 and raw.frame["total_bedrooms"].isna().sum() == 207 and raw.targets == ("median_house_value",)


@needs("tabular", "uci_regression_splits.zip")
def test_published_uci_splits():
    raw, whole = read_known("uci/concrete:3"), read_known("uci/concrete")
    assert raw.frame.equals(whole.frame) and whole.part is None and raw.targets == ("strength",) and len(raw) == 1030
    assert counts(raw) == {"test": 103, "train": 927} and not np.array_equal(raw.part, read_known("uci/concrete:4").part)
    for name, rows in (("energy", 768), ("power-plant", 9568), ("yacht", 308)):
        assert len(read_known(f"uci/{name}:0")) == rows
    for wrong in ("uci/concrete:20", "uci/concrete:x"):
        with pytest.raises(DataError, match="split"):
            read_known(wrong)


@needs("tabular/wine-quality", "winequality-red.csv")
def test_wine_quality_has_column_names():
    raw = read_known("wine-quality-red")
    assert raw.frame.shape == (1599, 12) and raw.frame["quality"].between(3, 9).all() and raw.frame["alcohol"].iloc[0] == 9.4


def test_own_data_come_before_the_cache_and_may_be_packed(tmp_path, monkeypatch):
    monkeypatch.setenv("NNZOO_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("NNZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "names").mkdir(parents=True)
    (tmp_path / "cache" / "names" / "names.txt").write_text("cached\n")
    assert read_known("names").texts == ["cached"]
    (tmp_path / "own" / "names").mkdir(parents=True)
    assert read_known("names").texts == ["cached"]  # a folder without the file does not count
    (tmp_path / "own" / "names" / "names.txt").write_text("own\n")
    assert read_known("names").texts == ["own"]
    assert find_file(tmp_path / "own" / "names", "other") is None


def test_phrases_of_a_tree_come_with_their_degrees_the_whole_last():
    tree = "(3 (2 (2 so) (4 (3 very) (3 good))) (1 (2 -LRB-) (2 2)))"
    words = [("so", 2), ("very", 3), ("good", 3), ("very good", 4), ("so very good", 2), ("(", 2), ("2", 2), ("( 2", 1)]
    assert _phrases(tree) == [*words, ("so very good ( 2", 3)]


@needs("sst/trees", "train.txt.gz")
def test_sst2_phrases_are_judged_parts_of_training_sentences_and_whole_sentences_to_test():
    raw = read_known("sst2-phrases")
    assert counts(raw) == {"train": 77_616, "valid": 872, "test": 1821}
    texts = raw.texts[:77_616]
    assert len(set(texts)) == len(texts) and "good" in texts and set(raw.labels) == {"negative", "positive"}
    labels = raw.labels[raw.part == "test"]
    assert (labels == "negative").sum() == 912  # published with the set
