"""Well-known data sets from their files, looked for by folder name in NNZOO_DATA and then in the cache.

Official divisions are kept; what they leave undivided stays so.
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from nnzoo.core.errors import DataError
from nnzoo.data.archives import open_zip, read_entry
from nnzoo.data.fetch import SOURCES
from nnzoo.data.graphs import read_cora
from nnzoo.data.idx import idx_files, read_idx
from nnzoo.data.pairs import read_parallel
from nnzoo.data.places import find_file, find_folder
from nnzoo.data.raw import RawGraph, RawImages, RawPairs, RawSequences, RawTable, RawTexts
from nnzoo.data.rolls import read_rolls
from nnzoo.data.texts import read_lines, read_text, split_lines

_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_FASHION_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_ADULT = (
    "age workclass fnlwgt education education_num marital_status occupation relationship race sex capital_gain capital_loss "
    "hours_per_week native_country income"
)
_WINE = (
    "fixed_acidity volatile_acidity citric_acid residual_sugar chlorides free_sulfur_dioxide total_sulfur_dioxide density pH "
    "sulphates alcohol quality"
)
_UCI_COLUMNS = {
    "concrete": "cement slag fly_ash water superplasticizer coarse_aggregate fine_aggregate age strength",
    "energy": "compactness surface wall roof height orientation glazing glazing_distribution heating_load",
    "power-plant": "temperature vacuum pressure humidity output",
    "yacht": "buoyancy_position prismatic length_displacement beam_draught length_beam froude resistance",
    "kin8nm": "theta1 theta2 theta3 theta4 theta5 theta6 theta7 theta8 distance",
    "wine-quality-red": _WINE,
}
_SENTIMENTS = {"sst2": ("negative", "positive"), "sst5": ("very negative", "negative", "neutral", "positive", "very positive")}
_FINE = {part: f"stsa.fine.{file}" for part, file in (("train", "train"), ("valid", "dev"), ("test", "test"))}
_ROLLS = {"jsb-chorales": "JSB_Chorales.json", "nottingham": "Nottingham.json"}
_MOST = 64 << 20
_TREE = re.compile(r"\((\d) ?|([^\s()]+)|(\))")  # of a tree: a bracket with its degree, a word, the bracket's end


def folder_of(name: str, folder: str, *files: str) -> Path:
    """Where the files of a known set lie. Raises DataError, which says how to get them."""
    found = find_folder(folder, *files)
    if found is None:
        way = f"run `nnzoo fetch {name}`, or set" if name in SOURCES else "set"
        raise DataError(
            f"the data set '{name}' is not on this machine; {way} NNZOO_DATA to the folder that holds {folder}/{files[0]}"
        )
    return found


def fashion_mnist() -> RawImages:
    """Fashion-MNIST (Xiao et al. 2017): 60,000 pictures to learn from, 10,000 to test, 28 x 28 grey, ten kinds of clothing."""
    folder = folder_of("fashion-mnist", "fashion-mnist", *_FASHION_FILES)
    raw = read_idx("fashion-mnist", idx_files(folder))
    assert raw.labels is not None
    raw.labels = np.array(_CLOTHES, dtype=object)[raw.labels.astype(int)]
    return raw


def cora() -> RawGraph:
    """Cora (Sen et al. 2008) with the split of Yang et al. 2016."""
    return read_cora(folder_of("cora", "cora", "cora.npz"))


def names() -> RawTexts:
    """32,033 first names in lower case (karpathy/makemore, from US Social Security data); no official division."""
    raw = read_lines(_file(folder_of("names", "names", "names.txt"), "names.txt"))
    raw.name = "names"
    return raw


def tinyshakespeare() -> RawTexts:
    """Shakespeare in 1,115,394 characters, as nanoGPT divides it: the first 90 % to learn from, the last 10 % for validation. There
    is no test part."""
    text = read_text(_file(folder_of("tinyshakespeare", "tinyshakespeare", "input.txt"), "input.txt"))
    end = int(len(text) * 0.9)
    return RawTexts("tinyshakespeare", [text[:end], text[end:]], lines=False, part=np.array(["train", "valid"], dtype=object))


def multi30k() -> RawPairs:
    """Multi30k (Elliott et al. 2016), German to English: 29,000 captions, 1,014 for validation, the 1,000 of test_2016_flickr."""
    stems = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
    folder = folder_of(
        "multi30k-de-en", "multi30k", *(f"{stem}.{language}" for stem in stems.values() for language in ("de", "en"))
    )
    files = {part: (_file(folder, f"{stem}.de"), _file(folder, f"{stem}.en")) for part, stem in stems.items()}
    return replace(read_parallel(folder, files), name="multi30k-de-en")


def sst(name: str) -> RawTexts:
    """Stanford Sentiment Treebank (Socher et al. 2013), whole sentences: sst2 (6,920 / 872 / 1,821, negative or positive), or sst5
    (8,544 / 1,101 / 2,210, five degrees)."""
    files = {"train": "train.tsv", "valid": "dev.tsv", "test": "test.tsv"} if name == "sst2" else _FINE
    folder = folder_of(name, f"sst/{name}", *files.values())
    texts, labels, parts = [], [], []
    for part, file in files.items():
        for line in split_lines(read_text(_file(folder, file))):
            text, label = line.rsplit("\t", 1) if name == "sst2" else line.split(" ", 1)[::-1]
            texts.append(text)
            labels.append(_SENTIMENTS[name][int(label)])
            parts.append(part)
    return RawTexts(name, texts, labels=np.array(labels, dtype=object), part=np.array(parts, dtype=object))


def sst_phrases() -> RawTexts:
    """sst2 with the phrases of its training trees: every part of a training sentence that people judged negative or positive, each
    once (77,616, the 6,920 sentences among them); 872 and 1,821 whole sentences to choose by and to test."""
    folder = folder_of("sst2-phrases", "sst/trees", "train.txt", "dev.txt", "test.txt")
    texts, labels, parts = [], [], []
    for part, file in (("train", "train.txt"), ("valid", "dev.txt"), ("test", "test.txt")):
        trees = [_phrases(line) for line in split_lines(read_text(_file(folder, file)))]
        judged = [one for tree in trees for one in (tree if part == "train" else tree[-1:]) if one[1] != 2]
        for text, degree in dict.fromkeys(judged) if part == "train" else judged:
            texts.append(text)
            labels.append(_SENTIMENTS["sst2"][degree > 2])
            parts.append(part)
    return RawTexts("sst2-phrases", texts, labels=np.array(labels, dtype=object), part=np.array(parts, dtype=object))


def _phrases(tree: str) -> list[tuple[str, int]]:
    """Every phrase of a tree in brackets with its degree from 0 to 4, the whole last: "(3 (2 so) (4 good))" has three."""
    found: list[tuple[str, int]] = []
    open_ones: list[tuple[int, int]] = []
    words: list[str] = []
    for degree, word, _ in _TREE.findall(tree):
        if degree:
            open_ones.append((int(degree), len(words)))
        elif word:
            words.append(word.replace("-LRB-", "(").replace("-RRB-", ")"))
        else:
            value, first = open_ones.pop()
            found.append((" ".join(words[first:]), value))
    return found


def trec() -> RawTexts:
    """TREC (Li & Roth 2002): 5,452 questions and 500 to test, by what they ask for (6 classes)."""
    folder = folder_of("trec", "trec", "TREC.train.all", "TREC.test.all")
    texts, labels, parts = [], [], []
    for part, file in (("train", "TREC.train.all"), ("test", "TREC.test.all")):
        for line in split_lines(read_text(_file(folder, file))):
            label, text = line.split(" ", 1)
            texts.append(text)
            labels.append(label)
            parts.append(part)
    return RawTexts("trec", texts, labels=np.array(labels, dtype=object), part=np.array(parts, dtype=object))


def adult() -> RawTable:
    """Adult (Kohavi 1996): 32,561 people to learn from, 16,281 to test; "?" is missing; target income."""
    folder = folder_of("adult", "tabular/adult", "adult-train.csv", "adult-test.csv")
    frames = [
        pd.read_csv(_file(folder, file), names=_ADULT.split(), skipinitialspace=True, na_values="?")
        for file in ("adult-train.csv", "adult-test.csv")
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame["income"] = frame["income"].str.strip().str.rstrip(".")
    part = np.repeat(np.array(["train", "test"], dtype=object), [len(one) for one in frames])
    return RawTable("adult", frame, ("income",), part=part)


def california_housing() -> RawTable:
    """California housing (Pace & Barry 1997) as in Géron's book: 20,640 districts; total_bedrooms is missing in 207."""
    folder = folder_of("california-housing", "tabular/california-housing", "housing.csv")
    return RawTable("california-housing", pd.read_csv(_file(folder, "housing.csv")), ("median_house_value",))


