"""Filling gaps: which symbols stand at hidden places of a text.

    nats per token = -1/M sum_m ln p(x_m | what was not hidden),   perplexity = e^nats

Scores hide the same 15 % of a part every time, whatever the seed (`blocks/masking.py` has the rule), so that scores of different
networks compare. Row weights are not used.

Shapes: B rows, T symbols, V vocabulary, M hidden symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.blocks.masking import framing, hide
from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task
from nnzoo.tasks.text_generation import AT_ONCE, COUNTED, TextGeneration, whole_text

ALWAYS = 1810  # the seed of what is hidden when a network is scored
ROWS = 64  # lines read at once
BLOCK = 256  # symbols of a long text that are shown together, so that what is hidden is the same for every network


class FillMask(Task):
    """Text in; what was hidden of it is to be found."""

    metric = "nats_per_token"
    perfect = 0.0
    learned = 0.2
    higher = {"nats_per_token": False, "perplexity": False, "accuracy": True}

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Tokens) is None:
            return No(f"{self.name} needs text as its one input")
        if spec.outputs:
            return No(f"{self.name} learns from the text alone and these data have a target; leave the target out")
        return None

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """Lines are read in batches, one long text in blocks of `BLOCK` symbols.

        `rows` are the shares of lines (of blocks of a long text) in the metric: their mean is nats per token.
        """
        ((name, field),) = dataset.spec.inputs.items()
        assert isinstance(field, Tokens)
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        nats, right, counts = [], 0, 0
        for k, sequence in enumerate(_lines(dataset, name) if field.lines else _blocks(dataset)):
            hidden = hide(sequence, field, network.mask, generator(ALWAYS, k))
            logits_MV = network.fill({name: hidden.sequence}, hidden.places_BT).float()
            nats_M = F.cross_entropy(logits_MV, hidden.truth_M, reduction="none").double()
            row_M = hidden.places_BT.nonzero()[:, 0]
            nats.append(torch.zeros(len(sequence.lengths_B), dtype=torch.double, device=row_M.device).index_add(0, row_M, nats_M))
            right, counts = right + int((logits_MV.argmax(1) == hidden.truth_M).sum()), counts + len(row_M)
        if was_training:
            network.train()
        if counts == 0:
            raise DataError("there is no symbol to hide in this part; give longer texts")
        nats_N = torch.cat(nats).cpu().numpy()
        mean = float(nats_N.sum() / counts)
        scores = {"nats_per_token": mean, "perplexity": math.exp(min(mean, 700.0)), "accuracy": right / counts}
        return Evaluation(self.metric, scores, rows=nats_N * len(nats_N) / counts, extra={"symbols": counts})

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Nats per token of the training part's symbol frequencies, one added to each count, on the test part."""
        before_V, asked_V = _counts(train).double() + 1, _counts(test).double()
        return float(-((before_V / before_V.sum()).log() * asked_V).sum() / asked_V.sum())

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """All symbols shuffled over all texts; lengths, and the `start` and `end` of lines, stay where they are."""
        return TextGeneration().spoil(dataset, seed)


def _lines(dataset: Dataset, name: str) -> Iterator[Sequences]:
    """The lines of a part, some at a time."""
    for batch in dataset.batches(ROWS):
        yield batch.inputs[name]


def _blocks(dataset: Dataset) -> Iterator[Sequences]:
    """A long text in blocks; the last may be shorter."""
    text_T = whole_text(dataset)
    blocks, size = len(text_T) // BLOCK, max(1, AT_ONCE // BLOCK)
    for first in range(0, blocks, size):
        last = min(first + size, blocks)
        tokens_BT = text_T[first * BLOCK : last * BLOCK].long().to(dataset.device).view(-1, BLOCK)
        yield Sequences(tokens_BT, torch.full((last - first,), BLOCK, device=dataset.device))
    if len(text_T) % BLOCK:
        rest_1T = text_T[blocks * BLOCK :].long().to(dataset.device)[None]
        yield Sequences(rest_1T, torch.tensor([rest_1T.shape[1]], device=dataset.device))


def _counts(dataset: Dataset) -> Tensor:
    """How often each symbol stands in a part (V, long, on the host), frames of lines left out; read in pieces."""
    (field,) = dataset.spec.inputs.values()
    assert isinstance(field, Tokens)
    counts_V = torch.zeros(field.vocabulary, dtype=torch.long)
    for piece in whole_text(dataset).split(COUNTED):
        counts_V += torch.bincount(piece.cpu().long(), minlength=field.vocabulary)
    counts_V[list(framing(field))] = 0
    return counts_V
