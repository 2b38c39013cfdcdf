"""Attention seq2seq: one network reads a text, another writes the answer and looks back, at every symbol, where it needs to.

    h_j   = [f_j; b_j],   f a GRU over x_1 .. x_S,   b a GRU over x_S .. x_1      annotations, source  (Bahdanau 2015, sec. 3.2)
    s_0   = tanh(W_s b_1)                                                         where writing begins (app. A.2.2)
    e_ij  = v_a^T tanh(W_a s_(i-1) + U_a h_j)                                     how well h_j fits    (app. A.1.2)
    a_ij  = exp(e_ij) / sum_k exp(e_ik),   c_i = sum_j a_ij h_j                   attention, its sight (eq. 5 and 6)
    s_i   = GRU(s_(i-1), [y_(i-1); c_i])                                          state of the writer  (app. A.2.2)
    t_i   = max of each pair of U_o s_i + V_o y_(i-1) + C_o c_i                   maxout read-out      (app. A.2.2)
    p(y_i | y_1 .. y_(i-1), x) = softmax(W_o t_i)                                 the next symbol      (eq. 4)

Before attention, a whole sentence had to pass through one vector. U_a h_j does not depend on i and is computed once a sentence.
While it learns, y_(i-1) is the right symbol (teacher forcing). The read-out takes s_i as eq. 4 says; the appendix has s_(i-1).
The GRUs are the library's, whose reset gate acts on U s rather than on s.

Shapes: B batch, S source symbols, T symbols of the answer, D width of a symbol, H hidden, A attention, V vocabulary of the answer.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.greedy import greedy
from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Translates
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.core.learning import AdamW, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the network and of its descent."""

    width: int = Field(64, ge=1)  # D
    hidden: int = Field(128, ge=1)  # H, of each direction and of the writer
    attention: int = Field(64, ge=1)  # A
    dropout: float = Field(0.1, ge=0, lt=1)
    lr: float = Field(4e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(1.0, gt=0)
    batch: int = Field(64, ge=1)
    epochs: int = Field(20, ge=1)
    search: ClassVar[Space] = {
        "hidden": LogIntegers(64, 512),
        "width": LogIntegers(32, 256),
        "dropout": Uniform(0, 0.5),
        "lr": LogUniform(5e-4, 1e-2),
    }


class State(NamedTuple):
    """What is known before a symbol: the writer's state (B H), annotations (B S 2H), U_a h (B S A), where source is (B S)."""

    s_BH: Tensor
    h_BSE: Tensor
    fits_BSA: Tensor
    inside_BS: Tensor


class Encoder(nn.Module):
    """Symbols to annotations (B S 2H): what stands before and after each, read in both directions."""

    def __init__(self, vocabulary: int, config: Config):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, config.width)
        self.drop = nn.Dropout(config.dropout)
        self.forwards = nn.GRU(config.width, config.hidden, batch_first=True)
        self.backwards = nn.GRU(config.width, config.hidden, batch_first=True)

    def forward(self, source: Sequences) -> tuple[Tensor, Tensor]:
        """Annotations, and where there is source and no padding (B S)."""
        place_S, inside_BS = torch.arange(source.tokens_BT.shape[1], device=source.tokens_BT.device), source.inside_BT
        mirror_BS = torch.where(
            inside_BS, source.lengths_B[:, None] - 1 - place_S, place_S
        )  # each row turned round in its own length
        x_BSD = self.drop(self.embed(source.tokens_BT))
        f_BSH, _ = self.forwards(x_BSD)
        b_BSH, _ = self.backwards(_at(x_BSD, mirror_BS))
        return torch.cat([f_BSH, _at(b_BSH, mirror_BS)], 2), inside_BS


class Attention(nn.Module):
    """Where in the source to look, from the writer's state."""

    def __init__(self, config: Config):
        super().__init__()
        self.from_state = nn.Linear(config.hidden, config.attention, bias=False)  # W_a
        self.from_source = nn.Linear(2 * config.hidden, config.attention, bias=False)  # U_a
        self.score = nn.Linear(config.attention, 1, bias=False)  # v_a
        self.weights = Probe()  # a_ij: (B S) at every symbol written, (B T S) for a whole answer

    def forward(self, state: State, s_BH: Tensor) -> Tensor:
        """c_i (B 2H): the annotations, weighed."""
        e_BS = self.score(torch.tanh(self.from_state(s_BH)[:, None] + state.fits_BSA))[:, :, 0]
        a_BS = self.weights(e_BS.masked_fill(~state.inside_BS, -torch.inf).softmax(1))
        return torch.bmm(a_BS[:, None], state.h_BSE)[:, 0]


