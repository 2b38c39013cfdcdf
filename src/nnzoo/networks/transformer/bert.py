"""BERT: attention layers that read a text from both sides at once, taught to find hidden symbols, then to judge texts.

    x_t = LN(E[s_t] + P[t] + G[0])                                   symbol, position, segment      (Devlin et al. 2019, fig. 2)
    x   = LN(x + W_o Attention(x)),     x = LN(x + W_2 gelu(W_1 x + b_1) + b_2)       l times; layer norm last (Vaswani et al. 2017)
    p(s_t | what is not hidden) = softmax(E LN(gelu(W_m x_t + b_m)) + b)              the same E again (section 3.1, task 1)
    y   = W tanh(W_p x_1 + b_p) + c                                  a text judged by the state at its first symbol (section 3)

Nothing is masked in attention but padding, so every symbol is seen in the light of all others; it cannot write. Learning to fill
gaps needs no labels: `pretrain` spends that share of a run on the texts alone before their labels are learned, and a run of
fill-mask on other texts can be gone on from. Segments tell pairs of texts apart, a question (0) from its context (1); a single
text is segment 0. The next-sentence task is left out, which costs nothing (Liu et al. 2019). The layout is that of Hugging Face's
BertModel, whose weights it takes.

The symbol that hides others is one more row of E, unless `mask` names one of the vocabulary: data need not know of it. Texts to be
judged are cut at `context` symbols; texts with gaps that are longer are read in blocks of that length, each on its own.

Shapes: B batch, T symbols, D width, H heads, K width of a head, V vocabulary, M hidden symbols.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.attention import Attend, inside, join, split
from nnzoo.blocks.heads import Heads
from nnzoo.blocks.masking import hide, masked_loss
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import mean_of
from nnzoo.core.abilities import Embeds, Fills, Predicts
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import Feed, blocks, shuffled
from nnzoo.core.fields import Classes, Sequences, Span, Spec, Tags, Tokens, Values
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the network and of its descent. `inner` 0: four times the width. `pretrain` is the share of a run with a target
    that is spent on hidden symbols of the same texts first."""

    context: int = Field(128, ge=2)
    width: int = Field(128, ge=1)  # D
    heads: int = Field(4, ge=1)  # H
    layers: int = Field(4, ge=1)
    inner: int = Field(0, ge=0)
    segments: int = Field(2, ge=1)
    mask: int | None = Field(None, ge=0)
    eps: float = Field(1e-12, gt=0)
    dropout: float = Field(0.1, ge=0, lt=1)
    pretrain: float = Field(0.0, ge=0, lt=1)
    lr: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)
    batch: int = Field(32, ge=1)
    epochs: int = Field(10, ge=1)
    warmup: float = Field(0.1, ge=0, lt=1)  # share of the steps in which the rate rises
    search: ClassVar[Space] = {
        "layers": Integers(1, 6),
        "width": Choice((64, 128, 256)),
        "dropout": Uniform(0, 0.4),
        "pretrain": Choice((0.0, 0.3, 0.6)),
        "lr": LogUniform(1e-4, 2e-3),
    }


class Block(nn.Module):
    """One layer: attention to all of the text, then two matrices; the norm stands after each sum."""

    def __init__(self, config: Config):
        super().__init__()
        D, inner = config.width, config.inner or 4 * config.width
        self.heads = config.heads
        self.qkv = nn.Linear(D, 3 * D)
        self.attend = Attend(config.dropout)
        self.proj = nn.Linear(D, D)  # W_o
        self.norm1 = nn.LayerNorm(D, config.eps)
        self.up, self.down = nn.Linear(D, inner), nn.Linear(inner, D)  # W_1, W_2
        self.norm2 = nn.LayerNorm(D, config.eps)
        self.drop = nn.Dropout(config.dropout)
        self.out = Probe()

    def forward(self, x_BTD: Tensor, seen_B11T: Tensor) -> Tensor:
        q_BHTK, k_BHTK, v_BHTK = (split(part_BTD, self.heads) for part_BTD in self.qkv(x_BTD).chunk(3, 2))
        x_BTD = self.norm1(x_BTD + self.drop(self.proj(join(self.attend(q_BHTK, k_BHTK, v_BHTK, seen_B11T)))))
        return self.out(self.norm2(x_BTD + self.drop(self.down(F.gelu(self.up(x_BTD))))))


