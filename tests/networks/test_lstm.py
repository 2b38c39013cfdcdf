"""LSTM: the equations, raggedness, carried state, writing step by step, and what only a memory can learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.feeds import windows
from nnzoo.core.fields import AnyField, Classes, Image, Sequences, Spec, Table, Tokens
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.recurrent.lstm import LSTM, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

VOCABULARY = 11
WRITE, READ = tasks.find("text-generation"), tasks.find("text-classification")
LABELS: dict[str, AnyField] = {"label": Classes(labels=("a", "b", "c"))}


def tokens(lines: bool = True) -> Tokens:
    return Tokens(vocabulary=VOCABULARY, longest=12, lines=lines)


def writer(lines: bool = True, **config: Any) -> LSTM:
    torch.manual_seed(1)
    small = {"width": 7, "hidden": 9, "layers": 2, **config}
    return LSTM(Config(**small), Spec(inputs={"text": tokens(lines)}, train_size=4), WRITE).eval()


def reader(**config: Any) -> LSTM:
    torch.manual_seed(1)
    return LSTM(Config(**config), Spec(inputs={"text": tokens()}, outputs=LABELS, train_size=4), READ).eval()


def text(length: int, seed: int = 0) -> Tensor:
    return torch.randint(3, VOCABULARY, (length,), generator=torch.Generator().manual_seed(seed))


def by_hand(net: LSTM, x_TD: Tensor) -> Tensor:
    """The equations of the file's head, one step and one layer at a time: states of the top layer (T H)."""
    H = net.config.hidden
    for layer in range(net.config.layers):
        W, U = getattr(net.lstm, f"weight_ih_l{layer}"), getattr(net.lstm, f"weight_hh_l{layer}")
        b = getattr(net.lstm, f"bias_ih_l{layer}") + getattr(net.lstm, f"bias_hh_l{layer}")
        h, c, states = torch.zeros(H), torch.zeros(H), []
        for x in x_TD:
            i, f, g, o = (W @ x + U @ h + b).split(H)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        x_TD = torch.stack(states)
    return x_TD


def test_the_kernel_computes_the_equations() -> None:
    net, x_T = writer(), text(10)
    expected = net.next(by_hand(net, net.embed(x_T)))
    assert torch.allclose(net({"text": Sequences(x_T[None], torch.tensor([10]))})["text"][0], expected, atol=1e-5)


def test_at_first_the_forget_gate_alone_is_biased_to_keep() -> None:
    net = writer()
    for layer in range(2):
        bias = (getattr(net.lstm, f"bias_ih_l{layer}") + getattr(net.lstm, f"bias_hh_l{layer}")).view(4, 9)
        assert torch.equal(bias, torch.tensor([0.0, 1.0, 0.0, 0.0])[:, None].expand(4, 9))


@pytest.mark.parametrize("net", [writer(), reader(layers=2)], ids=["writes", "reads"])
def test_padding_never_changes_a_result(net: LSTM) -> None:
    lengths = [9, 1, 4, 7]
    rows = [text(length, seed=length) for length in lengths]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    ((name, together),) = net({"text": Sequences(padded, torch.tensor(lengths))}).items()
    other = torch.where(padded == 0, 5, padded)
    assert torch.equal(together[1, :1], net({"text": Sequences(other, torch.tensor(lengths))})[name][1, :1])
    for row, length in enumerate(lengths):
        alone = net({"text": Sequences(rows[row][None], torch.tensor([length]))})[name][0]
        assert torch.allclose(alone, together[row, :length] if net.writes else together[row], atol=1e-6)


def test_the_loss_of_lines_is_the_mean_over_predicted_symbols_however_rows_are_batched() -> None:
    net, rows = writer(), [torch.cat((torch.tensor([1]), text(length, length), torch.tensor([2]))) for length in (1, 4, 8)]
    offsets = torch.tensor([0, *[len(row) for row in rows]]).cumsum(0)
    data = Dataset(net.spec, {"text": {"values": torch.cat(rows), "offsets": offsets}})
    whole = net.task_loss(data.all(), Clock())
    singles = [net.task_loss(data.take(torch.tensor([row])), Clock()) for row in range(3)]
    assert float(whole.weight) == sum(float(loss.weight) for loss in singles) == 2 + 5 + 9
    assert torch.allclose(whole.sum, torch.stack([loss.sum for loss in singles]).sum(), atol=1e-4)


def test_state_carried_over_windows_equals_one_long_pass() -> None:
    net, long_text = writer(lines=False, window=7, batch=3), text(100)
    data = Dataset(net.spec, {"text": {"values": long_text, "offsets": torch.tensor([0, 100])}})
    stream = windows(7, 3).open(data, net, 0, 0)
    clock, total, weight = Clock(memory=net.memory(stream.rows)), 0.0, 0
    with torch.no_grad():
        for drawn in range(2 * stream.length):  # the second epoch begins anew
            loss = net.window_loss(stream.at(drawn), clock)
            total, weight = total + float(loss.sum), weight + int(loss.weight)
        lanes = torch.stack([long_text[lane * 33 : lane * 33 + 34] for lane in range(3)])
        once = WRITE.loss(
            net({"text": Sequences(lanes, torch.full((3,), 34))}),
            type(stream.at(0))({"text": Sequences(lanes, torch.full((3,), 34))}, {}, 3),
        )
    assert weight == 2 * 99 and float(once.weight) == 99
    assert total == pytest.approx(2 * float(once.sum), rel=1e-5)
    assert set(clock.memory) == {"h", "c"} and clock.memory["h"].shape == (2, 3, 9) and not clock.memory["h"].requires_grad


