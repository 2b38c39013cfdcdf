"""Llama: GPT in the form that most of today's language models take. Four parts are exchanged:

    x~  = g x / sqrt(mean(x^2) + eps)                   RMS norm: no mean taken off, no bias        (Zhang & Sennrich 2019, eq. 4)
    q_t . k_s  of t - s alone                           rotary positions, in every layer            (Su et al. 2021)
    x   = x + W_2 (silu(W_g x~) * W_1 x~)               a gate for what the second matrix reads     (SwiGLU: Shazeer 2020, eq. 6)
    G < H  keys and values, each for H / G queries      grouped-query attention, a smaller cache    (Ainslie et al. 2023)

and no matrix has a bias (Touvron et al. 2023). Its layout is Llama's, whose weights it takes; `tied` uses the embeddings again as
the last matrix, as small models do.

What is read, answered and written, and how it learns, is that of all decoders: `blocks/decoder.py`.

Shapes: B batch, T symbols, S symbols seen, D width, H heads, G heads of keys, K width of a head, M inner width, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.attention import Attend, join, split
from nnzoo.blocks.cache import Cache
from nnzoo.blocks.decoder import Decoder, DecoderConfig
from nnzoo.blocks.packed import Tied
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rotary import Rotary
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Spec
from nnzoo.core.network import Card, Network
from nnzoo.core.task import Task


class Config(DecoderConfig):
    """Constants of the network and of its descent. `inner` 0: 8/3 of the width, as many numbers as two matrices of 4 widths."""

    key_heads: int = Field(2, ge=1)  # G
    inner: int = Field(0, ge=0)  # M
    theta: float = Field(10_000.0, gt=0)
    eps: float = Field(1e-5, gt=0)
    tied: bool = True


class Block(nn.Module):
    """One layer: attention over turned queries and keys, then the gated pair of matrices."""

    def __init__(self, config: Config):
        super().__init__()
        D, K = config.width, config.width // config.heads
        self.heads, self.key_heads = config.heads, config.key_heads
        M = config.inner or 32 * math.ceil(8 * D / 3 / 32)
        self.norm1, self.norm2 = nn.RMSNorm(D, config.eps), nn.RMSNorm(D, config.eps)
        self.q = nn.Linear(D, D, bias=False)
        self.kv = nn.Linear(D, 2 * self.key_heads * K, bias=False)
        self.attend = Attend(config.dropout)
        self.proj = nn.Linear(D, D, bias=False)
        self.gate, self.up = nn.Linear(D, M, bias=False), nn.Linear(D, M, bias=False)  # W_g, W_1
        self.down = nn.Linear(M, D, bias=False)  # W_2
        self.drop = nn.Dropout(config.dropout)
        self.out = Probe()

    def forward(self, x_BTD: Tensor, turn: Rotary, cache: Cache | None = None, layer: int = 0) -> Tensor:
        first = 0 if cache is None else cache.used
        seen_BTD = self.norm1(x_BTD)
        k_BGSK, v_BGSK = (split(part, self.key_heads) for part in self.kv(seen_BTD).chunk(2, 2))
        q_BHTK, k_BGSK = turn(split(self.q(seen_BTD), self.heads), first), turn(k_BGSK, first)
        if cache is not None:
            k_BGSK, v_BGSK = cache.put(layer, k_BGSK, v_BGSK)
        x_BTD = x_BTD + self.drop(self.proj(join(self.attend(q_BHTK, k_BGSK, v_BGSK, causal=True))))
        seen_BTD = self.norm2(x_BTD)
        return self.out(x_BTD + self.drop(self.down(F.silu(self.gate(seen_BTD)) * self.up(seen_BTD))))


class Llama(Decoder):
    """Embeddings, layers, a last norm, and the last matrix."""

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        c = config
        if c.width % (2 * c.heads):
            raise ConfigError(
                f"llama: width={c.width} gives heads={c.heads} no even width each; choose a multiple of {2 * c.heads}"
            )
        if c.heads % c.key_heads:
            raise ConfigError(f"llama: heads={c.heads} is not divided by key_heads={c.key_heads}; choose a divisor")
        self.embed = nn.Embedding(self.field.vocabulary, c.width)
        self.turn = Rotary(c.width // c.heads, c.context, c.theta)
        self.layers = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.RMSNorm(c.width, c.eps)
        if c.tied:
            self.next: nn.Module = Tied(self.embed)
        elif self.writes:
            self.next = nn.Linear(c.width, self.field.vocabulary, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2 and not name.startswith("heads."):
                ends_a_branch = name.endswith(("proj.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * c.layers) if ends_a_branch else 0.02)

    def states(self, tokens_BT: Tensor, cache: Cache | None = None) -> Tensor:
        x_BTD = self.embed(tokens_BT)
        for l, block in enumerate(self.layers):
            x_BTD = self.layer(block, x_BTD, self.turn, cache, l)
        return self.norm(x_BTD)

    def logits(self, h_BTD: Tensor) -> Tensor:
        return self.next(h_BTD)

    def start(self, rows: int, room: int | None = None) -> Cache:
        c = self.config
        return Cache.empty(rows, c.layers, c.key_heads, min(room or c.context, c.context), c.width // c.heads, self.embed.weight)

    card = Card(
        idea="GPT with positions as turns, a plainer norm, a gate in each layer and fewer keys: what today's language models are.",
        equation="x~ = g x / rms(x);  q_t . k_s of t - s;  x = x + W_2 (silu(W_g x~) * W_1 x~)",
        paper="Touvron et al., LLaMA: Open and Efficient Foundation Language Models, 2023",
        year=2023,
        learns="by predicting the next symbol; or supervised, from the state at a text's last symbol; by gradient",
        good_at="writing, with a cache that is H / G times smaller than GPT's; the weights of most open language models fit it",
        weak_at="small data, where recurrent kinds learn faster; it sees no further than its context",
        cost="4 D^2 + 4 D G K + 6 D M + 4 S D multiplications and additions a symbol and layer; 2 G K numbers in the cache",
    )
