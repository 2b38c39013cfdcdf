"""Filling gaps: the shares of what is hidden are those of the paper; scores count hidden symbols alone and repeat."""

import math

import pytest
import torch

from nnzoo.blocks.masking import hide
from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Sequences, Spec, Tokens
from nnzoo.core.seeds import generator
from nnzoo.tasks import find

TASK = "fill-mask"
V, MASK = 104, 104


def texts(rows, lines=True):
    """Rows of codes as a data set; lines are framed by 1 and 2."""
    framed = [[1, *row, 2] for row in rows] if lines else rows
    offsets = torch.tensor([0, *torch.tensor([len(row) for row in framed]).cumsum(0).tolist()])
    field = Tokens(vocabulary=V, longest=max(len(row) for row in framed), lines=lines)
    values = torch.tensor([code for row in framed for code in row], dtype=torch.int32)
    return Dataset(Spec(inputs={"text": field}, train_size=len(rows)), {"text": {"values": values, "offsets": offsets}})


class Same:
    """Gives every symbol the same logits and writes down what it was asked."""

    mask, device = MASK, torch.device("cpu")

    def __init__(self, logits_V):
        self.logits_V, self.asked = logits_V, []

    def fill(self, inputs, places_BT):
        self.asked.append((inputs["text"], places_BT))
        return self.logits_V.expand(int(places_BT.sum()), -1)


def test_fifteen_of_a_hundred_are_chosen_and_eight_one_one_of_ten_hidden_changed_and_kept():
    field = Tokens(vocabulary=V, longest=102)
    rows = 400
    inner_BT = torch.randint(4, V, (rows, 100), generator=generator(1))
    tokens_BT = torch.cat([torch.full((rows, 1), 1), inner_BT, torch.full((rows, 1), 2)], 1)
    hidden = hide(Sequences(tokens_BT, torch.full((rows,), 102)), field, MASK, generator(2))
    assert hidden.places_BT.sum(1).tolist() == [15] * rows  # the share is exact in every row
    assert torch.equal(hidden.truth_M, tokens_BT[hidden.places_BT])
    now_M = hidden.sequence.tokens_BT[hidden.places_BT]
    assert torch.equal(hidden.sequence.tokens_BT[~hidden.places_BT], tokens_BT[~hidden.places_BT])
    M = len(now_M)
    masked, kept = (now_M == MASK).sum() / M, (now_M == hidden.truth_M).sum() / M
    # 101 symbols are drawn from (3 to 103), so one of 101 draws gives the symbol that stood there
    for share, wanted in ((masked, 0.8), (kept, 0.1 + 0.1 / 101), (1 - masked - kept, 0.1 * 100 / 101)):
        assert abs(float(share) - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / M)  # one in 15,000 by chance
    assert not (now_M < 3).any()  # padding and frames are no symbols of a text
    places_T = hidden.places_BT.float().mean(0)
    assert places_T[0] == places_T[-1] == 0 and (places_T[1:-1] - 0.15).abs().max() < 4.5 * math.sqrt(0.15 * 0.85 / rows)


def test_of_short_rows_one_symbol_is_hidden_and_never_padding_or_frames():
    field = Tokens(vocabulary=V, longest=6)
    tokens_BT = torch.tensor([[1, 9, 2, 0, 0], [1, 9, 8, 7, 2], [1, 2, 0, 0, 0], [0, 0, 0, 0, 0]])
    for seed in range(20):
        hidden = hide(Sequences(tokens_BT, torch.tensor([3, 5, 2, 0])), field, MASK, generator(seed))
        assert hidden.places_BT.sum(1).tolist() == [1, 1, 0, 0] and bool(hidden.places_BT[0, 1])
        assert not hidden.places_BT[1, 0] and not hidden.places_BT[1, 4]


def test_without_a_generator_the_seed_of_the_step_decides():
    field, sequence = Tokens(vocabulary=V, longest=30), Sequences(torch.full((4, 30), 9), torch.full((4,), 30))
    torch.manual_seed(5)
    one, other = hide(sequence, field, MASK), hide(sequence, field, MASK)
    torch.manual_seed(5)
    again = hide(sequence, field, MASK)
    assert torch.equal(one.places_BT, again.places_BT) and torch.equal(one.sequence.tokens_BT, again.sequence.tokens_BT)
    assert not torch.equal(one.places_BT, other.places_BT)


@pytest.mark.parametrize("lines", [True, False])
def test_scores_are_those_of_hidden_symbols_and_repeat(lines):
    rows = [torch.randint(4, 8, (n,), generator=generator(n)).tolist() for n in (7, 30, 3, 12)]
    data = texts(rows, lines) if lines else texts([[code for row in rows for code in row]], lines)
    logits_V = torch.full((V,), -50.0)
    logits_V[4:8] = torch.tensor([0.1, 0.4, 0.3, 0.2]).log()
    network = Same(logits_V)
    found = find(TASK).evaluate(network, data)
    truth = []
    for _, places_BT in network.asked:
        where = places_BT.nonzero().tolist()
        whole = data.all().inputs["text"].tokens_BT if lines else None
        truth += [int(whole[b, t]) for b, t in where] if lines else []
    if lines:
        nats = [-float(logits_V[code]) for code in truth]
        assert found.score == pytest.approx(sum(nats) / len(nats), abs=1e-5)
        assert found.scores["accuracy"] == pytest.approx(truth.count(5) / len(truth))
    assert found.scores["perplexity"] == pytest.approx(math.exp(found.score))
    assert found.rows.mean() == pytest.approx(found.score)
    assert find(TASK).evaluate(Same(logits_V), data, seed=9).scores == found.scores


def test_a_long_text_is_read_whole_in_blocks(monkeypatch):
    monkeypatch.setattr("nnzoo.tasks.fill_mask.BLOCK", 8)
    text = torch.arange(4, 4 + 21).tolist()
    network = Same(torch.zeros(V))
    find(TASK).evaluate(network, texts([text], lines=False))
    shown = [sequence.tokens_BT[~places_BT] for sequence, places_BT in network.asked]
    assert [tuple(sequence.tokens_BT.shape) for sequence, _ in network.asked] == [(2, 8), (1, 5)]
    assert set(torch.cat(shown).tolist()) <= set(text) and sum(int(places.sum()) for _, places in network.asked) == 3


def test_the_floor_counts_symbols_of_the_training_part_and_no_frames():
    train, test = texts([[4, 4, 4, 5]]), texts([[4, 5]])
    four, five = 4 / (4 + V), 2 / (4 + V)
    assert find(TASK).floor(train, test) == pytest.approx(-(math.log(four) + math.log(five)) / 2)


def test_what_it_refuses():
    text, label = Tokens(vocabulary=V, longest=5), Classes(labels=("a", "b"))
    assert find(TASK).fits(Spec(inputs={"x": text}, train_size=1)) is None
    assert "leave the target out" in find(TASK).fits(Spec(inputs={"x": text}, outputs={"y": label}, train_size=1))
    assert "needs text" in find(TASK).fits(Spec(inputs={"x": label}, train_size=1))
    with pytest.raises(DataError, match="no symbol to hide"):
        find(TASK).evaluate(Same(torch.zeros(V)), texts([[], []]))
