"""Data sets by name: scikit-learn's own, made ones, and well-known ones that lie in NNZOO_DATA or the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnzoo.core.errors import DataError
from nnzoo.data import known_babi, known_files, known_series, made, made_pairs, made_sequences, made_tasks
from nnzoo.data.graphs import karate
from nnzoo.data.raw import Raw, RawImages, RawTable

UCI_SPLITS = "uci/"


def read_known(name: str) -> Raw | None:
    """The data set of that name, or None if no set is called so. Raises DataError where its files are not on this machine.

    `uci/concrete` is a whole set, `uci/concrete:3` the same with its published split 3 (of 0 to 19); `adding:200` is the adding
    problem over 200 steps, `babi:5` the fifth task of bAbI.
    """
    if name in _SETS:
        return _SETS[name][1]()
    set_name, _, split = name.partition(":")
    if set_name in _SETS and set_name.startswith(UCI_SPLITS):
        if not split.isdecimal():
            raise DataError(f"'{name}': a published split is a number, as in {set_name}:0")
        return known_files.uci(set_name.removeprefix(UCI_SPLITS), int(split))
    if set_name == "babi":
        return known_babi.babi(split)
    if set_name in _OF_LENGTH:
        if not split.isdecimal():
            raise DataError(f"'{name}': a length is a number of steps, as in {set_name}:100")
        return _OF_LENGTH[set_name](int(split))
    return None


def known_names() -> dict[str, str]:
    """Names of all known sets, and what each is in a line."""
    return {name: description for name, (description, _) in _SETS.items()}


def digits() -> RawImages:
    """1,797 handwritten digits, 8 x 8 grey (scikit-learn; UCI, Alpaydin & Kaynak 1998); grey values 0..16 become 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return RawImages("digits", pixels, bunch.target.astype(str).astype(object))


def _sklearn_table(loader: str, target: str) -> Callable[[], RawTable]:
    def load() -> RawTable:
        from sklearn import datasets

        bunch: Any = getattr(datasets, f"load_{loader}")(as_frame=True)
        frame = bunch.data.rename(columns=lambda column: column.replace(" (cm)", "").replace(" ", "_").replace("/", "_"))
        names = getattr(bunch, "target_names", None)
        values = bunch.target if names is None else np.array([str(names[code]) for code in bunch.target], dtype=object)
        return RawTable(loader.replace("_", "-"), frame.assign(**{target: values}), (target,))

    return load