def test_writing_step_by_step_equals_reading_at_once_and_rows_can_be_selected() -> None:
    net, rows = writer(), torch.stack([text(8, 1), text(8, 2), text(8, 3)])
    with torch.no_grad():
        at_once = net({"text": Sequences(rows, torch.full((3,), 8))})["text"]
        state = net.start(3)
        first, state = net.step(state, rows[:, :3])
        state, kept = net.select(state, torch.tensor([2, 0])), rows[[2, 0]]
        singles = []
        for t in range(3, 8):
            logits, state = net.step(state, kept[:, t : t + 1])
            singles.append(logits)
    assert all(part.shape[0] == 2 for part in state)
    assert torch.allclose(first, at_once[:, :3], atol=1e-6)
    assert torch.allclose(torch.cat(singles, 1), at_once[[2, 0], 3:], atol=1e-6)


def test_it_remembers_the_first_symbol_over_twenty_others() -> None:
    torch.manual_seed(0)
    n, codes = 1200, torch.arange(1200) % 3
    values = torch.randint(6, VOCABULARY, (n, 21))
    values[:, 0] = 3 + codes
    data = Dataset(
        Spec(inputs={"text": tokens()}, outputs=LABELS, train_size=1000),
        {"text": {"values": values.flatten(), "offsets": torch.arange(n + 1) * 21}, "label": {"codes": codes}},
    )
    parts = Parts(data.part(torch.arange(1000)), None, data.part(torch.arange(1000, n)))
    net = LSTM(Config(width=16, hidden=32, layers=1, dropout=0, lr=1e-2), data.spec, READ)
    trained = train(net, parts, Settings(budget="25epochs")).network
    assert READ.evaluate(trained, parts.test).score >= 0.95  # a third by chance; a network read at a wrong step stays there


def test_what_was_learned_with_carried_state_needs_it() -> None:
    period = torch.randint(3, 7, (37,), generator=torch.Generator().manual_seed(3))
    data = Dataset(
        Spec(inputs={"text": tokens(lines=False)}, train_size=1),
        {"text": {"values": period.repeat(120), "offsets": torch.tensor([0, 37 * 120])}},
    )
    torch.manual_seed(0)
    net = LSTM(Config(width=8, hidden=32, layers=1, dropout=0, lr=1e-2, batch=10, window=8), data.spec, WRITE)
    net = train(net, Parts(data, None, None), Settings(budget="900steps")).network
    stream, carried, fresh = windows(8, 10).open(data, net, 0, 0), 0.0, 0.0
    clock, weight = Clock(memory=net.memory(10)), 0.0
    with torch.no_grad():
        for drawn in range(stream.length):
            batch = stream.at(drawn)
            loss = net.window_loss(batch, clock)
            carried, weight = carried + float(loss.sum), weight + float(loss.weight)
            batch.fresh = True
            fresh += float(net.window_loss(batch, Clock(memory=net.memory(10))).sum)
    assert carried / weight < 0.1  # the text repeats itself: only its very beginning is a surprise
    assert fresh / weight > 0.3  # without memory every window begins with a guess


def test_a_picture_is_read_row_by_row() -> None:
    spec = Spec(inputs={"image": Image(channels=2, height=5, width=4)}, outputs=LABELS, train_size=4)
    net = LSTM(Config(layers=1, hidden=6), spec, tasks.find("image-classification")).eval()
    image = torch.randn(3, 2, 5, 4)
    rows = [torch.cat((image[1, 0, y], image[1, 1, y])) for y in range(5)]
    expected = net.heads(by_hand(net, torch.stack(rows))[-1:])["label"]
    assert torch.allclose(net({"image": image})["label"][1], expected[0], atol=1e-5)


def test_it_refuses_what_it_cannot_read_or_answer_with_a_sentence() -> None:
    table: dict[str, AnyField] = {"x": Table(numeric=("a",), mean=(0.0,), std=(1.0,))}
    picture: dict[str, AnyField] = {"x": Image(channels=1, height=4, width=4)}
    lines: dict[str, AnyField] = {"text": tokens()}
    refused = [
        (table, LABELS, READ),
        (picture, {}, tasks.find("unconditional-image-generation")),
        (lines, {}, READ),
        (lines, LABELS, WRITE),
        (lines, picture, READ),
    ]
    for inputs, outputs, task in refused:
        answer = LSTM.can(Spec(inputs=inputs, outputs=outputs, train_size=4), task)
        assert isinstance(answer, No) and "lstm" in answer and len(answer) > 30


@pytest.mark.parametrize("net", [writer(), reader(layers=2)], ids=["writes", "reads"])
def test_the_predict_path_exports(net: LSTM) -> None:
    inputs = {"text": Sequences(torch.stack([text(6, 1), text(6, 2)]), torch.tensor([6, 3]))}
    exported = torch.export.export(net, (inputs,)).module()
    for name, value in net(inputs).items():
        assert torch.allclose(exported(inputs)[name], value, atol=1e-6)
