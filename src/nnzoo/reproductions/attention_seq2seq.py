"""Dates as people write them to ISO dates, and German to English on Multi30k (captions of pictures)."""

from __future__ import annotations

from functools import partial

from nnzoo.reproductions._translation import multi30k
from nnzoo.reproductions.running import Reproduction, supervised

AS_PUBLISHED = {"width": 256, "hidden": 512, "attention": 512, "dropout": 0.5, "batch": 128, "lr": 1e-3, "epochs": 10}

REPRODUCTIONS = (
    Reproduction(
        data="dates",
        metric="exact match",
        run=supervised("attention_seq2seq", "dates", budget="500steps"),
        target=0.99,
        better="higher",
        published="none; a made set of the kind that is used to teach attention",
        source="Bahdanau, Cho & Bengio 2015 (network)",
        note="the days of the test part are in no form among those that are learned from",
    ),
    Reproduction(
        data="multi30k-de-en",
        metric="BLEU",
        run=partial(multi30k, "attention_seq2seq", AS_PUBLISHED),
        target=27.0,
        better="higher",
        published="28.11",
        source="bentrevett/pytorch-seq2seq (GRU with attention; spaCy tokens, small letters, one word seen once is unknown)",
        seeds=(0,),
        note="words in small letters, sacrebleu's 13a tokens (case:lc), beam of 5; the published figure is of spaCy tokens, greedy",
    ),
)
