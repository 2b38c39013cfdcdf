"""Translation: a text from another text.

    nats per token = -1/M sum_i ln p(y_i | y_1 .. y_(i-1), x)          over the right answer, `end` included
    exact match    = share of sources whose answer is the right one, symbol by symbol
    BLEU, chrF     = as the library sacrebleu has them (Post 2018), without regard to capitals; 0 to 100

Answers are the network's own `forward` (the likeliest symbol at every step). The score to judge by is exact match where answers are
made of single characters, and BLEU where they are made of words or byte-pair units; without sacrebleu it is then nats per token.
Row weights are not used.

Shapes: B rows, N rows of a part, T symbols, V vocabulary, M predicted symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Sequences, Spec, Stored, Tokens
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task

AT_ONCE = 128  # rows that are answered together


class Translation(Task):
    """Text in, text out, each a whole of its own."""

    metric = "exact_match"
    perfect = 1.0
    higher = {"exact_match": True, "bleu": True, "chrf": True, "nats_per_token": False}

    def suited(self, spec: Spec) -> Task:
        """Judged by exact match, BLEU or nats per token by the rule above."""
        (field,) = spec.outputs.values()
        assert isinstance(field, Tokens)
        if max((len(symbol) for symbol in field.symbols), default=1) <= 1:
            return self
        return self.judged_by("bleu" if find_spec("sacrebleu") else "nats_per_token")

    def judged_by(self, metric: str) -> Task:
        """This task with another of its scores as the metric."""
        other = super().judged_by(metric)
        other.perfect = {"exact_match": 1.0, "bleu": 100.0, "chrf": 100.0, "nats_per_token": 0.0}[metric]  # type: ignore[misc]
        return other

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Tokens) is None or spec.only("outputs", Tokens) is None:
            return No(f"{self.name} needs pairs of texts")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Cross-entropy in nats summed over the symbols of the right answers; padding counts nowhere. The output holds logits
        (B T-1 V): position t predicts symbol t + 1."""
        ((name, logits_BTV),) = outputs.items()
        nats_BT, right_BT, inside_BT = _read(logits_BTV, batch.outputs[name])
        weight = inside_BT.sum()
        return Loss(nats_BT.sum(), weight, {"accuracy": right_BT.detach().sum() / weight.clamp(min=1)})

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """`rows` are exact matches (0 or 1) where that is the metric. `predictions` and `truth` are texts (symbols, where data do
        not say what they stand for); `extra` has the signatures of BLEU and chrF, and BLEU's counts of each row."""
        ((name, field),) = dataset.spec.outputs.items()
        assert isinstance(field, Tokens)
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        answers: list[list[int]] = []
        truth: list[list[int]] = []
        nats = symbols = 0.0
        for batch in dataset.batches(AT_ONCE):
            target: Sequences = batch.outputs[name]
            answers += [_ended(row, field.end) for row in network(batch.inputs)[name].tolist()]
            truth += [row[1 : length - 1] for row, length in zip(target.tokens_BT.tolist(), target.lengths_B.tolist())]
            if hasattr(network, "read_source"):
                logits_BTV, _ = network.step(network.read_source(batch.inputs), target.tokens_BT[:, :-1])
                nats_BT, _, inside_BT = _read(logits_BTV.float(), target)
                nats, symbols = nats + float(nats_BT.double().sum()), symbols + float(inside_BT.sum())
        if was_training:
            network.train()
        right_N = np.array([said == right for said, right in zip(answers, truth)], dtype=float)
        scores = {"exact_match": float(right_N.mean())}
        texts = [[field.text(row) for row in side] for side in (answers, truth)] if field.symbols else [answers, truth]
        extra: dict[str, Any] = {}
        if field.symbols and find_spec("sacrebleu"):
            found, extra = corpus_scores(*texts)
            scores |= found
        elif self.metric in ("bleu", "chrf"):
            raise ConfigError(f'{self.metric} needs the package sacrebleu; install it with: pip install "nnzoo[text]"')
        scores["nats_per_token"] = nats / symbols if symbols else float("inf")  # an answer without probabilities
        rows = right_N if self.metric == "exact_match" else None
        return Evaluation(self.metric, scores, rows=rows, predictions=texts[0], truth=texts[1], extra=extra)

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
        if self.metric == "exact_match":
            return float(np.mean([row.tolist() == commonest for row in asked]))
        said = field.text(commonest)
        return corpus_scores([said] * len(asked), [field.text(row.tolist()) for row in asked])[0][self.metric]

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


def corpus_scores(said: Sequence[str], right: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """BLEU and chrF of texts, without regard to capitals; their signatures, and for BLEU what each row adds: lengths of answer and
    reference, then hits and counts of 1- to 4-grams (N 10)."""
    from sacrebleu.metrics import BLEU, CHRF

    metrics = {"bleu": BLEU(lowercase=True), "chrf": CHRF(lowercase=True)}
    scores = {name: float(metric.corpus_score(said, [right]).score) for name, metric in metrics.items()}
    signatures = {name: str(metric.get_signature()) for name, metric in metrics.items()}
    one = BLEU(lowercase=True, effective_order=True)  # for its counts, which are those of the corpus
    rows_N10 = np.array([_bleu_counts(one.sentence_score(a, [b])) for a, b in zip(said, right)])
    return scores, {"signatures": signatures, "bleu_rows": rows_N10}


def _bleu_counts(score: Any) -> list[float]:
    return [score.sys_len, score.ref_len, *score.counts, *score.totals]


def _read(logits_BTV: Tensor, target: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """Nats, hits and whether there is something to predict, at each place of the answers (B T-1)."""
    next_BT = target.tokens_BT[:, 1:]
    assert logits_BTV.shape[:2] == next_BT.shape, f"logits {tuple(logits_BTV.shape)} do not predict {tuple(next_BT.shape)} symbols"
    inside_BT = torch.arange(1, target.tokens_BT.shape[1], device=next_BT.device) < target.lengths_B[:, None]
    nats_BT = F.cross_entropy(logits_BTV.transpose(1, 2), next_BT, reduction="none") * inside_BT
    return nats_BT, (logits_BTV.argmax(2) == next_BT) & inside_BT, inside_BT


def _ended(codes: list[int], end: int) -> list[int]:
    """Codes before the end."""
    return codes[: codes.index(end)] if end in codes else codes


def _answers(dataset: Dataset, name: str) -> list[np.ndarray]:
    """The right answers of a view's rows, as codes after start, end included."""
    values, offsets = dataset.columns[name]["values"].cpu().numpy(), dataset.columns[name]["offsets"].tolist()
    rows = range(len(offsets) - 1) if dataset.index is None else dataset.index.tolist()
    return [values[offsets[row] + 1 : offsets[row + 1]] for row in rows]
