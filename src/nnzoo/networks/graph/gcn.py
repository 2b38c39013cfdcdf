"""GCN, the graph convolutional network: each layer mixes a node's features with those of its neighbours.

    H^(l+1) = sigma(D~^(-1/2) A~ D~^(-1/2) H^(l) W^(l)),    A~ = A + I,    D~_ii = sum_j A~_ij         (Kipf & Welling 2017, eq. 2)
    L = sum over labelled nodes of cross-entropy / their number + lambda / 2 ||W^(0)||^2               (eq. 10 and section 5.2)

A layer looks one edge further, so that a few labels colour a whole graph: every node's features take part, and only labelled
nodes enter the loss. The product with W comes before the sum over neighbours, since it is narrower; the two commute.

Shapes: N nodes of the graph, E directed edges (M with self-loops), B nodes asked about, F features, H hidden, K classes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.messages import neighbour_sum, symmetric, with_self_loops
from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Predicts
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import whole
from nnzoo.core.fields import Classes, Graph, GraphValue, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Integers, LogIntegers, LogUniform, Space, Uniform
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the network and of its descent (Kipf & Welling 2017, section 5.2)."""

    hidden: int = Field(16, ge=1)  # H
    layers: int = Field(2, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    lr: float = Field(0.01, gt=0)
    weight_decay: float = Field(5e-4, ge=0)  # lambda, on the first layer
    epochs: int = Field(200, ge=1)
    search: ClassVar[Space] = {
        "hidden": LogIntegers(8, 128),
        "layers": Integers(1, 3),
        "dropout": Uniform(0, 0.8),
        "lr": LogUniform(1e-3, 0.1),
        "weight_decay": LogUniform(1e-5, 1e-2),
    }


class GraphConvolution(nn.Module):
    """A^ H W + b, where A^ = D~^(-1/2) A~ D~^(-1/2) is given as edges and their weights."""

    def __init__(self, features: int, out: int):
        super().__init__()
        self.weight = nn.Linear(features, out, bias=False)
        self.bias = nn.Parameter(torch.zeros(out))
        nn.init.xavier_uniform_(self.weight.weight)

    def forward(self, h_NF: Tensor, edges_2M: Tensor, weight_M: Tensor) -> Tensor:
        """(N F) to (N out)."""
        return neighbour_sum(self.weight(h_NF), edges_2M, weight_M) + self.bias


class GCN(Network):
    """Graph convolutions with ReLU and dropout between them; the last one gives the logits of every node."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Graph) is None:
            return No("gcn reads one graph whose nodes have features; for a table use mlp, for text lstm")
        if spec.only("outputs", Classes) is None:
            return No("gcn says which label a node has; give labels for some of the nodes")
        if task.name != "node-classification":
            return No(f"gcn labels nodes and cannot do {task.name}; use the task node-classification")
        return Can((Predicts,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),), ((self.label, classes),) = spec.inputs.items(), spec.outputs.items()
        assert isinstance(field, Graph) and isinstance(classes, Classes)
        widths = (field.features, *[config.hidden] * (config.layers - 1), classes.size)
        self.convolutions = nn.ModuleList(GraphConvolution(before, after) for before, after in pairwise(widths))
        self.hidden = nn.ModuleList(Probe() for _ in widths[1:])
        self.drop = nn.Dropout(config.dropout)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Logits (B K) of the nodes asked about, by the label's name."""
        graph: GraphValue = inputs[self.name]
        h_NF, nodes = graph.x_NF, len(graph.x_NF)
        assert h_NF.ndim == 2 and graph.edges_2E.shape[0] == 2
        edges_2M, weight_M = with_self_loops(graph.edges_2E, nodes)  # A~ = A + I
        weight_M = symmetric(edges_2M, weight_M, nodes)  # D~^(-1/2) A~ D~^(-1/2)
        for number, (convolve, probe) in enumerate(zip(self.convolutions, self.hidden)):
            if number:
                h_NF = h_NF.relu()
            h_NF = probe(convolve(self.drop(h_NF), edges_2M, weight_M))
        return {self.label: h_NF[graph.nodes_B]}

    def penalised_loss(self, batch: Batch, clock: Clock) -> Loss:
        """The task's loss, and lambda / 2 ||W^(0)||^2 once."""
        loss = self.task_loss(batch, clock)
        first = self.convolutions[0]
        assert isinstance(first, GraphConvolution)
        squares = first.weight.weight.square().sum()
        return loss._replace(sum=loss.sum + loss.weight * self.config.weight_decay / 2 * squares)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Descend("task", self.penalised_loss, optimizer=Adam(c.lr))
        return (Stage((move,), feed=whole(), epochs=c.epochs, validate=self.task_loss, patience=50),)

    card = Card(
        idea="A node is described by the mean of itself and its neighbours, layer by layer, so labels spread along edges.",
        equation="H' = relu(D~^(-1/2) (A + I) D~^(-1/2) H W)",
        paper="Kipf & Welling, Semi-Supervised Classification with Graph Convolutional Networks, ICLR",
        year=2017,
        learns="semi-supervised, by gradient on the whole graph",
        good_at="graphs whose neighbours tend to share a label, with few labels",
        weak_at="neighbours that differ; many layers make all nodes alike; the whole graph must fit in memory",
        cost="one product of (nodes x features) by (features x hidden) and one sum over edges a layer",
        processes="every process sees the whole graph, so further processes bring nothing",
    )
