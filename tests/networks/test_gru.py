"""What rnn, gru and lstm share: the recurrence written out equals the kernel, gates can be seen, padding reaches nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.blocks.recurrence import Recurrent
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import AnyField, Classes, Course, Future, Series, Spec, Tags, Tokens, Values
from nnzoo.networks import find

KINDS = ["rnn", "gru", "lstm"]
CHANNELS = 3
ANSWERS: dict[str, AnyField] = {
    "label": Classes(labels=("a", "b")),
    "sum": Values(names=("sum",), mean=(0.0,), std=(1.0,)),
    "tag": Tags(labels=("p", "q", "r")),
    "next": Future(names=("x", "y"), horizon=4, mean=(0.0, 0.0), std=(1.0, 1.0)),
}


def series(even: bool = False, binary: bool = False) -> Series:
    names = tuple("abc"[:CHANNELS])
    return Series(names=names, mean=(0.0,) * CHANNELS, std=(1.0,) * CHANNELS, longest=9, even=even, binary=binary)


def network(kind: str, outputs: dict[str, AnyField] = ANSWERS, **config: Any) -> Recurrent:
    torch.manual_seed(3)
    cls = find(kind)
    task = tasks.find("sequence-regression" if outputs else "polyphonic-music")
    spec = Spec(inputs={"x": series(binary=not outputs)}, outputs=outputs, train_size=10)
    made = cls(cls.Config(hidden=5, layers=2, dropout=0.0, **config), spec, task)
    assert isinstance(made, Recurrent)
    return made


def some(lengths: tuple[int, ...] = (9, 4, 1), seed: int = 0) -> Course:
    lengths_B = torch.tensor(lengths)
    x_BTC = torch.randn(len(lengths), max(lengths), CHANNELS, generator=torch.Generator().manual_seed(seed))
    return Course(x_BTC * (torch.arange(max(lengths)) < lengths_B[:, None])[:, :, None], lengths_B)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_recurrence_written_out_is_the_kernel_gradients_included(kind: str, bidirectional: bool) -> None:
    made, course = network(kind, bidirectional=bidirectional).double(), some()
    x_BTC = course.x_BTC.double()
    found = []
    for read in (made._by_kernel, made.written_out):
        made.zero_grad()
        x = x_BTC.clone().requires_grad_()
        h_BTH, after = read(x, None, course.lengths_B)
        inside_BT1 = (torch.arange(9) < course.lengths_B[:, None])[:, :, None]
        weights = torch.linspace(-1, 2, h_BTH.numel(), dtype=torch.double).view_as(h_BTH)
        ((h_BTH * inside_BT1 * weights).sum() + sum((part**2).sum() for part in after if bidirectional)).backward()
        states = [h_BTH * inside_BT1, *(after if bidirectional else ())]
        found.append([*states, x.grad, *(p.grad for p in made.kernel.parameters())])
    for by_kernel, by_hand in zip(*found):
        torch.testing.assert_close(by_kernel, by_hand, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_memory_both_go_on_alike(kind: str) -> None:
    made, x_BTC = network(kind).double(), some((6, 6)).x_BTC.double()
    memory = tuple(torch.randn(2, 2, 5, dtype=torch.double) for _ in made.remembers)
    for by_kernel, by_hand in zip(*(read(x_BTC, memory, None) for read in (made._by_kernel, made.written_out))):
        torch.testing.assert_close(by_kernel, by_hand)


@pytest.mark.parametrize("kind", KINDS)
def test_gates_are_seen_where_somebody_looks_and_the_answers_stay(kind: str) -> None:
    made, course = network(kind).eval(), some()
    before = made({"x": course})
    seen: dict[str, Tensor] = {}
    hooks = [
        probe.register_forward_hook(lambda module, given, value, name=name: seen.__setitem__(name, value))
        for name, probe in made.named_modules()
        if name.startswith("inside.") and name.count(".") == 2
    ]
    after = made({"x": course})
    assert set(seen) == {f"inside.layer{layer}.{gate}" for layer in (0, 1) for gate in made.gates}
    assert all(value.shape == (3, 9, 5) for value in seen.values())
    for name in before:
        torch.testing.assert_close(before[name], after[name], rtol=1e-5, atol=1e-6)
    for hook in hooks:
        hook.remove()
    if kind == "gru":  # h_t = (1 - z) n + z h_(t-1): the gates that are shown make the states that are shown
        h_BTH, _ = made.written_out(course.x_BTC)
        z, n = seen["inside.layer1.keep"], seen["inside.layer1.new"]
        earlier = torch.cat([torch.zeros(3, 1, 5), h_BTH[:, :-1]], 1)
        torch.testing.assert_close((1 - z) * n + z * earlier, h_BTH)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_answers_the_same_whatever_stands_beside_it_and_in_its_padding(kind: str, bidirectional: bool) -> None:
    made, course = network(kind, bidirectional=bidirectional).eval(), some()
    together = made({"x": course})
    filled = course.x_BTC.clone()
    filled[1, 4:] = 7.0
    filled[2, 1:] = -7.0
    other = made({"x": Course(filled, course.lengths_B)})
    for row, length in enumerate(course.lengths_B.tolist()):
        alone = made({"x": Course(course.x_BTC[row : row + 1, :length], course.lengths_B[row : row + 1])})
        for name in ANSWERS:
            cut = slice(0, length) if name == "tag" else slice(None)
            torch.testing.assert_close(together[name][row, cut], alone[name][0, cut])
            torch.testing.assert_close(together[name][row, cut], other[name][row, cut])


@pytest.mark.parametrize("kind", KINDS)
def test_backwards_it_sees_what_is_still_to_come(kind: str) -> None:
    x_BTC = some((9,)).x_BTC.requires_grad_()
    for bidirectional in (False, True):
        made = network(kind, bidirectional=bidirectional)
        (gradient,) = torch.autograd.grad(made({"x": Course(x_BTC, torch.tensor([9]))})["tag"][0, 3].sum(), x_BTC)
        assert (gradient[0, 4:].abs().sum() > 0) == bidirectional and gradient[0, :4].abs().sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_notes_step_by_step_as_it_reads_them(kind: str) -> None:
    made = network(kind, {}).eval()
    x_BTC = (some((7, 7)).x_BTC > 0).float()
    whole = made({"x": Course(x_BTC, torch.tensor([7, 7]))})["x"]
    state, steps = made.start(2), []
    for t in range(7):
        logits, state = made.step(state, x_BTC[:, t : t + 1])
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, 1), whole)
    assert all(torch.equal(a[[1]], b) for a, b in zip(state, made.select(state, torch.tensor([1]))))


def test_a_network_that_writes_cannot_read_backwards() -> None:
    with pytest.raises(ConfigError, match="gru: bidirectional=true reads what is to be written"):
        network("gru", {}, bidirectional=True)


def test_the_gradient_of_a_simple_network_fades_over_time_and_that_of_an_lstm_less() -> None:
    """d h_T / d x_1 over d h_T / d x_T after 40 steps, at the start: the reason for gates."""
    field = Tokens(vocabulary=9, longest=40)
    share = {}
    for kind in ("rnn", "lstm"):
        torch.manual_seed(0)
        cls = find(kind)
        spec = Spec(inputs={"text": field}, outputs={"label": Classes(labels=("a", "b"))}, train_size=4)
        made = cls(cls.Config(hidden=64, layers=1, dropout=0.0), spec, tasks.find("text-classification"))
        tokens = torch.randint(3, 9, (8, 40), generator=torch.Generator().manual_seed(1))
        x_BTD = made.embed(tokens)
        (gradient,) = torch.autograd.grad(made.heads(made.read(x_BTD)[0][:, -1], None)["label"].sum(), x_BTD)
        norms_T = gradient.norm(dim=2).mean(0)
        share[kind] = float(norms_T[0] / norms_T[-1])
    assert share["rnn"] < 1e-6 and share["lstm"] > 1e-5
