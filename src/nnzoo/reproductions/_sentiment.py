"""Film reviews, negative or positive: how counting words does, and what reading other texts first brings where labels are few."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from nnzoo.core.errors import DataError
from nnzoo.data.known import read_known
from nnzoo.data.prepare import Prepared
from nnzoo.data.raw import RawTexts

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)  # of logistic regression: C


def by_counting(prepared: Prepared) -> dict[str, float]:
    """Accuracy, by part, of TF-IDF over words and pairs of words with logistic regression, learned from the training rows; the
    validation rows choose the penalty."""
    raw = prepared.raw
    assert isinstance(raw, RawTexts) and raw.labels is not None
    texts = {part: [raw.texts[row].lower() for row in rows] for part, rows in prepared.rows.items()}
    labels = {part: raw.labels[rows].astype(str) for part, rows in prepared.rows.items()}
    counts = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+").fit(texts["train"])
    x = {part: counts.transform(some) for part, some in texts.items()}
    best: dict[str, float] = {"valid": -1.0}
    with threadpool_limits(1):
        for penalty in PENALTIES:
            model: Any = LogisticRegression(C=penalty, max_iter=1000).fit(x["train"], labels["train"])
            scores = {part: float(model.score(x[part], labels[part])) for part in ("valid", "test")}
            best = max(best, scores, key=lambda one: one["valid"])
    return best


def unlabelled(*names: str) -> RawTexts:
    """The training texts of known sets in small letters, without their labels."""
    texts = [text for name in names for text, part in zip(*_parts(name)) if part == "train"]
    return RawTexts("+".join(names), texts)


def few_labels(seed: int, n: int = 1000) -> RawTexts:
    """sst5's sentences as negative or positive, in small letters, neutral ones left out: `n` to learn from, drawn by seed, and the
    official 872 and 1,821."""
    raw = _texts("sst5")
    assert raw.labels is not None and raw.part is not None
    labels = np.array([str(label).split()[-1] for label in raw.labels], dtype=object)
    judged = np.flatnonzero(labels != "neutral")
    train = judged[raw.part[judged] == "train"]
    drawn = np.random.default_rng(seed).permutation(train)[:n]
    rows = np.sort(np.concatenate([drawn, judged[raw.part[judged] != "train"]]))
    texts = [raw.texts[row].lower() for row in rows]
    return replace(raw, name=f"sst2 with {n} labels", texts=texts, labels=labels[rows], part=raw.part[rows])


def _parts(name: str) -> tuple[list[str], list[str]]:
    raw = _texts(name)
    assert raw.part is not None
    return [text.lower() for text in raw.texts], raw.part.tolist()


def _texts(name: str) -> RawTexts:
    raw = read_known(name)
    if not isinstance(raw, RawTexts):
        raise DataError(f"'{name}' is no known set of texts; `nnzoo fetch` lists those that there are")
    return raw
