"""Recurrences: what recurrent kinds share around their cell, which each of them brings.

    memory_t = cell(W x_t + b, U h_(t-1) + c, memory_(t-1)),    h_t the first part of the memory

A sequence is a text, numbers over time or a picture row by row. A network answers once at its end, labels every step, or writes:
each state gives the logits of the next symbol, or of the next notes. Over one long text the memory is carried from window to
window.

The recurrence is there twice. The library's kernel runs all steps of all layers in one call; `written_out` says the same step by
step, in the kind's own equations, and shows every gate at a probe. It is taken where somebody looks at a probe of a network that
does not learn at the moment, so that looking shows what is computed and costs nothing otherwise.

Shapes: B batch, T time, D width of what is read, H hidden, L layers, V vocabulary, G gates.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nnzoo.blocks.heads import Heads
from nnzoo.blocks.level import Level
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import image_as_rows, last_of
from nnzoo.core.abilities import Predicts, Steps
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import Feed, shuffled, windows
from nnzoo.core.fields import Classes, Course, Future, Image, Sequences, Series, Span, Spec, Tags, Tokens, Values
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Network, NetworkConfig, No
from nnzoo.core.search import Integers, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task

Memory = tuple[Tensor, ...]  # by layer: one tensor (B H), or two
WRITES = {"text-generation": Tokens, "polyphonic-music": Series}  # what a network without an answer reads, by task


class RecurrentConfig(NetworkConfig):
    """Constants of the network and of its descent. `window` is how far the error travels back in one long text; `bidirectional`
    reads backwards as well, which a network that writes cannot. `relative`: forecast differences from the last number (None: where
    the series drifts)."""

    width: int = Field(128, ge=1)  # D, of an embedded symbol
    hidden: int = Field(128, ge=1)  # H
    layers: int = Field(2, ge=1)  # L
    bidirectional: bool = False
    relative: bool | None = None
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: float = Field(4e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(1.0, gt=0)
    batch: int = Field(50, ge=1)
    window: int = Field(50, ge=1)
    epochs: int = Field(15, ge=1)
    warmup: float = Field(0.1, ge=0, lt=1)  # share of the steps in which the rate rises
    search: ClassVar[Space] = {
        "hidden": LogIntegers(32, 512),
        "layers": Integers(1, 3),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(5e-4, 2e-2),
    }


class Recurrent(Network):
    """Base of the recurrent kinds. `remembers` names the parts of a memory, the shown state first; `gates` what `cell` shows."""

    library: ClassVar[Callable[..., nn.RNNBase]]
    remembers: ClassVar[tuple[str, ...]] = ("h",)
    gates: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def cell(self, from_x_BG: Tensor, from_h_BG: Tensor, memory: Memory) -> tuple[Memory, Memory]:
        """One step of one layer: the memory after it, and the values of the gates. The products W x + b and U h + c come in the
        library's order of gates."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = cls.__name__.lower()
        place = spec.only("inputs", Tokens, Image, Series)
        if place is None:
            return No(
                f"{name} reads a sequence of symbols or numbers, or a picture row by row; for a table use mlp, for a graph gcn"
            )
        field, writes = spec.inputs[place], WRITES.get(task.name)
        if not spec.outputs:
            if writes is None or not isinstance(field, writes) or (isinstance(field, Series) and not field.binary):
                return No(f"{name} writes text or piano rolls, or answers about a sequence; give it one of these, or name a target")
            return Can((Steps,))
        if not all(isinstance(field, (Classes, Values, Tags, Span, Future)) for field in spec.outputs.values()):
            return No(
                f"{name} answers with classes, numbers, labels of each step, a piece or the next steps; the target is none of these"
            )
        if isinstance(field, Image) and any(isinstance(field, Tags) for field in spec.outputs.values()):
            return No(f"{name} labels the steps of a sequence, and a picture has none; give a sequence")
        if writes is not None:
            return No(f"{name} writes where there is no target; leave the target out, or name the task that asks for it")
        return Can((Predicts,))

    def __init__(self, config: RecurrentConfig, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert isinstance(field, (Tokens, Image, Series))
        self.field, c = field, config
        self.writes = not spec.outputs
        if self.writes and c.bidirectional:
            raise ConfigError(
                f"{type(self).__name__.lower()}: bidirectional=true reads what is to be written; leave it out, or name a target"
            )
        if isinstance(field, Tokens):
            self.embed = nn.Embedding(field.vocabulary, c.width)
        between = c.dropout if c.layers > 1 else 0.0
        kernel = self.library(
            _reads(field, c.width), c.hidden, c.layers, batch_first=True, dropout=between, bidirectional=c.bidirectional
        )
        self.add_module(type(self).__name__.lower(), kernel)
        self.drop = nn.Dropout(c.dropout) if c.dropout else nn.Identity()  # at 0 it would still draw
        self.states = Probe()
        self.inside = nn.ModuleDict({f"layer{way}": nn.ModuleDict({g: Probe() for g in self.gates}) for way in self._ways()})
        if self.writes:
            self.next = nn.Linear(c.hidden, field.vocabulary if isinstance(field, Tokens) else field.size)
        else:
            self.heads = Heads(c.hidden * (2 if c.bidirectional else 1), spec.outputs)
        self.level = Level(field, spec.outputs, c.relative)

    # ---- the recurrence

    @property
    def kernel(self) -> nn.RNNBase:
        """The library's recurrence, `lstm`, `gru` or `rnn` in the module tree."""
        kernel: nn.RNNBase = getattr(self, type(self).__name__.lower())
        return kernel

    def read(self, x_BTD: Tensor, memory: Memory | None = None, lengths_B: Tensor | None = None) -> tuple[Tensor, Memory]:
        """States of the top layer at every step (B T H; both ways one after the other), and the memory of all layers after the last
        (each part L B H). Without memory: zeros. `lengths_B` is needed to read backwards from where each row ends."""
        assert x_BTD.ndim == 3 and x_BTD.shape[2] == self.kernel.input_size
        looked_at = not self.training and any(probe._forward_hooks for probe in self.inside.modules())
        if looked_at:
            h_BTH, after = self.written_out(x_BTD, memory, lengths_B)
        else:
            h_BTH, after = self._by_kernel(x_BTD, memory, lengths_B)
        return self.drop(self.states(h_BTH)), after

    def _by_kernel(self, x_BTD: Tensor, memory: Memory | None, lengths_B: Tensor | None) -> tuple[Tensor, Memory]:
        given = memory if memory is None or len(self.remembers) > 1 else memory[0]
        if self.config.bidirectional and lengths_B is not None:
            packed = pack_padded_sequence(x_BTD, lengths_B.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
            shown, after = self.kernel(packed, given)
            h_BTH, _ = pad_packed_sequence(shown, batch_first=True, total_length=x_BTD.shape[1])
        else:
            h_BTH, after = self.kernel(x_BTD, given)
        return h_BTH, after if isinstance(after, tuple) else (after,)

    def written_out(self, x_BTD: Tensor, memory: Memory | None = None, lengths_B: Tensor | None = None) -> tuple[Tensor, Memory]:
        """What the kernel computes, step by step, with every gate at its probe (B T H). Nothing is dropped between layers."""
        ways, lasts = 2 if self.config.bidirectional else 1, []
        for layer in range(self.config.layers):
            shown = []
            for way in range(ways):
                k = layer * ways + way
                x = _mirrored(x_BTD, lengths_B) if way else x_BTD
                h_BTH, last = self._one_layer(
                    x, k, None if memory is None else tuple(part_LBH[k] for part_LBH in memory), lengths_B
                )
                shown.append(_mirrored(h_BTH, lengths_B) if way else h_BTH)
                lasts.append(last)
            x_BTD = torch.cat(shown, 2)
        return x_BTD, tuple(torch.stack(parts) for parts in zip(*lasts))

    def _one_layer(self, x_BTD: Tensor, k: int, memory: Memory | None, lengths_B: Tensor | None) -> tuple[Tensor, Memory]:
        way = self._ways()[k]
        w, u, b, c = (getattr(self.kernel, f"{name}_l{way}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        now = memory or tuple(x_BTD.new_zeros(len(x_BTD), self.config.hidden) for _ in self.remembers)
        from_x_BTG = x_BTD @ w.T + b
        states, gates = [], []
        for t in range(x_BTD.shape[1]):
            after, values = self.cell(from_x_BTG[:, t], now[0] @ u.T + c, now)
            if lengths_B is not None and self.config.bidirectional:  # beyond a row's end its memory stays, as in a packed kernel
                inside_B1 = (t < lengths_B)[:, None]
                after = tuple(torch.where(inside_B1, new, old) for new, old in zip(after, now))
                states.append(after[0] * inside_B1)
            else:
                states.append(after[0])
            gates.append(values)
            now = after
        probes = self.inside[f"layer{way}"]
        for name, steps in zip(self.gates, zip(*gates)):
            probes[name](torch.stack(steps, 1))  # type: ignore[index]
        return torch.stack(states, 1), now

    def _ways(self) -> list[str]:
        """The library's names of layers and directions."""
        ways = ("", "_reverse") if self.config.bidirectional else ("",)
        return [f"{layer}{way}" for layer in range(self.config.layers) for way in ways]

    def view(self, value: Tensor | Sequences | Course) -> tuple[Tensor, Tensor | None]:
        """What the first layer reads (B T D), and the lengths where rows are padded."""
        if isinstance(value, Tensor):
            return image_as_rows(value), None
        if isinstance(value, Sequences):
            return self.drop(self.embed(value.tokens_BT)), value.lengths_B
        return value.x_BTC, value.lengths_B

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Logits of what comes after each step (B T V or B T C) by the input's name; or outputs by name, at each row's own last
        step (backwards: its first) or at every step. Padding stands after the last step, so it reaches no state that is read."""
        value = inputs[self.name]
        x_BTD, lengths_B = self.view(self.level.off(value))
        h_BTH, _ = self.read(x_BTD, lengths_B=lengths_B)
        if self.writes:
            return {self.name: self.next(h_BTH)}
        last_BH = h_BTH[:, -1] if isinstance(value, Tensor) else last_of(h_BTH, value)
        if self.config.bidirectional:
            H = self.config.hidden
            last_BH = torch.cat([last_BH[:, :H], h_BTH[:, 0, H:]], 1)
        sequence = value if isinstance(value, Sequences) else None
        return self.level.back(self.heads(last_BH, h_BTH, sequence), value)

    # ---- writing step by step

    context = None  # a memory holds any number of steps

    def start(self, rows: int, room: int | None = None) -> Memory:
        """Before the first symbol nothing is remembered (each part B L H). A memory needs the same room for any length."""
        zeros_BLH = torch.zeros(rows, self.config.layers, self.config.hidden, device=self.device)
        return tuple(zeros_BLH for _ in self.remembers)

    def step(self, state: Memory, symbols_BT: Tensor) -> tuple[Tensor, Memory]:
        """Read T symbols (or steps of notes, B T C): logits of what comes after each (B T V or C), and the state after the last."""
        x_BTD = self.drop(self.embed(symbols_BT)) if isinstance(self.field, Tokens) else symbols_BT
        before = tuple(part_BLH.transpose(0, 1).contiguous() for part_BLH in state)
        h_BTH, after = self.read(x_BTD, before)
        return self.next(h_BTH), tuple(part_LBH.transpose(0, 1) for part_LBH in after)

    def select(self, state: Memory, rows: Tensor) -> Memory:
        """The state of chosen rows, in that order."""
        return tuple(part_BLH[rows] for part_BLH in state)

    # ---- learning

    @property
    def carries(self) -> bool:
        """Whether it reads one long text through windows."""
        return self.writes and isinstance(self.field, Tokens) and not self.field.lines

    def memory(self, rows: int) -> dict[str, Tensor]:
        """Over one long text: the memory after the window before (L B H)."""
        if not self.carries:
            return {}
        shape = (self.config.layers, rows, self.config.hidden)
        return {name: torch.zeros(shape, device=self.device) for name in self.remembers}

    def window_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of each symbol of a window given all before it, earlier windows included; the error stops at the window's edge."""
        sequence: Sequences = batch.inputs[self.name]
        before = self.memory(len(batch)) if batch.fresh else clock.memory
        x_BTD = self.drop(self.embed(sequence.tokens_BT[:, :-1]))  # the last symbol is the first of the next window
        h_BTH, after = self.read(x_BTD, tuple(before[name] for name in self.remembers))
        clock.memory.update({name: part_LBH.detach() for name, part_LBH in zip(self.remembers, after)})
        return self.task.loss({self.name: self.next(h_BTH)}, batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        one_cycle = Schedule(warmup=c.warmup, decay="cosine", floor=0.001)
        loss = self.window_loss if self.carries else self.task_loss
        feed: Feed = windows(c.window, c.batch) if self.carries else shuffled(c.batch)
        move = Descend("task", loss, optimizer=AdamW(c.lr, weight_decay=c.weight_decay, schedule=one_cycle), clip=c.clip)
        return (Stage((move,), feed=feed, epochs=c.epochs, validate=loss),)


def _reads(field: Tokens | Image | Series, width: int) -> int:
    """D."""
    match field:
        case Tokens():
            return width
        case Image():
            return field.channels * field.width
    return field.size


def _mirrored(x_BTD: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Each row turned round within its own length."""
    if lengths_B is None:
        return x_BTD.flip(1)
    t_T = torch.arange(x_BTD.shape[1], device=x_BTD.device)
    place_BT = torch.where(t_T < lengths_B[:, None], lengths_B[:, None] - 1 - t_T, t_T)
    return x_BTD.gather(1, place_BT[:, :, None].expand_as(x_BTD))
