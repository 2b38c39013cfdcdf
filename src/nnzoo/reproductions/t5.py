"""Three tasks told apart by a prefix, summaries and answers to questions: made sets, of which what is right is known.

Strings longer than those learned from show how far what was learned carries: the answers may be as long as they like to be.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from nnzoo.data.prepare import open_like, prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit, supervised
from nnzoo.tasks._beam import search

SMALL: dict[str, Any] = {"width": 64, "layers": 2, "dropout": 0.0, "lr": 3e-3}
LENGTHS = (11, 12, 15, 20)  # letters; ten are the most that are learned from


def three_tasks(seed: int, listen: Listeners) -> dict[str, float]:
    """Exact match of copying, reversing and sorting together; each of them on longer strings."""
    prepared = prepare("copy-reverse-sort", seed=seed)
    network = fit("t5", prepared, seed, listen, SMALL, budget="1500steps")
    test = prepared.parts.test
    assert test is not None
    scores = prepared.task.evaluate(network, test.to(network.device)).scores
    found = {"score": scores["exact_match"], "nats_per_token": scores["nats_per_token"], "parameters": float(network.count())}
    for length in LENGTHS:
        opened = open_like(prepared.preprocessing, f"copy-reverse-sort:{length}")
        batches = opened.dataset.to(network.device).batches(200)
        codes = [row for batch in batches for row in search(network, batch.inputs, beam=1, longest=2 * length)]
        right: dict[str, list[bool]] = defaultdict(list)
        answers = prepared.preprocessing.restore("target", codes)
        for source, said, target in zip(opened.raw.source, answers, opened.raw.target):  # type: ignore[attr-defined]
            right[source.split(":")[0]].append(said == target)
        found |= {f"{task}_of_{length}": sum(hits) / len(hits) for task, hits in sorted(right.items())}
    return found


REPRODUCTIONS = (
    Reproduction(
        data="copy-reverse-sort",
        metric="exact match",
        run=three_tasks,
        target=0.99,
        better="higher",
        published="none; a made set",
        source="Raffel et al. 2020 (network, tasks told apart by a prefix)",
        note="strings of 1 to 10 letters; on strings of 11 to 20 letters see the figures copy_of_11 and so on",
    ),
    Reproduction(
        data="made-summaries",
        metric="ROUGE-L",
        run=supervised("t5", "made-summaries", SMALL, budget="600steps"),
        target=0.99,
        better="higher",
        published="none; a made set",
        source="Raffel et al. 2020 (network), Lin 2004 (score)",
        note="of six facts those are kept, in order, that say where somebody lives",
    ),
    Reproduction(
        data="made-questions",
        metric="exact match",
        run=supervised("t5", "made-questions", {**SMALL, "layers": 3}, budget="6000steps"),
        seeds=(0,),
        target=0.99,
        better="higher",
        published="none; a made set",
        source="Raffel et al. 2020 (network), Rajpurkar et al. 2016 (score)",
        note="four facts about two of eight people; the answer is one of twelve words for each sort of fact",
    ),
)
