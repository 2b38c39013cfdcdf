"""What neighbours in a graph tell a node.

N nodes, E directed edges (from, to; both directions of each undirected one), F features.
"""

from __future__ import annotations

import torch
from torch import Tensor


def with_self_loops(edges_2E: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Edges (2 E+N) with one from each node to itself, and their weights (E+N): A + I as a list.

    Loops that were there already get weight 0 rather than being cut out, so that shapes do not depend on the data.
    """
    loops_N = torch.arange(nodes, device=edges_2E.device)
    once_E = (edges_2E[0] != edges_2E[1]).to(torch.get_default_dtype())
    return torch.cat((edges_2E, loops_N.expand(2, nodes)), dim=1), torch.cat((once_E, once_E.new_ones(nodes)))


def symmetric(edges_2E: Tensor, weight_E: Tensor, nodes: int) -> Tensor:
    """D^(-1/2) A D^(-1/2) as weights of edges (E): w_ij / sqrt(d_i d_j), where d_i is the weight that arrives at node i."""
    from_E, to_E = edges_2E
    degree_N = weight_E.new_zeros(nodes).index_add(0, to_E, weight_E)
    root_N = torch.where(degree_N > 0, degree_N.clamp(min=1e-12).rsqrt(), 0.0)
    return root_N[from_E] * weight_E * root_N[to_E]


def neighbour_sum(x_NF: Tensor, edges_2E: Tensor, weight_E: Tensor) -> Tensor:
    """A x (N F): each node's sum, over the edges that end at it, of weight times the features of where the edge begins."""
    from_E, to_E = edges_2E
    return torch.zeros_like(x_NF).index_add(0, to_E, weight_E[:, None] * x_NF[from_E])
