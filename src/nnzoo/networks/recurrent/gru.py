"""GRU: a recurrent network with two gates and no cell of its own: the state itself is kept or renewed.

    r_t = sigma(W_r x_t + b_r + U_r h_(t-1) + c_r)             how much of the past the new state sees   (Cho et al. 2014, eq. 5)
    z_t = sigma(W_z x_t + b_z + U_z h_(t-1) + c_z)             how much is kept                          (eq. 6)
    n_t = tanh (W_n x_t + b_n + r_t (U_n h_(t-1) + c_n))       what is new                               (eq. 8)
    h_t = (1 - z_t) n_t + z_t h_(t-1)                                                                    (eq. 7)

Where z_t is near 1 the state passes unchanged, and the error with it. Cho et al. reset h before the product with U_n; here, as in
the library's kernel, the product is reset, which lets all three be computed at once and has the same power.

What is read, answered and written, and how it learns, is that of all recurrent kinds: `blocks/recurrence.py`.

Shapes: B batch, H hidden, G = 3 H.
"""

from __future__ import annotations

from torch import Tensor, nn

from nnzoo.blocks.recurrence import Memory, Recurrent, RecurrentConfig
from nnzoo.core.network import Card


class Config(RecurrentConfig):
    """Constants of the network and of its descent, as all recurrent kinds have them."""


class GRU(Recurrent):
    """Stacked GRU layers; a memory is the state h alone."""

    library = nn.GRU
    gates = ("reset", "keep", "new")

    def cell(self, from_x_BG: Tensor, from_h_BG: Tensor, memory: Memory) -> tuple[Memory, Memory]:
        (h_BH,) = memory
        (xr_BH, xz_BH, xn_BH), (hr_BH, hz_BH, hn_BH) = from_x_BG.chunk(3, 1), from_h_BG.chunk(3, 1)
        r_BH, z_BH = (xr_BH + hr_BH).sigmoid(), (xz_BH + hz_BH).sigmoid()
        n_BH = (xn_BH + r_BH * hn_BH).tanh()
        return ((1 - z_BH) * n_BH + z_BH * h_BH,), (r_BH, z_BH, n_BH)

    card = Card(
        idea="A recurrent state that two learned gates keep or renew: an LSTM's memory with a quarter fewer weights.",
        equation="h_t = (1 - z_t) n_t + z_t h_(t-1),  n_t = tanh(W x_t + r_t (U h_(t-1)))",
        paper="Cho et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, EMNLP",
        year=2014,
        learns="supervised, or by predicting the next symbol; by gradient through time",
        good_at="what an LSTM is good at, with fewer weights; music and short series",
        weak_at="it cannot count without bound, as an LSTM's cell can; steps wait for one another",
        cost="6 H (D + H) multiplications and additions a step and layer; steps one after the other",
        processes="gradients are averaged over processes; each carries the states of its own lanes",
    )
