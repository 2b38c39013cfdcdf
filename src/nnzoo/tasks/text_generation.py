"""Writing: the next symbol of a text from those before it.

    nats per token = -1/M sum_t ln p(x_t | x_1 .. x_(t-1)),   bits = nats / ln 2,   perplexity = e^nats

Of a line every symbol after `start` is predicted, `end` included; of one long text every symbol but the first. Row weights are
not used.

Shapes: B rows, T symbols, V vocabulary, M predicted symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task

AT_ONCE = 8192  # symbols of a long text read at once in blocks
COUNTED = 1 << 22  # symbols of a long text that are counted at once
NOTHING = "there is no symbol to predict in this part; give longer texts"
STRETCH = 1000  # symbols of a long text read at once; state is carried from one stretch to the next


class TextGeneration(Task):
    """Text in, nothing to predict beside the text itself."""

    metric = "nats_per_token"
    perfect = 0.0
    learned = 0.2
    higher = {"nats_per_token": False, "bits_per_token": False, "perplexity": False, "accuracy": True}

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Tokens) is None:
            return No(f"{self.name} needs text as its one input")
        if spec.outputs:
            return No(f"{self.name} learns from the text alone and these data have a target; leave the target out")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Cross-entropy in nats summed over predicted symbols; padding counts nowhere.

        The one output holds logits (B T V), or (B T-1 V) without those after the last symbol: position t predicts symbol t + 1.
        """
        (logits_BTV,) = outputs.values()
        (sequence,) = batch.inputs.values()
        if torch.is_grad_enabled():  # while it learns, hits would cost a twentieth of a step
            nats_BT, _, weight = _read(logits_BTV, sequence, hits=False)
            return Loss(nats_BT.sum(), weight)
        nats_BT, right_BT, weight = _read(logits_BTV, sequence)
        return Loss(nats_BT.sum(), weight, {"accuracy": right_BT.sum() / weight.clamp(min=1)})

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """Lines are read in batches; one long text in a single pass with carried state, through the network's `start` and `step`;
        or in blocks of what the network can see, each on its own.

        `rows` are the shares of lines (of stretches of a long text) in the metric: their mean is nats per token.
        """
        field = _tokens(dataset.spec)
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        context = getattr(network, "context", None)
        read = (
            _lines(network, dataset)
            if field.lines
            else _text(network, dataset)
            if context is None
            else _blocks(network, dataset, context)
        )
        found = list(read)
        if not found:
            raise DataError(NOTHING)
        nats_N, right, weight = (torch.cat(values).double().cpu().numpy() for values in zip(*found))
        if was_training:
            network.train()
        predicted = weight.sum()
        if predicted == 0:
            raise DataError(NOTHING)
        nats = float(nats_N.sum() / predicted)
        scores = {
            "nats_per_token": nats,
            "bits_per_token": nats / math.log(2),
            "perplexity": math.exp(min(nats, 700.0)),
            "accuracy": float(right.sum() / predicted),
        }
        return Evaluation(self.metric, scores, rows=nats_N * len(nats_N) / predicted, extra={"symbols": int(predicted)})

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Nats per token of the training part's symbol frequencies, one added to each count, on the test part."""
        before_V, asked_V = _counts(train).double() + 1, _counts(test).double()
        return float(-((before_V / before_V.sum()).log() * asked_V).sum() / asked_V.sum())

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """All symbols shuffled over all texts; lengths, and the `start` and `end` of lines, stay where they are."""
        (name,) = dataset.spec.inputs
        field, stored = _tokens(dataset.spec), dataset.columns[name]
        values = stored["values"].clone()
        free = (
            ((values != field.start) & (values != field.end)).nonzero()[:, 0]
            if field.lines
            else torch.arange(len(values), device=values.device)
        )
        order = torch.randperm(len(free), generator=generator(seed)).to(values.device)
        values[free] = values[free[order]]
        return dataset.replaced({name: {**stored, "values": values}})


def _tokens(spec: Spec) -> Tokens:
    (field,) = spec.inputs.values()
    assert isinstance(field, Tokens)
    return field


