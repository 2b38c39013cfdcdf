"""Making new data like the data: how far made data are from real ones, with no trained judge.

    E(X, Y) = 2 E|X - Y| - E|X - X'| - E|Y - Y'|          (Szekely & Rizzo 2013: squared energy distance)

estimated without bias by U-statistics (pairs of a point with itself are left out), so that samples from the true distribution
score 0 on average and may score a little below. The true value is 0 only where the distributions are equal. Distances are
Euclidean in standardised units.

Shapes: N real rows, M made rows, D numbers in a row.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.events import Reading, tell
from nnzoo.core.fields import Image, Rows, Spec
from nnzoo.core.network import No
from nnzoo.core.seeds import generator, seed_default
from nnzoo.core.task import Evaluation, Task

MOST = 5000  # rows compared on each side
DRAWN_AT_ONCE = 1000  # part of the result: samples depend on how the generator's numbers fall into batches
KEPT = 64  # made pictures kept with an evaluation


class Generation(Task):
    """Nothing to predict: the network makes rows of its own. `inputs` are the field types that pose this task."""

    metric = "energy_distance"
    perfect = 0.0
    learned = 0.75  # independent columns alone make up half of the way on rings and grids
    higher = {"energy_distance": False}
    inputs: tuple[type, ...] = ()
    what = "rows"

    def fits(self, spec: Spec) -> No | None:
        if spec.only("inputs", *self.inputs) is None:
            return No(f"{self.name} needs {self.what} as its one input")
        if spec.outputs:
            return No(f"{self.name} learns from {self.what} alone and these data have a target; leave the target out")
        return None

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        """As many samples as rows (at most 5,000 of each) drawn from `seed`. `predictions` are samples in standardised units."""
        real_ND = real(dataset, seed)
        made = draw(network, len(real_ND), seed)
        distance = energy_distance(made.flatten(1), real_ND)
        kept = made if made.ndim == 2 else made[:KEPT]
        found = Evaluation(self.metric, {"energy_distance": distance}, predictions=kept.cpu(), extra={"samples": len(made)})
        return found if self.judge is None else self.judge.add(found, network, made, None, dataset, seed)

    def floor(self, train: Dataset, test: Dataset) -> float:
        real_ND = real(test)
        made_ND = self.ignorant(train, len(real_ND))
        scores = {"energy_distance": energy_distance(made_ND, real_ND)}
        if self.judge is not None and self.metric != "energy_distance":
            (field,) = test.spec.inputs.values()
            made = made_ND.unflatten(1, (field.channels, field.height, field.width)) if isinstance(field, Image) else made_ND
            scores = self.judge.add(Evaluation(self.metric, scores), None, made.float(), None, test, 0).scores
        return scores[self.metric]

    @abstractmethod
    def ignorant(self, train: Dataset, n: int) -> Tensor:
        """`n` rows (n D) made from what is known of single numbers of the training part."""


def gaussian(train: Dataset, n: int) -> Tensor:
    """`n` draws (n D) from the normal distribution with the mean and covariance of the training part."""
    x_ND = real(train).cpu().double()
    variance_D, axes_DD = torch.linalg.eigh(torch.cov(x_ND.T, correction=0).reshape(x_ND.shape[1], -1))
    z_nD = torch.randn(n, x_ND.shape[1], generator=generator(0), dtype=torch.float64)
    return x_ND.mean(0) + z_nD * variance_D.clamp(min=0).sqrt() @ axes_DD.T


def independent(train: Dataset, n: int) -> Tensor:
    """`n` rows (n D), each number taken from a training row of its own: the right margins and nothing else."""
    x_ND = real(train).cpu()
    rows_nD = torch.randint(len(x_ND), (n, x_ND.shape[1]), generator=generator(0))
    return x_ND.gather(0, rows_nD)


def real(dataset: Dataset, seed: int = 0) -> Tensor:
    """Standardised rows of a part (N D), at most 5,000 drawn without replacement."""
    rows = torch.arange(len(dataset))
    if len(rows) > MOST:
        rows = torch.randperm(len(rows), generator=generator(seed))[:MOST].sort().values
    (value,) = dataset.take(rows.to(dataset.device)).inputs.values()
    return (value.numeric_BF if isinstance(value, Rows) else value).flatten(1)


@torch.no_grad()
def draw(network: Any, n: int, seed: int, condition: Any = None, **how: Any) -> Tensor:
    """`n` samples (n ...) of a network that samples, a function of `seed`; torch's generators are left as they were. How far it is
    is told where there are many.

    `condition` holds one entry a sample, None for none; `how` are settings of sampling that the kind has.
    """
    was_training = getattr(network, "training", False)
    if was_training:
        network.eval()
    device = getattr(network, "device", torch.device("cpu"))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        made, began = [], time.perf_counter()
        for first in range(0, n, DRAWN_AT_ONCE):
            if n > DRAWN_AT_ONCE:
                left = (time.perf_counter() - began) * (n - first) / first if first else None
                tell(Reading("making", first, n, left, "rows"))
            seed_default(seed, first)
            size = min(DRAWN_AT_ONCE, n - first)
            some = None if condition is None else condition[first : first + size]
            made.append(network.sample(size, some, **how) if some is not None else network.sample(size, **how))
    if was_training:
        network.train()
    return torch.cat(made)


def energy_distance(x_MD: Tensor, y_ND: Tensor) -> float:
    """Squared energy distance of two samples, the unbiased estimate. Raises DataError with fewer than two rows on a side."""
    if len(x_MD) < 2 or len(y_ND) < 2:
        raise DataError("energy distance compares at least two rows with two; give more rows")
    home = y_ND.device if y_ND.device.type == "cuda" else torch.device("cpu")
    x_MD, y_ND = x_MD.to(home, torch.float64), y_ND.to(home, torch.float64)
    m, n = len(x_MD), len(y_ND)
    between = _sum_of_distances(x_MD, y_ND) / (m * n)
    within_x, within_y = _sum_of_distances(x_MD, x_MD) / (m * (m - 1)), _sum_of_distances(y_ND, y_ND) / (n * (n - 1))
    return 2 * between - within_x - within_y


def _sum_of_distances(x_MD: Tensor, y_ND: Tensor) -> float:
    """Sum over all pairs; a row and itself are at distance 0 to rounding."""
    mode = "use_mm_for_euclid_dist" if x_MD.shape[1] > 25 else "donot_use_mm_for_euclid_dist"
    return float(sum(torch.cdist(part, y_ND, compute_mode=mode).sum() for part in x_MD.split(1024)))


def shuffled_columns(numbers: Tensor, seed: int) -> Tensor:
    """Stored rows (N ...) with every number shuffled over the rows independently of the others in its row."""
    flat_ND = numbers.flatten(1).clone()
    draws = generator(seed)
    for d in range(flat_ND.shape[1]):
        flat_ND[:, d] = flat_ND[torch.randperm(len(flat_ND), generator=draws).to(flat_ND.device), d]
    return flat_ND.view_as(numbers)


def modes(points_ND: Any, centres_KD: Any, sigma: float) -> dict[str, float]:
    """How many modes of a made mixture are hit, all in original units.

    A point is good if it is within three sigma of the nearest centre; a mode is hit if at least one good point is nearest to it
    (the rule of Srivastava et al. 2017, VEEGAN, and Lin et al. 2018, PacGAN). One point in thousands is little, so `rarest` gives
    the share of all points that are good and belong to the least visited mode (1 / K would be even), and `modes_kl` is
    sum_k p_k log(K p_k), p_k the share of good points that belong to mode k: 0 where all are visited evenly, log K where one is
    alone (and where no point is good).
    """
    points, centres = (
        torch.as_tensor(np.asarray(points_ND), dtype=torch.float64),
        torch.as_tensor(np.asarray(centres_KD), dtype=torch.float64),
    )
    nearest = torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    good = nearest.values <= 3 * sigma
    visits_K = torch.bincount(nearest.indices[good], minlength=len(centres))
    share_K = visits_K.double() / max(1, int(visits_K.sum()))
    kl = float(torch.special.xlogy(share_K, len(centres) * share_K).sum()) if visits_K.any() else float(np.log(len(centres)))
    return {
        "modes_kl": kl,
        "modes": int((visits_K > 0).sum()),
        "of": len(centres),
        "share_within_3_sigma": float(good.double().mean()),
        "rarest": float(visits_K.min()) / len(points),
    }
