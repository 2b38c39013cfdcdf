"""Dates as people write them to ISO dates, and German to English on Multi30k (captions of pictures).

Multi30k takes long, so it goes on where it stopped: its checkpoints lie under runs/reproductions until a run is complete.
"""

from __future__ import annotations

from pathlib import Path

from nnzoo.data.prepare import place, prepare
from nnzoo.reproductions.running import Listeners, Reproduction, supervised
from nnzoo.tasks._beam import search
from nnzoo.tasks.translation import corpus_scores
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.devices import device_of
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

BEAM = 5
AS_PUBLISHED = {"width": 256, "hidden": 512, "attention": 512, "dropout": 0.5, "batch": 128, "lr": 1e-3, "epochs": 10}


def multi30k(seed: int, listen: Listeners) -> dict[str, float]:
    """BLEU of words in small letters on test_2016_flickr, by beam search; the validation part chooses the epoch."""
    prepared = prepare("multi30k-de-en", units="words", seed=seed)
    settings = Settings(seed=seed, device="auto")
    folder = Path("runs") / "reproductions" / f"attention_seq2seq-multi30k-{seed}"
    network = build("attention_seq2seq", AS_PUBLISHED, prepared, seed)
    begun = (folder / "checkpoints").exists()
    parts = place(prepared.parts, device_of(settings.device))
    network = train(network, parts, settings, folder, listen, resume=begun).network
    assert parts.test is not None
    greedy = prepared.task.evaluate(network, parts.test)
    codes = [row for batch in parts.test.batches(50) for row in search(network, batch.inputs, BEAM)]
    found, _ = corpus_scores(prepared.preprocessing.restore("target", codes), greedy.truth)
    Checkpoints(folder).clear()
    scores = {**{f"greedy_{name}": value for name, value in greedy.scores.items()}, **found}
    return {"score": found["bleu"], **scores, "parameters": network.count()}


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
        run=multi30k,
        target=27.0,
        better="higher",
        published="28.11",
        source="bentrevett/pytorch-seq2seq (GRU with attention; spaCy tokens, small letters, one word seen once is unknown)",
        seeds=(0,),
        note="words in small letters, sacrebleu's 13a tokens (case:lc), beam of 5; the published figure is of spaCy tokens, greedy",
    ),
)
