"""Encoder-decoders: what networks share that read a text as a whole and write another, symbol by symbol, with attention to it.

    h       = encoder(x_1 .. x_S)                                  once for all symbols of the answer
    y_t     from  y_1 .. y_(t-1)  and  h                           the likeliest symbol, until the end, or by a beam
    loss    = - sum_t ln p(y_t | y_1 .. y_(t-1), x)                while it learns, y_1 .. y_(t-1) are right (teacher forcing)

How h and p come about, a kind says itself. Keys and values that h offers to each layer of the decoder are computed once a source;
those of the symbols written are kept, so that a new symbol costs one position.

Where both sides are made of the same units, one table of embeddings serves both.

Shapes: B batch, S source symbols, T symbols of the answer, D width, H heads, K width of a head, V vocabulary of the answer.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from nnzoo.blocks.attention import inside
from nnzoo.blocks.cache import Cache
from nnzoo.blocks.greedy import greedy
from nnzoo.core.abilities import Translates
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogUniform, Space, Uniform
from nnzoo.core.task import Task

PATIENCE = 40  # epochs: where to look in the source is often found only after a long time without gain


class EncoderDecoderConfig(NetworkConfig):
    """Constants of the network and of its descent. `lr` None: .25 / width, .002 for 128. `dropout` makes steps longer, and first
    passes over the pairs teach less; where there are to be ten or more, .1 to .2 are usual. `alike` puts texts of like length into
    a batch: less padding where lengths differ much, as those of sentences do, but batches that are less mixed, from which rules of
    short texts are learned slower."""

    width: int = Field(128, ge=1)  # D
    heads: int = Field(4, ge=1)  # H
    layers: int = Field(2, ge=1)  # of the encoder, and of the decoder
    dropout: float = Field(0.0, ge=0, lt=1)
    lr: float | None = Field(None, gt=0)
    beta2: float = Field(0.98, gt=0, lt=1)
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(1.0, gt=0)
    batch: int = Field(64, ge=1)
    epochs: int = Field(20, ge=1)
    warmup: float = Field(0.1, ge=0, lt=1)  # share of the steps in which the rate rises
    alike: bool = False
    search: ClassVar[Space] = {
        "layers": Integers(1, 4),
        "width": Choice((64, 128, 256)),
        "dropout": Uniform(0, 0.3),
        "lr": LogUniform(2e-4, 4e-3),
    }


class State(NamedTuple):
    """What is known before a symbol: where there is source (B 1 1 S), keys and values that it offers to each layer (B H S K), and
    those of the answer so far (None: the answer is read at once, and nothing is kept)."""

    inside_B11S: Tensor
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    cache: Cache | None


class EncoderDecoder(Network):
    """Base of the kinds that read all of a text at once and write another."""

    @abstractmethod
    def encode(self, tokens_BS: Tensor, inside_B11S: Tensor) -> Tensor:
        """What the source says at each symbol (B S D); where there is padding, anything."""

    @abstractmethod
    def offers(self, h_BSD: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of the source (B H S K) for each layer of the decoder."""

    @abstractmethod
    def decode(self, symbols_BT: Tensor, state: State) -> Tensor:
        """The state at each symbol of the answer (B T D); with a cache, they follow those in it."""

    @abstractmethod
    def logits(self, h_BTD: Tensor) -> Tensor:
        """Logits of the symbol after each (B T V)."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name, kind = spec.only("inputs", Tokens), cls.kind or cls.__name__.lower()
        if name is None or spec.only("outputs", Tokens) is None:
            return No(f"{kind} turns one text into another; give pairs of texts, with --task translation for two columns")
        if not spec.inputs[name].lines:  # type: ignore[union-attr]
            return No(f"{kind} reads texts that are wholes of their own; give pairs line by line, not one long text")
        return Can((Translates,))

    def __init__(self, config: Any, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, source),), ((self.answer, field),) = spec.inputs.items(), spec.outputs.items()
        assert isinstance(source, Tokens) and isinstance(field, Tokens)
        self.source, self.field = source, field
        self.shared = source.vocabulary == field.vocabulary and source.symbols == field.symbols

    # ---- reading, then writing symbol by symbol

    def read(self, source: Sequences) -> State:
        """What the source offers, with nothing kept of an answer."""
        inside_B11S = inside(source.lengths_B, source.tokens_BT.shape[1])
        keys, values = zip(*self.offers(self.encode(source.tokens_BT, inside_B11S)))
        return State(inside_B11S, keys, values, None)

    def read_source(self, inputs: dict[str, Any]) -> State:
        """The state before the first symbol of the answer, with room for half as many again as the longest learned from."""
        state = self.read(inputs[self.name])
        B, H, _, K = state.keys[0].shape
        room = max(1, self.field.longest * 3 // 2)
        return state._replace(cache=Cache.empty(B, len(state.keys), H, room, K, state.keys[0]))

    def step(self, state: State, symbols_BT: Tensor) -> tuple[Tensor, State]:
        """Read T symbols of the answer: logits of the symbol after each (B T V), and the state after the last. The cache is written
        in place."""
        assert symbols_BT.ndim == 2 and state.cache is not None
        T = symbols_BT.shape[1]
        state = state._replace(cache=_with_room(state.cache, T))
        logits_BTV = self.logits(self.decode(symbols_BT, state))
        assert state.cache is not None
        return logits_BTV, state._replace(cache=state.cache.after(T))

    def select(self, state: State, rows: Tensor) -> State:
        """A copy of the state of chosen rows, in that order."""
        assert state.cache is not None
        keys, values = (tuple(each[rows] for each in side) for side in (state.keys, state.values))
        return State(state.inside_B11S[rows], keys, values, state.cache.chosen(rows))

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """The answer by its name, the likeliest symbol at every step: symbols (B T) without start, 0 after `end`; T is the length
        of the longest answer learned from."""
        state = self.read_source(inputs)
        first_B = torch.full((len(state.inside_B11S),), self.field.start, device=self.device)
        return {self.answer: greedy(self.step, state, self.field, first_B)}

    # ---- learning

    def taught(self, batch: Batch) -> Tensor:
        """Logits (M V) of each symbol of the right answers after the first, given those before it, row by row. What stands at
        padding predicts nothing, and of a batch of sentences that is half: where many symbols are known, logits cost the most."""
        target: Sequences = batch.outputs[self.answer]
        h_BTD = self.decode(target.tokens_BT[:, :-1], self.read(batch.inputs[self.name]))
        return self.logits(h_BTD[target.inside_BT[:, 1:]])

    def task_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of each symbol of the right answer, given the source and the symbols before it."""
        return self.task.loss({self.answer: self.taught(batch)}, batch)

    def descent(self) -> AdamW:
        """The rate rises over the first steps and falls to a hundredth along a cosine. (Vaswani 2017 and Raffel 2020 let it fall as
        1 / sqrt(step), which has no end; the length of a run is known here, and what ends low ends better.)"""
        c = self.config
        schedule = Schedule(warmup=c.warmup, decay="cosine", floor=0.01)
        return AdamW(c.lr or 0.25 / c.width, betas=(0.9, c.beta2), weight_decay=c.weight_decay, schedule=schedule)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Descend("task", self.task_loss, optimizer=self.descent(), clip=c.clip)
        feed = shuffled(c.batch, alike=c.alike)
        return (Stage((move,), feed=feed, epochs=c.epochs, patience=PATIENCE, validate=self.task_loss),)


def _with_room(cache: Cache, positions: int) -> Cache:
    """The cache if so many positions more have room in it, else a copy with twice as much."""
    needed = cache.used + positions
    if needed <= cache.room:
        return cache
    B, H, _, K = cache.keys[0].shape
    larger = Cache.empty(B, len(cache.keys), H, max(needed, 2 * cache.room), K, cache.keys[0])
    for layer, (k_BHSK, v_BHSK) in enumerate(zip(cache.keys, cache.values)):
        larger.put(layer, k_BHSK[:, :, : cache.used], v_BHSK[:, :, : cache.used])
    return larger.after(cache.used)
