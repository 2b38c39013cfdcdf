"""Broken texts and graphs."""

from __future__ import annotations

import gzip

import numpy as np
from faults import Fault
from making import arrays, file

WORDS = "the quick brown fox jumps over the lazy dog\n\n"
LSTM = "train lstm a.txt --budget 2steps --set hidden=4 --out run"
GCN = "train gcn a.npz --budget 2steps --set hidden=4 --out run"
X = np.eye(12, dtype=np.float32)
RING = np.array([np.arange(12), (np.arange(12) + 1) % 12])
SIDES = np.array(["p", "q"] * 6)
FAULTS = [
    Fault("an empty text", file("", "a.txt"), LSTM, "a.txt is empty; give a file with text", ["a.txt"]),
    Fault(
        "a text in Latin-1",
        file(("abc\n" * 9 + "café\n").encode("latin-1"), "a.txt"),
        LSTM,
        "a.txt is no UTF-8 text: line 10 holds the byte 0xe9; save it as UTF-8",
        ["a.txt", "line 10"],
    ),
    Fault(
        "a text with a zero byte",
        file(WORDS + "\0", "a.txt"),
        LSTM,
        "a.txt holds zero bytes in line 3, as no text does; give a text file",
        ["a.txt", "line 3"],
    ),
    Fault(
        "a text of 32 characters",
        file("abc " * 8, "a.txt"),
        LSTM,
        "a.txt has 32 characters, which leaves 2 for valid; give a longer text",
        ["a.txt", "32 characters"],
    ),
    Fault(
        "a text whose gzip is cut short",
        file(gzip.compress(WORDS.encode() * 99)[:-20], "a.txt.gz"),
        LSTM.replace("a.txt", "a.txt.gz"),
        "a.txt.gz is damaged or cut short (...); copy or download it again",
        ["a.txt.gz"],
    ),
    Fault(
        "a text that repeats itself",
        file(WORDS * 99, "a.txt"),
        LSTM,
        "error: the test part repeats the training part word for word in 100 % of its pieces of 64 characters; "
        "cut the text so that what is repeated lies on one side",
        rule="learned, and the doctor says that the score means nothing",
    ),
    Fault(
        "a text for a network of tables",
        file(WORDS * 99, "a.txt"),
        LSTM.replace("lstm", "mlp"),
        "a.txt: mlp reads one table row or one picture of fixed size; for text use lstm, for a graph gcn",
        ["a.txt", "mlp"],
    ),
    Fault(
        "a column of a text",
        file(WORDS * 99, "a.txt"),
        LSTM + " --target y",
        "a.txt: these texts have no column 'y' to predict; put them into one folder a label",
        ["a.txt", "'y'"],
    ),
    Fault(
        "a text split by a column",
        file(WORDS * 99, "a.txt"),
        LSTM + " --split time:a",
        "--split time:a needs a table; one long text is cut into contiguous pieces; leave --split out",
        ["--split time:a"],
    ),
    Fault(
        "an edge to a node that is not there",
        arrays(x=X, edges=RING + 1, labels=SIDES),
        GCN,
        "'edges' in a.npz: edge 10 (from 0) joins nodes 11 and 12; number the nodes from 0 to 11",
        ["a.npz", "'edges'", "edge 10"],
    ),
    Fault(
        "edges in rows",
        arrays(x=X, edges=RING.T, labels=SIDES),
        GCN,
        "'edges' in a.npz has the shape (12, 2) and type int64; give whole numbers of nodes, 2 x edges",
        ["a.npz", "'edges'", "(12, 2)"],
    ),
    Fault(
        "a feature that is NaN",
        arrays(x=np.where(X == 1, np.nan, X), edges=RING, labels=SIDES),
        GCN,
        "'x' in a.npz: feature 0 of node 0 (from 0) is nan; give finite numbers",
        ["a.npz", "'x'", "node 0"],
    ),
    Fault(
        "a graph with labels for some nodes",
        arrays(x=X, edges=RING, labels=SIDES[:5]),
        GCN,
        "'labels' in a.npz has the shape (5,); give one for each of the 12 nodes",
        ["a.npz", "'labels'"],
    ),
    Fault(
        "a graph without labels",
        arrays(x=X, edges=RING),
        GCN,
        (
            "a.npz: node-classification needs one column of labels; name it with --target; leave --task out, or see "
            "what fits with: nnzoo data a.npz"
        ),
        ["a.npz"],
    ),
    Fault(
        "a graph without features",
        arrays(edges=RING, labels=SIDES),
        GCN,
        "a.npz has no 'x'; a graph's .npz has the keys x, edges",
        ["a.npz", "'x'"],
    ),
    Fault(
        "a graph of one label",
        arrays(x=X, edges=RING, labels=SIDES[[0] * 12]),
        GCN,
        "a.npz has only one label, 'p'; give data with at least two",
        ["a.npz", "'p'"],
    ),
    Fault(
        "a graph whose parts have other names",
        arrays(x=X, edges=RING, labels=SIDES, part=np.array(["a"] * 12)),
        GCN,
        "a.npz: the official parts are a; they must be called train, valid and test",
        ["a.npz"],
    ),
    Fault(
        "a graph with labels that are Python objects",
        arrays(x=X, edges=RING, labels=SIDES.astype(object)),
        GCN,
        "'labels.npy' in a.npz holds Python objects, which can run code when opened; save plain numbers or strings",
        ["a.npz", "'labels.npy'"],
    ),
]