def _read(logits_BTV: Tensor, sequence: Sequences, hits: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """Nats and hits (if wanted) at each predicted symbol (B T-1, 0 at padding), and how many symbols are predicted."""
    tokens_BT = sequence.tokens_BT
    next_BT = tokens_BT[:, 1:]
    logits_BTV = logits_BTV[:, : next_BT.shape[1]]
    assert logits_BTV.shape[:2] == next_BT.shape, f"logits {tuple(logits_BTV.shape)} do not predict tokens {tuple(tokens_BT.shape)}"
    inside_BT = sequence.inside_BT[:, 1:]
    nats_BT = F.cross_entropy(logits_BTV.flatten(0, 1), next_BT.flatten(), reduction="none").view_as(next_BT) * inside_BT
    return nats_BT, (logits_BTV.argmax(2) == next_BT) & inside_BT if hits else inside_BT, inside_BT.sum()


def _lines(network: Any, dataset: Dataset) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Nats, hits and predicted symbols of each line."""
    (name,) = dataset.spec.inputs
    for batch in dataset.batches(256):
        (logits_BTV,) = network(batch.inputs).values()
        sequence = batch.inputs[name]
        nats_BT, right_BT, _ = _read(logits_BTV.float(), sequence)
        yield nats_BT.double().sum(1), right_BT.sum(1), (sequence.lengths_B - 1).clamp(min=0)


def _text(network: Any, dataset: Dataset) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Nats, hits and predicted symbols of each stretch of one long text."""
    text_T = whole_text(dataset)  # perhaps larger than memory
    state = network.start(1)
    for first in range(0, len(text_T) - 1, STRETCH):
        piece_T = text_T[first : first + STRETCH + 1].to(dataset.device).long()
        logits_1TV, state = network.step(state, piece_T[None, :-1])
        nats_T = F.cross_entropy(logits_1TV[0].float(), piece_T[1:], reduction="none")
        right_T = logits_1TV[0].argmax(1) == piece_T[1:]
        yield nats_T.double().sum()[None], right_T.sum()[None], torch.tensor([len(nats_T)])


def _blocks(network: Any, dataset: Dataset, context: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Nats, hits and predicted symbols of each block of one long text, by a network that sees `context` symbols."""
    (name,) = dataset.spec.inputs
    text_T = whole_text(dataset)
    starts_N = torch.arange(0, len(text_T) - 1, context)
    for starts_B in starts_N.split(max(1, AT_ONCE // context)):
        lengths_B = (len(text_T) - starts_B).clamp(max=context + 1)
        where_BT = starts_B[:, None] + torch.arange(int(lengths_B.max()))
        tokens_BT = text_T[where_BT.clamp(max=len(text_T) - 1).to(text_T.device)].long().to(dataset.device)
        sequence = Sequences(tokens_BT, lengths_B.to(dataset.device))
        (logits_BTV,) = network({name: sequence._replace(tokens_BT=tokens_BT[:, :-1])}).values()
        nats_BT, right_BT, _ = _read(logits_BTV.float(), sequence)
        yield nats_BT.double().sum(1), right_BT.sum(1), (sequence.lengths_B - 1)


def whole_text(dataset: Dataset) -> Tensor:
    """The symbols of a view's rows, end to end."""
    (name,) = dataset.spec.inputs
    values, offsets = dataset.columns[name]["values"], dataset.columns[name]["offsets"]
    if dataset.index is None:
        return values
    rows = dataset.index.cpu()
    return torch.cat([values[a:b] for a, b in zip(offsets[rows].tolist(), offsets[rows + 1].tolist())])


def _counts(dataset: Dataset) -> Tensor:
    """How often each symbol is predicted (V, long, on the host); a long text is read in pieces."""
    size = _tokens(dataset.spec).vocabulary
    if _tokens(dataset.spec).lines:
        return torch.bincount(_predicted(dataset), minlength=size)
    pieces = whole_text(dataset)[1:].split(COUNTED)
    return sum((torch.bincount(piece.cpu().long(), minlength=size) for piece in pieces), torch.zeros(size, dtype=torch.long))


def _predicted(dataset: Dataset) -> Tensor:
    """Every symbol of lines that is predicted (M, long, on the host)."""
    (name,) = dataset.spec.inputs
    text_T = whole_text(dataset).cpu().long()
    offsets = dataset.columns[name]["offsets"]
    rows = torch.arange(len(offsets) - 1) if dataset.index is None else dataset.index.cpu()
    lengths = (offsets[rows + 1] - offsets[rows]).numpy()
    is_first = np.zeros(len(text_T), dtype=bool)
    is_first[(np.cumsum(lengths) - lengths)[lengths > 0]] = True
    return text_T[torch.from_numpy(~is_first)]
