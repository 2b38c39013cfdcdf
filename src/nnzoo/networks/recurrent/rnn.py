"""RNN: the simple recurrent network: a hidden layer that reads the input and its own last state.

    h_t = tanh(W x_t + b + U h_(t-1) + c)                                   (Elman 1990)

The error that travels from step t back to step s passes through

    dh_t / dh_s = prod_(k = s+1 .. t) diag(1 - h_k^2) U                     (Bengio, Simard & Frasconi 1994, eq. 8)

which shrinks with every step unless U is large, and then it may grow without bound. So what lies many steps back is hardly learned:
the reason why LSTM and GRU exist, and what the norm of this network's gradient by time step shows.

What is read, answered and written, and how it learns, is that of all recurrent kinds: `blocks/recurrence.py`.

Shapes: B batch, H hidden, G = H.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.recurrence import Memory, Recurrent, RecurrentConfig
from nnzoo.core.network import Card


class Config(RecurrentConfig):
    """Constants of the network and of its descent, as all recurrent kinds have them; without gates the rate is lower."""

    lr: float = Field(2e-3, gt=0)


class RNN(Recurrent):
    """Stacked simple recurrent layers; a memory is the state h alone."""

    library = nn.RNN
    gates = ("state",)

    def cell(self, from_x_BG: Tensor, from_h_BG: Tensor, memory: Memory) -> tuple[Memory, Memory]:
        h_BH = (from_x_BG + from_h_BG).tanh()
        return (h_BH,), (h_BH,)

    card = Card(
        idea="A hidden layer that reads the input and its own last state.",
        equation="h_t = tanh(W x_t + U h_(t-1) + b)",
        paper="Elman, Finding Structure in Time, Cognitive Science 14",
        year=1990,
        learns="supervised, or by predicting the next symbol; by gradient through time",
        good_at="short sequences, few weights, speed; the plain case that gated kinds must beat",
        weak_at="the gradient vanishes or explodes over many steps, so what lies far back is not learned",
        cost="2 H (D + H) multiplications and additions a step and layer; steps one after the other",
        processes="gradients are averaged over processes; each carries the states of its own lanes",
    )
