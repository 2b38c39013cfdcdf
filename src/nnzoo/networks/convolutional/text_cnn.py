"""Text CNN: small detectors of phrases slide over a sentence; of each, only its strongest finding counts.

    c_i = phi(w . x_(i : i+h-1) + b)        a detector of h words at place i, x the words' vectors   (Kim 2014, eq. 2)
    c^  = max(c_1, .., c_(n-h+1))           the strongest finding, wherever it is                    (max-over-time pooling, eq. 3)
    y   = W (dropout(z)) + b,               z all c^ of detectors of several widths h                (eq. 4)

Where a phrase stands does not matter, nor how long the text is; the order of words matters within a phrase only. This is Kim's
CNN-rand: the words' vectors are learned with the rest. Ours, beside the paper's: AdamW instead of Adadelta with a bound on the
norm of W, and dropout on the words' vectors too.

Shapes: B batch, T units of text, D width of an embedded unit, K detectors of a width, H widths times detectors.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.heads import Heads
from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Predicts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Sequences, Spec, Tokens, Values
from nnzoo.core.learning import AdamW, Descend, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the network and of its descent; sizes and dropout are Kim's."""

    width: int = Field(300, ge=1)  # D
    widths: tuple[int, ...] = Field((3, 4, 5), min_length=1)  # h, units of text that a detector sees
    detectors: int = Field(100, ge=1)  # K
    dropout: float = Field(0.5, ge=0, lt=1)
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    batch: int = Field(50, ge=1)
    epochs: int = Field(10, ge=1)
    search: ClassVar[Space] = {
        "width": LogIntegers(32, 512),
        "widths": Choice(((2, 3), (3, 4, 5), (2, 3, 4, 5), (5, 7, 9))),
        "dropout": Uniform(0.1, 0.7),
        "lr": LogUniform(2e-4, 5e-3),
    }


class TextCNN(Network):
    """Detectors of several widths over the embedded units of a text, the maximum of each over time, a linear read-out."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Tokens)
        field = spec.inputs[name] if name else None
        if not isinstance(field, Tokens) or not field.lines:
            return No("text_cnn reads texts that are each a whole; for pictures use cnn, for one long text lstm")
        if not spec.outputs or task.name == "text-generation":
            return No("text_cnn judges texts and these have nothing to be judged by; give labels, or write with lstm")
        if not all(isinstance(output, (Classes, Values)) for output in spec.outputs.values()):
            return No("text_cnn gives classes or numbers; the target here is neither")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert isinstance(field, Tokens)
        c = config
        self.embed = nn.Embedding(field.vocabulary, c.width, padding_idx=0)
        nn.init.uniform_(self.embed.weight, -0.25, 0.25)  # Kim, section 3.2
        with torch.no_grad():
            self.embed.weight[0] = 0
        self.detect = nn.ModuleDict({f"of{h}": nn.Conv1d(c.width, c.detectors, h, padding=h - 1) for h in c.widths})
        self.found_by = nn.ModuleDict({f"of{h}": Probe() for h in c.widths})
        self.strongest = Probe()
        self.drop = nn.Dropout(c.dropout)
        self.heads = Heads(c.detectors * len(c.widths), spec.outputs)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Outputs by name. A detector may reach over either end of a text, where zeros stand; padding beyond counts nowhere."""
        text: Sequences = inputs[self.name]
        x_BDT = self.drop(self.embed(text.tokens_BT)).transpose(1, 2)
        strongest = []
        for h, detector in zip(self.config.widths, self.detect.values()):
            c_BKT = self.found_by[f"of{h}"](F.relu(detector(x_BDT)))
            inside_BT = torch.arange(c_BKT.shape[2], device=c_BKT.device) < (text.lengths_B + h - 1)[:, None]
            strongest.append((c_BKT * inside_BT[:, None]).amax(2))
        return self.heads(self.drop(self.strongest(torch.cat(strongest, 1))))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        descent = AdamW(lr=c.lr, weight_decay=c.weight_decay, schedule=Schedule(warmup=0.1, decay="linear"))
        move = Descend("task", self.task_loss, optimizer=descent)
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, validate=self.task_loss),)

    card = Card(
        idea="Small detectors of phrases slide over a text; of each, only its strongest finding counts.",
        equation="c_i = phi(w . x_(i:i+h-1) + b),  c^ = max_i c_i,  y = W c^ + b",
        paper="Kim, Convolutional Neural Networks for Sentence Classification, EMNLP",
        year=2014,
        learns="supervised, by gradient",
        good_at="judging sentences by telling phrases: sentiment, topics, questions; fast, all places at once",
        weak_at="relations between far words, word order beyond a phrase; without given word vectors it needs thousands of texts",
        cost="H h D multiplications and additions a unit of text; places side by side",
        processes="gradients are averaged over processes",
    )
