"""Encoder-decoders (transformer, and T5 where they share the test): equations, padding, causality, cache, search, able to learn."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.blocks.encoder_decoder import EncoderDecoder
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import AnyField, Classes, Sequences, Spec, Tokens
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawPairs
from nnzoo.networks.transformer import t5, transformer
from nnzoo.tasks._beam import search
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

TASK = tasks.find("translation")
SOURCE, ANSWER = Tokens(vocabulary=13, longest=9), Tokens(vocabulary=11, longest=8)
each_kind = pytest.mark.parametrize("kind", [transformer.Transformer, t5.T5])


def network(kind: type[EncoderDecoder], source: Tokens = SOURCE, answer: Tokens = ANSWER, **config: Any) -> Any:
    torch.manual_seed(5)
    spec = Spec(inputs={"source": source}, outputs={"target": answer}, train_size=4)
    small = {"width": 16, "heads": 4, "layers": 2, "dropout": 0.0, **config}
    net = kind(kind.Config(**small), spec, TASK).eval()
    for parameter in net.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)  # biases and gains too, away from where all answers are alike
    return net


def texts(lengths: list[int], vocabulary: int, seed: int = 0) -> Sequences:
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(3, vocabulary, (length,), generator=draw)
    return Sequences(tokens, torch.tensor(lengths))


def batch(sources: list[int], answers: list[int]) -> Batch:
    return Batch({"source": texts(sources, 13)}, {"target": texts(answers, 11, seed=1)}, len(sources))


def norm(layer: Any, x: Tensor) -> Tensor:
    return layer.weight * (x - x.mean()) / (x.var(unbiased=False) + 1e-5).sqrt() + layer.bias


def multi_head(part: Any, x: list[Tensor], seen: list[Tensor], causal: bool) -> list[Tensor]:
    """The paper's eq. 1 and section 3.2.2, a position and a head at a time."""
    D, H = len(x[0]), part.heads
    K, (W_k, W_v), (b_k, b_v) = D // H, part.kv.weight.chunk(2), part.kv.bias.chunk(2)
    out = []
    for t, x_t in enumerate(x):
        q, looked_at = part.q.weight @ x_t + part.q.bias, seen[: t + 1] if causal else seen
        heads = []
        for h in range(H):
            own = slice(h * K, (h + 1) * K)
            fits = torch.stack([q[own] @ (W_k @ s + b_k)[own] / math.sqrt(K) for s in looked_at]).softmax(0)
            heads.append(sum((a * (W_v @ s + b_v)[own] for a, s in zip(fits, looked_at)), torch.zeros(K)))
        out.append(part.proj.weight @ torch.cat(heads) + part.proj.bias)
    return out


