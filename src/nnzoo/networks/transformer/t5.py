"""T5: every question is a text and every answer too, so that one network, asked by a prefix, does them all.

    q_t . k_s + b(s - t)                                 no positions but a bias by distance, one table for all layers  (sec. 2.1)
    b(d) = B[bucket(d)],  bucket(d) = d                                          for d < n                 n half of the buckets
                                    = n + n ln(d / n) / ln(farthest / n)         up to `farthest`, and the last beyond
    x~   = g x / sqrt(mean(x^2) + eps)                   RMS norm before each branch: no mean taken off, no bias
    x    = x + W_o Attention(x~)                         q k is not divided by sqrt(K); the first weights are smaller instead
    x    = x + W_2 (gelu(W_g x~) * W_1 x~)               a gate (version 1.1, Shazeer 2020); not `gated`: W_2 relu(W_1 x~)
    p(y_(t+1) | y_1 .. y_t, x) = softmax(U RMS(y_t))     `tied`: U the embeddings, y_t times 1 / sqrt(D)

The reader tells from before d < 0 and behind d > 0, with half of the buckets for each; the writer looks at what is before it alone.
No matrix has a bias. The layout is that of T5 version 1.1 (Raffel et al. 2020), whose weights it takes.

Before it is asked anything, it may learn from the sources alone (`pretrain`, a share of the whole length): spans of them, 15 % of
the symbols, 3 long on average, are replaced by marks, and what stood there is written after the same marks (sec. 3.1.4):
    "thank you for inviting me to your party"  ->  "thank you <1> me to your <2>"  ->  "<1> for inviting <2> party <3>"
It is a stage of this kind rather than a task: it needs nothing that pairs do not have, and the same run goes on to the questions.

What is read, answered and written, and the schedule, is that of all encoder-decoders: `blocks/encoder_decoder.py`.

Shapes: B batch, S source symbols, T symbols of the answer, D width, H heads, K width of a head, M inner width, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.attention import Attend, before, join, split
from nnzoo.blocks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig, State
from nnzoo.blocks.probe import Probe
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Sequences, Spec
from nnzoo.core.learning import Clock, Descend, Loss, Stage
from nnzoo.core.network import Card, Network
from nnzoo.core.task import Task

MARKS = 100  # that can stand for spans, as in the paper
HIDDEN, SPAN = 0.15, 3.0  # share of the symbols that are hidden, and how many together


class Config(EncoderDecoderConfig):
    """Constants of the network and of its descent. `size` 0: D / H; `inner` 0: 8/3 of the width where there is a gate, else four
    times; `decoder_layers` 0: as many as the encoder has."""

    decoder_layers: int = Field(0, ge=0)
    size: int = Field(0, ge=0)  # K
    inner: int = Field(0, ge=0)  # M
    buckets: int = Field(32, ge=4, multiple_of=4)
    farthest: int = Field(128, ge=2)
    gated: bool = True
    tied: bool = False
    eps: float = Field(1e-6, gt=0)
    pretrain: float = Field(0.0, ge=0, lt=1)


def bucket(distance: Tensor, buckets: int, farthest: int, both: bool) -> Tensor:
    """The bucket of each distance s - t (what is looked at less who looks); `both`: behind has buckets of its own, else one."""
    half = buckets // 2 if both else buckets
    behind = (distance > 0).long() * half if both else torch.zeros_like(distance)
    d = distance.abs() if both else (-distance).clamp(min=0)
    n = half // 2
    log = torch.log(d.clamp(min=n).float() / n) / math.log(farthest / n) * (half - n)
    return behind + torch.where(d < n, d, (n + log.long()).clamp(max=half - 1))


class Bias(nn.Module):
    """b(s - t) for each head."""

    def __init__(self, config: Config, both: bool):
        super().__init__()
        self.buckets, self.farthest, self.both = config.buckets, config.farthest, both
        self.table = nn.Embedding(config.buckets, config.heads)  # B

    def forward(self, T: int, S: int) -> Tensor:
        """Of the last T of S positions, to all S (1 H T S)."""
        place_S = torch.arange(S, device=self.table.weight.device)
        distance_TS = place_S - place_S[S - T :, None]
        return self.table(bucket(distance_TS, self.buckets, self.farthest, self.both)).permute(2, 0, 1)[None]


class MultiHead(nn.Module):
    """H attentions side by side, and W_o."""

    def __init__(self, config: Config):
        super().__init__()
        D, self.heads = config.width, config.heads
        inner = self.heads * (config.size or D // self.heads)
        self.q, self.k, self.v = (nn.Linear(D, inner, bias=False) for _ in range(3))
        self.attend = Attend(config.dropout)
        self.o = nn.Linear(inner, D, bias=False)  # W_o

    def offer(self, x_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of what is looked at (B H S K)."""
        return split(self.k(x_BSD), self.heads), split(self.v(x_BSD), self.heads)

    def forward(self, x_BTD: Tensor, k_BHSK: Tensor, v_BHSK: Tensor, mask: Tensor) -> Tensor:
        return self.o(join(self.attend(split(self.q(x_BTD), self.heads), k_BHSK, v_BHSK, mask, scale=1.0)))


