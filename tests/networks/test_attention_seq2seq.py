"""Attention seq2seq: the equations, padding that nobody sees, gradients that reach what was read, one step after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.dataset import Batch
from nnzoo.core.fields import AnyField, Classes, Sequences, Spec, Tokens
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawPairs
from nnzoo.networks.recurrent.attention_seq2seq import AttentionSeq2Seq, Config
from nnzoo.tasks._beam import search
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build
from nnzoo.zoo.loaded import Loaded

TASK = tasks.find("translation")
SOURCE = Tokens(vocabulary=13, longest=9)
ANSWER = Tokens(vocabulary=11, longest=8)


def network(**config: Any) -> AttentionSeq2Seq:
    torch.manual_seed(26)
    spec = Spec(inputs={"source": SOURCE}, outputs={"target": ANSWER}, train_size=4)
    small = {"width": 5, "hidden": 6, "attention": 7, "dropout": 0.3, **config}
    net = AttentionSeq2Seq(Config(**small), spec, TASK).eval()
    for weight in net.parameters():
        weight.data.normal_()  # away from where all answers are alike
    return net


def texts(lengths: list[int], vocabulary: int, seed: int = 0, longest: int | None = None) -> Sequences:
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.zeros(len(lengths), longest or max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(3, vocabulary, (length,), generator=draw)
    return Sequences(tokens, torch.tensor(lengths))


def batch(sources: list[int], answers: list[int]) -> Batch:
    inputs, outputs = {"source": texts(sources, 13)}, {"target": texts(answers, 11, seed=1)}
    return Batch(inputs, outputs, len(sources))


def gru(cell: Any, suffix: str, x: Tensor, h: Tensor) -> Tensor:
    """One step of the library's GRU, gate by gate."""
    W, U, b, d = (getattr(cell, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    (xr, xz, xn), (hr, hz, hn) = (W @ x + b).chunk(3), (U @ h + d).chunk(3)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    return (1 - z) * torch.tanh(xn + r * hn) + z * h


def by_hand(net: AttentionSeq2Seq, source: list[int], answer: list[int]) -> tuple[Tensor, Tensor]:
    """The equations of the file's head, one symbol at a time: logits (T V) and attention (T S)."""
    H, code = net.config.hidden, net.encoder
    x = [code.embed.weight[symbol] for symbol in source]
    f, b = [torch.zeros(H)], [torch.zeros(H)]
    for x_j in x:
        f.append(gru(code.forwards, "_l0", x_j, f[-1]))
    for x_j in reversed(x):
        b.append(gru(code.backwards, "_l0", x_j, b[-1]))
    h = [torch.cat([f_j, b_j]) for f_j, b_j in zip(f[1:], reversed(b[1:]))]
    s = torch.tanh(net.begin.weight @ h[0][H:] + net.begin.bias)
    W_a, U_a, v_a = net.attention.from_state.weight, net.attention.from_source.weight, net.attention.score.weight[0]
    logits, attention = [], []
    for y in answer:
        e = torch.stack([v_a @ torch.tanh(W_a @ s + U_a @ h_j) for h_j in h])
        a = e.exp() / e.exp().sum()
        c = sum((a_j * h_j for a_j, h_j in zip(a, h)), torch.zeros(2 * H))
        s = gru(net.writer, "", torch.cat([net.embed.weight[y], c]), s)
        t = net.readout.weight @ torch.cat([s, net.embed.weight[y], c]) + net.readout.bias
        t = torch.stack([torch.maximum(t[2 * k], t[2 * k + 1]) for k in range(H)])
        logits.append(net.next.weight @ t + net.next.bias)
        attention.append(a)
    return torch.stack(logits), torch.stack(attention)


@torch.no_grad()
def test_it_computes_its_equations_and_padding_is_ignored() -> None:
    net, some = network(), batch([9, 4, 6], [5, 5, 5])
    seen: list[Tensor] = []
    net.attention.weights.register_forward_hook(lambda _, __, out: seen.append(out))
    source, answer = some.inputs["source"], some.outputs["target"]
    logits_BTV, _ = net.step(net.read_source(some.inputs), answer.tokens_BT)
    weights_BTS = torch.stack(seen, 1)
    for row, length in enumerate(source.lengths_B.tolist()):
        logits, attention = by_hand(net, source.tokens_BT[row, :length].tolist(), answer.tokens_BT[row].tolist())
        assert torch.allclose(logits_BTV[row], logits, atol=1e-4)
        assert torch.allclose(weights_BTS[row, :, :length], attention, atol=1e-4)
        assert not weights_BTS[row, :, length:].any()


@torch.no_grad()
def test_what_stands_in_the_padding_and_beside_a_row_changes_nothing() -> None:
    net, some = network(), batch([9, 4, 6], [5, 3, 8])
    source = some.inputs["source"]
    dirty = source.tokens_BT.clone()
    dirty[1, 4:], dirty[2, 6:] = 7, 11
    wide = torch.cat([dirty, torch.full((3, 4), 5)], 1)
    answers = [net({"source": Sequences(tokens, source.lengths_B)})["target"] for tokens in (source.tokens_BT, dirty, wide)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
    state, other = (net.read_source({"source": Sequences(tokens, source.lengths_B)}) for tokens in (source.tokens_BT, wide))
    symbols = some.outputs["target"].tokens_BT
    assert torch.allclose(net.step(state, symbols)[0], net.step(other, symbols)[0], atol=1e-6)
    alone = net({"source": Sequences(source.tokens_BT[1:2, :4], source.lengths_B[1:2])})["target"]
    assert torch.equal(alone[0], answers[0][1])


@torch.no_grad()
def test_a_whole_answer_at_once_equals_symbol_by_symbol_and_rows_can_be_chosen() -> None:
    net, some = network(), batch([9, 4, 6], [5, 5, 5])
    symbols = some.outputs["target"].tokens_BT
    state = net.read_source(some.inputs)
    at_once, _ = net.step(state, symbols)
    chosen = torch.tensor([2, 0, 2])
    picked = net.select(state, chosen)
    for t in range(symbols.shape[1]):
        logits, state = net.step(state, symbols[:, t : t + 1])
        assert torch.allclose(logits[:, 0], at_once[:, t], atol=1e-6)
        logits, picked = net.step(picked, symbols[chosen, t : t + 1])
        assert torch.allclose(logits[:, 0], at_once[chosen, t], atol=1e-6)


def test_the_error_reaches_every_symbol_of_the_source_and_every_weight() -> None:
    net, some = network(), batch([9, 4, 6], [5, 3, 8])
    seen: list[Tensor] = []

    def keep(_: Any, __: Any, out: Tensor) -> None:
        out.retain_grad()
        seen.append(out)

    net.encoder.embed.register_forward_hook(keep)
    loss = net.task_loss(some, Clock())
    assert loss.weight == 4 + 2 + 7
    loss.sum.backward()
    for row, length in enumerate([9, 4, 6]):
        size_S = seen[0].grad[row].abs().sum(1)
        assert (size_S[:length] > 0).all() and not size_S[length:].any()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


@torch.no_grad()
def test_its_answer_is_the_likeliest_symbol_each_time_and_ends_once() -> None:
    net, some = network(), batch([9, 4, 6, 5], [5, 5, 5, 5])
    answer_BT = net(some.inputs)["target"]
    ends = [row.index(2) if 2 in row else len(row) for row in answer_BT.tolist()]
    assert len(set(ends)) > 2, "answers are of different length"
    assert answer_BT.shape == (4, ANSWER.longest - 1)
    assert not torch.isin(answer_BT[:, :1], torch.tensor([0, 1])).any()
    for row, said in zip(answer_BT.tolist(), search(net, some.inputs, beam=1, longest=ANSWER.longest - 1)):
        assert row == ([*said, 2] + [0] * 7)[:7] if len(said) < 7 else row == said


def test_its_attention_is_seen_as_a_map_of_answer_and_source() -> None:
    ready = prepare(RawPairs("mine", ["one two", "two one", "three"] * 8, ["1 2", "2 1", "3"] * 8))
    net = build("attention_seq2seq", {"hidden": 4, "width": 4, "attention": 4}, ready, 0).eval()
    inputs = ready.parts.test.take(torch.tensor([0])).inputs
    weights_1TS = Loaded(net, ready.preprocessing, SimpleNamespace(kind="attention_seq2seq")).probe(inputs)["attention.weights"]
    assert weights_1TS.ndim == 3 and weights_1TS.shape[2] == inputs["source"].tokens_BT.shape[1]
    assert torch.allclose(weights_1TS.sum(2), torch.ones(1, weights_1TS.shape[1]))


def test_it_learns_to_turn_texts_round_and_looks_from_behind() -> None:
    draw = torch.Generator().manual_seed(4)
    words = [
        "".join("abcdef"[k] for k in torch.randint(6, (int(n),), generator=draw))
        for n in torch.randint(2, 7, (1200,), generator=draw)
    ]
    ready = prepare(RawPairs("reversed", words, [word[::-1] for word in words]))
    config = {"hidden": 48, "width": 24, "attention": 24, "dropout": 0.0, "lr": 1e-2}
    net = train(build("attention_seq2seq", config, ready, 0), ready.parts, Settings(budget="160steps", device="cpu")).network
    assert ready.task.evaluate(net, ready.parts.test).score > 0.9
    seen: list[Tensor] = []
    hook = net.attention.weights.register_forward_hook(lambda _, __, out: seen.append(out))
    inputs = ready.preprocessing.open(["abcdef"]).dataset.all().inputs
    with torch.no_grad():
        net.eval()(inputs)
    hook.remove()
    place_T = torch.stack(seen, 1)[0, :6].argmax(1)
    assert (place_T.diff() <= 0).float().mean() >= 0.8, f"attention goes {place_T.tolist()}"


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"x": Tokens(vocabulary=9, longest=9)}, {"y": Classes(labels=("a", "b"))}),
        ({"x": Tokens(vocabulary=9, longest=9)}, {}),
        ({"x": Tokens(vocabulary=9, longest=9, lines=False)}, {"y": ANSWER}),
    ],
)
def test_it_refuses_what_is_no_pair_of_texts(inputs: dict[str, AnyField], outputs: dict[str, AnyField]) -> None:
    answer = AttentionSeq2Seq.can(Spec(inputs=inputs, outputs=outputs, train_size=9), TASK)
    assert isinstance(answer, No) and "attention_seq2seq" in answer
