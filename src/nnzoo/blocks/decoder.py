"""Decoders: what networks share that read all symbols of a text at once, each in the light of those before it.

    h_t depends on x_1 .. x_t,   p(x_(t+1) | x_1 .. x_t) = softmax(E h_t)         E the table of embeddings, unless they are untied

Such a network writes (each state gives the logits of the next symbol), labels every symbol, or answers once, from the state at a
text's last symbol. How states come about, a kind says itself.

It sees `context` symbols and no more. A long text is learned and scored in blocks of that length, each on its own, as nanoGPT does
it; a line that is longer is written in such blocks too, and judged by its first symbols. While it writes, keys and values of what
was read are kept, so that a symbol costs one position.

Shapes: B batch, T symbols, D width, V vocabulary.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from nnzoo.blocks.cache import Cache
from nnzoo.blocks.heads import Heads
from nnzoo.blocks.stems import last_of, mean_of
from nnzoo.core.abilities import Embeds, Predicts, Steps
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import Feed, blocks, shuffled
from nnzoo.core.fields import Classes, Sequences, Span, Spec, Tags, Tokens, Values
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogUniform, Space, Uniform
from nnzoo.core.task import Task

LOGITS_AT_ONCE = 64 << 20  # numbers; more than these are made piece by piece, and once more on the way back


class DecoderConfig(NetworkConfig):
    """Constants of the network and of its descent. `lr` None: .5 / width, .004 for 128 and .00065 for 768 (GPT-3's table: 6e-4).
    `recompute` forgets what happens inside a layer and does it again on the way back: less memory, a third more time."""

    context: int = Field(128, ge=1)
    width: int = Field(128, ge=1)  # D
    heads: int = Field(4, ge=1)  # H
    layers: int = Field(4, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    lr: float | None = Field(None, gt=0)
    beta2: float = Field(0.99, gt=0, lt=1)
    weight_decay: float = Field(0.1, ge=0)
    clip: float = Field(1.0, gt=0)
    batch: int = Field(12, ge=1)
    epochs: int = Field(10, ge=1)
    warmup: float = Field(0.05, ge=0, lt=1)  # share of the steps in which the rate rises
    recompute: bool = False
    search: ClassVar[Space] = {
        "layers": Integers(1, 6),
        "width": Choice((64, 128, 256)),
        "dropout": Uniform(0, 0.3),
        "lr": LogUniform(3e-4, 1e-2),
    }


class Decoder(Network):
    """Base of the kinds that read from the left and write."""

    layers: nn.ModuleList

    @abstractmethod
    def states(self, tokens_BT: Tensor, cache: Cache | None = None) -> Tensor:
        """The state of each symbol (B T D). With a cache, whose room they fill from `used` on, they follow those in it."""

    @abstractmethod
    def logits(self, h_BTD: Tensor) -> Tensor:
        """Logits of the symbol after each (B T V)."""

    @abstractmethod
    def start(self, rows: int, room: int | None = None) -> Cache:
        """Room for what will be read (`context` symbols unless fewer are announced)."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = cls.__name__.lower()
        if spec.only("inputs", Tokens) is None:
            return No(f"{name} reads one text, symbol by symbol; for a table use mlp, for pictures cnn, for numbers over time tcn")
        if not spec.outputs:
            if task.name != "text-generation":
                return No(f"{name} writes text, or answers about one; leave --task out, or name a target")
            return Can((Steps, Embeds))
        if not all(isinstance(field, (Classes, Values, Tags, Span)) for field in spec.outputs.values()):
            return No(f"{name} answers with classes, numbers, labels of each symbol or a piece; the target is none of these")
        if task.name == "text-generation":
            return No(f"{name} writes where there is no target; leave the target out, or name the task that asks for it")
        return Can((Predicts, Embeds))

    def __init__(self, config: DecoderConfig, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert isinstance(field, Tokens)
        self.field = field
        self.writes = not spec.outputs
        if not self.writes:
            self.heads = Heads(config.width, spec.outputs)

    @property
    def context(self) -> int:
        """Symbols that it sees."""
        return int(self.config.context)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Logits of what comes after each symbol (B T V) by the input's name; or outputs by name, at each row's own last symbol or
        at every one. Padding stands after the last, so it reaches no state that is read."""
        sequence: Sequences = inputs[self.name]
        if self.writes:
            return {self.name: self.logits(self._of_blocks(sequence.tokens_BT))}
        seen = Sequences(sequence.tokens_BT[:, : self.context], sequence.lengths_B.clamp(max=self.context))
        h_BTD = self.states(seen.tokens_BT)
        return self.heads(last_of(h_BTD, seen), h_BTD, sequence)

    def _of_blocks(self, tokens_BT: Tensor) -> Tensor:
        """States of a text that may be longer than the context, block by block (B T D)."""
        B, T = tokens_BT.shape
        if self.context >= T:
            return self.states(tokens_BT)
        filled_BT = F.pad(tokens_BT, (0, -T % self.context))
        return self.states(filled_BT.reshape(-1, self.context)).reshape(B, filled_BT.shape[1], -1)[:, :T]

    def vectors(self, inputs: dict[str, Any], pooling: str = "mean") -> Tensor:
        """The mean of the symbols' states or the last one (B D), of the whole text, block by block."""
        if pooling not in ("mean", "last"):
            raise ConfigError(f"{type(self).__name__.lower()} has no pooling '{pooling}'; it has mean and last")
        sequence: Sequences = inputs[self.name]
        h_BTD = self._of_blocks(sequence.tokens_BT)
        return last_of(h_BTD, sequence) if pooling == "last" else mean_of(h_BTD, sequence)

    # ---- writing step by step

    def step(self, state: Cache, symbols_BT: Tensor) -> tuple[Tensor, Cache]:
        """Read T symbols: logits of what comes after each (B T V), and the state after the last. The cache is written in place."""
        h_BTD = self.states(symbols_BT, state)
        return self.logits(h_BTD), state.after(symbols_BT.shape[1])

    def select(self, state: Cache, rows: Tensor) -> Cache:
        """A copy of the state of chosen rows, in that order."""
        return state.chosen(rows)

    # ---- learning

    def next_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of each symbol given those before it."""
        sequence: Sequences = batch.inputs[self.name]
        h_BTD = self._of_blocks(sequence.tokens_BT[:, :-1])
        rows = max(1, LOGITS_AT_ONCE // (h_BTD.shape[1] * self.field.vocabulary))
        if rows >= len(batch):
            return self.task.loss({self.name: self.logits(h_BTD)}, batch)
        losses = [
            checkpoint(self._piece_loss, h_RTD, tokens_RT, lengths_R, use_reentrant=False)
            for h_RTD, tokens_RT, lengths_R in zip(
                h_BTD.split(rows), sequence.tokens_BT.split(rows), sequence.lengths_B.split(rows)
            )
        ]
        nats, weights = zip(*losses)
        return Loss(torch.stack(nats).sum(), torch.stack(weights).sum())

    def _piece_loss(self, h_RTD: Tensor, tokens_RT: Tensor, lengths_R: Tensor) -> tuple[Tensor, Tensor]:
        """Nats of some rows and how many symbols they predict; nothing of their logits is kept."""
        piece = Batch({self.name: Sequences(tokens_RT, lengths_R)}, {}, len(lengths_R))
        loss = self.task.loss({self.name: self.logits(h_RTD)}, piece)
        return loss.sum, torch.as_tensor(loss.weight)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile what it learns by as one: from symbols to nats, or to what it answers."""
        if self.writes:
            vars(self)["next_loss"] = torch.compile(self.next_loss, *args, **kwargs)
        else:
            super().compile(*args, **kwargs)

    def layer(self, block: nn.Module, *given: Any) -> Any:
        """A layer's result; under `recompute`, while it learns, nothing of its inside is kept."""
        if self.config.recompute and self.training:
            return checkpoint(block, *given, use_reentrant=False)
        return block(*given)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        schedule = Schedule(warmup=c.warmup, decay="cosine", floor=0.1)
        descent = AdamW(c.lr or 0.5 / c.width, (0.9, c.beta2), weight_decay=c.weight_decay, schedule=schedule, spares_vectors=True)
        loss = self.next_loss if self.writes else self.task_loss
        feed: Feed = blocks(c.context, c.batch) if self.writes and not self.field.lines else shuffled(c.batch)
        return (Stage((Descend("task", loss, optimizer=descent, clip=c.clip),), feed=feed, epochs=c.epochs, validate=loss),)
