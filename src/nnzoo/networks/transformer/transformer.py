"""Transformer: attention alone reads a text and writes another; no step waits for the one before while it learns.

    x_t    = sqrt(D) E[s_t] + P_t,   P_t sines and cosines of t        symbol and position                    (sec. 3.4 and 3.5)
    x      = LN(x + MultiHead(x, x, x))                                l times: every symbol looks at all     (encoder, sec. 3.1)
    x      = LN(x + W_2 relu(W_1 x + b_1) + b_2)                                                              (eq. 2)
    y      = LN(y + MultiHead(y, y, y)),  masked: none looks further than itself                              (decoder, sec. 3.1)
    y      = LN(y + MultiHead(y, h, h)),  h the encoder's last x       every symbol written looks at the source
    y      = LN(y + W_2 relu(W_1 y + b_1) + b_2)
    p(y_(t+1) | y_1 .. y_t, x) = softmax(E y_t)                        the same E again                       (sec. 3.4)

    loss   = (1 - e) (-ln p(y)) + e mean_v(-ln p(v))                   label smoothing, e = `smoothing`       (sec. 5.4)

MultiHead is H attentions side by side (`blocks/attention.py`) and a matrix W_o. The norm stands after each sum, as in the paper.
Only learning uses the smoothed loss; what is reported and what chooses the epoch is not smoothed. What is read, answered and
written, and the schedule, is that of all encoder-decoders: `blocks/encoder_decoder.py`. Where the two sides have vocabularies of
their own, so have they tables; the paper has one for both.

Shapes: B batch, S source symbols, T symbols of the answer, D width, H heads, K width of a head, M inner width, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.attention import Attend, join, split
from nnzoo.blocks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig, State
from nnzoo.blocks.positions import sinusoids
from nnzoo.blocks.probe import Probe
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Sequences, Spec
from nnzoo.core.learning import Clock, Loss
from nnzoo.core.network import Card, Network
from nnzoo.core.task import Task


class Config(EncoderDecoderConfig):
    """Constants of the network and of its descent. `inner` 0: four times the width."""

    inner: int = Field(0, ge=0)  # M
    smoothing: float = Field(0.1, ge=0, lt=1)  # e


class MultiHead(nn.Module):
    """H attentions side by side, and W_o."""

    def __init__(self, config: Config):
        super().__init__()
        D, self.heads = config.width, config.heads
        self.q, self.kv = nn.Linear(D, D), nn.Linear(D, 2 * D)
        self.attend = Attend(config.dropout)
        self.proj = nn.Linear(D, D)  # W_o

    def offer(self, x_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of what is looked at (B H S K)."""
        k_BSD, v_BSD = self.kv(x_BSD).chunk(2, 2)
        return split(k_BSD, self.heads), split(v_BSD, self.heads)

    def forward(self, x_BTD: Tensor, k_BHSK: Tensor, v_BHSK: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        q_BHTK = split(self.q(x_BTD), self.heads)
        return self.proj(join(self.attend(q_BHTK, k_BHSK, v_BHSK, mask, causal)))


class FeedForward(nn.Sequential):
    """W_2 relu(W_1 x + b_1) + b_2."""

    def __init__(self, config: Config):
        D, M = config.width, config.inner or 4 * config.width
        super().__init__(nn.Linear(D, M), nn.ReLU(), nn.Linear(M, D))


class Reader(nn.Module):
    """A layer of the encoder."""

    def __init__(self, config: Config):
        super().__init__()
        self.sees, self.feed = MultiHead(config), FeedForward(config)
        self.norm1, self.norm2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.drop = nn.Dropout(config.dropout)
        self.out = Probe()

    def forward(self, x_BSD: Tensor, inside_B11S: Tensor) -> Tensor:
        x_BSD = self.norm1(x_BSD + self.drop(self.sees(x_BSD, *self.sees.offer(x_BSD), inside_B11S)))
        return self.out(self.norm2(x_BSD + self.drop(self.feed(x_BSD))))


class Writer(nn.Module):
    """A layer of the decoder."""

    def __init__(self, config: Config):
        super().__init__()
        self.sees, self.looks, self.feed = MultiHead(config), MultiHead(config), FeedForward(config)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.width) for _ in range(3))
        self.drop = nn.Dropout(config.dropout)
        self.out = Probe()

    def forward(self, y_BTD: Tensor, state: State, layer: int) -> Tensor:
        k_BHSK, v_BHSK = self.sees.offer(y_BTD)
        if state.cache is not None:
            k_BHSK, v_BHSK = state.cache.put(layer, k_BHSK, v_BHSK)
        y_BTD = self.norm1(y_BTD + self.drop(self.sees(y_BTD, k_BHSK, v_BHSK, causal=True)))
        seen_BTD = self.looks(y_BTD, state.keys[layer], state.values[layer], state.inside_B11S)
        y_BTD = self.norm2(y_BTD + self.drop(seen_BTD))
        return self.out(self.norm3(y_BTD + self.drop(self.feed(y_BTD))))