class FeedForward(nn.Module):
    """W_2 (gelu(W_g x) * W_1 x), or W_2 relu(W_1 x)."""

    def __init__(self, config: Config):
        super().__init__()
        D = config.width
        M = config.inner or (32 * math.ceil(8 * D / 3 / 32) if config.gated else 4 * D)
        self.gate = nn.Linear(D, M, bias=False) if config.gated else None  # W_g
        self.up, self.down = nn.Linear(D, M, bias=False), nn.Linear(M, D, bias=False)  # W_1, W_2
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x_BTD: Tensor) -> Tensor:
        up_BTM = self.up(x_BTD)
        gated_BTM = F.relu(up_BTM) if self.gate is None else F.gelu(self.gate(x_BTD), approximate="tanh") * up_BTM
        return self.down(self.drop(gated_BTM))


class Reader(nn.Module):
    """A layer of the encoder."""

    def __init__(self, config: Config):
        super().__init__()
        self.sees, self.feed = MultiHead(config), FeedForward(config)
        self.norm1, self.norm2 = (nn.RMSNorm(config.width, config.eps) for _ in range(2))
        self.drop = nn.Dropout(config.dropout)
        self.out = Probe()

    def forward(self, x_BSD: Tensor, bias_BHSS: Tensor) -> Tensor:
        seen_BSD = self.norm1(x_BSD)
        x_BSD = x_BSD + self.drop(self.sees(seen_BSD, *self.sees.offer(seen_BSD), bias_BHSS))
        return self.out(x_BSD + self.drop(self.feed(self.norm2(x_BSD))))


class Writer(nn.Module):
    """A layer of the decoder."""

    def __init__(self, config: Config):
        super().__init__()
        self.sees, self.looks, self.feed = MultiHead(config), MultiHead(config), FeedForward(config)
        self.norm1, self.norm2, self.norm3 = (nn.RMSNorm(config.width, config.eps) for _ in range(3))
        self.drop = nn.Dropout(config.dropout)
        self.out = Probe()

    def forward(self, y_BTD: Tensor, bias_1HTS: Tensor, state: State, layer: int) -> Tensor:
        seen_BTD = self.norm1(y_BTD)
        k_BHSK, v_BHSK = self.sees.offer(seen_BTD)
        if state.cache is not None:
            k_BHSK, v_BHSK = state.cache.put(layer, k_BHSK, v_BHSK)
        y_BTD = y_BTD + self.drop(self.sees(seen_BTD, k_BHSK, v_BHSK, bias_1HTS))
        looks = self.looks(self.norm2(y_BTD), state.keys[layer], state.values[layer], state.inside_B11S)
        y_BTD = y_BTD + self.drop(looks)
        return self.out(y_BTD + self.drop(self.feed(self.norm3(y_BTD))))


