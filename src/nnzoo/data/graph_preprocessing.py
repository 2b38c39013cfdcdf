"""A graph for networks: features as they are, every edge in both directions and once, labels as codes.

N nodes, F features, E undirected edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.fields import AnyField, Classes, Graph, Spec, Stored
from nnzoo.data.graphs import read_graph
from nnzoo.data.labels import label_codes, sorted_labels
from nnzoo.data.preprocessing import Preprocessing
from nnzoo.data.raw import Raw, RawGraph


class GraphPreprocessing(Preprocessing):
    """Facts: how many features, and the labels."""

    sort: ClassVar[str] = "graph"

    def __init__(self, features: int, label_name: str, labels: Sequence[str] = ()):
        self.features, self.label_name, self.labels = features, label_name, tuple(labels)

    @classmethod
    def fit(
        cls, raw: Raw, rows: np.ndarray, *, targets: tuple[str, ...] = (), task: str = "", weight: str | None = None
    ) -> GraphPreprocessing:
        """Learn the labels of the training `rows`."""
        assert isinstance(raw, RawGraph)
        if targets and (targets != (raw.label_name,) or raw.labels is None):
            raise DataError(f"{raw.name}: the nodes have no column '{targets[0]}'; their one target is '{raw.label_name}'")
        if weight is not None:
            raise DataError(f"{raw.name}: nodes have no column '{weight}' of weights; leave the weight out")
        return cls(raw.x.shape[1], raw.label_name, () if raw.labels is None else sorted_labels(raw.labels[np.asarray(rows)]))

    def spec(self, train_size: int) -> Spec:
        outputs: dict[str, AnyField] = {self.label_name: Classes(labels=self.labels)} if self.labels else {}
        return Spec(inputs={"graph": Graph(features=self.features)}, outputs=outputs, train_size=train_size)

    def encode(self, raw: Raw) -> dict[str, Stored]:
        """ "x" (N F, float32), "edges" (2 2E, long: from, to; no self loops, sorted); label codes (N) where there are labels."""
        assert isinstance(raw, RawGraph)
        if raw.x.shape[1] != self.features:
            raise DataError(
                f"{raw.name} has {raw.x.shape[1]} features a node and the model reads {self.features}; give the graph it knows"
            )
        a, b = raw.edges[:, raw.edges[0] != raw.edges[1]]
        both = np.unique(np.stack([np.concatenate([a, b]), np.concatenate([b, a])]), axis=1).astype(np.int64)
        columns: dict[str, Stored] = {
            "graph": {"x": torch.from_numpy(np.ascontiguousarray(raw.x, dtype=np.float32)), "edges": torch.from_numpy(both)}
        }
        if raw.labels is not None and self.labels:
            columns[self.label_name] = {
                "codes": label_codes(raw.labels, self.labels, raw.nodes and [f"node {n}" for n in raw.nodes])
            }
        return columns

    def facts(self) -> dict[str, Any]:
        return {"features": self.features, "label_name": self.label_name, "labels": list(self.labels)}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> GraphPreprocessing:
        return cls(facts["features"], facts["label_name"], facts["labels"])

    def read(self, source: Any) -> RawGraph:
        """The path of an .npz, or (x, edges) or (x, edges, labels) as arrays."""
        if isinstance(source, (str, Path)):
            raw = read_graph(source)
        elif isinstance(source, tuple) and len(source) in (2, 3):
            labels = np.asarray(source[2]).astype(str).astype(object) if len(source) == 3 else None
            raw = RawGraph("arrays", np.asarray(source[0], dtype=np.float32), np.asarray(source[1], dtype=np.int64), labels)
        else:
            raise DataError(f"a {type(source).__name__} is no graph; give an .npz, or a tuple of node features and edges")
        raw.label_name = self.label_name
        return raw
