"""Questions about people whose answer is a piece of the context: a made set, so that nothing but what is right can be meant."""

from __future__ import annotations

from typing import Any

from nnzoo.data.questions import TASK
from nnzoo.reproductions.running import Reproduction, supervised


def pointing(kind: str, config: dict[str, Any], target: float | None = 0.99) -> Reproduction:
    """Exact match of a kind on made-questions, whose sentences say two things of each of two people."""
    return Reproduction(
        data="made-questions, extracted",
        metric="exact match",
        run=supervised(kind, "made-questions", config, task=TASK),
        target=target,
        better="higher",
        published="none; every answer stands in its context, so that all can be right",
        source="made set; the task and its scores: Rajpurkar et al. 2016",
        seeds=(0,),
        note="7,200 questions to learn from; whoever takes the sort of fact and not the person has about .7",
    )
