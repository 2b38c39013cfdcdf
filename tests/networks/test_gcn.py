"""GCN: the propagation rule, the loss of Kipf & Welling, and factions found from two labels."""

from __future__ import annotations

from typing import Any

import networkx
import pytest
import torch
from torch import Tensor

from nnzoo import tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import Unsuitable
from nnzoo.core.fields import Classes, Graph, GraphValue, Image, Spec, Values
from nnzoo.core.learning import Clock
from nnzoo.core.network import No
from nnzoo.networks.graph.gcn import GCN, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

TASK = tasks.find("node-classification")


def network(features: int, **config: Any) -> GCN:
    spec = Spec(inputs={"graph": Graph(features=features)}, outputs={"label": Classes(labels=("a", "b", "c"))}, train_size=3)
    return GCN(Config(**config), spec, TASK).eval()


def some_graph() -> tuple[Tensor, Tensor, Tensor]:
    """Features (8 5), directed edges with one self-loop and an isolated node (7), and the adjacency matrix without loops."""
    torch.manual_seed(0)
    upper = torch.triu(torch.rand(8, 8) < 0.4, 1)
    upper[:, 7] = False
    adjacency = (upper | upper.T).float()
    edges = adjacency.nonzero().T
    return torch.randn(8, 5), torch.cat((edges, torch.tensor([[2], [2]])), dim=1), adjacency


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_equals_the_formula_with_dense_matrices(layers: int) -> None:
    x_NF, edges_2E, adjacency_NN = some_graph()
    gcn = network(5, layers=layers)
    for convolution in gcn.convolutions:
        torch.nn.init.normal_(convolution.bias)
    tilde_NN = adjacency_NN + torch.eye(8)
    root_NN = torch.diag(tilde_NN.sum(1) ** -0.5)
    h_NF = x_NF
    for number, convolution in enumerate(gcn.convolutions):
        h_NF = root_NN @ tilde_NN @ root_NN @ h_NF @ convolution.weight.weight.T + convolution.bias
        h_NF = h_NF.relu() if number < layers - 1 else h_NF
    asked = torch.tensor([6, 0, 7])
    logits = gcn({"graph": GraphValue(x_NF, edges_2E, asked)})["label"]
    assert logits.shape == (3, 3)
    assert torch.allclose(logits, h_NF[asked], atol=1e-5)


def test_the_names_of_nodes_do_not_matter() -> None:
    x_NF, edges_2E, _ = some_graph()
    gcn, order = network(5), torch.randperm(8)
    place = order.argsort()  # where each old node stands now
    before = gcn({"graph": GraphValue(x_NF, edges_2E, torch.arange(8))})["label"]
    after = gcn({"graph": GraphValue(x_NF[order], place[edges_2E], place)})["label"]
    assert torch.allclose(before, after, atol=1e-5)


def karate(seed: int = 0) -> tuple[GCN, Dataset]:
    """Zachary's club with identity features, and a network for it."""
    club = networkx.karate_club_graph()
    codes = torch.tensor([int(club.nodes[node]["club"] != "Mr. Hi") for node in club])
    edges = torch.tensor(list(club.edges)).T
    spec = Spec(inputs={"graph": Graph(features=34)}, outputs={"faction": Classes(labels=("hi", "officer"))}, train_size=2)
    columns = {"graph": {"x": torch.eye(34), "edges": torch.cat((edges, edges.flip(0)), 1)}, "faction": {"codes": codes}}
    torch.manual_seed(seed)
    return GCN(Config(), spec, TASK), Dataset(spec, columns)


def test_two_labels_are_enough_to_tell_the_factions_of_the_karate_club() -> None:
    scores = []
    for seed in range(3):
        gcn, club = karate(seed)
        others = club.part(torch.tensor([node for node in range(34) if node not in (0, 33)]))
        trained = train(gcn, Parts(club.part(torch.tensor([0, 33])), None, others), Settings(seed=seed)).network
        scores.append(TASK.evaluate(trained, others).score)
    assert sum(scores) / len(scores) >= 0.94  # .96 over 30 initialisations; half without neighbours


def test_the_penalty_is_on_the_first_layer_only_and_does_not_grow_with_the_rows() -> None:
    gcn, club = karate()
    gcn.eval()
    for rows in ([0, 33], list(range(34))):
        batch = club.take(torch.tensor(rows))
        plain, penalised = gcn.task_loss(batch, Clock()), gcn.penalised_loss(batch, Clock())
        parameters = dict(gcn.named_parameters())
        extra = penalised.sum / penalised.weight - plain.sum / plain.weight
        gradients = dict(zip(parameters, torch.autograd.grad(extra, list(parameters.values()), allow_unused=True)))
        for name, gradient in gradients.items():
            first = name == "convolutions.0.weight.weight"
            expected = Config().weight_decay * parameters[name] if first else torch.zeros_like(parameters[name])
            assert torch.allclose(torch.zeros_like(expected) if gradient is None else gradient, expected, atol=1e-6), name


def test_it_refuses_what_is_no_labelled_graph_with_a_sentence() -> None:
    graph, labels = {"graph": Graph(features=3)}, {"y": Classes(labels=("a", "b"))}
    assert GCN.can(Spec(inputs=graph, outputs=labels, train_size=2), TASK)
    numbers = {"y": Values(names=("y",), mean=(0.0,), std=(1.0,))}
    refused = [
        (Spec(inputs={"x": Image(channels=1, height=4, width=4)}, outputs=labels, train_size=2), TASK),
        (Spec(inputs=graph, outputs={}, train_size=2), TASK),
        (Spec(inputs=graph, outputs=numbers, train_size=2), TASK),
        (Spec(inputs=graph, outputs=labels, train_size=2), tasks.find("image-classification")),
    ]
    for spec, task in refused:
        answer = GCN.can(spec, task)
        assert isinstance(answer, No) and "gcn" in answer and len(answer) > 30
        with pytest.raises(Unsuitable):
            GCN(Config(), spec, task)


def test_the_predict_path_exports() -> None:
    x_NF, edges_2E, _ = some_graph()
    gcn, inputs = network(5), {"graph": GraphValue(x_NF, edges_2E, torch.tensor([1, 4]))}
    exported = torch.export.export(gcn, (inputs,)).module()
    assert torch.allclose(exported(inputs)["label"], gcn(inputs)["label"], atol=1e-6)
