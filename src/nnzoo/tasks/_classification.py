"""Classification, whatever goes in: cross-entropy, accuracy and its relatives, labels with probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.fields import AnyField, Classes, Spec
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task, outputs_of
from nnzoo.tasks._rows import row_weights


class Classification(Task):
    """One label of several for each row. `inputs` are the field types that pose this task."""

    metric = "accuracy"
    perfect = 1.0
    higher = {"accuracy": True, "balanced_accuracy": True, "macro_f1": True, "log_loss": False}
    inputs: tuple[type, ...] = ()
    what = "rows"

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", *self.inputs) is None:
            return No(f"{self.name} needs {self.what} as its one input")
        if spec.only("outputs", Classes) is None:
            return No(f"{self.name} needs one column of labels; name it with --target")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Cross-entropy in nats, summed over rows that have a label."""
        (name,) = outputs
        codes_B = batch.outputs[name]
        if batch.weight is None:
            return Loss(F.cross_entropy(outputs[name], codes_B, reduction="sum", ignore_index=-1), (codes_B >= 0).sum())
        loss_B = F.cross_entropy(outputs[name], codes_B, reduction="none", ignore_index=-1)
        return Loss((loss_B * batch.weight).sum(), (batch.weight * (codes_B >= 0)).sum())

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        (name,) = dataset.spec.outputs
        logits = outputs_of(network, dataset)[name]
        known = dataset.stored(name, "codes").cpu() >= 0
        truth = dataset.stored(name, "codes").cpu()[known].numpy()
        probability = logits.double().softmax(1)[known].numpy()
        weight = row_weights(dataset)[known.numpy()]
        return Evaluation(
            self.metric,
            classification_scores(truth, probability, weight),
            rows=(probability.argmax(1) == truth) * weight / weight.mean(),
            predictions=probability,
            truth=truth,
        )

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Accuracy of always answering the commonest label of the training part."""
        (name,) = train.spec.outputs
        codes, weight = train.stored(name, "codes").cpu().numpy(), row_weights(train)
        commonest = np.bincount(codes[codes >= 0], weights=weight[codes >= 0]).argmax()
        truth, weight = test.stored(name, "codes").cpu().numpy(), row_weights(test)
        return float(np.average(truth[truth >= 0] == commonest, weights=weight[truth >= 0]))

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Labels exchanged among the rows, so that the rows of each true label get all labels in equal shares. A mere shuffle
        leaves by chance some tie between labels and truth, and where one sign tells the truth, that is enough to learn it from."""
        (name,) = dataset.spec.outputs
        codes = dataset.columns[name]["codes"].clone()
        rows = torch.arange(len(codes), device=codes.device) if dataset.index is None else dataset.index
        rows = rows[codes[rows] >= 0]
        rows = rows[torch.randperm(len(rows), generator=generator(seed)).to(rows.device)]
        by_label = rows[codes[rows].argsort(stable=True)]
        counts_K = torch.bincount(codes[rows])
        codes[by_label] = torch.cat([torch.repeat_interleave(row_K) for row_K in _in_proportion(counts_K.cpu())]).to(codes)
        return dataset.replaced({name: {"codes": codes}})

    def decode(self, outputs: dict[str, Tensor], spec: Spec) -> dict[str, list]:
        """The likeliest label and its probability."""
        (name,) = spec.outputs
        field: AnyField = spec.outputs[name]
        assert isinstance(field, Classes)
        probability_BK = outputs[name].double().softmax(1)
        best = probability_BK.max(1)
        return {name: [field.labels[i] for i in best.indices.tolist()], "probability": best.values.tolist()}


def _in_proportion(counts_K: Tensor) -> Tensor:
    """How many rows of each label get each (K K): whole numbers, nearly in proportion; rows and columns sum to `counts_K`."""
    table_KK = counts_K[:, None] * counts_K // counts_K.sum().clamp(min=1)
    wanting_K = counts_K - table_KK.sum(0)
    for own, (row_K, count) in enumerate(zip(table_KK, counts_K)):
        for _ in range(int(count - row_K.sum())):
            label = (int(wanting_K.roll(-own - 1).argmax()) + own + 1) % len(counts_K)  # its own label last
            row_K[label] += 1
            wanting_K[label] -= 1
    return table_KK


def classification_scores(truth: np.ndarray, probability: np.ndarray, w: np.ndarray) -> dict[str, float]:
    """Scores from true codes (N), probabilities (N K) and weights (N); balanced accuracy is over the labels that occur, F1 over
    those that occur or were answered."""
    answer = probability.argmax(1)
    recall, f1 = [], []
    for label in np.union1d(truth[w > 0], answer[w > 0]):
        hit = (w * ((answer == label) & (truth == label))).sum()
        is_label, said = (w * (truth == label)).sum(), (w * (answer == label)).sum()
        f1.append(2 * hit / (is_label + said))
        if is_label > 0:
            recall.append(hit / is_label)
    true_probability = probability[np.arange(len(truth)), truth].clip(1e-12)
    return {
        "accuracy": float(np.average(answer == truth, weights=w)),
        "balanced_accuracy": float(np.mean(recall)),
        "macro_f1": float(np.mean(f1)),
        "log_loss": float(np.average(-np.log(true_probability), weights=w)),
    }
