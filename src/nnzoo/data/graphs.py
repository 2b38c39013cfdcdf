"""Graphs: Zachary's karate club, Cora, and a person's own in an .npz. N nodes, F features, E undirected edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.seeds import generator
from nnzoo.data.archives import open_zip
from nnzoo.data.image_arrays import Member
from nnzoo.data.raw import RawGraph

# Zachary 1977, An information flow model for conflict and fission in small groups, figures 1 and 3; members counted from 0
_KARATE_FRIENDS = {
    0: (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31),
    1: (2, 3, 7, 13, 17, 19, 21, 30),
    2: (3, 7, 8, 9, 13, 27, 28, 32),
    3: (7, 12, 13),
    4: (6, 10),
    5: (6, 10, 16),
    6: (16,),
    8: (30, 32, 33),
    9: (33,),
    13: (33,),
    14: (32, 33),
    15: (32, 33),
    18: (32, 33),
    19: (33,),
    20: (32, 33),
    22: (32, 33),
    23: (25, 27, 29, 32, 33),
    24: (25, 27, 31),
    25: (31,),
    26: (29, 33),
    27: (33,),
    28: (31, 33),
    29: (32, 33),
    30: (32, 33),
    31: (32, 33),
    32: (33,),
}
_WITH_MR_HI = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)
_LEADERS = (0, 33)


def karate(seed: int | None = None) -> RawGraph:
    """Zachary's club: 34 members, 78 friendships, and the faction each joined. A member's only feature is who it is (identity).

    One member of each faction is labelled ("train"), all others are "test" (Kipf & Welling 2017, appendix A): the two leaders,
    or with `seed` a member of each drawn by chance.
    """
    edges = np.array([(a, b) for a, friends in _KARATE_FRIENDS.items() for b in friends], dtype=np.int64).T
    labels = np.array(["Mr. Hi" if member in _WITH_MR_HI else "Officer" for member in range(34)], dtype=object)
    labelled = list(_LEADERS)
    if seed is not None:
        random = generator(seed, 34)
        factions = [np.flatnonzero(labels == name) for name in ("Mr. Hi", "Officer")]
        labelled = [int(members[torch.randint(len(members), (), generator=random)]) for members in factions]
    part = np.full(34, "test", dtype=object)
    part[labelled] = "train"
    names = [str(member + 1) for member in range(34)]
    return RawGraph("karate", np.eye(34, dtype=np.float32), edges, labels, label_name="faction", nodes=names, part=part)


def read_cora(folder: Path) -> RawGraph:
    """Cora with the public split of Yang et al. 2016 from `folder`/cora.npz: 2,708 papers, 1,433 words (0 or 1), 7 topics;
    140 labelled, 500 for validation, 1,000 for the test, the rest in no part ("")."""
    arrays = _arrays(
        folder / "cora.npz", ("x_indptr", "x_indices", "x_data", "x_shape", "y", "edge_index", "train_idx", "val_idx", "test_idx")
    )
    count, features = (int(size) for size in arrays["x_shape"])
    x = np.zeros((count, features), dtype=np.float32)
    x[np.repeat(np.arange(count), np.diff(arrays["x_indptr"])), arrays["x_indices"]] = arrays["x_data"]
    part = np.full(count, "", dtype=object)
    for name, key in (("train", "train_idx"), ("valid", "val_idx"), ("test", "test_idx")):
        part[arrays[key]] = name
    labels = arrays["y"].astype(str).astype(object)
    return RawGraph("cora", x, arrays["edge_index"].astype(np.int64), labels, label_name="topic", part=part)


def read_graph(path: Path | str) -> RawGraph:
    """A graph of one's own: an .npz with x (N F), edges (2 E) and, where known, labels (N) and part (N). Raises DataError."""
    path = Path(path)
    if path.is_dir() and (path / "cora.npz").is_file():
        return read_cora(path)
    arrays = _arrays(path, ("x", "edges"), ("labels", "part"))
    x, edges, labels, part = (arrays.get(key) for key in ("x", "edges", "labels", "part"))
    assert x is not None and edges is not None
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise DataError(
            f"'x' in {path} has the shape {x.shape} and type {x.dtype}; give numbers, "
            "a row for each node and a column for each feature"
        )
    if not np.isfinite(x).all():
        node, feature = np.argwhere(~np.isfinite(x))[0].tolist()
        raise DataError(f"'x' in {path}: feature {feature} of node {node} (from 0) is {x[node, feature]}; give finite numbers")
    if edges.ndim != 2 or edges.shape[0] != 2 or edges.dtype.kind not in "iu":
        raise DataError(
            f"'edges' in {path} has the shape {edges.shape} and type {edges.dtype}; give whole numbers of nodes, 2 x edges"
        )
    wrong = np.flatnonzero(((edges < 0) | (edges >= len(x))).any(axis=0))
    if len(wrong):
        a, b = edges[:, wrong[0]].tolist()
        raise DataError(
            f"'edges' in {path}: edge {wrong[0]} (from 0) joins nodes {a} and {b}; number the nodes from 0 to {len(x) - 1}"
        )
    for key, array in (("labels", labels), ("part", part)):
        if array is not None and array.shape != (len(x),):
            raise DataError(f"'{key}' in {path} has the shape {array.shape}; give one for each of the {len(x)} nodes")
    return RawGraph(
        str(path),
        x.astype(np.float32),
        edges.astype(np.int64),
        None if labels is None else labels.astype(str).astype(object),
        part=None if part is None else part.astype(str).astype(object),
    )


def _arrays(path: Path, needed: tuple[str, ...], more: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Arrays of an .npz by key; no pickle is run. Raises DataError."""
    archive, entries = open_zip(path)
    with archive:
        by_key = {entry.filename.removesuffix(".npy"): entry for entry in entries}
        lacking = [key for key in needed if key not in by_key]
        if lacking:
            raise DataError(f"{path} has no '{lacking[0]}'; a graph's .npz has the keys {', '.join(needed)}")
        return {key: Member(path, archive, by_key[key]).whole(None) for key in (*needed, *more) if key in by_key}
