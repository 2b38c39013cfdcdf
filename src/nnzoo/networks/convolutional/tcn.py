"""TCN: a temporal convolutional network, whose windows look back only, in steps that double from layer to layer.

    F(s)  = sum_(i=0..k-1)  w_i x_(s - d i)           a dilated causal convolution   (Bai, Kolter & Koltun 2018, section 3.2)
    w     = g v / ||v||                               weight normalisation           (Salimans & Kingma 2016, eq. 2)
    block:  h = phi(F(phi(F(x)))),   o = phi(x + h)   phi ReLU, dropout after each   (section 3.3, figure 1b)
    d     = 2^l in block l = 0 .. n-1

Nothing at step s depends on what comes after it. What the last step sees, the receptive field, doubles with each block:

    r     = 1 + 2 (k - 1) (2^n - 1)                   two convolutions a block

Where channels change, x passes a 1 x 1 convolution on its way around. Dropout strikes single units, as in the authors' code (the
paper's text says whole channels).

It writes (each step gives the logits of the next symbol or of the next notes), labels every step, or answers once at the end. The
state of writing is explicit: each convolution's last (k - 1) d inputs. So a new symbol costs one step of each layer, whatever the
receptive field, and over one long text the state is carried from window to window.

Shapes: B batch, T time, D width of what is read, H hidden, P remembered inputs of a convolution, C notes, V vocabulary.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.heads import Heads
from nnzoo.blocks.level import Level
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import last_of
from nnzoo.core.abilities import Predicts, Steps
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import Feed, shuffled, windows
from nnzoo.core.fields import Classes, Course, Future, Sequences, Series, Spec, Tags, Tokens, Values
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task

State = tuple[Tensor, ...]  # of each convolution in turn, its last inputs (B D P)


class Config(NetworkConfig):
    """Constants of the network and of its descent. `window` is how far the error travels back in one long text, at most.
    `relative`: forecast differences from the last number (None: where the series drifts)."""

    width: int = Field(64, ge=1)  # D, of an embedded symbol
    hidden: int = Field(64, ge=1)  # H
    levels: int = Field(5, ge=1)  # n, blocks
    kernel: int = Field(3, ge=2)  # k
    relative: bool | None = None
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: float = Field(4e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(0.4, gt=0)
    batch: int = Field(32, ge=1)
    window: int = Field(64, ge=1)
    epochs: int = Field(20, ge=1)
    search: ClassVar[Space] = {
        "hidden": LogIntegers(16, 256),
        "levels": Integers(2, 8),
        "kernel": Choice((2, 3, 5, 7)),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(3e-4, 1e-2),
    }


class CausalConvolution(nn.Module):
    """F: each step from itself and k - 1 earlier ones, d apart. Before the first step stand zeros, or what was read before."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int):
        super().__init__()
        plain = nn.Conv1d(before, after, kernel)
        self.v = nn.Parameter(plain.weight.detach().clone())
        self.g = nn.Parameter(self.v.detach().norm(dim=(1, 2), keepdim=True))
        self.bias = nn.Parameter(plain.bias.detach().clone())  # type: ignore[union-attr]
        self.dilation, self.past = dilation, (kernel - 1) * dilation  # d, P

    def forward(self, x_BDT: Tensor, past_BDP: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The convolution (B H T), and the last inputs, which the next steps need (B D P)."""
        seen_BDT = F.pad(x_BDT, (self.past, 0)) if past_BDP is None else torch.cat([past_BDP, x_BDT], 2)
        w = self.g * self.v / self.v.norm(dim=(1, 2), keepdim=True)
        return F.conv1d(seen_BDT, w, self.bias, dilation=self.dilation), seen_BDT[:, :, seen_BDT.shape[2] - self.past :]


class Block(nn.Module):
    """Two causal convolutions of one dilation, and a way around them."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int, dropout: float):
        super().__init__()
        self.first = CausalConvolution(before, after, kernel, dilation)
        self.second = CausalConvolution(after, after, kernel, dilation)
        self.around = nn.Conv1d(before, after, 1) if before != after else nn.Identity()
        self.drop = nn.Dropout(dropout)
        self.out = Probe()

    def forward(self, x_BDT: Tensor, past: State | None = None) -> tuple[Tensor, State]:
        """o (B H T), and the last inputs of both convolutions."""
        h_BHT, past_first = self.first(x_BDT, past[0] if past else None)
        h_BHT, past_second = self.second(self.drop(F.relu(h_BHT)), past[1] if past else None)
        return self.out(F.relu(self.around(x_BDT) + self.drop(F.relu(h_BHT)))), (past_first, past_second)


class TCN(Network):
    """Symbols, series or notes through blocks of growing dilation; read out at every step, or at the last."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Tokens, Series)
        if name is None:
            return No("tcn reads one sequence of symbols or of numbers over time; for a table use mlp, for pictures cnn")
        writes = {"text-generation": Tokens, "polyphonic-music": Series}.get(task.name)
        if not spec.outputs:
            field = spec.inputs[name]
            if writes is None or not isinstance(field, writes) or (isinstance(field, Series) and not field.binary):
                return No("tcn writes text or piano rolls, or answers about a sequence; give it one of these, or name a target")
            return Can((Steps,))
        if not all(isinstance(field, (Classes, Values, Tags, Future)) for field in spec.outputs.values()):
            return No("tcn answers with classes, numbers, labels of each step or the next steps; the target here is none of these")
        if writes is not None:
            return No("tcn writes where there is no target; leave the target out, or name the task that asks for it")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert isinstance(field, (Tokens, Series))
        self.field, c = field, config
        if isinstance(field, Tokens):
            self.embed = nn.Embedding(field.vocabulary, c.width)
        channels = [c.width if isinstance(field, Tokens) else field.size] + [c.hidden] * c.levels
        self.blocks = nn.ModuleList(
            Block(before, after, c.kernel, 2**l, c.dropout) for l, (before, after) in enumerate(pairwise(channels))
        )
        self.drop = nn.Dropout(c.dropout)
        self.writes = not spec.outputs
        if self.writes:
            self.next = nn.Linear(c.hidden, field.vocabulary if isinstance(field, Tokens) else field.size)
        else:
            self.heads = Heads(c.hidden, spec.outputs)
        self.level = Level(field, spec.outputs, c.relative)

    @property
    def receptive_field(self) -> int:
        """Steps that an answer depends on, its own included (r)."""
        return 1 + sum(conv.past for conv in self.modules() if isinstance(conv, CausalConvolution))

    # ---- the convolutions

    def view(self, value: Sequences | Course) -> Tensor:
        """What the first block reads (B T D)."""
        return self.drop(self.embed(value.tokens_BT)) if isinstance(value, Sequences) else value.x_BTC

    def read(self, x_BTD: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Features of every step (B T H), and the state after the last. Without a state: zeros came before."""
        h_BHT, after = x_BTD.transpose(1, 2), []
        for l, block in enumerate(self.blocks):
            h_BHT, past = block(h_BHT, None if state is None else state[2 * l : 2 * l + 2])
            after += past
        return h_BHT.transpose(1, 2), tuple(after)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Logits of what comes after each step (B T V or B T C) by the input's name; or outputs by name, at a row's own last
        step or at every step. Padding stands after the last step, so that it reaches none of them."""
        value = inputs[self.name]
        h_BTH, _ = self.read(self.view(self.level.off(value)))
        if self.writes:
            return {self.name: self.next(h_BTH)}
        return self.level.back(self.heads(last_of(h_BTH, value), h_BTH), value)

    # ---- writing step by step

    context = None  # what lies beyond the receptive field is forgotten, so that there is no end

    def start(self, rows: int, room: int | None = None) -> State:
        """Before the first step all inputs were zero. The state needs the same room for any length."""
        convolutions = [conv for block in self.blocks for conv in (block.first, block.second)]
        return tuple(torch.zeros(rows, conv.v.shape[1], conv.past, device=self.device) for conv in convolutions)  # type: ignore

    def step(self, state: State, symbols_BT: Tensor) -> tuple[Tensor, State]:
        """Read T symbols (or steps of notes, B T C): logits of what comes after each (B T V or C), and the state after the last."""
        x_BTD = self.drop(self.embed(symbols_BT)) if isinstance(self.field, Tokens) else symbols_BT
        h_BTH, after = self.read(x_BTD, state)
        return self.next(h_BTH), after

    def select(self, state: State, rows: Tensor) -> State:
        """The state of chosen rows, in that order."""
        return tuple(past_BDP[rows] for past_BDP in state)

    # ---- learning

    @property
    def carries(self) -> bool:
        """Whether it reads one long text through windows."""
        return self.writes and isinstance(self.field, Tokens) and not self.field.lines

    def memory(self, rows: int) -> dict[str, Tensor]:
        """Over one long text: the last inputs of each convolution in the window before (B D P)."""
        return {f"past{k}": past_BDP for k, past_BDP in enumerate(self.start(rows))} if self.carries else {}

    def window_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of each symbol of a window given all before it, earlier windows included; the error stops at the window's edge."""
        before = self.memory(len(batch)) if batch.fresh else clock.memory
        symbols_BT = batch.inputs[self.name].tokens_BT[:, :-1]  # the last symbol is the first of the next window
        logits_BTV, after = self.step(tuple(before[f"past{k}"] for k in range(2 * len(self.blocks))), symbols_BT)
        clock.memory.update({f"past{k}": past_BDP.detach() for k, past_BDP in enumerate(after)})
        return self.task.loss({self.name: logits_BTV}, batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        one_cycle = Schedule(warmup=0.1, decay="cosine", floor=0.001)
        loss = self.window_loss if self.carries else self.task_loss
        feed: Feed = windows(c.window, c.batch) if self.carries else shuffled(c.batch)
        move = Descend("task", loss, optimizer=AdamW(c.lr, weight_decay=c.weight_decay, schedule=one_cycle), clip=c.clip)
        return (Stage((move,), feed=feed, epochs=c.epochs, validate=loss),)

    card = Card(
        idea="Convolutions that look back only, in steps that double from block to block, read all steps of a sequence at once.",
        equation="F(s) = sum_i w_i x_(s - d i),  d = 2^l;  receptive field 1 + 2 (k - 1)(2^n - 1) steps",
        paper="Bai, Kolter & Koltun, An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling",
        year=2018,
        learns="supervised, or by predicting the next symbol or notes; by gradient",
        good_at="long sequences with a known reach: all steps are trained in parallel, and details from far back do not fade",
        weak_at="what lies beyond the receptive field is never seen; while it writes it keeps (k - 1) d inputs a layer",
        cost="k (D + H) H multiplications and additions a step and block; steps side by side",
        processes="gradients are averaged over processes; each carries the states of its own lanes",
    )
