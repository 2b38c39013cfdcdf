"""Which label belongs to each step of a sequence: cross-entropy, accuracy and its relatives over all steps that have a label.

Shapes: N B rows, T steps, K labels, M steps that have a label. Row weights weigh all steps of a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import Series, Spec, Tags, Tokens
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task, outputs_of
from nnzoo.tasks._classification import Classification, classification_scores
from nnzoo.tasks._rows import row_weights


class SequenceTagging(Task):
    """Numbers over time or symbols in, one of several labels for every step out."""

    metric = "accuracy"
    perfect = 1.0
    higher = Classification.higher

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", Series, Tokens) is None:
            return No(f"{self.name} needs sequences as its one input")
        if spec.only("outputs", Tags) is None:
            return No(f"{self.name} needs a label at every step of a sequence; give these as the answers")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Cross-entropy in nats of logits (B T K), summed over the steps that have a label."""
        (name,) = outputs
        codes_BT = batch.outputs[name]
        nats_N = F.cross_entropy(outputs[name].flatten(0, 1), codes_BT.flatten(), reduction="none", ignore_index=-1)
        nats_BT = nats_N.view_as(codes_BT)
        known_BT = codes_BT >= 0
        if batch.weight is None:
            return Loss(nats_BT.sum(), known_BT.sum())
        return Loss((nats_BT * batch.weight[:, None]).sum(), (known_BT * batch.weight[:, None]).sum())

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """`rows` are the shares of rows in the accuracy: right steps of a row, so that their mean is the accuracy."""
        (name,) = dataset.spec.outputs
        codes_NT = _codes(dataset)
        logits_NTK = outputs_of(network, dataset)[name]
        known_NT = codes_NT >= 0
        truth_M = codes_NT[known_NT].numpy()
        probability_MK = logits_NTK[known_NT].double().softmax(1).numpy()
        weight_NT = torch.from_numpy(row_weights(dataset))[:, None] * known_NT
        right_NT = (logits_NTK.nan_to_num(-torch.inf).argmax(2) == codes_NT) * weight_NT
        return Evaluation(
            self.metric,
            classification_scores(truth_M, probability_MK, weight_NT[known_NT].numpy()),
            rows=(right_NT.sum(1) * len(right_NT) / weight_NT.sum()).numpy(),
            predictions=probability_MK,
            truth=truth_M,
        )

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Accuracy of always answering the commonest label of the training part."""
        learned_M, weight_M = _known(train)
        commonest = np.bincount(learned_M, weights=weight_M).argmax()
        truth_M, weight_M = _known(test)
        return float(np.average(truth_M == commonest, weights=weight_M))

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Labels shuffled among all steps of all rows."""
        (name,) = dataset.spec.outputs
        stored = dataset.columns[name]
        order = torch.randperm(len(stored["values"]), generator=generator(seed)).to(stored["values"].device)
        return dataset.replaced({name: {**stored, "values": stored["values"][order]}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """The likeliest label of each step, with spaces between them."""
        (name,) = spec.outputs
        field = spec.outputs[name]
        assert isinstance(field, Tags)
        answers = []
        for logits_TK in outputs[name]:
            best = logits_TK[~logits_TK.isnan().any(1)].argmax(1).tolist()
            answers.append(" ".join(field.labels[code] for code in best))
        return {name: answers}


def _codes(dataset: Dataset) -> Tensor:
    """The codes of all rows (N T), -1 where there is no label."""
    (name,) = dataset.spec.outputs
    return dataset.all().outputs[name].cpu()


def _known(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The codes that are there (M) and their weights."""
    codes_NT = _codes(dataset)
    weight_NT = torch.from_numpy(row_weights(dataset))[:, None].expand(codes_NT.shape)
    return codes_NT[codes_NT >= 0].numpy(), weight_NT[codes_NT >= 0].numpy()
