"""Baselines for gaps: shares of symbols, and what fits between both neighbours, by counts."""

from __future__ import annotations

import torch

from nnzoo.comparing.baselines import baselines_for
from nnzoo.comparing.filling_baselines import BothNeighbours, SymbolShares
from nnzoo.core.fields import Sequences
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawTexts

READY = prepare(RawTexts("rings", ["abcabcabc", "bcabcab", "cabcabca"] * 20), task="fill-mask")
A, B, C = 4, 5, 6
MASK = 7


def guesses(kind: type[SymbolShares] | type[BothNeighbours], *row: int) -> torch.Tensor:
    """Shares of each symbol at the gaps of a row (M V)."""
    baseline = kind(READY.spec)
    baseline.fit(READY.parts)
    tokens_BT = torch.tensor([row])
    sequence = Sequences(tokens_BT, torch.tensor([len(row)]))
    return baseline.fill({"text": sequence}, tokens_BT == MASK).softmax(1)


def test_the_symbol_between_two_known_ones_is_found_from_either_side() -> None:
    assert baselines_for(READY.spec, READY.task.name) == [SymbolShares, BothNeighbours]
    assert READY.spec.inputs["text"].vocabulary == 7
    assert guesses(BothNeighbours, 1, A, MASK, C, 2)[0, B] > 0.93
    assert guesses(BothNeighbours, 1, A, MASK)[0, B] > 0.8  # nothing after it
    first, second = guesses(BothNeighbours, 1, A, MASK, MASK, A, 2)  # each has one neighbour that is hidden
    assert first.argmax() == B and second.argmax() == C
    alone = guesses(BothNeighbours, MASK)[0]
    assert alone[[A, B, C]].min() > 0.2  # nothing on either side


def test_shares_are_those_of_the_training_part() -> None:
    shares_V = guesses(SymbolShares, 1, A, MASK, C, 2)[0]
    ratio = shares_V[A] / shares_V[B]
    text = "".join(READY.raw.texts[row] for row in READY.rows["train"])
    assert abs(float(ratio) - text.count("a") / text.count("b")) < 0.01


def test_scores_are_between_nothing_and_everything() -> None:
    test, found = READY.parts.test, []
    for kind in (SymbolShares, BothNeighbours):
        baseline = kind(READY.spec)
        baseline.fit(READY.parts)
        found.append(READY.task.evaluate(baseline, test).score)
    floor = READY.task.floor(READY.parts.train, test)
    assert abs(found[0] - floor) < 0.35 and found[1] < 0.5 * floor
