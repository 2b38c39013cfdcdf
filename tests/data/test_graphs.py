"""Graphs: the karate club against an independent copy, Cora's public split, edges as networks read them."""

import networkx
import numpy as np
import pytest

from nnzoo.core.errors import DataError
from nnzoo.data.graph_preprocessing import GraphPreprocessing
from nnzoo.data.graphs import karate, read_cora, read_graph
from nnzoo.data.places import find_folder
from nnzoo.data.raw import RawGraph


def fit(raw: RawGraph) -> GraphPreprocessing:
    rows = np.arange(len(raw)) if raw.part is None else np.flatnonzero(raw.part == "train")
    return GraphPreprocessing.fit(raw, rows)


def test_karate_is_the_graph_that_networkx_has():
    theirs, ours = networkx.karate_club_graph(), karate()
    assert {tuple(sorted(edge)) for edge in ours.edges.T.tolist()} == {tuple(sorted(edge)) for edge in theirs.edges()}
    assert ours.edges.shape == (2, 78) and np.array_equal(ours.x, np.eye(34))
    assert ours.labels.tolist() == [theirs.nodes[node]["club"] for node in range(34)]


def test_the_leaders_are_labelled_or_one_of_each_faction_by_seed():
    raw = karate()
    assert np.flatnonzero(raw.part == "train").tolist() == [0, 33] and (raw.part == "test").sum() == 32
    drawn = set()
    for seed in range(30):
        other = karate(seed)
        labelled = np.flatnonzero(other.part == "train")
        assert other.labels[labelled].tolist() == ["Mr. Hi", "Officer"]
        drawn.add(tuple(labelled))
    assert len(drawn) > 20 and (karate(3).part == karate(3).part).all()


def test_edges_go_both_ways_once_without_loops():
    raw = RawGraph("made", np.eye(4, dtype=np.float32), np.array([[0, 1, 2, 3, 0], [1, 0, 2, 1, 1]]))
    columns = fit(raw).encode(raw)
    assert columns["graph"]["edges"].tolist() == [[0, 1, 1, 3], [1, 0, 3, 1]] and list(columns) == ["graph"]


def test_karate_encoded_and_rebuilt_from_facts():
    raw = karate()
    preprocessing = GraphPreprocessing.from_facts(fit(raw).facts())
    columns = preprocessing.encode(raw)
    assert columns["graph"]["edges"].shape == (2, 156) and columns["graph"]["x"].shape == (34, 34)
    assert columns["faction"]["codes"][[0, 33]].tolist() == [0, 1]
    spec = preprocessing.spec(2)
    assert spec.inputs["graph"].features == 34 and spec.outputs["faction"].labels == ("Mr. Hi", "Officer")
    with pytest.raises(DataError, match="3 features"):
        preprocessing.encode(RawGraph("made", np.zeros((34, 3), np.float32), raw.edges))


def test_a_graph_of_ones_own(tmp_path):
    path = tmp_path / "g.npz"
    np.savez(path, x=np.ones((3, 2)), edges=np.array([[0, 1], [1, 2]]), labels=np.array(["a", "b", "a"]))
    raw = read_graph(path)
    assert raw.x.dtype == np.float32 and raw.labels.tolist() == ["a", "b", "a"]
    for name, broken in {
        "edges": {"x": np.ones((3, 2)), "edges": np.array([[0], [3]])},
        "x": {"x": np.array([[np.nan]]), "edges": np.zeros((2, 0), int)},
        "labels": {"x": np.ones((3, 2)), "edges": np.zeros((2, 0), int), "labels": np.zeros(2)},
        "no 'edges'": {"x": np.ones((3, 2))},
    }.items():
        np.savez(path, **broken)
        with pytest.raises(DataError, match=name):
            read_graph(path)


@pytest.mark.skipif(find_folder("cora", "cora.npz") is None, reason="needs cora in NNZOO_DATA")
def test_cora_has_its_published_counts():
    raw = read_cora(find_folder("cora", "cora.npz"))
    assert raw.x.shape == (2708, 1433) and raw.edges.shape == (2, 5278) and set(np.unique(raw.x)) == {0, 1}
    assert [(raw.part == name).sum() for name in ("train", "valid", "test")] == [140, 500, 1000]
    assert np.unique(raw.labels[raw.part == "train"], return_counts=True)[1].tolist() == [20] * 7
    assert np.array_equal(np.flatnonzero(raw.part == "test"), np.arange(1708, 2708))
    assert fit(raw).encode(raw)["graph"]["edges"].shape == (2, 2 * 5278)
