"""A trained model's preprocessing on data that ask something else: what was learned of the inputs stays, labels come from the data.

Of texts the units stay, since the weights of their embeddings hang on them. Labels stay where the new data have no others, so that
their codes stay as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data import corpus
from nnzoo.data.labels import sorted_labels
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.question_preprocessing import questions_like
from nnzoo.data.raw import Raw, RawCorpus, RawQuestions, RawTexts
from nnzoo.data.text_preprocessing import TextPreprocessing


def adapted(inherit: Preprocessing, raw: Raw, rows: np.ndarray, **ways: Any) -> Preprocessing:
    """A preprocessing for data whose training part is `rows` of `raw`, from that of a trained model; `ways` are those of `fit`.
    Raises DataError, ConfigError."""
    if isinstance(inherit, TextPreprocessing) and isinstance(raw, RawTexts):
        return _texts(inherit, raw, rows, **ways)
    if isinstance(raw, RawQuestions):
        return questions_like(inherit, raw, rows, ways.get("units"))
    return inherit


def _texts(
    inherit: TextPreprocessing,
    raw: RawTexts,
    rows: np.ndarray,
    *,
    targets: tuple[str, ...] = (),
    units: str | None = None,
    **_: Any,
) -> TextPreprocessing:
    if units is not None:
        raise ConfigError(f"--units {units}: a run that goes on from another reads texts as that one does; leave it out")
    if targets and (targets != (raw.label_name,) or raw.labels is None):
        raise DataError(f"these texts have no column '{targets[0]}' to predict; put them into one folder a label")
    labels = () if raw.labels is None else sorted_labels(raw.labels[np.asarray(rows)])
    if raw.lines == inherit.lines and set(labels) <= set(inherit.labels) and bool(labels) == bool(inherit.labels):
        return inherit
    made = TextPreprocessing(inherit.characters, raw.lines, 0, raw.label_name, labels, inherit.units, raw.column)
    if isinstance(raw, RawCorpus):
        begin, end = corpus.span(raw)
        made.longest = end - begin if inherit.units is None else len(made.encode(raw)["text"]["values"])
    else:
        offsets = made.encode(raw)["text"]["offsets"].numpy()
        made.longest = int((offsets[1:] - offsets[:-1])[np.asarray(rows)].max(initial=0))
    return made
