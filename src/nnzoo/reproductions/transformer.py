"""Dates as people write them to ISO dates, and German to English on Multi30k (captions of pictures), judged twice."""

from __future__ import annotations

import math
from typing import Any

from nnzoo.reproductions._translation import multi30k
from nnzoo.reproductions.running import Listeners, Reproduction, supervised

# Layers, widths, batch and clip as published. The rate there is constant; the one here rises and falls, with more dropout. Labels
# are not smoothed, there or here: smoothing costs perplexity, which is judged.
AS_PUBLISHED: dict[str, Any] = {"width": 256, "heads": 8, "layers": 3, "inner": 512, "batch": 128, "epochs": 10}
RECIPE = {**AS_PUBLISHED, "lr": 1e-3, "warmup": 0.15, "dropout": 0.2, "smoothing": 0.0, "alike": True}
DATES: dict[str, Any] = {"width": 64, "layers": 2, "dropout": 0.0, "lr": 4e-3}
_finished: dict[int, dict[str, float]] = {}  # a run by its seed, since it is judged by two figures


def captions(seed: int, listen: Listeners, **settings: Any) -> dict[str, float]:
    """BLEU by beam search, with the perplexity of the right answers (a word that training has once counts as unknown)."""
    if seed not in _finished:
        found = multi30k("transformer", RECIPE, seed, listen, **settings)
        _finished[seed] = {**found, "perplexity": math.exp(found["greedy_nats_per_token"])}
    return dict(_finished[seed])


def perplexity(seed: int, listen: Listeners, **settings: Any) -> dict[str, float]:
    """The same run by its perplexity."""
    found = captions(seed, listen, **settings)
    return {**found, "score": found["perplexity"]}


_SOURCE = "bentrevett/pytorch-seq2seq (Transformer; spaCy tokens, small letters, one word seen once is unknown)"

REPRODUCTIONS = (
    Reproduction(
        data="dates",
        metric="exact match",
        run=supervised("transformer", "dates", DATES, budget="1200steps"),
        target=0.99,
        better="higher",
        published="none; a made set of the kind that is used to teach attention",
        source="Vaswani et al. 2017 (network)",
        note="the days of the test part are in no form among those that are learned from",
    ),
    Reproduction(
        data="multi30k-de-en",
        metric="BLEU",
        run=captions,
        target=34.0,
        better="higher",
        published="36.5",
        source=_SOURCE,
        seeds=(0,),
        note="words in small letters, sacrebleu's 13a tokens (case:lc), beam of 5; the published figure is of spaCy tokens, greedy",
    ),
    Reproduction(
        data="multi30k-de-en, perplexity",
        metric="perplexity",
        run=perplexity,
        target=5.8,
        better="lower",
        published="5.32",
        source=_SOURCE,
        seeds=(0,),
        note="the same run; of every word of the right answers, unknown ones and the end counted",
    ),
)
