"""Writing: nats are those of the symbols, whatever the padding; a long text is read in one pass; prompts of any length go on."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.tasks import find
from nnzoo.tasks._writing import write

TASK = "text-generation"
VOCABULARY = 9


def texts(rows, lines=True):
    """Rows of codes as a data set; lines are framed by 1 and 2."""
    framed = [[1, *row, 2] for row in rows] if lines else rows
    offsets = torch.tensor([0, *torch.tensor([len(row) for row in framed]).cumsum(0).tolist()])
    field = Tokens(vocabulary=VOCABULARY, longest=max(len(row) for row in framed), lines=lines)
    values = torch.tensor([code for row in framed for code in row], dtype=torch.int32)
    return Dataset(Spec(inputs={"text": field}, train_size=len(rows)), {"text": {"values": values, "offsets": offsets}})


class Recurrent(nn.Module):
    """h_t = tanh(W h_(t-1) + E x_t): every logit depends on all that came before."""

    context = None

    def __init__(self, spec):
        super().__init__()
        torch.manual_seed(0)
        self.spec, self.device, self.calls = spec, torch.device("cpu"), []
        self.embed, self.turn, self.read = nn.Embedding(VOCABULARY, 8), nn.Linear(8, 8), nn.Linear(8, VOCABULARY)
        self.read.weight.data *= 4

    def start(self, rows, room=None):
        return (torch.zeros(rows, 8),)

    def step(self, state, symbols_BT):
        self.calls.append(tuple(symbols_BT.shape))
        (h_BD,), logits = state, []
        for t in range(symbols_BT.shape[1]):
            h_BD = torch.tanh(self.turn(h_BD) + self.embed(symbols_BT[:, t]))
            logits.append(self.read(h_BD))
        return torch.stack(logits, 1), (h_BD,)

    def select(self, state, rows):
        return (state[0][rows],)

    def forward(self, inputs):
        return {"text": self.step(self.start(len(inputs["text"].tokens_BT)), inputs["text"].tokens_BT)[0]}


def nats_by_hand(network, row):
    """Sum of -ln p of every symbol after the first."""
    row_T = torch.tensor(row)
    logits = network({"text": Sequences(row_T[None], torch.tensor([len(row)]))})["text"][0].detach()
    return -sum(float(F.log_softmax(logits[t].double(), 0)[row[t + 1]]) for t in range(len(row) - 1))


ROWS = [[3, 4, 5, 6, 7, 8, 3, 3], [4], [5, 5, 3], [], [8, 7]]


def test_nats_of_lines_are_those_of_each_line_alone():
    data = texts(ROWS)
    network = Recurrent(data.spec)
    evaluation = find(TASK).evaluate(network, data)
    each = [nats_by_hand(network, [1, *row, 2]) for row in ROWS]
    symbols = sum(len(row) + 1 for row in ROWS)
    assert evaluation.score == pytest.approx(sum(each) / symbols, rel=1e-6)
    assert evaluation.extra["symbols"] == symbols
    assert evaluation.rows.mean() == pytest.approx(evaluation.score)
    assert evaluation.rows.tolist() == pytest.approx([one * len(ROWS) / symbols for one in each], rel=1e-5)
    assert evaluation.scores["bits_per_token"] == pytest.approx(evaluation.score / math.log(2))
    assert evaluation.scores["perplexity"] == pytest.approx(math.exp(evaluation.score))


def test_the_loss_does_not_see_padding():
    data = texts(ROWS)
    network, task = Recurrent(data.spec), find(TASK)
    batch = data.all()
    loss = task.loss(network(batch.inputs), batch)
    tokens_BT, lengths_B = batch.inputs["text"]
    batch.inputs["text"] = Sequences(F.pad(tokens_BT, (0, 7), value=4), lengths_B)
    padded = task.loss(network(batch.inputs), batch)
    assert float(padded.weight) == float(loss.weight) == sum(len(row) + 1 for row in ROWS)
    assert padded.sum.item() == pytest.approx(loss.sum.item(), rel=1e-6)
    shorter = {"text": network(batch.inputs)["text"][:, :-1]}
    assert task.loss(shorter, batch).sum.item() == pytest.approx(loss.sum.item(), rel=1e-6)


def test_a_long_text_is_read_in_one_pass_with_carried_state():
    draw = torch.Generator().manual_seed(1)
    codes = torch.randint(3, VOCABULARY, (2345,), generator=draw).tolist()
    data = texts([codes[:1500], codes[1500:]], lines=False)
    network = Recurrent(data.spec)
    evaluation = find(TASK).evaluate(network, data)
    assert evaluation.extra["symbols"] == 2344
    assert evaluation.score == pytest.approx(nats_by_hand(network, codes) / 2344, rel=1e-6)
    assert network.calls[:3] == [(1, 1000), (1, 1000), (1, 344)]
    second = find(TASK).evaluate(network, data.part(torch.tensor([1])))
    assert second.score == pytest.approx(nats_by_hand(network, codes[1500:]) / 844, rel=1e-6)


def test_accuracy_counts_likeliest_symbols_that_were_right():
    data = texts([[3, 4, 5, 6]])
    network = Recurrent(data.spec)
    network.forward = lambda inputs: {"text": F.one_hot((inputs["text"].tokens_BT + 1).clamp(max=8), VOCABULARY).float()}
    assert find(TASK).evaluate(network, data).scores["accuracy"] == pytest.approx(3 / 5)  # not 3 after start, not end


@pytest.mark.parametrize("lines", [True, False])
def test_the_floor_is_the_cross_entropy_of_training_frequencies(lines):
    train, test = texts([[3, 3, 4], [5]], lines), texts([[3, 4], [8]], lines)
    seen = [3, 3, 4, 2, 5, 2] if lines else [3, 4, 5]
    asked = [3, 4, 2, 8, 2] if lines else [4, 8]
    chance = [(seen.count(v) + 1) / (len(seen) + VOCABULARY) for v in range(VOCABULARY)]
    expected = -sum(math.log(chance[v]) for v in asked) / len(asked)
    assert find(TASK).floor(train, test) == pytest.approx(expected, rel=1e-9)


def test_spoiled_lines_keep_their_frames_lengths_and_symbols():
    data = texts([[3, 4, 5, 6, 7, 8], [4, 4, 5], [8, 7, 6, 5]])
    spoiled = find(TASK).spoil(data, 0)
    before, after = data.columns["text"]["values"], spoiled.columns["text"]["values"]
    assert not torch.equal(before, after)
    assert torch.equal((before == 1) | (before == 2), (after == 1) | (after == 2))
    assert torch.equal(before.sort().values, after.sort().values)


def test_prompts_of_different_length_are_continued_as_if_alone():
    network = Recurrent(texts(ROWS).spec)
    prompts = [[3], [4, 5, 6, 7, 8, 3, 4], [], [5, 5]]
    for settings in ({"temperature": 0.9, "top_k": 5}, {"top_p": 0.8}):
        together = write(network, prompts, tokens=30, seed=7, **settings)
        assert together == write(network, prompts, tokens=30, seed=7, **settings)
        assert together[0] == write(network, prompts[:1], tokens=30, seed=7, **settings)[0]
    likeliest = write(network, prompts, tokens=30, temperature=0)
    assert likeliest == [write(network, [prompt], tokens=30, temperature=0)[0] for prompt in prompts]


def test_rows_go_on_undisturbed_when_others_have_ended():
    network = Recurrent(texts(ROWS).spec)
    network.read.bias.data[2] = 1.0
    prompts = torch.randint(3, VOCABULARY, (12, 4), generator=torch.Generator().manual_seed(3)).tolist()
    together = write(network, prompts, tokens=15, temperature=0)
    assert len({len(row) for row in together}) > 2
    assert together == [write(network, [prompt], tokens=15, temperature=0)[0] for prompt in prompts]


def test_the_likeliest_writing_is_that_of_a_plain_loop():
    network = Recurrent(texts(ROWS).spec)
    prompt, expected = [4, 5, 6], []
    row = [1, *prompt]
    while len(expected) < 12:
        logits = network({"text": Sequences(torch.tensor([row]), torch.tensor([len(row)]))})["text"][0, -1]
        logits[[0, 1]] = -torch.inf
        if (symbol := int(logits.argmax())) == 2:
            break
        row.append(symbol)
        expected.append(symbol)
    assert write(network, [[3], prompt], tokens=12, temperature=0)[1] == expected


def test_sampled_symbols_follow_the_distribution():
    network = Recurrent(texts(ROWS).spec)
    logits = network({"text": Sequences(torch.tensor([[1, 4]]), torch.tensor([2]))})["text"][0, -1]
    logits[[0, 1]] = -torch.inf
    written = write(network, [[4]], tokens=1, n=4000, seed=1)
    counts = torch.bincount(torch.tensor([row[0] if row else 2 for row in written]), minlength=VOCABULARY) / 4000
    assert torch.allclose(counts, logits.softmax(0), atol=0.03)
    two = set(logits.topk(2).indices.tolist())
    assert {row[0] if row else 2 for row in write(network, [[4]], tokens=1, n=300, top_k=2)} <= two
    first = logits.softmax(0).sort(descending=True).values[0].item()
    assert {row[0] if row else 2 for row in write(network, [[4]], tokens=1, n=300, top_p=first * 0.9)} == {int(logits.argmax())}


def test_lines_end_and_long_texts_do_not():
    spec = texts(ROWS).spec
    network = Recurrent(spec)
    network.read.bias.data[2] = 50.0  # always `end`
    assert write(network, [[3], []], tokens=20, n=2) == [[], [], [], []]
    network = Recurrent(texts([[3, 4, 2, 5]], lines=False).spec)
    network.read.bias.data[2] = 50.0
    assert write(network, [[3]], tokens=6) == [[2] * 6]
    assert all(len(row) == 6 for row in write(network, [[], [4, 4]], tokens=6, opening=3))


def test_codes_that_must_not_be_written_are_not():
    network = Recurrent(texts(ROWS).spec)
    network.read.bias.data[[0, 1, 5]] = 50.0
    written = {code for row in write(network, [[3]] * 20, tokens=20, never=(0, 5)) for code in row}
    assert written and not written & {0, 1, 2, 5}


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"temperature": -1}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 0}, "top_p"),
        ({"tokens": -1}, "tokens"),
        ({"n": 0}, "n="),
    ],
)
def test_senseless_numbers_are_refused_by_name(settings, word):
    with pytest.raises(ConfigError, match=word):
        write(Recurrent(texts(ROWS).spec), [[3]], **settings)


def test_prompts_that_cannot_be_read_are_refused():
    with pytest.raises(ConfigError, match="code 99"):
        write(Recurrent(texts(ROWS).spec), [[99]])
    with pytest.raises(ConfigError, match="empty prompt"):
        write(Recurrent(texts([[3, 4]], lines=False).spec), [[]])