def by_hand(net: Any, source: list[int], answer: list[int]) -> Tensor:
    """The equations of the file's head: logits (T V)."""
    D = net.config.width

    def placed(table: Tensor, codes: list[int]) -> list[Tensor]:
        rates = [10_000 ** (-2 * i / D) for i in range(D // 2)]
        waves = [torch.tensor([math.sin(t * r) for r in rates] + [math.cos(t * r) for r in rates]) for t in range(len(codes))]
        return [math.sqrt(D) * table[code] + wave for code, wave in zip(codes, waves)]

    def feed(part: Any, x: Tensor) -> Tensor:
        return part[2].weight @ torch.relu(part[0].weight @ x + part[0].bias) + part[2].bias

    x = placed(net.embed_source.weight, source)
    for layer in net.encoder:
        x = [norm(layer.norm1, a + b) for a, b in zip(x, multi_head(layer.sees, x, x, causal=False))]
        x = [norm(layer.norm2, a + feed(layer.feed, a)) for a in x]
    y = placed(net.embed.weight, answer)
    for layer in net.decoder:
        y = [norm(layer.norm1, a + b) for a, b in zip(y, multi_head(layer.sees, y, y, causal=True))]
        y = [norm(layer.norm2, a + b) for a, b in zip(y, multi_head(layer.looks, y, x, causal=False))]
        y = [norm(layer.norm3, a + feed(layer.feed, a)) for a in y]
    return torch.stack([net.embed.weight @ a for a in y])


@torch.no_grad()
def test_the_transformer_computes_its_equations() -> None:
    net, some = network(transformer.Transformer), batch([9, 4], [5, 5])
    logits_BTV, _ = net.step(net.read_source(some.inputs), some.outputs["target"].tokens_BT)
    for row, length in enumerate([9, 4]):
        source = some.inputs["source"].tokens_BT[row, :length].tolist()
        assert torch.allclose(logits_BTV[row], by_hand(net, source, some.outputs["target"].tokens_BT[row].tolist()), atol=1e-4)


@each_kind
@torch.no_grad()
def test_what_stands_in_the_padding_and_beside_a_row_changes_nothing(kind: type[EncoderDecoder]) -> None:
    net, some = network(kind), batch([9, 4, 6], [5, 5, 5])
    source, symbols = some.inputs["source"], some.outputs["target"].tokens_BT
    dirty = source.tokens_BT.clone()
    dirty[1, 4:], dirty[2, 6:] = 7, 11
    wide = Sequences(torch.cat([dirty, torch.full((3, 4), 5)], 1), source.lengths_B)
    clean, other = (net.step(net.read_source({"source": each}), symbols)[0] for each in (source, wide))
    assert torch.allclose(clean, other, atol=1e-5)
    alone = net.step(net.read_source({"source": texts([9, 4], 13)._replace(lengths_B=source.lengths_B[:2])}), symbols[:2])[0]
    assert torch.allclose(alone, clean[:2], atol=1e-5)
    assert torch.equal(net({"source": source})["target"], net({"source": wide})["target"])


@each_kind
@torch.no_grad()
def test_no_symbol_of_the_answer_sees_what_comes_after_it_and_all_see_the_source(kind: type[EncoderDecoder]) -> None:
    net, some = network(kind), batch([9, 9], [7, 7])
    symbols, changed = some.outputs["target"].tokens_BT, some.outputs["target"].tokens_BT.clone()
    changed[:, 4] = 3 + (changed[:, 4] - 2) % 8
    state = net.read(some.inputs["source"])
    one, other = (net.logits(net.decode(each, state)) for each in (symbols, changed))
    assert torch.equal(one[:, :4], other[:, :4]) and (one[:, 4:] - other[:, 4:]).abs().amax((0, 2)).min() > 1e-4
    for place in range(9):
        moved = some.inputs["source"].tokens_BT.clone()
        moved[:, place] = 3 + (moved[:, place] - 2) % 10
        elsewhere = net.logits(net.decode(symbols, net.read(Sequences(moved, some.inputs["source"].lengths_B))))
        assert (elsewhere - one).abs().amax((0, 2)).min() > 1e-5


@each_kind
@pytest.mark.parametrize("pieces", [(1,) * 30, (4, 26), (20, 1, 9)])
@torch.no_grad()
def test_writing_with_a_cache_gives_what_reading_at_once_gives(kind: type[EncoderDecoder], pieces: tuple[int, ...]) -> None:
    """The answer outgrows the room that was taken for it (12 symbols)."""
    net, some = network(kind), batch([9, 4, 6], [30, 30, 30])
    symbols, state = some.outputs["target"].tokens_BT, net.read_source(some.inputs)
    found = []
    for piece_BT in symbols.split(list(pieces), 1):
        logits_BTV, state = net.step(state, piece_BT)
        found.append(logits_BTV)
    assert torch.allclose(torch.cat(found, 1), net.logits(net.decode(symbols, net.read(some.inputs["source"]))), atol=1e-4)


@each_kind
@torch.no_grad()
def test_chosen_rows_of_a_state_are_a_copy(kind: type[EncoderDecoder]) -> None:
    net, some, rows = network(kind), batch([9, 4, 6], [6, 6, 6]), torch.tensor([2, 0, 2])
    symbols = some.outputs["target"].tokens_BT
    whole = net.logits(net.decode(symbols, net.read(some.inputs["source"])))
    _, state = net.step(net.read_source(some.inputs), symbols[:, :4])
    copy = net.select(state, rows)
    net.step(state, symbols[:, :2])  # uses up the old state
    assert torch.allclose(net.step(copy, symbols[rows][:, 4:])[0], whole[rows][:, 4:], atol=1e-5)


@each_kind
@torch.no_grad()
def test_a_symbol_costs_one_position_and_the_source_is_read_once(kind: type[EncoderDecoder]) -> None:
    net, some = network(kind), batch([9, 4], [6, 6])
    read: list[int] = []
    net.encoder[0].out.register_forward_hook(lambda *_: read.append(-1))
    net.decoder[0].out.register_forward_hook(lambda _, __, out: read.append(out.shape[1]))
    net.decoder[0].looks.q.register_forward_hook(lambda _, __, out: read.append(out.shape[1]))
    state = net.read_source(some.inputs)
    for symbols_B in some.outputs["target"].tokens_BT.unbind(1):
        _, state = net.step(state, symbols_B[:, None])
    assert read == [-1] + [1, 1] * 6


@each_kind
@torch.no_grad()
def test_its_answer_is_the_likeliest_symbol_each_time_and_a_beam_finds_one_as_likely(kind: type[EncoderDecoder]) -> None:
    net, some = network(kind), batch([9, 4, 6, 5], [5, 5, 5, 5])
    answer_BT = net(some.inputs)["target"]
    assert answer_BT.shape == (4, ANSWER.longest - 1)
    greedy = search(net, some.inputs, beam=1, longest=ANSWER.longest - 1)
    for row, said in zip(answer_BT.tolist(), greedy):
        assert row == ([*said, 2] + [0] * 7)[:7] if len(said) < 7 else row == said

    def score(row: int, said: list[int]) -> float:
        symbols, one = torch.tensor([[1, *said, 2]]), Sequences(*(each[row : row + 1] for each in some.inputs["source"]))
        log_TV = net.logits(net.decode(symbols[:, :-1], net.read(one)))[0].log_softmax(1)
        log_TV = log_TV if len(said) < 7 else log_TV[:7]
        return float(log_TV.gather(1, symbols[0, 1 : len(log_TV) + 1, None]).sum()) / ((5 + len(log_TV)) / 6) ** 0.6

    beams = search(net, some.inputs, beam=5, longest=ANSWER.longest - 1)
    gains = [score(row, beams[row]) - score(row, greedy[row]) for row in range(4)]
    assert sum(gains) > 0.05, f"a beam of five gains nothing: {gains}"


@each_kind
def test_every_weight_learns_and_what_is_padded_does_not_count(kind: type[EncoderDecoder]) -> None:
    net, some = network(kind, smoothing=0.2) if kind is transformer.Transformer else network(kind), batch([9, 4, 6], [5, 3, 8])
    loss = net.task_loss(some, Clock())
    assert float(loss.weight) == 4 + 2 + 7
    loss.sum.backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())
    rows = [Batch({"source": texts([9, 4, 6], 13)}, {"target": some.outputs["target"]}, 3)]
    rows[0].outputs["target"].tokens_BT[1, 3:] = 9
    assert net.task_loss(rows[0], Clock()).sum.item() == pytest.approx(loss.sum.item(), rel=1e-5)


def test_smoothing_is_its_equation_and_leaves_the_reported_loss_alone() -> None:
    net, some = network(transformer.Transformer, smoothing=0.3), batch([9, 4, 6], [5, 3, 8])
    target = some.outputs["target"]
    log_BTV = net.logits(net.decode(target.tokens_BT[:, :-1], net.read(some.inputs["source"]))).detach().log_softmax(2)
    nats = smooth = 0.0
    for row, length in enumerate(target.lengths_B.tolist()):
        for t in range(length - 1):
            right = -float(log_BTV[row, t, target.tokens_BT[row, t + 1]])
            nats, smooth = nats + right, smooth + 0.7 * right - 0.3 * float(log_BTV[row, t].mean())
    assert net.task_loss(some, Clock()).sum.item() == pytest.approx(smooth, rel=1e-4)
    assert net.task_loss(some, Clock(training=False)).sum.item() == pytest.approx(nats, rel=1e-4)


@each_kind
def test_one_table_serves_both_sides_where_they_have_the_same_units(kind: type[EncoderDecoder]) -> None:
    apart, together = network(kind), network(kind, source=ANSWER, answer=ANSWER)
    assert apart.embed_source.weight.shape == (13, 16) and not hasattr(together, "embed_source")
    assert not network(kind, source=ANSWER.model_copy(update={"symbols": ("a",) * 11})).shared


def turned_round() -> Prepared:
    draw = torch.Generator().manual_seed(4)
    lengths = torch.randint(2, 7, (1500,), generator=draw).tolist()
    words = ["".join("abcdef"[k] for k in torch.randint(6, (n,), generator=draw).tolist()) for n in lengths]
    return prepare(RawPairs("reversed", words, [word[::-1] for word in words]))


LEARNS: dict[type[EncoderDecoder], dict[str, Any]] = {
    transformer.Transformer: {"width": 32, "heads": 4, "dropout": 0.0, "lr": 8e-3},
    t5.T5: {"width": 32, "heads": 4, "dropout": 0.0, "lr": 6e-3},
}


@each_kind
def test_it_learns_to_turn_texts_round(kind: type[EncoderDecoder]) -> None:
    ready, name = turned_round(), kind.__module__.rsplit(".", 1)[1]
    net = train(build(name, LEARNS[kind], ready, 0), ready.parts, Settings(budget="250steps", device="cpu")).network
    score = ready.task.evaluate(net, ready.parts.test).score
    assert score > 0.9, f"{score:.3f} of the texts are turned round"


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"x": Tokens(vocabulary=9, longest=9)}, {"y": Classes(labels=("a", "b"))}),
        ({"x": Tokens(vocabulary=9, longest=9)}, {}),
        ({"x": Tokens(vocabulary=9, longest=9, lines=False)}, {"y": ANSWER}),
    ],
)
@each_kind
def test_it_refuses_what_is_no_pair_of_texts(
    kind: type[EncoderDecoder], inputs: dict[str, AnyField], outputs: dict[str, AnyField]
) -> None:
    answer = kind.can(Spec(inputs=inputs, outputs=outputs, train_size=9), TASK)
    assert isinstance(answer, No) and "pairs" in answer


def test_widths_that_heads_do_not_divide_are_refused() -> None:
    for kind in (transformer.Transformer, t5.T5):
        with pytest.raises(ConfigError, match=r"width=18 .*heads=4"):
            network(kind, width=18)
