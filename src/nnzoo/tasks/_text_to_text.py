"""What tasks share that ask for a text in answer to a text: the loss, how answers are found and compared, the floor.

    nats per token = -1/M sum_i ln p(y_i | y_1 .. y_(i-1), x)          over the right answer, `end` included
    exact match    = share of sources whose answer is the right one, symbol by symbol

Answers are the network's own `forward` (the likeliest symbol at every step). Row weights are not used.

Shapes: B rows, N rows of a part, T symbols, V vocabulary, M predicted symbols.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Sequences, Spec, Stored, Tokens
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task

AT_ONCE = 128  # rows that are answered together
Compared = tuple[dict[str, float], dict[str, np.ndarray], dict[str, Any]]


class TextToText(Task):
    """Text in, text out, each a whole of its own."""

    metric = "exact_match"
    perfect = 1.0

    @abstractmethod
    def compare(self, said: Sequence[str], right: Sequence[str]) -> Compared:
        """Scores of the task's own; each row's share of those that are means (N); what else came of it. Where data do not say
        what symbols stand for, their codes stand there as words."""

    def judged_by(self, metric: str) -> Task:
        """This task with another of its scores as the metric."""
        other = super().judged_by(metric)
        other.perfect = 0.0 if metric == "nats_per_token" else 1.0  # type: ignore[misc]
        return other

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Tokens) is None or spec.only("outputs", Tokens) is None:
            return No(f"{self.name} needs pairs of texts")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Cross-entropy in nats summed over the symbols of the right answers; padding counts nowhere. The output holds logits
        (B T-1 V): position t predicts symbol t + 1; or those alone that predict a symbol and no padding (M V), row by row."""
        ((name, logits),) = outputs.items()
        nats_M, right_M = _read(logits, batch.outputs[name])
        return Loss(nats_M.sum(), len(nats_M), {"accuracy": right_M.sum() / max(1, len(right_M))})

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """`rows` are each row's share of the metric where it is a mean of such (exact match: 0 or 1). `predictions` and `truth` are
        texts (symbols, where data do not say what they stand for)."""
        ((name, field),) = dataset.spec.outputs.items()
        assert isinstance(field, Tokens)
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        answers: list[list[int]] = []
        truth: list[list[int]] = []
        nats, symbols = 0.0, 0
        for batch in dataset.batches(AT_ONCE):
            target: Sequences = batch.outputs[name]
            answers += [_ended(row, field.end) for row in network(batch.inputs)[name].tolist()]
            truth += [row[1 : length - 1] for row, length in zip(target.tokens_BT.tolist(), target.lengths_B.tolist())]
            if hasattr(network, "read_source"):
                logits_BTV, _ = network.step(network.read_source(batch.inputs), target.tokens_BT[:, :-1])
                nats_M, _ = _read(logits_BTV.float(), target)
                nats, symbols = nats + float(nats_M.double().sum()), symbols + len(nats_M)
        if was_training:
            network.train()
        scores, rows, extra = self._scores(answers, truth, field)
        scores["nats_per_token"] = nats / symbols if symbols else float("inf")  # an answer without probabilities
        said, right = ([field.text(row) for row in side] if field.symbols else side for side in (answers, truth))
        return Evaluation(self.metric, scores, rows=rows.get(self.metric), predictions=said, truth=right, extra=extra)

    def _scores(self, answers: list[list[int]], truth: list[list[int]], field: Tokens) -> Compared:
        """All scores of answers as codes but that by probability."""
        right_N = np.array([said == right for said, right in zip(answers, truth)], dtype=float)
        texts = [[field.text(row) if field.symbols else " ".join(map(str, row)) for row in side] for side in (answers, truth)]
        scores, rows, extra = self.compare(*texts)
        return {"exact_match": float(right_N.mean()), **scores}, {"exact_match": right_N, **rows}, extra

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Always the commonest answer of the training part; in nats, the frequencies of its symbols, one added to each count."""
        ((name, field),) = train.spec.outputs.items()
        assert isinstance(field, Tokens)
        learned, asked = _answers(train, name), _answers(test, name)
        if self.metric == "nats_per_token":
            counts_V = np.bincount(np.concatenate(learned), minlength=field.vocabulary) + 1.0
            return float(-np.log(counts_V / counts_V.sum())[np.concatenate(asked)].mean())
        kinds, counts = np.unique(np.array([" ".join(map(str, row)) for row in learned]), return_counts=True)
        commonest = [int(code) for code in kinds[counts.argmax()].split()]
        said = [_ended(commonest, field.end)] * len(asked)
        return self._scores(said, [_ended(row.tolist(), field.end) for row in asked], field)[0][self.metric]

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Answers shuffled among the sources."""
        ((name, _),) = dataset.spec.outputs.items()
        stored: Stored = dataset.columns[name]
        offsets = stored["offsets"]
        order = torch.randperm(len(offsets) - 1, generator=generator(seed))
        lengths = (offsets[1:] - offsets[:-1])[order]
        where = torch.cat([torch.arange(int(offsets[row]), int(offsets[row + 1])) for row in order.tolist()])
        moved = stored["values"][where.to(stored["values"].device)]
        places = torch.cat([offsets[:1], lengths.cumsum(0)])
        return dataset.replaced({name: {**stored, "values": moved, "offsets": places}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """Answers as texts."""
        ((name, field),) = spec.outputs.items()
        assert isinstance(field, Tokens)
        return {name: [field.text(_ended(row, field.end)) for row in outputs[name].tolist()]}


def _read(logits: Tensor, target: Sequences) -> tuple[Tensor, Tensor]:
    """Nats and hits of the symbols that there are to predict (M)."""
    next_BT, inside_BT = target.tokens_BT[:, 1:], target.inside_BT[:, 1:]
    next_M = next_BT[inside_BT]
    wanted = next_BT if logits.ndim == 3 else next_M
    assert logits.shape[:-1] == wanted.shape, f"logits {tuple(logits.shape)} do not predict {tuple(wanted.shape)} symbols"
    logits_MV = logits[inside_BT] if logits.ndim == 3 else logits
    return F.cross_entropy(logits_MV, next_M, reduction="none"), logits_MV.detach().argmax(1) == next_M


def _ended(codes: list[int], end: int) -> list[int]:
    """Codes before the end."""
    return codes[: codes.index(end)] if end in codes else codes


def _answers(dataset: Dataset, name: str) -> list[np.ndarray]:
    """The right answers of a view's rows, as codes after start, end included."""
    values, offsets = dataset.columns[name]["values"].cpu().numpy(), dataset.columns[name]["offsets"].tolist()
    rows = range(len(offsets) - 1) if dataset.index is None else dataset.index.tolist()
    return [values[offsets[row] + 1 : offsets[row + 1]] for row in rows]
