"""Decoders (GPT, and Llama where they share the test): causal, alike with and without a cache, read in blocks, able to learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from nnzoo import tasks
from nnzoo.blocks.attention import Attend
from nnzoo.blocks.decoder import Decoder
from nnzoo.core.dataset import Batch
from nnzoo.core.fields import AnyField, Classes, Sequences, Spec, Tags, Tokens
from nnzoo.core.learning import Clock
from nnzoo.core.network import Can, No
from nnzoo.networks.transformer import gpt, llama

KINDS = [gpt.GPT, llama.Llama]
V = 11
each_kind = pytest.mark.parametrize("kind", KINDS)


def network(kind: type[Decoder], output: AnyField | None = None, lines: bool = False, **config: Any) -> Decoder:
    torch.manual_seed(3)
    outputs = {} if output is None else {"y": output}
    task = "text-generation" if output is None else "text-classification" if isinstance(output, Classes) else "sequence-tagging"
    spec = Spec(inputs={"x": Tokens(vocabulary=V, longest=12, lines=lines)}, outputs=outputs, train_size=4)
    small = {"context": 12, "width": 16, "heads": 4, "layers": 2, "dropout": 0.0, **config}
    return kind(kind.Config(**small), spec, tasks.find(task)).eval()


def symbols(rows: int, length: int) -> Sequences:
    tokens_BT = torch.randint(4, V, (rows, length), generator=torch.Generator().manual_seed(0))
    return Sequences(tokens_BT, torch.full((rows,), length))


def test_attention_is_its_equation() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, 5, 3), torch.randn(2, 2, 5, 3), torch.randn(2, 2, 5, 3)
    by_hand = torch.zeros(2, 4, 5, 3)
    for b in range(2):
        for h in range(4):
            for t in range(5):
                fit = torch.stack([q[b, h, t] @ k[b, h // 2, s] / 3**0.5 for s in range(t + 1)]).softmax(0)
                by_hand[b, h, t] = sum(fit[s] * v[b, h // 2, s] for s in range(t + 1))
    attend = Attend().eval()
    assert torch.allclose(attend(q, k, v, causal=True), by_hand, atol=1e-6)
    assert torch.allclose(attend(q[:, :, 3:], k, v, causal=True), by_hand[:, :, 3:], atol=1e-6)  # the last two of five
    assert torch.allclose(attend(q[:, :, 4:], k, v, causal=True), by_hand[:, :, 4:], atol=1e-6)  # the last alone
    seen = []
    attend.weights.register_forward_hook(lambda _m, _i, weights: seen.append(weights))
    assert torch.allclose(attend(q, k, v, causal=True), by_hand, atol=1e-6)  # looked at, it is written out
    assert torch.allclose(seen[0].sum(3), torch.ones(2, 4, 5)) and seen[0].triu(1).abs().max() == 0
    mask = torch.tensor([True, True, False, True, True])
    assert torch.allclose(attend(q, k, v, mask), attend(q, k[:, :, mask], v[:, :, mask]), atol=1e-6)


@each_kind
def test_no_symbol_sees_what_comes_after_it(kind: type[Decoder]) -> None:
    net, sequence = network(kind), symbols(2, 10)
    changed = sequence.tokens_BT.clone()
    changed[:, 6] = 4 + (changed[:, 6] - 3) % (V - 4)
    one, other = net({"x": sequence})["x"], net({"x": Sequences(changed, sequence.lengths_B)})["x"]
    assert torch.equal(one[:, :6], other[:, :6])
    assert (one[:, 6:] - other[:, 6:]).abs().amax((0, 2)).min() > 1e-4


@each_kind
@pytest.mark.parametrize("pieces", [(1,) * 9, (4, 5), (1, 7, 1)])
def test_writing_with_a_cache_gives_what_reading_at_once_gives(kind: type[Decoder], pieces: tuple[int, ...]) -> None:
    net, sequence = network(kind), symbols(3, 9)
    state, found = net.start(3), []
    for piece_BT in sequence.tokens_BT.split(list(pieces), 1):
        logits_BTV, state = net.step(state, piece_BT)
        found.append(logits_BTV)
    assert torch.allclose(torch.cat(found, 1), net({"x": sequence})["x"], atol=1e-5)


@each_kind
def test_chosen_rows_of_a_state_are_a_copy(kind: type[Decoder]) -> None:
    net, sequence = network(kind), symbols(3, 6)
    _, state = net.step(net.start(3), sequence.tokens_BT[:, :4])
    rows = torch.tensor([2, 0, 2])
    copy = net.select(state, rows)
    net.step(state, sequence.tokens_BT[:, 4:])  # uses up the old state
    found, _ = net.step(copy, sequence.tokens_BT[rows][:, 4:])
    assert torch.allclose(found, net({"x": sequence})["x"][rows][:, 4:], atol=1e-5)


@each_kind
def test_a_text_longer_than_the_context_is_read_in_blocks_of_their_own(kind: type[Decoder]) -> None:
    net, sequence = network(kind, context=5), symbols(2, 12)
    found = net({"x": sequence})["x"]
    for first in (0, 5, 10):
        block = sequence.tokens_BT[:, first : first + 5]
        alone = net({"x": Sequences(block, torch.full((2,), block.shape[1]))})["x"]
        assert torch.allclose(found[:, first : first + 5], alone, atol=1e-5)


@each_kind
def test_padding_changes_no_answer(kind: type[Decoder]) -> None:
    net = network(kind, Classes(labels=("a", "b", "c")), lines=True)
    sequence = symbols(1, 5)
    filled = Sequences(F.pad(sequence.tokens_BT, (0, 4)), sequence.lengths_B)
    assert torch.allclose(net({"x": sequence})["y"], net({"x": filled})["y"], atol=1e-6)
    tagger = network(kind, Tags(labels=("a", "b")), lines=True, context=4)
    assert tagger({"x": sequence})["y"].shape == (1, 5, 2)  # one symbol is beyond its sight


@each_kind
def test_loss_in_pieces_and_layers_done_again_give_the_same_gradient(kind: type[Decoder], monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Batch({"x": symbols(6, 9)}, {}, 6)
    gradients = []
    for at_once, recompute in ((1 << 30, False), (2 * 8 * V, False), (1 << 30, True)):
        monkeypatch.setattr("nnzoo.blocks.decoder.LOGITS_AT_ONCE", at_once)
        net = network(kind, recompute=recompute).train()
        loss = net.next_loss(batch, Clock())
        assert float(loss.weight) == 6 * 8
        loss.sum.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    assert torch.allclose(gradients[0], gradients[1], atol=1e-4) and torch.allclose(gradients[0], gradients[2], atol=1e-4)


@each_kind
def test_a_compiled_loss_is_one_graph_and_gives_the_same_gradient(kind: type[Decoder]) -> None:
    x = symbols(3, 13)
    plain, compiled = network(kind).train(), network(kind).train()
    passed = []

    def backend(graph: torch.fx.GraphModule, _inputs: Any) -> Any:
        return lambda *given: passed.append(1) or graph(*given)

    compiled.compile(backend=backend)
    for one in (plain, compiled):
        (stage,) = one.stages(one.task)
        stage.moves[0].loss(Batch({"x": x}, {}, 3), Clock()).sum.backward()
    compiled({"x": x})  # what it does not learn by is not compiled for one look
    assert len(passed) == 1
    for mine, other in zip(plain.parameters(), compiled.parameters()):
        assert torch.allclose(mine.grad, other.grad, atol=1e-6)
    torch._dynamo.reset()


@each_kind
def test_branches_start_smaller_the_more_there_are(kind: type[Decoder]) -> None:
    net = network(kind, layers=8, width=64)
    ends = torch.cat([layer.proj.weight.flatten() for layer in net.layers])
    assert float(ends.detach().std()) == pytest.approx(0.02 / 4, rel=0.05)  # sqrt(2 x 8 layers)


@each_kind
def test_it_learns_to_look_back(kind: type[Decoder]) -> None:
    """The second half of each row repeats the first: after it is known, every symbol can be copied from six places before."""
    net = network(kind, layers=2, width=32, heads=2, lr=3e-3).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    random = torch.Generator().manual_seed(1)
    for _ in range(400):
        half_BT = torch.randint(4, V, (32, 6), generator=random)
        batch = Batch({"x": Sequences(torch.cat([half_BT, half_BT], 1), torch.full((32,), 12))}, {}, 32)
        loss = net.next_loss(batch, Clock())
        optimiser.zero_grad()
        (loss.sum / loss.weight).backward()
        optimiser.step()
    logits_BTV = net.eval()({"x": batch.inputs["x"]})["x"]
    right_BT = logits_BTV[:, :-1].argmax(2) == batch.inputs["x"].tokens_BT[:, 1:]
    assert right_BT[:, 6:].float().mean() > 0.95 and right_BT[:, :5].float().mean() < 0.4


@each_kind
def test_what_it_does_and_what_it_refuses(kind: type[Decoder]) -> None:
    text, label = Tokens(vocabulary=V, longest=9), Classes(labels=("a", "b"))
    writes = kind.can(Spec(inputs={"x": text}, train_size=1), tasks.find("text-generation"))
    judges = kind.can(Spec(inputs={"x": text}, outputs={"y": label}, train_size=1), tasks.find("text-classification"))
    assert isinstance(writes, Can) and isinstance(judges, Can)
    both = kind.can(Spec(inputs={"x": text}, outputs={"y": label}, train_size=1), tasks.find("text-generation"))
    assert isinstance(both, No) and "leave the target out" in both
    assert isinstance(kind.can(Spec(inputs={"y": label}, train_size=1), tasks.find("text-generation")), No)
