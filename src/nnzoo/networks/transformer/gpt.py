"""GPT: a stack of attention layers that read a text from the left and say, at every symbol, what comes next.

    x_t = E[s_t] + P[t]                                              symbol and position, both learned  (Radford et al. 2018)
    x   = x + W_o Attention(LN(x)),     x = x + W_2 gelu(W_1 LN(x) + b_1) + b_2      l times; layer norm first (GPT-2, sec. 2.3)
    p(s_(t+1) | s_1 .. s_t) = softmax(E LN(x_t))                     the same E again

Attention (`blocks/attention.py`) moves what is known from position to position; the two matrices after it work on each position
alone. Weights start at N(0, .02), those that end a branch smaller by sqrt(2 l), so that l layers add up to a like size (GPT-2). Its
layout is that of GPT-2, whose weights it takes.

What is read, answered and written, and how it learns, is that of all decoders: `blocks/decoder.py`.

Shapes: B batch, T symbols, S symbols seen, D width, H heads, K width of a head, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from nnzoo.blocks.attention import Attend, join
from nnzoo.blocks.cache import Cache
from nnzoo.blocks.decoder import Decoder, DecoderConfig
from nnzoo.blocks.gelu import gelu
from nnzoo.blocks.packed import Tied
from nnzoo.blocks.probe import Probe
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Spec
from nnzoo.core.network import Card, Network
from nnzoo.core.task import Task


class Config(DecoderConfig):
    """Constants of the network and of its descent, as all decoders have them."""


class Block(nn.Module):
    """One layer: attention, then two matrices; each added to what was there."""

    def __init__(self, config: Config):
        super().__init__()
        D = config.width
        self.heads = config.heads
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv = nn.Linear(D, 3 * D)
        self.attend = Attend(config.dropout)
        self.proj = nn.Linear(D, D)  # W_o
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)  # W_1, W_2
        self.drop = nn.Dropout(config.dropout) if config.dropout else nn.Identity()
        self.out = Probe()

    def forward(self, x_BTD: Tensor, cache: Cache | None = None, layer: int = 0) -> Tensor:
        B, T, D = x_BTD.shape
        parts = self.qkv(self.norm1(x_BTD)).split(D, 2)
        q_BHTK, k_BHSK, v_BHSK = (part_BTD.view(B, T, self.heads, -1).transpose(1, 2) for part_BTD in parts)
        if cache is not None:
            k_BHSK, v_BHSK = cache.put(layer, k_BHSK, v_BHSK)
        x_BTD = x_BTD + self.drop(self.proj(join(self.attend(q_BHTK, k_BHSK, v_BHSK, causal=True))))
        return self.out(x_BTD + self.drop(self.down(gelu(self.up(self.norm2(x_BTD))))))


class GPT(Decoder):
    """Embeddings, layers, a last norm."""

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        c = config
        if c.width % c.heads:
            raise ConfigError(f"gpt: width={c.width} is not divided by heads={c.heads}; choose a multiple")
        self.embed = nn.Embedding(self.field.vocabulary, c.width)  # E
        self.place = nn.Embedding(c.context, c.width)  # P
        self.drop = nn.Dropout(c.dropout) if c.dropout else nn.Identity()
        self.layers = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.width)
        self.next = Tied(self.embed)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                ends_a_branch = name.endswith(("proj.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * c.layers) if ends_a_branch else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def states(self, tokens_BT: Tensor, cache: Cache | None = None) -> Tensor:
        first = 0 if cache is None else cache.used
        x_BTD = self.drop(self.embed(tokens_BT) + self.place.weight[first : first + tokens_BT.shape[1]])
        for l, block in enumerate(self.layers):
            x_BTD = self.layer(block, x_BTD, cache, l)
        return self.norm(x_BTD)

    def logits(self, h_BTD: Tensor) -> Tensor:
        return self.next(h_BTD)

    def start(self, rows: int, room: int | None = None) -> Cache:
        c = self.config
        return Cache.empty(rows, c.layers, c.heads, min(room or c.context, c.context), c.width // c.heads, self.embed.weight)

    card = Card(
        idea="Predicting the next symbol of any text, with attention to all before it, is learning enough to write.",
        equation="x = x + W_o Attention(LN x),  x = x + W_2 gelu(W_1 LN x),  p(next) = softmax(E LN x)",
        paper="Radford et al., Improving Language Understanding by Generative Pre-Training, 2018; GPT-2: Radford et al. 2019",
        year=2018,
        learns="by predicting the next symbol; or supervised, from the state at a text's last symbol; by gradient",
        good_at="writing, and anything that can be asked as a text; all symbols of a block learn at once; more data, better text",
        weak_at="small data, where recurrent kinds learn faster; it sees no further than its context",
        cost="24 D^2 + 4 S D multiplications and additions a symbol and layer; 2 D numbers a symbol and layer in the cache",
    )