def wine_quality(colour: str) -> RawTable:
    """Wine quality (Cortez et al. 2009): 11 measures and a jury's mark from 3 to 9, to be predicted as a number."""
    folder = folder_of(f"wine-quality-{colour}", "tabular/wine-quality", f"winequality-{colour}.csv")
    frame = pd.read_csv(_file(folder, f"winequality-{colour}.csv"), names=_WINE.split())
    return RawTable(f"wine-quality-{colour}", frame, ("quality",))


def uci(name: str, split: int | None = None) -> RawTable:
    """A regression set of Hernandez-Lobato & Adams 2015 as Gal & Ghahramani 2016 used it, whole or with published split 0 to 19."""
    path = folder_of(f"uci/{name}", "tabular", "uci_regression_splits.zip") / "uci_regression_splits.zip"
    archive, entries = open_zip(path)
    with archive:
        by_name = {entry.filename: entry for entry in entries}

        def numbers(file: str) -> np.ndarray:
            if f"{name}/{file}" not in by_name:
                raise DataError(f"{path} holds no {name}/{file}; published splits of {name} are 0 to 19")
            return np.loadtxt(io.BytesIO(read_entry(path, archive, by_name[f"{name}/{file}"], _MOST)))

        columns = _UCI_COLUMNS[name].split()
        frame = pd.DataFrame(numbers("data.txt"), columns=columns)
        part = None
        if split is not None:
            part = np.full(len(frame), "", dtype=object)
            for piece in ("train", "test"):
                part[numbers(f"index_{piece}_{split}.txt").astype(int)] = piece
    return RawTable(f"uci/{name}" + ("" if split is None else f":{split}"), frame, (columns[-1],), part=part)


def rolls(name: str) -> RawSequences:
    """A set of piano rolls of Boulanger-Lewandowski et al. 2012 (a step of the chorales is a quarter note) with its
    division: 229, 76 and 77 chorales, 694, 173 and 170 tunes."""
    raw = read_rolls(_file(folder_of(name, "music/pianoroll", _ROLLS[name]), _ROLLS[name]))
    raw.name = name
    return raw


def _file(folder: Path, name: str) -> Path:
    found = find_file(folder, name)
    assert found is not None, f"{folder} was found by the file {name}"
    return found
