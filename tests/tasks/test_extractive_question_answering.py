"""Answers that stand in their context: places, losses and scores computed by hand, the question and the frame left out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnzoo.blocks.heads import OUTSIDE, Heads
from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Sequences, Span, Spec, Tokens
from nnzoo.tasks import find
from nnzoo.tasks.extractive_question_answering import best

SYMBOLS = ("", "", "", " \ufffd", " the", " red", " car", " of", " anna", ".")
FIELD, TEXT = Span(separator=2, longest=3), Tokens(vocabulary=10, longest=9, symbols=SYMBOLS)
ROWS = [  # start, question, end, context, end; the piece of the context that is right
    ([1, 8, 2, 4, 5, 6, 9, 2], (4, 5)),
    ([1, 7, 7, 2, 8, 3, 3, 2], (5, 5)),
    ([1, 6, 2, 5, 6, 2], (3, 4)),
]
TASK = find("extractive-question-answering")


def dataset(places: list[tuple[int, int]] | None = None) -> Dataset:
    rows = [torch.tensor(row) for row, _ in ROWS]
    offsets = torch.tensor([0, *(len(row) for row in rows)]).cumsum(0)
    columns = {"text": {"values": torch.cat(rows), "offsets": offsets}}
    columns["answer"] = {"places": torch.tensor(places or [span for _, span in ROWS])}
    return Dataset(Spec(inputs={"text": TEXT}, outputs={"answer": FIELD}, train_size=3), columns)


class Says(nn.Module):
    """Answers with the pieces it is given."""

    def __init__(self, spans: list[tuple[int, int]]):
        super().__init__()
        self.spans = spans

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        logits_BT2 = torch.full((*inputs["text"].tokens_BT.shape, 2), -5.0)
        for row, (first, last) in enumerate(self.spans):
            logits_BT2[row, first, 0] = logits_BT2[row, last, 1] = 5
        return {"answer": logits_BT2}


def test_the_context_is_what_stands_between_the_first_separator_and_the_last_symbol() -> None:
    sequence = dataset().all().inputs["text"]
    inside = [torch.nonzero(row)[:, 0].tolist() for row in FIELD.inside(sequence)]
    assert inside == [[3, 4, 5, 6], [4, 5, 6], [3, 4]]


def test_the_question_and_the_frame_cannot_be_answered_with_and_unseen_symbols_neither() -> None:
    heads, sequence = Heads(4, {"answer": FIELD}), dataset().all().inputs["text"]
    states_BTD = torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0))
    found = heads(states_BTD[:, 0], states_BTD, sequence)["answer"]
    inside_BT = FIELD.inside(sequence)
    plain = heads.linear["to_answer"](states_BTD)
    assert (found[~inside_BT] == OUTSIDE).all() and torch.allclose(found[inside_BT], plain[inside_BT], atol=1e-6)
    cut = heads(states_BTD[:, 0], states_BTD[:, :5], sequence)["answer"]
    assert cut.shape == (3, 8, 2) and (cut[:, 5:] == OUTSIDE).all() and torch.allclose(cut[:, :5], found[:, :5], atol=1e-6)


def test_the_best_piece_is_no_longer_than_allowed_and_never_backwards() -> None:
    start, end = torch.full((1, 6), -1.0), torch.full((1, 6), -1.0)
    start[0, 4], end[0, 1], start[0, 0], end[0, 3] = 9, 9, 4, 5  # the two highest would run backwards
    both = torch.stack([start, end], 2)
    sums = {(i, j): float(start[0, i] + end[0, j]) for i in range(6) for j in range(i, 6)}
    for longest in range(1, 8):
        allowed = {span: value for span, value in sums.items() if span[1] - span[0] < longest}
        (first, last) = best(both, longest)[0].tolist()
        assert allowed[first, last] == max(allowed.values()), longest
    assert best(both, 4)[0].tolist() == [0, 1] and best(both, 1)[0].tolist() == [1, 1]


def test_the_loss_is_the_mean_of_both_cross_entropies_and_passes_over_what_was_cut_off() -> None:
    logits = torch.zeros(2, 4, 2)
    logits[0, 1, 0], logits[0, 2, 1] = 1.0, 2.0
    batch = Batch({}, {"answer": torch.tensor([[1, 2], [-1, -1]])}, 2)
    total, weight, _ = TASK.loss({"answer": logits}, batch)
    by_hand = (math.log(math.e + 3) - 1 + math.log(math.e**2 + 3) - 2) / 2
    assert float(total) == pytest.approx(by_hand) and float(weight) == 1
    beyond = Batch({}, {"answer": torch.tensor([[1, 9], [1, 2]])}, 2)
    assert float(TASK.loss({"answer": logits}, beyond).weight) == 1
    logits[1, 2, 1] = OUTSIDE  # not seen
    assert float(TASK.loss({"answer": logits}, beyond).weight) == 0


def test_scores_are_those_of_squad_and_an_unknown_word_is_right_at_its_place_alone() -> None:
    perfect = TASK.evaluate(Says([span for _, span in ROWS]), dataset())
    assert perfect.scores == {"exact_match": 1, "f1": 1} and perfect.truth[0] == "red car"
    near = TASK.evaluate(Says([(3, 5), (6, 6), (3, 3)]), dataset())  # "the red car", another unknown word, "red"
    assert near.rows.tolist() == [1, 0, 0] and near.scores["f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    longer = TASK.evaluate(Says([(4, 6), (5, 5), (3, 4)]), dataset([(4, 5), (-1, -1), (3, 4)]))
    assert longer.rows.tolist() == [1, 0, 1], "a full stop does not count, an answer that was cut off cannot be right"


def test_decoded_places_are_those_of_the_best_piece_and_padding_is_no_answer() -> None:
    logits = torch.full((1, 6, 2), -3.0)
    logits[0, 2, 0] = logits[0, 3, 1] = 0
    logits[0, 4:] = torch.nan
    assert TASK.decode({"answer": logits}, dataset().spec) == {"answer": [(2, 3)]}


def test_the_floor_knows_the_commonest_answer_and_the_commonest_place() -> None:
    assert TASK.floor(dataset(), dataset()) == pytest.approx(2 / 3)  # "red car" answers two of three
    other = dataset([(4, 4), (5, 5), (4, 4)])  # the second symbol of each context, three different answers
    assert TASK.floor(other, other) == 1
    assert TASK.judged_by("f1").floor(dataset(), dataset()) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)  # by place


def test_spoiled_answers_lie_in_their_contexts_and_are_others() -> None:
    whole = dataset()
    inside_BT = FIELD.inside(whole.all().inputs["text"])
    seen = set()
    for seed in range(20):
        places = TASK.spoil(whole, seed).columns["answer"]["places"]
        assert all(inside_BT[row, first] and inside_BT[row, last] and first <= last for row, (first, last) in enumerate(places))
        seen.add(tuple(places.flatten().tolist()))
    assert len(seen) > 10 and TASK.spoil(whole, 1).columns["answer"]["places"].dtype == torch.long


def test_it_fits_questions_with_contexts_alone() -> None:
    assert TASK.fits(dataset().spec) is None
    assert "answers that stand in these" in str(TASK.fits(Spec(inputs={"text": TEXT}, outputs={"answer": TEXT}, train_size=1)))
    assert isinstance(dataset().take(torch.tensor([0])).inputs["text"], Sequences)
