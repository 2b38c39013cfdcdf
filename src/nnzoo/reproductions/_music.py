"""Polyphonic music as Bai, Kolter & Koltun 2018 held four kinds to it: the sets of Boulanger-Lewandowski et al. 2012, official
parts, the validation part choosing the epoch, nats a step on the test part with the first step of each piece read only."""

from __future__ import annotations

from typing import Any

from nnzoo.reproductions.running import Reproduction, supervised

PUBLISHED = {
    "jsb-chorales": {"lstm": 8.45, "gru": 8.43, "rnn": 8.91, "tcn": 8.10},
    "nottingham": {"lstm": 3.29, "gru": 3.46, "rnn": 4.05, "tcn": 3.07},
}


def music(kind: str, data: str, target: float | None, config: dict[str, Any], **more: Any) -> Reproduction:
    """Nats a step of a kind on "jsb-chorales" or "nottingham"; `config` are settings of the kind, `more` fields of the result."""
    figure = PUBLISHED[data].get(kind)
    return Reproduction(
        data=data,
        metric="nats a step",
        run=supervised(kind, data, config),
        target=target,
        better="lower",
        published="none" if figure is None else f"{figure:.2f}",
        source="Bai, Kolter & Koltun 2018, table 1",
        **more,
    )
