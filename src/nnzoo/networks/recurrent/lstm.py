"""LSTM: a recurrent network whose memory is a cell that is written, kept and read through gates.

    i_t = sigma(W_i x_t + U_i h_(t-1) + b_i)        how much is written     (Hochreiter & Schmidhuber 1997)
    f_t = sigma(W_f x_t + U_f h_(t-1) + b_f)        how much is kept        (Gers, Schmidhuber & Cummins 2000)
    g_t = tanh (W_g x_t + U_g h_(t-1) + b_g)        what is written
    o_t = sigma(W_o x_t + U_o h_(t-1) + b_o)        how much is shown
    c_t = f_t c_(t-1) + i_t g_t,    h_t = o_t tanh(c_t)

The error flows back through c_t without being multiplied by a weight, so it lives over many steps. The forget gate's bias starts at
1: at first the cell keeps (Gers 2000). The library's kernel computes exactly these lines, all gates of a step in one product.

It writes (each state gives the logits of the next symbol; over one long text the state is carried from window to window), or it
answers once at the end of a sequence: a text, or a picture read row by row.

Shapes: B batch, T time, D width of what is read, H hidden, L layers, V vocabulary.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.heads import Heads
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import image_as_rows, last_of
from nnzoo.core.abilities import Predicts, Steps
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import Feed, shuffled, windows
from nnzoo.core.fields import Classes, Image, Sequences, Spec, Tokens, Values
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Integers, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the network and of its descent. `window` is how far the error travels back in one long text."""

    width: int = Field(128, ge=1)  # D, of an embedded symbol
    hidden: int = Field(128, ge=1)  # H
    layers: int = Field(2, ge=1)  # L
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: float = Field(4e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(1.0, gt=0)
    batch: int = Field(50, ge=1)
    window: int = Field(50, ge=1)
    epochs: int = Field(15, ge=1)
    search: ClassVar[Space] = {
        "hidden": LogIntegers(32, 512),
        "layers": Integers(1, 3),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(5e-4, 2e-2),
    }


class State(NamedTuple):
    """What is remembered between symbols, rows first: shown state and cell (B L H)."""

    h_BLH: Tensor
    c_BLH: Tensor


class LSTM(Network):
    """Symbols or picture rows through stacked LSTM layers; read out at every step, or at the last."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Tokens, Image) is None:
            return No("lstm reads one sequence of symbols, or one picture row by row; for a table use mlp, for a graph gcn")
        if not spec.outputs:
            if spec.only("inputs", Tokens) is None or task.name != "text-generation":
                return No("lstm writes text, or answers about a text or picture; give it text alone, or name a target")
            return Can((Steps,))
        if not all(isinstance(field, (Classes, Values)) for field in spec.outputs.values()):
            return No("lstm answers with classes or numbers; the target here is neither")
        if task.name == "text-generation":
            return No("lstm writes text where there is no target; leave the target out, or use the task text-classification")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert isinstance(field, (Tokens, Image))
        self.field, c = field, config
        if isinstance(field, Tokens):
            self.embed = nn.Embedding(field.vocabulary, c.width)
        reads = c.width if isinstance(field, Tokens) else field.channels * field.width
        between = c.dropout if c.layers > 1 else 0.0
        self.lstm = nn.LSTM(reads, c.hidden, c.layers, batch_first=True, dropout=between)
        for name, bias_4H in self.lstm.named_parameters():
            if "bias" in name:  # the kernel adds two biases; gates stand in the order i, f, g, o
                nn.init.zeros_(bias_4H)
                nn.init.constant_(bias_4H[c.hidden : 2 * c.hidden], 1.0 if "bias_ih" in name else 0.0)
        self.drop = nn.Dropout(c.dropout)
        self.states = Probe()
        self.writes = not spec.outputs
        if self.writes:
            self.next = nn.Linear(c.hidden, field.vocabulary if isinstance(field, Tokens) else 0)
        else:
            self.heads = Heads(c.hidden, spec.outputs)

    # ---- the recurrence

    def read(self, x_BTD: Tensor, memory: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """States of the top layer at every step (B T H), and (h, c) of all layers after the last (L B H). Without memory: zeros."""
        assert x_BTD.ndim == 3 and x_BTD.shape[2] == self.lstm.input_size
        h_BTH, after = self.lstm(x_BTD, memory)
        return self.drop(self.states(h_BTH)), after

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Logits of the symbol after each (B T V) by the text's name; or outputs by name, read at each row's own last step."""
        value = inputs[self.name]
        if isinstance(value, Tensor):
            h_BTH, _ = self.read(image_as_rows(value))
            return self.heads(h_BTH[:, -1])
        h_BTH, _ = self.read(self.drop(self.embed(value.tokens_BT)))
        if self.writes:
            return {self.name: self.next(h_BTH)}
        return self.heads(last_of(h_BTH, value))  # padding stands after the last symbol, so it cannot reach this state

    # ---- writing symbol by symbol

    def start(self, rows: int) -> State:
        """Before the first symbol nothing is remembered."""
        zeros_BLH = torch.zeros(rows, self.config.layers, self.config.hidden, device=self.device)
        return State(zeros_BLH, zeros_BLH)

    def step(self, state: State, symbols_BT: Tensor) -> tuple[Tensor, State]:
        """Read T symbols: logits of the symbol after each (B T V), and the state after the last."""
        before = (state[0].transpose(0, 1).contiguous(), state[1].transpose(0, 1).contiguous())
        h_BTH, (h_LBH, c_LBH) = self.read(self.drop(self.embed(symbols_BT)), before)
        return self.next(h_BTH), State(h_LBH.transpose(0, 1), c_LBH.transpose(0, 1))

    def select(self, state: State, rows: Tensor) -> State:
        """The state of chosen rows, in that order."""
        return State(state[0][rows], state[1][rows])

    # ---- learning

    def memory(self, rows: int) -> dict[str, Tensor]:
        """Over one long text: (h, c) after the window before (L B H)."""
        if not self.carries:
            return {}
        zeros_LBH = torch.zeros(self.config.layers, rows, self.config.hidden, device=self.device)
        return {"h": zeros_LBH, "c": zeros_LBH.clone()}

    @property
    def carries(self) -> bool:
        """Whether it reads one long text through windows."""
        return self.writes and isinstance(self.field, Tokens) and not self.field.lines

    def window_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of each symbol of a window given all before it, earlier windows included; the error stops at the window's edge."""
        sequence: Sequences = batch.inputs[self.name]
        before = self.memory(len(batch)) if batch.fresh else clock.memory
        x_BTD = self.drop(self.embed(sequence.tokens_BT[:, :-1]))  # the last symbol is the first of the next window
        h_BTH, (h_LBH, c_LBH) = self.read(x_BTD, (before["h"], before["c"]))
        clock.memory["h"], clock.memory["c"] = h_LBH.detach(), c_LBH.detach()
        return self.task.loss({self.name: self.next(h_BTH)}, batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        one_cycle = Schedule(warmup=0.1, decay="cosine", floor=0.001)
        loss = self.window_loss if self.carries else self.task_loss
        feed: Feed = windows(c.window, c.batch) if self.carries else shuffled(c.batch)
        move = Descend("task", loss, optimizer=AdamW(c.lr, weight_decay=c.weight_decay, schedule=one_cycle), clip=c.clip)
        return (Stage((move,), feed=feed, epochs=c.epochs, validate=loss),)

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
