"""Polyphonic music: which notes sound at the next step of a piano roll, given all steps before it.

    -ln p(x_2 .. x_T | x_1) = - sum_(t=2..T) sum_k  x_tk ln p_tk + (1 - x_tk) ln(1 - p_tk),    p_t a function of x_1 .. x_(t-1)

in nats per step: the sum over all pieces divided by the number of all predicted steps. The first step of a piece is read and not
predicted, as in the code of Bai, Kolter & Koltun 2018. Frame accuracy is that of Bay, Ehmann & Downie 2009, hits / (hits + false
alarms + misses) over all steps, a note being answered where p_tk >= 1/2.

Shapes: B N pieces, T steps, C notes, M predicted steps. Row weights are not used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Course, Series, Spec
from nnzoo.core.learning import Loss
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task


class PolyphonicMusic(Task):
    """Piano rolls in, nothing to predict beside the rolls themselves."""

    metric = "nats_per_step"
    perfect = 0.0
    learned = 0.2
    higher = {"nats_per_step": False, "frame_accuracy": True}

    def fits(self, spec: Spec) -> No | None:
        name = spec.only("inputs", Series)
        field = spec.inputs[name] if name else None
        if not isinstance(field, Series) or not field.binary:
            return No(f"{self.name} needs piano rolls, whose numbers are 0 or 1, as its one input")
        if spec.outputs:
            return No(f"{self.name} learns from the rolls alone and these data have a target; leave the target out")
        return None

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Loss:
        """Nats summed over the predicted steps; padding counts nowhere.

        The one output holds logits (B T C), or (B T-1 C) without those after the last step: position t predicts step t + 1.
        """
        (logits_BTC,) = outputs.values()
        (course,) = batch.inputs.values()
        nats_BT, weight = _read(logits_BTC, course)
        return Loss(nats_BT.sum(), weight)

    @torch.no_grad()
    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """`rows` are the shares of pieces in the metric: their mean is nats per step."""
        (name,) = dataset.spec.inputs
        was_training = getattr(network, "training", False)
        if was_training:
            network.eval()
        nats_N: list[np.ndarray] = []
        steps, hits, wrong = 0, 0, 0
        for batch in dataset.batches(64):
            (logits_BTC,) = network(batch.inputs).values()
            nats_BT, weight = _read(logits_BTC.float(), batch.inputs[name])
            nats_N.append(nats_BT.double().sum(1).cpu().numpy())
            steps += int(weight)
            next_BTC, inside_BT = _next(batch.inputs[name])
            said_BTC = (logits_BTC[:, : next_BTC.shape[1]] >= 0) & inside_BT[:, :, None]
            sounds_BTC = (next_BTC > 0.5) & inside_BT[:, :, None]
            hits += int((said_BTC & sounds_BTC).sum())
            wrong += int((said_BTC ^ sounds_BTC).sum())
        if was_training:
            network.train()
        if steps == 0:
            raise DataError("there is no step to predict in this part; give pieces of two steps or more")
        each_N = np.concatenate(nats_N)
        scores = {"nats_per_step": float(each_N.sum() / steps), "frame_accuracy": hits / max(1, hits + wrong)}
        return Evaluation(self.metric, scores, rows=each_N * len(each_N) / steps, extra={"steps": steps})

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Nats per step of how often each note sounds in the training part, one sound and one silence added, on the test part."""
        learned_MC, asked_MC = _predicted(train), _predicted(test)
        share_C = (learned_MC.sum(0) + 1) / (len(learned_MC) + 2)
        return float(-(asked_MC * share_C.log() + (1 - asked_MC) * (1 - share_C).log()).sum(1).mean())

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """All steps shuffled over all pieces; the lengths stay."""
        (name,) = dataset.spec.inputs
        stored = dataset.columns[name]
        order = torch.randperm(len(stored["values"]), generator=generator(seed)).to(stored["values"].device)
        return dataset.replaced({name: {**stored, "values": stored["values"][order]}})


def _next(course: Course) -> tuple[Tensor, Tensor]:
    """The steps that are predicted (B T-1 C), and which of them are no padding (B T-1)."""
    next_BTC = course.x_BTC[:, 1:]
    inside_BT = torch.arange(1, course.x_BTC.shape[1], device=next_BTC.device) < course.lengths_B[:, None]
    return next_BTC, inside_BT


def _read(logits_BTC: Tensor, course: Course) -> tuple[Tensor, Tensor]:
    """Nats of each predicted step (B T-1, 0 at padding), and how many steps are predicted."""
    next_BTC, inside_BT = _next(course)
    logits_BTC = logits_BTC[:, : next_BTC.shape[1]]
    assert logits_BTC.shape == next_BTC.shape, f"logits {tuple(logits_BTC.shape)} do not predict steps {tuple(next_BTC.shape)}"
    nats_BTC = F.binary_cross_entropy_with_logits(logits_BTC, next_BTC, reduction="none")
    return nats_BTC.sum(2) * inside_BT, inside_BT.sum()


def _predicted(dataset: Dataset) -> Tensor:
    """Every step that is predicted (M C, double, on the host)."""
    (name,) = dataset.spec.inputs
    steps = []
    for batch in dataset.batches():
        next_BTC, inside_BT = _next(batch.inputs[name])
        steps.append(next_BTC[inside_BT].cpu())
    return torch.cat(steps).double()