class Transformer(EncoderDecoder):
    """Embeddings, the encoder's layers, the decoder's layers."""

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        c = config
        if c.width % c.heads or c.width % 2:
            raise ConfigError(f"transformer: width={c.width} is odd or not divided by heads={c.heads}; choose an even multiple")
        self.embed = nn.Embedding(self.field.vocabulary, c.width)  # E
        if not self.shared:
            self.embed_source = nn.Embedding(self.source.vocabulary, c.width)
        self.drop = nn.Dropout(c.dropout)
        self.encoder = nn.ModuleList(Reader(c) for _ in range(c.layers))
        self.decoder = nn.ModuleList(Writer(c) for _ in range(c.layers))
        for name, parameter in self.named_parameters():
            if name.startswith("embed"):
                nn.init.normal_(parameter, std=c.width**-0.5)
            elif parameter.ndim == 2:
                for piece in parameter.split(c.width) if name.endswith("kv.weight") else (parameter,):
                    nn.init.xavier_uniform_(piece)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def _placed(self, table: nn.Embedding, tokens_BT: Tensor, first: int = 0) -> Tensor:
        """sqrt(D) E[s_t] + P_t, from position `first` on."""
        D = self.config.width
        place_TD = sinusoids(torch.arange(first, first + tokens_BT.shape[1], device=tokens_BT.device), D)
        return self.drop(math.sqrt(D) * table(tokens_BT) + place_TD)

    def encode(self, tokens_BS: Tensor, inside_B11S: Tensor) -> Tensor:
        x_BSD = self._placed(self.embed if self.shared else self.embed_source, tokens_BS)
        for layer in self.encoder:
            x_BSD = layer(x_BSD, inside_B11S)
        return x_BSD

    def offers(self, h_BSD: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [layer.looks.offer(h_BSD) for layer in self.decoder]  # type: ignore[union-attr, operator]

    def decode(self, symbols_BT: Tensor, state: State) -> Tensor:
        y_BTD = self._placed(self.embed, symbols_BT, 0 if state.cache is None else state.cache.used)
        for l, layer in enumerate(self.decoder):
            y_BTD = layer(y_BTD, state, l)
        return y_BTD

    def logits(self, h_BTD: Tensor) -> Tensor:
        return F.linear(h_BTD, self.embed.weight)

    def task_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of the right answers, smoothed while it learns."""
        e, target = self.config.smoothing, batch.outputs[self.answer]
        if not clock.training or not e:
            return super().task_loss(batch, clock)
        assert isinstance(target, Sequences)
        logits_MV, next_M = self.taught(batch), target.tokens_BT[:, 1:][target.inside_BT[:, 1:]]
        total = F.cross_entropy(logits_MV, next_M, reduction="sum", label_smoothing=e)
        return Loss(total, len(next_M), {"accuracy": (logits_MV.detach().argmax(1) == next_M).float().mean()})

    card = Card(
        idea="Reading and writing by attention alone: while it learns, all symbols of a text and its answer are worked on at once.",
        equation="Attention(Q, K, V) = softmax(Q K^T / sqrt(K)) V,  x = LN(x + MultiHead(x, h, h)),  x = LN(x + W_2 relu(W_1 x))",
        paper="Vaswani et al., Attention Is All You Need, NeurIPS 2017",
        year=2017,
        learns="supervised, from pairs of texts, the right symbols given; by gradient on smoothed labels",
        good_at="turning one text into another: translation, from some ten thousand pairs on; learning uses a machine's full width",
        weak_at="few pairs, where attention_seq2seq learns faster; texts longer than those it learned from, as positions are fixed",
        cost="24 D^2 + 4 S D multiplications and additions a source symbol and layer, 28 D^2 + 4 (S + T) D a written one",
    )