class AttentionSeq2Seq(Network):
    """A bidirectional GRU that reads, a GRU that writes, additive attention between them."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Tokens)
        if name is None or spec.only("outputs", Tokens) is None or task.name != "translation":
            return No("attention_seq2seq turns one text into another; give pairs of texts, with --task translation for two columns")
        if not spec.inputs[name].lines:  # type: ignore[union-attr]
            return No("attention_seq2seq reads texts that are wholes of their own; give pairs line by line, not one long text")
        return Can((Translates,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        c = config
        ((self.name, source),), ((self.answer, answer),) = spec.inputs.items(), spec.outputs.items()
        assert isinstance(source, Tokens) and isinstance(answer, Tokens)
        self.field = answer
        self.encoder = Encoder(source.vocabulary, c)
        self.begin = nn.Linear(c.hidden, c.hidden)  # W_s
        self.embed = nn.Embedding(answer.vocabulary, c.width)
        self.attention = Attention(c)
        self.writer = nn.GRUCell(c.width + 2 * c.hidden, c.hidden)
        self.readout = nn.Linear(c.hidden + c.width + 2 * c.hidden, 2 * c.hidden)  # U_o, V_o and C_o side by side
        self.next = nn.Linear(c.hidden, answer.vocabulary)  # W_o
        self.drop = nn.Dropout(c.dropout)

    # ---- reading, then writing symbol by symbol

    def read_source(self, inputs: dict[str, Any]) -> State:
        """The state before the first symbol of the answer."""
        h_BSE, inside_BS = self.encoder(inputs[self.name])
        first_BH = h_BSE[:, 0, self.config.hidden :]  # b_1, which has read the whole source
        return State(torch.tanh(self.begin(first_BH)), h_BSE, self.attention.from_source(h_BSE), inside_BS)

    def step(self, state: State, symbols_BT: Tensor) -> tuple[Tensor, State]:
        """Read T symbols of the answer: logits of the symbol after each (B T V), and the state after the last."""
        t_BTH, s_BH = self.follow(state, symbols_BT)
        return self.next(t_BTH), state._replace(s_BH=s_BH)

    def follow(self, state: State, symbols_BT: Tensor) -> tuple[Tensor, Tensor]:
        """The read-out t after each of T symbols (B T H), and s after the last (B H)."""
        assert symbols_BT.ndim == 2 and len(symbols_BT) == len(state.s_BH)
        y_BTD, s_BH = self.drop(self.embed(symbols_BT)), state.s_BH
        states, contexts = [], []
        for y_BD in y_BTD.unbind(1):
            c_BE = self.attention(state, s_BH)
            s_BH = self.writer(torch.cat([y_BD, c_BE], 1), s_BH)
            states.append(s_BH)
            contexts.append(c_BE)
        seen_BTR = torch.cat([torch.stack(states, 1), y_BTD, torch.stack(contexts, 1)], 2)
        t_BTH = self.readout(seen_BTR).unflatten(2, (-1, 2)).amax(3)
        return self.drop(t_BTH), s_BH

    def select(self, state: State, rows: Tensor) -> State:
        """The state of chosen rows, in that order."""
        return State(*(tensor.index_select(0, rows) for tensor in state))

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """The answer by its name, the likeliest symbol at every step: symbols (B T) without start, 0 after `end`; T is the length
        of the longest answer learned from."""
        state = self.read_source(inputs)
        first_B = torch.full((len(state.s_BH),), self.field.start, device=self.device)
        return {self.answer: greedy(self.step, state, self.field, first_B)}

    # ---- learning

    def task_loss(self, batch: Batch, clock: Clock) -> Loss:
        """Nats of each symbol of the right answer, given the source and the symbols before it; of padding no logits are made."""
        target: Sequences = batch.outputs[self.answer]
        t_BTH, _ = self.follow(self.read_source(batch.inputs), target.tokens_BT[:, :-1])
        return self.task.loss({self.answer: self.next(t_BTH[target.inside_BT[:, 1:]])}, batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        one_cycle = Schedule(warmup=0.1, decay="cosine", floor=0.001)
        move = Descend("task", self.task_loss, optimizer=AdamW(c.lr, weight_decay=c.weight_decay, schedule=one_cycle), clip=c.clip)
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, validate=self.task_loss),)

    card = Card(
        idea="Who writes an answer looks back, at every symbol, at the place of the source that it needs.",
        equation="a_ij = softmax_j(v_a^T tanh(W_a s_(i-1) + U_a h_j)),  c_i = sum_j a_ij h_j",
        paper="Bahdanau, Cho & Bengio, Neural Machine Translation by Jointly Learning to Align and Translate, ICLR 2015",
        year=2015,
        learns="supervised, from pairs of texts; by gradient through time, the right symbols given",
        good_at="turning one text into another whose parts correspond: translation, spelling, dates; from a few thousand pairs on",
        weak_at="steps wait for one another, so it learns slowly from long texts; larger sets of pairs are a transformer's",
        cost="each symbol of the answer looks at each of the source: S (A + 2 H) multiplications beside the GRU's 3 H (D + 3 H)",
    )


def _at(x_BSD: Tensor, place_BS: Tensor) -> Tensor:
    """The vectors at other places of their row."""
    return x_BSD.gather(1, place_BS[:, :, None].expand_as(x_BSD))
