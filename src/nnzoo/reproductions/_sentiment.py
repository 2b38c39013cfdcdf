"""Film reviews, negative or positive: how counting words does on the same sentences, and how a network does beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from nnzoo.data.raw import RawTexts

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)  # of logistic regression: C


def by_counting(raw: RawTexts, rows: dict[str, np.ndarray]) -> dict[str, float]:
    """Accuracy of TF-IDF over words and pairs of words with logistic regression, learned from the training rows; the validation rows
    choose the penalty. By part."""
    assert raw.labels is not None
    texts = {part: [raw.texts[row] for row in index] for part, index in rows.items()}
    labels = {part: raw.labels[index].astype(str) for part, index in rows.items()}
    counts = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+").fit(texts["train"])
    x = {part: counts.transform(some) for part, some in texts.items()}
    best: dict[str, float] = {"valid": -1.0}
    with threadpool_limits(1):
        for penalty in PENALTIES:
            model: Any = LogisticRegression(C=penalty, max_iter=1000).fit(x["train"], labels["train"])
            scores = {part: float(model.score(x[part], labels[part])) for part in ("valid", "test")}
            best = max(best, scores, key=lambda one: one["valid"])
    return best
