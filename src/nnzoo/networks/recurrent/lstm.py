"""LSTM: a recurrent network whose memory is a cell that is written, kept and read through gates.

    i_t = sigma(W_i x_t + U_i h_(t-1) + b_i)        how much is written     (Hochreiter & Schmidhuber 1997)
    f_t = sigma(W_f x_t + U_f h_(t-1) + b_f)        how much is kept        (Gers, Schmidhuber & Cummins 2000)
    g_t = tanh (W_g x_t + U_g h_(t-1) + b_g)        what is written
    o_t = sigma(W_o x_t + U_o h_(t-1) + b_o)        how much is shown
    c_t = f_t c_(t-1) + i_t g_t,    h_t = o_t tanh(c_t)

The error flows back through c_t without being multiplied by a weight, so it lives over many steps. The forget gate's bias starts at
1: at first the cell keeps (Gers 2000). The library's kernel computes exactly these lines, all gates of a step in one product.

What is read, answered and written, and how it learns, is that of all recurrent kinds: `blocks/recurrence.py`.

Shapes: B batch, H hidden, G = 4 H.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nnzoo.blocks.recurrence import Memory, Recurrent, RecurrentConfig
from nnzoo.core.fields import Spec
from nnzoo.core.network import Card, Network
from nnzoo.core.task import Task


class Config(RecurrentConfig):
    """Constants of the network and of its descent, as all recurrent kinds have them."""


class LSTM(Recurrent):
    """Stacked LSTM layers; a memory is the shown state h and the cell c."""

    library = nn.LSTM
    remembers = ("h", "c")
    gates = ("write", "keep", "new", "show", "cell")

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        H = config.hidden
        for name, bias_G in self.kernel.named_parameters():
            if "bias" in name:  # the kernel adds two biases; gates stand in the order i, f, g, o
                nn.init.zeros_(bias_G)
                nn.init.constant_(bias_G[H : 2 * H], 1.0 if "bias_ih" in name else 0.0)

    def cell(self, from_x_BG: Tensor, from_h_BG: Tensor, memory: Memory) -> tuple[Memory, Memory]:
        _, c_BH = memory
        i_BH, f_BH, g_BH, o_BH = (from_x_BG + from_h_BG).chunk(4, 1)
        i_BH, f_BH, g_BH, o_BH = i_BH.sigmoid(), f_BH.sigmoid(), g_BH.tanh(), o_BH.sigmoid()
        c_BH = f_BH * c_BH + i_BH * g_BH
        return (o_BH * torch.tanh(c_BH), c_BH), (i_BH, f_BH, g_BH, o_BH, c_BH)

    card = Card(
        idea="A recurrent cell that is written, kept and read through learned gates remembers over many steps.",
        equation="c_t = f_t c_(t-1) + i_t g_t,  h_t = o_t tanh(c_t)",
        paper="Hochreiter & Schmidhuber, Long Short-Term Memory, Neural Computation 9; forget gate: Gers et al. 2000",
        year=1997,
        learns="supervised, or by predicting the next symbol; by gradient through time",
        good_at="sequences of any length, writing character by character, small data; constant memory while it writes",
        weak_at="steps wait for one another, so long sequences are slow; details from far back fade",
        cost="8 H (D + H) multiplications and additions a step and layer; steps one after the other",
        processes="gradients are averaged over processes; each carries the states of its own lanes",
    )