class T5(EncoderDecoder):
    """Embeddings, two stacks with a bias each, two last norms, the last matrix."""

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        c = config
        if not c.size and c.width % c.heads:
            raise ConfigError(f"t5: width={c.width} is not divided by heads={c.heads}; choose a multiple, or give size")
        if c.farthest <= c.buckets // 2:
            raise ConfigError(f"t5: farthest={c.farthest} has to be more than half of buckets={c.buckets}")
        if c.pretrain and not self.shared:
            raise ConfigError("t5: pretrain needs both sides in the same units; leave it out, or give texts of one language")
        symbols = self.field.vocabulary + (MARKS if c.pretrain else 0)
        self.embed = nn.Embedding(symbols, c.width)
        if not self.shared:
            self.embed_source = nn.Embedding(self.source.vocabulary, c.width)
        self.drop = nn.Dropout(c.dropout)
        self.encoder_bias, self.decoder_bias = Bias(c, both=True), Bias(c, both=False)
        self.encoder = nn.ModuleList(Reader(c) for _ in range(c.layers))
        self.decoder = nn.ModuleList(Writer(c) for _ in range(c.decoder_layers or c.layers))
        self.encoder_norm, self.decoder_norm = nn.RMSNorm(c.width, c.eps), nn.RMSNorm(c.width, c.eps)
        if not c.tied:
            self.next = nn.Linear(c.width, symbols, bias=False)  # U
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=self._spread(name, parameter))

    def _spread(self, name: str, parameter: Tensor) -> float:
        """How far first weights lie from 0: 1 over the root of what is summed; those of q smaller, as q k is not divided. U starts
        smaller than the paper's code has it, so that at first all symbols are about as likely, and B larger, so that from the first
        heads look to different distances."""
        if name.startswith("embed") or name.endswith("table.weight"):
            return 1.0
        K = self.config.size or self.config.width // self.config.heads
        return parameter.shape[1] ** -0.5 * (K**-0.5 if name.endswith(".q.weight") else 1.0)

    def encode(self, tokens_BS: Tensor, inside_B11S: Tensor) -> Tensor:
        S = tokens_BS.shape[1]
        x_BSD = self.drop((self.embed if self.shared else self.embed_source)(tokens_BS))
        bias_BHSS = self.encoder_bias(S, S).masked_fill(~inside_B11S, -torch.inf)
        for layer in self.encoder:
            x_BSD = layer(x_BSD, bias_BHSS)
        return self.drop(self.encoder_norm(x_BSD))

    def offers(self, h_BSD: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [layer.looks.offer(h_BSD) for layer in self.decoder]  # type: ignore[union-attr, operator]

    def decode(self, symbols_BT: Tensor, state: State) -> Tensor:
        T = symbols_BT.shape[1]
        S = T + (0 if state.cache is None else state.cache.used)
        bias_1HTS = self.decoder_bias(T, S).masked_fill(~before(T, S, symbols_BT.device), -torch.inf)
        y_BTD = self.drop(self.embed(symbols_BT))
        for l, layer in enumerate(self.decoder):
            y_BTD = layer(y_BTD, bias_1HTS, state, l)
        return self.drop(self.decoder_norm(y_BTD))

    def logits(self, h_BTD: Tensor) -> Tensor:
        return self._of_all(h_BTD)[..., : self.field.vocabulary]  # marks are for pre-training alone

    def _of_all(self, h_BTD: Tensor) -> Tensor:
        """Logits of symbols and marks."""
        return F.linear(h_BTD * self.config.width**-0.5, self.embed.weight) if self.config.tied else self.next(h_BTD)

    # ---- learning from sources alone

    def span_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of what stood where spans of the sources are hidden."""
        source: Sequences = batch.inputs[self.name]
        frame = (self.field.start, self.field.end)
        rows = zip(source.tokens_BT.tolist(), source.lengths_B.tolist())
        texts = [[code for code in row[:length] if code not in frame] for row, length in rows]
        pairs = [hidden_spans(text, self.field.vocabulary) for text in texts]
        seen, wanted = (_padded([[frame[0], *pair[side], frame[1]] for pair in pairs], self.device) for side in (0, 1))
        h_BTD, inside_BT = self.decode(wanted.tokens_BT[:, :-1], self.read(seen)), wanted.inside_BT[:, 1:]
        next_M = wanted.tokens_BT[:, 1:][inside_BT]
        return Loss(F.cross_entropy(self._of_all(h_BTD[inside_BT]), next_M, reduction="sum"), len(next_M))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c, answering = self.config, super().stages(task)
        if not c.pretrain:
            return answering
        epochs = max(1, round(c.epochs * c.pretrain / (1 - c.pretrain)))
        move = Descend("spans", self.span_loss, optimizer=self.descent(), clip=c.clip)
        first = Stage((move,), feed=shuffled(c.batch, alike=c.alike), name="pretrain", share=c.pretrain, epochs=epochs)
        return (first, *(replace(stage, share=1 - c.pretrain) for stage in answering))

    card = Card(
        idea="Translating, summarising, answering: all are a text turned into a text, so one network learns them together.",
        equation="softmax_s(q_t . k_s + b(s - t)),  x = x + W_2 (gelu(W_g x~) * W_1 x~),  x~ = g x / rms(x)",
        paper="Raffel et al., Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer, JMLR 2020",
        year=2020,
        learns="supervised, from pairs of texts; before that, where asked, by restoring hidden spans of the sources; by gradient",
        good_at="several tasks at once, told apart by a prefix; summaries and answers from a text; texts longer than those seen",
        weak_at="few pairs without pre-training; a bias for each pair of positions costs memory with long texts",
        cost="24 D^2 + 4 S D multiplications and additions a source symbol and layer, 32 D^2 + 4 (S + T) D a written one",
    )


def hidden_spans(codes: list[int], first_mark: int) -> tuple[list[int], list[int]]:
    """A text with marks where spans are hidden, and the marks with what stood there and one more at the end. The first mark is the
    highest code, as in the paper's vocabularies; which spans is drawn from torch's default generator. A text of one symbol keeps
    it."""
    n = len(codes)
    hidden = min(max(round(n * HIDDEN), 1), n - 1)
    if hidden < 1:
        return codes, [first_mark + MARKS - 1]
    spans = min(max(round(hidden / SPAN), 1), n - hidden, MARKS - 1)
    kept_lengths, hidden_lengths = _divided(n - hidden, spans), _divided(hidden, spans)
    seen, wanted, at = [], [], 0
    for k, (keep, hide) in enumerate(zip(kept_lengths, hidden_lengths)):
        mark = first_mark + MARKS - 1 - k
        seen += [*codes[at : at + keep], mark]
        wanted += [mark, *codes[at + keep : at + keep + hide]]
        at += keep + hide
    return seen, [*wanted, first_mark + MARKS - 1 - spans]


def _divided(total: int, pieces: int) -> list[int]:
    """Lengths of so many pieces, each 1 or more, that make up the total; every division is as likely."""
    cuts = (torch.randperm(total - 1)[: pieces - 1] + 1).sort().values.tolist()
    return [b - a for a, b in zip([0, *cuts], [*cuts, total])]


def _padded(rows: list[list[int]], device: torch.device) -> Sequences:
    """Rows of different length, filled with 0."""
    longest = max(map(len, rows))
    tokens_BT = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
    return Sequences(tokens_BT, torch.tensor([len(row) for row in rows], device=device))
