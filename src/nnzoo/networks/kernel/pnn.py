"""Probabilistic neural network: keep every example, call a new one by the class whose examples lie thickest around it.

    p(x | k) = 1 / n_k  sum over x_i of class k of  (2 pi)^(-D/2) sigma^(-D) exp(-||x - x_i||^2 / (2 sigma^2))  (Specht 1990)
    p(k | x) = p(k) p(x | k) / p(x),    p(k) = n_k / N

One pattern unit an example, one summation unit a class, nothing to descend: all that is learned is the smoothing sigma. It is the
one under which each example, left out, is best foretold by the others: the least mean of -log p(k_i | x_i) without x_i itself,
looked for over a grid and then by golden section (Kiefer 1953) between the best grid point's neighbours.

Ours: the outputs are log p(k) p(x | k), summed in the logarithm, so that a far point underflows to no class; rows may have weights
w_i (n_k is then their sum); of more than `left_out` rows, only every so-manieth is left out (all others still foretell it).

Shapes: B rows asked about, N rows stored (by class, one after the other), K classes, D numbers in a row.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from nnzoo.blocks.probe import Probe
from nnzoo.blocks.stems import OneHotStem
from nnzoo.core.abilities import Predicts, Surprise
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Image, Spec, Table
from nnzoo.core.learning import Clock, Done, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.task import Task

GOLDEN = (math.sqrt(5) - 1) / 2
ROWS_AT_ONCE = 16384  # pattern units in one product
LEFT_OUT_AT_ONCE = 512
LEAST = math.log(1e-12)  # of a log probability, as in the log loss: one outlier must not decide on sigma


class Config(NetworkConfig):
    """Where sigma is looked for, in units of the root mean square distance between two rows."""

    narrowest: float = Field(0.01, gt=0)
    widest: float = Field(1.0, gt=0)
    grid: int = Field(12, ge=3)
    refinements: int = Field(10, ge=2)
    left_out: int = Field(4096, ge=1)


class PNN(Network):
    """The stored rows, their classes by position, and sigma. `found`: rows of each class, smoothings tried, their criterion."""

    rows_ND: Tensor
    log_weight_N: Tensor
    sigma: Tensor

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Table, Image) is None:
            return No(
                "pnn measures distances between table rows or between pictures of one size; for text use lstm, for a graph gcn"
            )
        if spec.only("outputs", Classes) is None:
            return No("pnn gives one label of several and the target is no such column; for numbers use gmdh or mlp")
        return Can((Predicts, Surprise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.input,), (self.output,) = spec.inputs, spec.outputs
        self.stem = OneHotStem(spec.inputs[self.input])
        labels = spec.outputs[self.output]
        assert isinstance(labels, Classes)
        self.labels = labels.labels
        self.densities = Probe()
        self.counts: list[int] = self.found.get("rows", [1] * len(self.labels))
        N = sum(self.counts)
        self.register_buffer("rows_ND", torch.zeros(N, self.stem.size))
        self.register_buffer("log_weight_N", torch.full((N,), -math.log(N)))  # log(w_i / sum of all): 1 / n_k and p(k) in one
        self.register_buffer("sigma", torch.ones(()))

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        x_BD = self.stem(inputs[self.input])
        assert x_BD.ndim == 2 and x_BD.shape[1] == self.stem.size
        return {self.output: self.densities(self.log_joint(x_BD, self.sigma))}

    def log_joint(self, x_BD: Tensor, sigma: Tensor, itself_B: Tensor | None = None) -> Tensor:
        """log p(k) p(x | k) for each class (B K). `itself_B` are rows' own places in the store, which are left out."""
        D = x_BD.shape[1]
        by_class, start = [], 0
        for count in self.counts:
            parts = []
            for first in range(start, start + count, ROWS_AT_ONCE):
                last = min(first + ROWS_AT_ONCE, start + count)
                log_kernel_Bn = self.log_weight_N[first:last] - self.squared_distance(x_BD, first, last) / (2 * sigma**2)
                if itself_B is not None:
                    here_Bn = itself_B[:, None] == torch.arange(first, last, device=x_BD.device)
                    log_kernel_Bn = log_kernel_Bn.masked_fill(here_Bn, -math.inf)
                parts.append(log_kernel_Bn.logsumexp(1))
            by_class.append(torch.stack(parts, 1).logsumexp(1))
            start += count
        return torch.stack(by_class, 1) - D * (sigma.log() + 0.5 * math.log(2 * math.pi))

    def squared_distance(self, x_BD: Tensor, first: int, last: int) -> Tensor:
        """||x||^2 - 2 x y + ||y||^2 to some of the stored rows (B n), as one product; rounding cannot make it negative."""
        y_nD = self.rows_ND[first:last]
        square_Bn = x_BD.square().sum(1, keepdim=True) + y_nD.square().sum(1)
        return torch.addmm(square_Bn, x_BD, y_nD.T, alpha=-2).clamp(min=0)

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        """-log p(x) (B): high far from everything that was seen."""
        return -self(inputs)[self.output].logsumexp(1)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        return (Stage((Solve("smoothing", self.learn),), epochs=1),)

    def learn(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Store the rows, then try one smoothing after the other; what was tried stands in `found` and is not tried again."""
        if "rows" not in self.found:
            self.store(parts.train)
            yield Done(0.0, {"rows": sum(self.counts)})
        planned = self.config.grid + self.config.refinements
        search = self.search()
        sigma = next(search)
        for _, criterion in self.found["tried"]:
            sigma = search.send(criterion)
        while len(self.found["tried"]) < planned:
            criterion = self.leave_one_out(sigma)
            self.found["tried"] = [*self.found["tried"], [sigma, criterion]]
            self.sigma.fill_(min(self.found["tried"], key=lambda tried: tried[1])[0])
            yield Done(len(self.found["tried"]) / planned, {"sigma": sigma, "log_loss": criterion})
            sigma = search.send(criterion)

    def store(self, train: Dataset) -> None:
        """Copy the training rows that have a label, class by class. Raises DataError if a class has none."""
        batches = list(train.batches(4096))
        x_ND = torch.cat([self.stem(batch.inputs[self.input]) for batch in batches])
        codes_N = torch.cat([batch.outputs[self.output] for batch in batches])
        w_N = torch.ones_like(x_ND[:, 0]) if train.weight is None else torch.cat([batch.weight for batch in batches]).to(x_ND)  # type: ignore[misc]
        known_N = (codes_N >= 0) & (w_N > 0)
        x_ND, codes_N, w_N = x_ND[known_N], codes_N[known_N], w_N[known_N]
        counts = torch.bincount(codes_N, minlength=len(self.labels)).tolist()
        if 0 in counts:
            missing = self.labels[counts.index(0)]
            raise DataError(f"label '{missing}' has no row in the training part; add rows of it, or leave the label out")
        order_N = codes_N.argsort(stable=True)
        self.counts = counts
        self.rows_ND = x_ND[order_N].contiguous()
        self.log_weight_N = (w_N / w_N.sum()).log()[order_N]
        # mean of ||x - y||^2 over all pairs is twice the total variance
        distance = float((2 * x_ND.double().var(0, correction=0).sum()).sqrt()) or 1.0
        self.found = {"rows": counts, "distance": distance, "tried": []}

    def search(self) -> Generator[float, float, None]:
        """The smoothings to try: each is given, and its criterion sent back. Fed the same criteria it gives the same smoothings."""
        c, distance = self.config, self.found["distance"]
        low, high = math.log(c.narrowest * distance), math.log(c.widest * distance)
        grid = [low + (high - low) * g / (c.grid - 1) for g in range(c.grid)]
        values = []
        for s in grid:
            values.append((yield math.exp(s)))
        best = values.index(min(values))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, c.grid - 1)]
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        at_left = yield math.exp(left)
        at_right = yield math.exp(right)
        while True:
            if at_left <= at_right:
                high, right, at_right = right, left, at_left
                left = high - GOLDEN * (high - low)
                at_left = yield math.exp(left)
            else:
                low, left, at_left = left, right, at_right
                right = low + GOLDEN * (high - low)
                at_right = yield math.exp(right)

    def leave_one_out(self, sigma: float) -> float:
        """Weighted mean of -log p(k_i | x_i) in nats, each row foretold by all others."""
        N = len(self.rows_ND)
        some = min(N, self.config.left_out)
        where_L = torch.arange(some, device=self.device) * N // some
        class_N = torch.repeat_interleave(torch.tensor(self.counts, device=self.device))
        weight_N = self.log_weight_N.exp()
        total = weight = torch.zeros((), device=self.device, dtype=torch.float64)
        for rows in where_L.split(LEFT_OUT_AT_ONCE):
            log_joint_BK = self.log_joint(self.rows_ND[rows], self.sigma.new_tensor(sigma), itself_B=rows)
            right_B = log_joint_BK.gather(1, class_N[rows, None])[:, 0]
            log_posterior_B = (right_B - log_joint_BK.logsumexp(1)).clamp(min=LEAST)
            total = total - (weight_N[rows] * log_posterior_B).double().sum()
            weight = weight + weight_N[rows].double().sum()
        return float(total / weight)

    card = Card(
        idea="Every example spreads a small bell of probability around itself; the class with the most of it at a point wins.",
        equation="p(x | k) = mean over x_i of class k of N(x; x_i, sigma^2 I)",
        paper="Specht, Probabilistic neural networks, Neural Networks 3",
        year=1990,
        learns="supervised, in closed form: examples are stored, one smoothing is found by leaving each out",
        good_at="little data, classes of any shape, knowing at once; honest probabilities; new examples without training anew",
        weak_at="many rows (all are kept and read), many irrelevant inputs, columns of different importance",
        cost="one product of (rows asked x D) by (D x rows stored) for each answer and each smoothing tried",
        processes="solved by the first process and handed to the others",
    )
