"""Question answering by extraction: the answer is a piece of the context, from its first symbol to its last.

    loss   = (-ln p_start(first) - ln p_end(last)) / 2                  softmax over the symbols of a row (Devlin et al. 2019, 4.2)
    answer = argmax_{i <= j < i + longest}  start_i + end_j                `longest`: the longest answer of the training part

Symbols outside the context have no part in either. Exact match and F1 are those of SQuAD (`question_answering.py`), computed on
what symbols stand for; an unknown symbol is right only at its own place. Where answers are written in words of their own instead,
the task is question-answering. A row whose answer is cut off counts in no loss, and as wrong in scores. Row weights are not used.

Shapes: B rows, N rows of a part, T symbols.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.blocks.heads import OUTSIDE
from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import UNKNOWN_SYMBOL, Sequences, Span, Spec, Tokens
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task
from nnzoo.tasks.question_answering import f1, plain

AT_ONCE = 128  # rows that are answered together


class ExtractiveQuestionAnswering(Task):
    """A question and a context in, a piece of the context out."""

    metric = "exact_match"
    perfect = 1.0
    higher = {"exact_match": True, "f1": True}

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Tokens) is None or spec.only("outputs", Span) is None:
            return No(f"{self.name} needs questions with contexts and answers that stand in these")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Mean of both cross-entropies in nats, summed over rows; logits are (B T 2)."""
        ((name, logits_BT2),) = outputs.items()
        places_B2 = batch.outputs[name]
        at_B2 = logits_BT2.gather(1, places_B2.clamp(0, logits_BT2.shape[1] - 1)[:, None])[:, 0]
        known_B = ((places_B2 >= 0) & (places_B2 < logits_BT2.shape[1]) & (at_B2 > OUTSIDE / 2)).all(1)
        nats_B2 = logits_BT2.logsumexp(1) - at_B2
        return Loss((nats_B2.mean(1) * known_B).sum(), known_B.sum())

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """`rows` are each row's share of the metric. `predictions` and `truth` are texts (symbols, where data do not say what they
        stand for)."""
        ((name, field),) = dataset.spec.outputs.items()
        ((source, text),) = dataset.spec.inputs.items()
        assert isinstance(field, Span) and isinstance(text, Tokens)
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        said: list[str] = []
        right: list[str] = []
        for batch in dataset.batches(AT_ONCE):
            best_B2 = best(network(batch.inputs)[name].float(), field.longest)
            rows = batch.inputs[source].tokens_BT.tolist()
            said += [_piece(row, span, text) for row, span in zip(rows, best_B2.tolist())]
            right += [_piece(row, span, text) for row, span in zip(rows, batch.outputs[name].tolist())]
        if was_training:
            network.train()
        shares = _shares(said, right)
        scores = {metric: float(share_N.mean()) for metric, share_N in shares.items()}
        return Evaluation(self.metric, scores, rows=shares[self.metric], predictions=said, truth=right)

    def floor(self, train: Dataset, test: Dataset) -> float:
        """The better one of two ignorant answers: the commonest of the training part, or what stands where answers of the training
        part stand most often, counted from the first symbol of the context."""
        learned, asked = _read(train), _read(test)
        right = [_piece(row, span, text) for row, span, _, text in asked]
        commonest = Counter(_piece(row, span, text) for row, span, _, text in learned).most_common(1)[0][0]
        ((first, last), _), *_ = Counter((span[0] - begin, span[1] - begin) for _, span, begin, _ in learned).most_common(1)
        there = [_piece(row, (begin + first, begin + last), text) for row, _, begin, text in asked]
        return max(float(_shares(said, right)[self.metric].mean()) for said in ([commonest] * len(right), there))

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Every row's answer is some piece of its own context, drawn at random, as long as answers of the data are."""
        ((name, field),) = dataset.spec.outputs.items()
        ((source, text),) = dataset.spec.inputs.items()
        assert isinstance(field, Span) and isinstance(text, Tokens)
        places_N2 = dataset.columns[name]["places"]
        sequence: Sequences = text.take(dataset.columns[source], torch.arange(len(places_N2), device=places_N2.device))
        inside_NT = field.inside(sequence).cpu()
        chance = generator(seed)
        first_N = torch.rand(inside_NT.shape, generator=chance).masked_fill(~inside_NT, -1).argmax(1)
        lengths_N = (places_N2[:, 1] - places_N2[:, 0]).cpu()[torch.randperm(len(places_N2), generator=chance)]
        last_N = torch.minimum(first_N + lengths_N, sequence.lengths_B.cpu() - 2).clamp(min=first_N)
        return dataset.replaced({name: {"places": torch.stack([first_N, last_N], 1).to(places_N2.device)}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """Places of the first and the last symbol of every answer; the preprocessing has the words."""
        ((name, field),) = spec.outputs.items()
        assert isinstance(field, Span)
        return {name: [(first, last) for first, last in best(outputs[name].nan_to_num(OUTSIDE), field.longest).tolist()]}


def best(logits_BT2: Tensor, longest: int) -> Tensor:
    """First and last place of the likeliest piece (B 2) that has 1 to `longest` symbols: the largest sum of both logits, of equal
    ones the shorter, then the earlier."""
    start_BT, end_BT = logits_BT2.unbind(2)
    T = start_BT.shape[1]
    sums = [F.pad(start_BT[:, : T - more] + end_BT[:, more:], (0, more), value=-torch.inf) for more in range(min(longest, T))]
    chosen_B = torch.cat(sums, 1).argmax(1)
    first_B, more_B = chosen_B % T, chosen_B // T
    return torch.stack([first_B, first_B + more_B], 1)


def _shares(said: list[str], right: list[str]) -> dict[str, np.ndarray]:
    """Exact match and F1 of each row."""
    words = [(plain(a), plain(b)) for a, b in zip(said, right)]
    there_N = np.array([text != "" for text in right], dtype=float)
    exact_N, f1_N = np.array([a == b for a, b in words], dtype=float), np.array([f1(a.split(), b.split()) for a, b in words])
    return {"exact_match": exact_N * there_N, "f1": f1_N * there_N}


def _piece(row: list[int], span: tuple[int, int] | list[int], text: Tokens) -> str:
    """What the symbols of a row from one place to another stand for; nothing for what was cut off."""
    first, last = span
    if first < 0 or first >= len(row):
        return ""
    codes = row[first : last + 1]
    if not text.symbols:
        return " ".join(map(str, codes))
    pieces = [text.symbols[code] for code in codes]
    known = [f" {piece.strip()}{first + k}" if piece.strip() == UNKNOWN_SYMBOL else piece for k, piece in enumerate(pieces)]
    return "".join(known).strip()


def _read(dataset: Dataset) -> list[tuple[list[int], list[int], int, Tokens]]:
    """Of every row its symbols, its answer's places, and where its context begins."""
    ((name, field),) = dataset.spec.outputs.items()
    ((source, text),) = dataset.spec.inputs.items()
    assert isinstance(field, Span) and isinstance(text, Tokens)
    found = []
    for batch in dataset.batches(AT_ONCE):
        sequence: Sequences = batch.inputs[source]
        begins = field.inside(sequence).long().argmax(1).tolist()
        rows = zip(sequence.tokens_BT.tolist(), batch.outputs[name].tolist(), begins)
        found += [(row, span, begin, text) for row, span, begin in rows]
    return found