class Bert(Network):
    """Embeddings, layers, and what reads their states: the guess of hidden symbols, or outputs by name."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Tokens) is None:
            return No("bert reads one text, all of it at once; for a table use mlp, for pictures cnn, for numbers over time tcn")
        if not spec.outputs:
            if task.name != "fill-mask":
                return No("bert fills gaps in texts and cannot write; leave --task out, give labels, or write with gpt or lstm")
            return Can((Fills, Embeds))
        if spec.only("outputs", Tokens) and task.name == "question-answering":
            return No(
                "bert cannot write; add --task extractive-question-answering, or --task text-classification where answers are few"
            )
        if not all(isinstance(field, (Classes, Values, Tags, Span)) for field in spec.outputs.values()):
            return No("bert answers with classes, numbers, labels of each symbol or a piece; the target is none of these")
        if task.name in ("fill-mask", "text-generation"):
            return No("bert fills gaps where there is no target; leave the target out, or name the task that asks for it")
        return Can((Predicts, Embeds))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert isinstance(field, Tokens)
        c, D, V = config, config.width, field.vocabulary
        if D % c.heads:
            raise ConfigError(f"bert: width={D} is not divided by heads={c.heads}; choose a multiple")
        if c.mask is not None and c.mask >= V:
            raise ConfigError(f"bert: mask={c.mask} is none of the {V} symbols; leave it out for one of its own")
        self.field, self.fills = field, not spec.outputs
        self.span = next((one for one in spec.outputs.values() if isinstance(one, Span)), None)
        self.embed = nn.Embedding(V + (c.mask is None), D)  # E
        self.place = nn.Embedding(c.context, D)  # P
        self.segment = nn.Embedding(c.segments, D)  # G
        self.norm = nn.LayerNorm(D, c.eps)
        self.drop = nn.Dropout(c.dropout)
        self.layers = nn.ModuleList(Block(c) for _ in range(c.layers))
        if self.fills or c.pretrain:
            self.guess, self.guess_norm = nn.Linear(D, D), nn.LayerNorm(D, c.eps)  # W_m
            self.bias = nn.Parameter(torch.zeros(V))
        if not self.fills:
            self.pool = nn.Linear(D, D)  # W_p
            self.heads = Heads(D, spec.outputs)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    @property
    def context(self) -> int:
        """Symbols that it sees."""
        return int(self.config.context)

    @property
    def mask(self) -> int:
        """The symbol that hides another."""
        return self.field.vocabulary if self.config.mask is None else int(self.config.mask)

    def states(self, tokens_BT: Tensor, lengths_B: Tensor, segments_BT: Tensor | None = None) -> Tensor:
        """The state of each symbol (B T D), of `context` symbols at most; those of padding mean nothing."""
        T = tokens_BT.shape[1]
        assert self.context >= T, f"{T} symbols are more than the context of {self.context}"
        segment = self.segment.weight[0] if segments_BT is None else self.segment(segments_BT)
        x_BTD = self.drop(self.norm(self.embed(tokens_BT) + self.place.weight[:T] + segment))
        seen_B11T = inside(lengths_B.clamp(min=1), T)  # a row of nothing looks at padding rather than nowhere
        for block in self.layers:
            x_BTD = block(x_BTD, seen_B11T)
        return x_BTD

    def sides(self, tokens_BT: Tensor) -> Tensor | None:
        """The segment of each symbol (B T) where a question and its context are read: 0 and 1."""
        return None if self.span is None else self.span.second(tokens_BT).long().clamp(max=self.config.segments - 1)

    def read(self, sequence: Sequences) -> Tensor:
        """States of texts that may be longer than the context, block by block (B T D)."""
        (tokens_BT, lengths_B), C = sequence, self.context
        B, T = tokens_BT.shape
        if C >= T:
            return self.states(tokens_BT, lengths_B, self.sides(tokens_BT))
        filled_BT = F.pad(tokens_BT, (0, -T % C))
        firsts_N = torch.arange(0, T, C, device=lengths_B.device)
        lengths_BN = (lengths_B[:, None] - firsts_N).clamp(0, C)
        return self.states(filled_BT.reshape(-1, C), lengths_BN.flatten()).reshape(B, filled_BT.shape[1], -1)[:, :T]

    def logits(self, h_MD: Tensor) -> Tensor:
        """What stands where the states are (M V)."""
        z_MD = self.guess_norm(F.gelu(self.guess(h_MD)))
        return F.linear(z_MD, self.embed.weight[: self.field.vocabulary], self.bias)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Logits of the symbol at every place (B T V) by the input's name; or outputs by name, of the first `context` symbols."""
        sequence: Sequences = inputs[self.name]
        if self.fills:
            return {self.name: self.logits(self.read(sequence))}
        tokens_BT = sequence.tokens_BT[:, : self.context]
        h_BTD = self.states(tokens_BT, sequence.lengths_B.clamp(max=self.context), self.sides(tokens_BT))
        return self.heads(self.drop(self.pool(h_BTD[:, 0]).tanh()), h_BTD, sequence)

    def fill(self, inputs: dict[str, Any], places_BT: Tensor) -> Tensor:
        """Logits of the symbols at hidden places (M V)."""
        return self.logits(self.read(inputs[self.name])[places_BT])

    def vectors(self, inputs: dict[str, Any], pooling: str = "mean") -> Tensor:
        """The mean of the symbols' states or the first one (B D)."""
        if pooling not in ("mean", "first"):
            raise ConfigError(f"bert has no pooling '{pooling}'; it has mean and first")
        h_BTD = self.read(inputs[self.name])
        return h_BTD[:, 0] if pooling == "first" else mean_of(h_BTD, inputs[self.name])

    # ---- learning

    def mask_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of hidden symbols given the others. What is hidden changes with every step; at looks it is always the same."""
        hidden = hide(batch.inputs[self.name], self.field, self.mask)
        return masked_loss(self.fill({self.name: hidden.sequence}, hidden.places_BT), hidden.truth_M)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        schedule = Schedule(warmup=c.warmup, decay="linear")
        descent = AdamW(c.lr, weight_decay=c.weight_decay, schedule=schedule)
        mask = Descend("mask", self.mask_loss, optimizer=descent, clip=c.clip)
        if self.fills:  # blocks share one symbol with the next, so that a batch is as wide as the context
            feed: Feed = shuffled(c.batch, alike=True) if self.field.lines else blocks(c.context - 1, c.batch)
            return (Stage((mask,), feed=feed, epochs=c.epochs, validate=self.mask_loss),)
        body = ("embed", "place", "segment", "norm", "layers")
        judge = Descend("task", self.task_loss, optimizer=descent, clip=c.clip)
        rows = shuffled(c.batch, alike=True)
        judged = Stage(
            (judge,), (*body, "pool", "heads"), rows, share=1 - c.pretrain, epochs=c.epochs, validate=self.task_loss
        )  # fmt: skip
        if not c.pretrain:
            return (judged,)
        epochs = max(1, round(c.epochs * c.pretrain / (1 - c.pretrain)))
        guessing = (*body, "guess", "guess_norm", "bias")
        first = Stage((mask,), guessing, rows, c.pretrain, name="pre-train", epochs=epochs, validate=self.mask_loss)
        return first, judged

    card = Card(
        idea="Finding hidden words from both sides teaches what words mean; a few labels then suffice to judge texts.",
        equation="x = LN(x + W_o Attention(x)),  x = LN(x + W_2 gelu(W_1 x)),  p(hidden) = softmax(E LN(gelu(W_m x)) + b)",
        paper="Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, NAACL",
        year=2019,
        learns="by finding hidden symbols, without labels; then supervised, from the state at a text's first symbol; by gradient",
        good_at="judging texts, tagging them and comparing them, the more so after much text without labels; all symbols at once",
        weak_at="writing, which it cannot; small data without pre-training, where counting words does as well; long texts",
        cost="(24 D^2 + 4 T D) multiplications and additions a symbol and layer; memory T^2 H without a fused kernel",
    )
