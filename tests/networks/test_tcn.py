"""TCN: causal, as far back as it says and no further, stepwise as in parallel, and what it learns only by looking back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo import tasks
from nnzoo.core.abilities import Predicts, Steps
from nnzoo.core.dataset import Dataset
from nnzoo.core.feeds import windows
from nnzoo.core.fields import AnyField, Classes, Course, Future, Image, Sequences, Series, Spec, Tags, Tokens, Values
from nnzoo.core.learning import Clock
from nnzoo.core.network import Can, No
from nnzoo.data.made_sequences import adding, copy_memory
from nnzoo.data.prepare import prepare
from nnzoo.networks.convolutional.tcn import TCN, Block, CausalConvolution, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

NOTES = 4
LABELS: AnyField = Tags(labels=("a", "b", "c"))


def series(binary: bool = False, channels: int = NOTES) -> Series:
    names = tuple(str(60 + c) for c in range(channels))
    return Series(names=names, mean=(0.0,) * channels, std=(1.0,) * channels, longest=40, even=False, binary=binary)


def network(task: str, inputs: AnyField, output: AnyField | None = None, **config: Any) -> TCN:
    torch.manual_seed(2)
    outputs = {} if output is None else {"y": output}
    small = {"width": 5, "hidden": 6, "levels": 3, "kernel": 3, **config}
    return TCN(Config(**small), Spec(inputs={"x": inputs}, outputs=outputs, train_size=4), tasks.find(task)).eval()


def tagger(**config: Any) -> TCN:
    return network("sequence-tagging", series(), LABELS, **config)


def steps(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, length, NOTES, generator=torch.Generator().manual_seed(seed))


def course(x_BTC: Tensor) -> Course:
    return Course(x_BTC, torch.full((len(x_BTC),), x_BTC.shape[1]))


def test_a_convolution_is_the_sum_over_its_earlier_inputs() -> None:
    torch.manual_seed(0)
    conv, x_DT = CausalConvolution(2, 3, kernel=3, dilation=2), torch.randn(2, 9)
    w_HDk = conv.g * conv.v / conv.v.flatten(1).norm(dim=1).view(-1, 1, 1)
    by_hand_HT = conv.bias[:, None].expand(3, 9).clone()
    for s in range(9):
        for i in range(3):  # tap k - 1 is the step itself
            if s - 2 * i >= 0:
                by_hand_HT[:, s] += w_HDk[:, :, 2 - i] @ x_DT[:, s - 2 * i]
    assert torch.allclose(conv(x_DT[None])[0][0], by_hand_HT, atol=1e-6)


def test_the_weight_s_length_is_g_whatever_v() -> None:
    conv, x_BDT = CausalConvolution(2, 3, kernel=2, dilation=1), torch.randn(1, 2, 5)
    before = conv(x_BDT)[0]
    with torch.no_grad():
        conv.v.mul_(7.0)
    assert torch.allclose(conv(x_BDT)[0], before, atol=1e-5)
    with torch.no_grad():
        conv.g.mul_(2.0)
    assert torch.allclose(conv(x_BDT)[0] - conv.bias[:, None], 2 * (before - conv.bias[:, None]), atol=1e-5)


def test_a_block_adds_what_it_read() -> None:
    block, x_BDT = Block(6, 6, 3, 1, 0.0).eval(), torch.randn(2, 6, 5)
    with torch.no_grad():
        for conv in (block.first, block.second):
            conv.g.zero_()
            conv.bias.zero_()
    assert torch.equal(block(x_BDT)[0], F.relu(x_BDT))


def test_nothing_depends_on_what_comes_after() -> None:
    net, x_BTC = tagger(), steps(2, 20)
    before = net({"x": course(x_BTC)})["y"]
    for t in (1, 7, 19):
        changed = x_BTC.clone()
        changed[:, t:] += 3.0
        after = net({"x": course(changed)})["y"]
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


@pytest.mark.parametrize(("kernel", "levels"), [(2, 1), (3, 2), (2, 4), (5, 2)])
def test_the_receptive_field_is_exact(kernel: int, levels: int) -> None:
    net = tagger(kernel=kernel, levels=levels, hidden=16)
    r = 1 + 2 * (kernel - 1) * (2**levels - 1)
    assert net.receptive_field == r
    x_BTC = steps(8, r + 6).requires_grad_()
    net({"x": course(x_BTC)})["y"][:, -1].sum().backward()
    assert x_BTC.grad is not None
    seen_T = x_BTC.grad.abs().sum((0, 2)) > 0
    assert not seen_T[:6].any() and seen_T[6:].all()


@pytest.mark.parametrize("output", [LABELS, Classes(labels=("a", "b")), Values(names=("v",), mean=(0.0,), std=(1.0,))])
def test_padding_never_changes_a_result(output: AnyField) -> None:
    task = {"tags": "sequence-tagging", "classes": "sequence-classification", "values": "sequence-regression"}[output.type]
    net, lengths = network(task, series(), output), torch.tensor([9, 1, 4])
    x_BTC = steps(3, 9)
    inside = torch.arange(9)[None, :, None] < lengths[:, None, None]
    together = net({"x": Course(x_BTC * inside, lengths)})["y"]
    noisy = net({"x": Course(torch.where(inside, x_BTC, 5.0), lengths)})["y"]
    for row, length in enumerate(lengths.tolist()):
        alone = net({"x": course(x_BTC[row : row + 1, :length])})["y"][0]
        for answer in (together[row], noisy[row]):
            assert torch.allclose(answer[:length] if output == LABELS else answer, alone, atol=1e-6)


def writers() -> list[tuple[TCN, Tensor]]:
    text = network("text-generation", Tokens(vocabulary=9, longest=30))
    notes = network("polyphonic-music", series(binary=True))
    return [
        (text, torch.randint(3, 9, (3, 25), generator=torch.Generator().manual_seed(1))),
        (notes, (steps(3, 25) > 0).float()),
    ]


@pytest.mark.parametrize(("net", "read"), writers(), ids=["text", "notes"])
@pytest.mark.parametrize("pieces", [(1,) * 25, (25,), (7, 1, 1, 16)])
def test_step_by_step_equals_all_at_once(net: TCN, read: Tensor, pieces: tuple[int, ...]) -> None:
    lengths = torch.full((3,), 25)
    ((_, wanted),) = net({"x": Sequences(read, lengths) if read.ndim == 2 else Course(read, lengths)}).items()
    state, written = net.start(3), []
    for piece in read.split(list(pieces), dim=1):
        logits, state = net.step(state, piece)
        written.append(logits)
    assert torch.allclose(torch.cat(written, 1), wanted, atol=1e-5)
    assert sum(past.shape[2] for past in state) == net.receptive_field - 1, "the state grew"


def test_chosen_rows_go_on_as_they_would_have() -> None:
    net, read = writers()[1]
    _, state = net.step(net.start(3), read[:, :10])
    together, _ = net.step(state, read[:, 10:11])
    chosen, _ = net.step(net.select(state, torch.tensor([2, 0])), read[[2, 0], 10:11])
    assert torch.allclose(chosen, together[[2, 0]], atol=1e-6)


def long_text(length: int) -> Dataset:
    field = Tokens(vocabulary=9, longest=length, lines=False)
    values = torch.randint(3, 9, (length,), generator=torch.Generator().manual_seed(4))
    stored = {"values": values, "offsets": torch.tensor([0, length])}
    return Dataset(Spec(inputs={"x": field}, train_size=1), {"x": stored})


def test_windows_of_a_long_text_are_read_as_one() -> None:
    net = network("text-generation", Tokens(vocabulary=9, longest=41, lines=False))
    text, clock = long_text(41), Clock()
    stream = windows(10, 1).open(text, net, 0, 0)
    losses = [net.window_loss(stream.at(k), clock) for k in range(stream.length)]
    nats = sum(float(loss.sum.detach()) for loss in losses)
    values_T = text.columns["x"]["values"]
    logits = net({"x": Sequences(values_T[None], torch.tensor([41]))})["x"][0, :-1].detach()
    assert sum(float(loss.weight) for loss in losses) == 40
    assert nats == pytest.approx(float(F.cross_entropy(logits, values_T[1:], reduction="sum")), abs=1e-3)
    assert not any(past.requires_grad for past in clock.memory.values())


def test_a_fresh_text_begins_without_memory() -> None:
    net = network("text-generation", Tokens(vocabulary=9, longest=41, lines=False))
    batch = windows(10, 1).open(long_text(41), net, 0, 0).at(0)
    clock = Clock(memory={name: past + 5 for name, past in net.memory(1).items()})
    assert batch.fresh
    assert torch.equal(net.window_loss(batch, clock).sum, net.window_loss(batch, Clock()).sum)


def test_it_says_what_it_can_do_and_what_not() -> None:
    def can(task: str, inputs: AnyField, output: AnyField | None = None) -> Can | No:
        outputs = {} if output is None else {"y": output}
        return TCN.can(Spec(inputs={"x": inputs}, outputs=outputs, train_size=9), tasks.find(task))

    future = Future(names=("a",), horizon=3, mean=(0.0,), std=(1.0,))
    for able in (can("polyphonic-music", series(True)), can("text-generation", Tokens(vocabulary=9, longest=9))):
        assert isinstance(able, Can) and Steps in able
    for able in (can("sequence-tagging", series(), LABELS), can("sequence-tagging", series(), future)):
        assert isinstance(able, Can) and Predicts in able
    assert isinstance(can("polyphonic-music", series(False)), No)
    assert isinstance(can("polyphonic-music", series(True), LABELS), No)
    assert isinstance(can("sequence-tagging", series(), Image(channels=1, height=8, width=8)), No)
    assert isinstance(can("sequence-tagging", Image(channels=1, height=8, width=8), LABELS), No)


def score_after(raw: Any, budget: str, **config: Any) -> dict[str, float]:
    prepared = prepare(raw)
    net = train(build("tcn", config, prepared, 0), prepared.parts, Settings(budget=budget, device="cpu")).network
    assert prepared.parts.test is not None
    return prepared.task.evaluate(net, prepared.parts.test).scores


def test_it_adds_what_it_can_reach_and_not_what_it_cannot() -> None:
    reaches = {"hidden": 16, "kernel": 3, "levels": 3, "dropout": 0.0}  # r = 29
    assert score_after(adding(20, n=1500), "250steps", **reaches)["rmse"] ** 2 < 0.02
    short = score_after(adding(20, n=1500), "250steps", **{**reaches, "levels": 1})  # r = 5: sees both markers in 1 of 8
    assert short["rmse"] ** 2 > 0.08


def test_it_recalls_symbols_after_blanks() -> None:
    scores = score_after(copy_memory(5, n=1000), "250steps", hidden=32, levels=3, dropout=0.0, lr=0.01)
    assert scores["accuracy"] > 0.9  # blanks alone make .6
