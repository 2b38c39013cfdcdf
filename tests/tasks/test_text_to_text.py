"""Summaries and answers are scored as Lin (2004) and SQuAD define it: values computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Spec, Tokens
from nnzoo.tasks import find
from nnzoo.tasks.question_answering import f1, plain
from nnzoo.tasks.summarization import common_subsequence, rouge

REFERENCE = "police killed the gunman"


@pytest.mark.parametrize(
    ("said", "one", "two", "longest"),
    [
        ("police kill the gunman", 3 / 4, 1 / 3, 3 / 4),  # Lin's example, section 3.1: as he computes them
        ("the gunman kill police", 3 / 4, 1 / 3, 2 / 4),
        ("The gunman, police killed!", 4 / 4, 2 / 3, 2 / 4),
        ("police police", 2 * 1 / (2 + 4), 0, 2 * 1 / (2 + 4)),  # the second has nothing left to meet
        ("police", 2 * 1 / (1 + 4), 0, 2 * 1 / (1 + 4)),
        ("", 0, 0, 0),
        (REFERENCE, 1, 1, 1),
    ],
)
def test_rouge_is_lins(said: str, one: float, two: float, longest: float) -> None:
    assert [rouge(which, said, REFERENCE) for which in "12l"] == pytest.approx([one, two, longest])


def test_a_common_subsequence_may_have_gaps_and_keeps_order() -> None:
    assert common_subsequence("abcbdab", "bdcaba") == 4  # Cormen et al., section 15.4
    assert common_subsequence("aaab", "baaa") == 3 and common_subsequence("", "a") == 0
    assert rouge("1", "", "") == 1 and rouge("2", "one", "one") == 1 and rouge("2", "one", "two words") == 0


def test_answers_are_compared_as_squad_does() -> None:
    assert plain("The  Eiffel-Tower, a tower!") == "eiffeltower tower" and plain("Another theme") == "another theme"
    assert f1(["denver", "broncos"], ["the", "denver", "broncos", "team"]) == pytest.approx(2 * 2 / 6)
    assert f1(["a", "a", "b"], ["a", "b", "b"]) == pytest.approx(2 * 2 / 6)
    assert f1([], []) == 1 and f1([], ["a"]) == 0


SYMBOLS = ("", "", "", "\ufffd", " the", " red", " car", " of", " anna", ".")


class Says(nn.Module):
    def __init__(self, rows: list[list[int]]):
        super().__init__()
        self.rows = torch.tensor([row + [2] + [0] * (4 - len(row)) for row in rows])

    def forward(self, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
        return {"target": self.rows}


def answered() -> tuple[Says, Dataset]:
    """Right: "the red car", "anna.", "car", twice "red"; said: "red car", "anna", "of", "red" and "the car"."""
    field = Tokens(vocabulary=len(SYMBOLS), longest=5, symbols=SYMBOLS)
    right = [[4, 5, 6], [8, 9], [6], [5], [5]]
    values = torch.tensor([code for row in right for code in (1, *row, 2)])
    stored = {"values": values, "offsets": torch.tensor([0, *np.cumsum([len(row) + 2 for row in right])])}
    spec = Spec(inputs={"source": field}, outputs={"target": field}, train_size=5)
    return Says([[5, 6], [8], [7], [5], [4, 6]]), Dataset(spec, {"source": stored, "target": stored})


def test_an_evaluation_is_the_mean_of_its_rows() -> None:
    answers = find("question-answering").evaluate(*answered())
    assert answers.scores["exact_match"] == pytest.approx(3 / 5)  # without article and full stop
    assert answers.rows.tolist() == [1, 1, 0, 1, 0] and answers.scores["f1"] == pytest.approx(3 / 5)
    assert answers.predictions[0] == "red car" and answers.truth[1] == "anna."
    summaries = find("summarization").evaluate(*answered())
    assert summaries.metric == "rouge_l" and summaries.scores["exact_match"] == pytest.approx(1 / 5)
    assert summaries.rows.tolist() == pytest.approx([2 * 2 / 5, 1, 0, 1, 0])
    assert summaries.score == pytest.approx(summaries.rows.mean())
    assert find("summarization").judged_by("nats_per_token").perfect == 0


def test_the_floor_is_the_commonest_answer() -> None:
    _, dataset = answered()
    assert find("question-answering").floor(dataset, dataset) == pytest.approx(2 / 5)
    assert find("summarization").floor(dataset, dataset) == pytest.approx((2 * 1 / 4 + 2) / 5)
