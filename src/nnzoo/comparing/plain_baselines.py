"""Baselines that hardly look: the majority, the mean, labels that flow along a graph's edges.

N rows (nodes), B batch, K classes, O numbers, E edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnzoo.comparing.baselines import Predictor, as_output, labelled, logits_of, numbers, rows_in
from nnzoo.core.dataset import Parts


class Majority(Predictor):
    """The share of each label in the training part, whatever the input."""

    kind = "majority"

    def fit(self, parts: Parts) -> None:
        _, codes_N, weight_N = labelled(parts.train)
        share_K = np.bincount(codes_N, weight_N, self.classes).astype(float)
        self.share_K = share_K / share_K.sum()

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        _, value = self._input(inputs)
        return {self.output: logits_of(self.share_K).expand(rows_in(value), -1)}

    @property
    def parameters(self) -> int:
        return self.classes

    def learned(self) -> Any:
        return self.share_K


class Mean(Predictor):
    """The mean of each number in the training part, whatever the input."""

    kind = "mean"

    def fit(self, parts: Parts) -> None:
        y_NO, weight_NO = numbers(parts.train)
        self.mean_O = (np.nan_to_num(y_NO) * weight_NO).sum(0) / weight_NO.sum(0)

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        _, value = self._input(inputs)
        return {self.output: as_output(np.tile(self.mean_O, (rows_in(value), 1)), self.spec.outputs[self.output])}

    @property
    def parameters(self) -> int:
        return len(self.mean_O)

    def learned(self) -> Any:
        return self.mean_O


class LabelPropagation(Predictor):
    """Labels that flow along edges from the nodes that have one (Zhou et al. 2004): F <- a S F + (1 - a) Y, S = D^-1/2 A D^-1/2."""

    kind = "label-propagation"

    def fit(self, parts: Parts) -> None:
        value, codes_N, _ = labelled(parts.train)
        nodes, edges = value.x_NF.shape[0], value.edges_2E.cpu()
        degree_N = torch.bincount(edges[1], minlength=nodes).clamp(min=1).float()
        weight_E = (degree_N[edges[0]] * degree_N[edges[1]]).rsqrt()
        start_NK = torch.zeros(nodes, self.classes)
        start_NK[value.nodes_B.cpu(), torch.from_numpy(codes_N)] = 1.0
        flow_NK = start_NK
        for _ in range(50):
            arrived_NK = torch.zeros_like(flow_NK).index_add_(0, edges[1], weight_E[:, None] * flow_NK[edges[0]])
            flow_NK = 0.9 * arrived_NK + 0.1 * start_NK
        self.share_NK = (flow_NK + 1e-9) / (flow_NK + 1e-9).sum(1, keepdim=True)

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        _, value = self._input(inputs)
        return {self.output: self.share_NK[value.nodes_B.cpu()].log()}

    @property
    def parameters(self) -> None:
        return None

    def learned(self) -> Any:
        return self.share_NK.numpy()