_OF_LENGTH: dict[str, Callable[[int], Raw]] = {"adding": made_sequences.adding, "copy-memory": made_sequences.copy_memory}
_OF_LENGTH["copy-reverse-sort"] = made_tasks.copy_reverse_sort
_SETS: dict[str, tuple[str, Callable[[], Raw]]] = {
    "digits": ("1,797 handwritten digits, 8 x 8 grey pictures (scikit-learn)", digits),
    "iris": ("150 flowers, 4 measures, 3 species (scikit-learn)", _sklearn_table("iris", "species")),
    "wine": ("178 wines, 13 measures, 3 growers (scikit-learn)", _sklearn_table("wine", "grower")),
    "breast-cancer": ("569 tumours, 30 measures, malignant or benign (scikit-learn)", _sklearn_table("breast_cancer", "diagnosis")),
    "diabetes": ("442 patients, 10 measures, progression after a year (scikit-learn)", _sklearn_table("diabetes", "progression")),
    "ring8": ("points from 8 Gaussians on a circle (made)", made.ring8),
    "grid25": ("points from 25 Gaussians on a grid (made)", made.grid25),
    "moons": ("points along two half circles (made)", made.moons),
    "two-moons-classes": ("two half circles to be told apart (made)", made.two_moons_classes),
    "mackey-glass": ("3,000 steps of the Mackey-Glass equation, tau 17, chaotic series (made)", made.mackey_glass),
    "planted-polynomial": ("5 numbers and a quadratic of some of them, coefficients known (made)", made.planted_polynomial),
    "names-like": ("3,000 made-up names of different length (made)", made.names_like),
    "dates": ("10,000 dates as people write them, and the same in ISO form; pairs of texts (made)", made_pairs.dates),
    "copy-reverse-sort": (
        "30,000 strings to copy, reverse or sort; :L has L letters (made)",
        made_tasks.copy_reverse_sort,
    ),
    "made-summaries": ("6,000 lists of facts and those that say where people live (made)", made_tasks.summaries),
    "made-questions": ("8,000 questions about people, the answer is in the context (made)", made_tasks.questions),
    "babi": ("2,000 questions about little stories, official test part; :N takes task N of 20", lambda: known_babi.babi("1")),
    "multi30k-de-en": (
        "30,000 German and English captions of pictures, sentence by sentence, official parts",
        known_files.multi30k,
    ),
    "python-docs": ("the reference text that Python carries, one long text", made.python_docs),
    "adding": ("sum of two marked numbers among 50; :T takes T steps (made)", made_sequences.adding),
    "copy-memory": ("ten symbols to be recalled after 20 steps; :T takes T steps (made)", made_sequences.copy_memory),
    "jsb-chorales": ("382 chorales of Bach as piano rolls, official parts", lambda: known_files.rolls("jsb-chorales")),
    "nottingham": ("1,037 folk tunes with chords as piano rolls, official parts", lambda: known_files.rolls("nottingham")),
    "karate": ("Zachary's karate club: 34 members, 78 friendships, 2 factions", karate),
    "fashion-mnist": (
        "70,000 pieces of clothing, 28 x 28 grey pictures, 10 classes, official test part",
        known_files.fashion_mnist,
    ),
    "cora": ("2,708 papers that cite each other, 7 topics, official split", known_files.cora),
    "names": ("32,033 first names, one a line", known_files.names),
    "tinyshakespeare": (
        "1.1 million characters of Shakespeare, one long text, first 90 % to learn from",
        known_files.tinyshakespeare,
    ),
    "sst2": ("9,613 sentences of film reviews, negative or positive, official parts", lambda: known_files.sst("sst2")),
    "sst2-phrases": ("sst2 with the 77,616 judged phrases of its training sentences, official parts", known_files.sst_phrases),
    "sst5": ("11,855 sentences of film reviews, five degrees, official parts", lambda: known_files.sst("sst5")),
    "trec": ("5,952 questions, by what they ask for in 6 classes, official test part", known_files.trec),
    "adult": ("48,842 people of the US census 1994, income above 50K, official test part", known_files.adult),
    "california-housing": ("20,640 districts, median house value", known_files.california_housing),
    "wine-quality-red": ("1,599 red wines, 11 measures, quality", lambda: known_files.wine_quality("red")),
    "wine-quality-white": ("4,898 white wines, 11 measures, quality", lambda: known_files.wine_quality("white")),
    "etth1": ("17,420 hours of a transformer: 6 loads and the oil's temperature, official parts", known_series.etth1),
    "airline-passengers": ("144 months of passengers, 1949 to 1960", lambda: known_series.plain("airline-passengers")),
    "daily-min-temperatures": (
        "3,650 days in Melbourne, lowest temperature, 1981 to 1990",
        lambda: known_series.plain("daily-min-temperatures"),
    ),
    "monthly-sunspots": ("2,820 months of sunspots, 1749 to 1983", lambda: known_series.plain("monthly-sunspots")),
    "beijing-pm25": ("43,824 hours of fine dust and weather in Beijing, 2010 to 2014", known_series.beijing_pm25),
    "uci/concrete": ("1,030 concretes, compressive strength; :K takes published split K", lambda: known_files.uci("concrete")),
    "uci/energy": ("768 buildings, heating load; :K takes published split K", lambda: known_files.uci("energy")),
    "uci/power-plant": ("9,568 hours of a power plant, output; :K takes published split K", lambda: known_files.uci("power-plant")),
    "uci/yacht": ("308 yacht hulls, resistance; :K takes published split K", lambda: known_files.uci("yacht")),
    "uci/kin8nm": ("8,192 poses of a robot arm, distance; :K takes published split K", lambda: known_files.uci("kin8nm")),
    "uci/wine-quality-red": ("1,599 red wines, quality; :K takes published split K", lambda: known_files.uci("wine-quality-red")),
}
