"""RNN: Elman's equation by hand, and how far its error travels. What it shares with GRU and LSTM is tested in test_gru."""

from __future__ import annotations

import torch

from nnzoo import tasks
from nnzoo.core.fields import Classes, Course, Series, Spec
from nnzoo.networks.recurrent.rnn import RNN, Config


def network(**config) -> RNN:
    torch.manual_seed(2)
    field = Series(names=("a", "b"), mean=(0.0, 0.0), std=(1.0, 1.0), longest=6)
    spec = Spec(inputs={"x": field}, outputs={"label": Classes(labels=("p", "q"))}, train_size=4)
    return RNN(Config(hidden=4, dropout=0.0, **config), spec, tasks.find("sequence-classification")).double().eval()


def test_states_are_those_of_the_equation() -> None:
    made, x_TC = network(layers=1), torch.randn(6, 2, dtype=torch.double)
    weights = made.kernel
    h = torch.zeros(4, dtype=torch.double)
    states = []
    for x in x_TC:
        h = torch.tanh(weights.weight_ih_l0 @ x + weights.bias_ih_l0 + weights.weight_hh_l0 @ h + weights.bias_hh_l0)
        states.append(h)
    found, (last,) = made.read(x_TC[None])
    torch.testing.assert_close(found[0], torch.stack(states))
    torch.testing.assert_close(last[0, 0], h)


def test_the_error_is_multiplied_by_the_same_matrix_at_every_step() -> None:
    """dh_T / dh_1 is the product of diag(1 - h^2) U (Bengio, Simard & Frasconi 1994, eq. 8)."""
    made, x_1TC = network(layers=1), torch.randn(1, 6, 2, dtype=torch.double)
    u = made.kernel.weight_hh_l0.detach()
    h_TH = made.read(x_1TC)[0][0].detach()
    product = torch.eye(4, dtype=torch.double)
    for h in h_TH[1:]:
        product = torch.diag(1 - h**2) @ u @ product

    def last(h_H: torch.Tensor) -> torch.Tensor:
        return made.read(x_1TC[:, 1:], (h_H[None, None],))[0][0, -1]

    torch.testing.assert_close(torch.autograd.functional.jacobian(last, h_TH[0]), product)


def test_its_answer_is_read_from_the_last_state() -> None:
    made, x_1TC = network(layers=2), torch.randn(1, 6, 2, dtype=torch.double)
    answer = made({"x": Course(x_1TC, torch.tensor([6]))})["label"]
    torch.testing.assert_close(answer, made.heads.linear["to_label"](made.read(x_1TC)[0][:, -1]))
