"""Making pictures of a given label like those that bear it.

    sum over labels k of  p_k E(X_k, Y_k),      p_k the share of label k among the pictures scored

E is the energy distance of made and real pictures of one label (`tasks/_generation.py`), so that pictures which are as good as can
be but of the wrong label score badly. The floor knows the labels and nothing of how pixels hang together. What was learned of the
labels is measured from further up: from training pictures of any label, the best that an answer can be which does not heed them.

Shapes: N real pictures, M made ones, P = C H W pixels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task
from nnzoo.tasks._generation import KEPT, MOST, draw, energy_distance


class ClassConditionalImageGeneration(Task):
    """A label in, a picture of it out. Labels of which there is one picture only are not scored."""

    metric = "energy_distance"
    perfect = 0.0
    learned = 0.67  # of the way from pictures of any label
    higher = {"energy_distance": False}

    def fits(self, spec: Spec) -> No | None:
        if spec.only("outputs", Image) is None:
            return No(f"{self.name} needs pictures to make and nothing else")
        if spec.only("inputs", Classes) is None:
            return No(f"{self.name} needs a label for each picture; give pictures in one folder a label")
        return None

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """As many samples of each label as pictures bear it (at most 5,000 in all) drawn from `seed`. `predictions` are samples in
        standardised units, `extra["labels"]` their labels, `extra["by_label"]` the distance of each label."""
        codes_N, real_NP = labelled(dataset, seed)
        made = draw(network, len(codes_N), seed, codes_N.to(getattr(network, "device", "cpu")))
        distance, by_label = distance_by_label(made.flatten(1), codes_N, real_NP, codes_N)
        labels = _labels(dataset).labels
        extra = {
            "samples": len(made),
            "labels": [labels[code] for code in codes_N[:KEPT].tolist()],
            "by_label": {labels[code]: value for code, value in by_label.items()},
        }
        found = Evaluation(self.metric, {"energy_distance": distance}, predictions=made[:KEPT].cpu(), extra=extra)
        return found if self.judge is None else self.judge.add(found, network, made, codes_N, dataset, seed)

    def floor(self, train: Dataset, test: Dataset) -> float:
        """Independent pixels, each from a random training picture of the same label."""
        codes_N, real_NP = labelled(test)
        made = Ignorant(train).sample(len(codes_N), codes_N)
        scores = {"energy_distance": distance_by_label(made.flatten(1), codes_N, real_NP, codes_N)[0]}
        if self.judge is not None and self.metric != "energy_distance":
            scores = self.judge.add(Evaluation(self.metric, scores), Ignorant(train), made, codes_N, test, 0).scores
        return scores[self.metric]

    def must_reach(self, train: Dataset, test: Dataset) -> float:
        """A third of the distance of training pictures of any label, which is as near as shuffled labels lead."""
        codes_N, real_NP = labelled(test)
        _, x_NP = labelled(train)
        any_label = torch.randint(len(x_NP), (len(codes_N),), generator=generator(0)).to(x_NP.device)
        return (1 - self.learned) * distance_by_label(x_NP[any_label], codes_N, real_NP, codes_N)[0]

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        """Labels shuffled among the pictures."""
        (name,) = dataset.spec.inputs
        codes = dataset.columns[name]["codes"]
        order = torch.randperm(len(codes), generator=generator(seed)).to(codes.device)
        return dataset.replaced({name: {"codes": codes[order]}})


def labelled(dataset: Dataset, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Codes (N, on the host) and standardised pictures (N P) of those with a known label, at most 5,000 drawn at random."""
    ((name, _),) = dataset.spec.inputs.items()
    (picture,) = dataset.spec.outputs
    rows = torch.nonzero(dataset.stored(name, "codes").cpu() >= 0)[:, 0]
    if len(rows) > MOST:
        rows = rows[torch.randperm(len(rows), generator=generator(seed))[:MOST].sort().values]
    batch = dataset.take(rows.to(dataset.device))
    return batch.inputs[name].cpu(), batch.outputs[picture].flatten(1)


def ignorant(train: Dataset, codes_n: Tensor) -> Tensor:
    """Pictures (n P) of labels (n), each pixel from a training picture of that label (of any where training had none)."""
    codes_N, x_NP = labelled(train)
    x_NP, draws = x_NP.cpu(), generator(0)
    made_nP = x_NP.new_empty(len(codes_n), x_NP.shape[1])
    for code in codes_n.unique().tolist():
        own = x_NP[codes_N == code]
        own = own if len(own) else x_NP
        where = torch.nonzero(codes_n == code)[:, 0]
        made_nP[where] = own.gather(0, torch.randint(len(own), (len(where), x_NP.shape[1]), generator=draws))
    return made_nP


class Ignorant:
    """Makes such pictures behind a network's call."""

    def __init__(self, train: Dataset):
        self.train = train

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` pictures (n C H W) of labels (n)."""
        (picture,) = self.train.spec.outputs.values()
        assert isinstance(picture, Image)
        return ignorant(self.train, condition.cpu()).unflatten(1, (picture.channels, picture.height, picture.width))


def distance_by_label(made_MP: Tensor, made_M: Tensor, real_NP: Tensor, real_N: Tensor) -> tuple[float, dict[int, float]]:
    """The mean over labels of the energy distance of made and real pictures, weighted by how many real ones bear each; and the
    distances by code. Raises DataError where no label has two pictures on both sides."""
    found: dict[int, float] = {}
    shares: dict[int, int] = {}
    for code in real_N.unique().tolist():
        made, real = made_MP[(made_M == code).to(made_MP.device)], real_NP[(real_N == code).to(real_NP.device)]
        if len(made) > 1 and len(real) > 1:
            found[code], shares[code] = energy_distance(made, real), len(real)
    if not found:
        raise DataError("no label has two pictures, so that none can be compared; give more pictures of each label")
    total = sum(shares.values())
    return sum(found[code] * shares[code] / total for code in found), found


def _labels(dataset: Dataset) -> Classes:
    (field,) = dataset.spec.inputs.values()
    assert isinstance(field, Classes)
    return field
