"""Sequence problems that the program makes itself: what must be remembered, and for how long, is known. Each is a function of
(length, n, seed) alone."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from nnzoo.core.errors import DataError
from nnzoo.core.seeds import generator
from nnzoo.data.raw import RawSequences

LONGEST = 5_000
COPIED, SYMBOLS = 10, 8  # of copy-memory: how many symbols are remembered, and of how many


def adding(length: int = 50, n: int = 10_000, seed: int = 0) -> RawSequences:
    """The adding problem (Hochreiter & Schmidhuber 1997, experiment 4), as Bai et al. 2018 pose it: `length` pairs of a number from
    0 to 1 and a marker that is 1 at two places anywhere, else 0; the target is the sum of the two marked numbers. Always
    answering 1 gives a squared error of 1/6 = .1667."""
    _check("adding", length, 2)
    random = generator(seed, length, n)
    number_NT = torch.rand(n, length, generator=random)
    marked_N2 = torch.rand(n, length, generator=random).topk(2, dim=1).indices
    marker_NT = torch.zeros(n, length).scatter_(1, marked_N2, 1.0)
    sum_N1 = (number_NT.double() * marker_NT).sum(1, keepdim=True)
    pairs_NT2 = torch.stack([number_NT, marker_NT], 2).numpy()
    name = "adding" if length == 50 else f"adding:{length}"
    return RawSequences(
        name, list(pairs_NT2), ("number", "marker"), values=sum_N1.numpy(), value_names=("sum",), truth={"variance": 1 / 6}
    )


def copy_memory(length: int = 20, n: int = 4_000, seed: int = 0) -> RawSequences:
    """The copy memory task of Hochreiter & Schmidhuber 1997, as Arjovsky et al. 2016 and Bai et al. 2018 pose it.

    Ten symbols of eight are read, then `length` - 1 blanks, then a sign to recall, eleven times: `length` + 20 steps, each an
    indicator (blank, 1 to 8, recall). The answers are blanks, and from the second such sign on the ten symbols in their order.
    Without memory the best cross-entropy is 10 ln 8 / (length + 20) nats a step.
    """
    _check("copy-memory", length, 1)
    symbols_N10 = torch.randint(1, SYMBOLS + 1, (n, COPIED), generator=generator(seed, length, n))
    blanks = torch.zeros(n, length - 1, dtype=torch.long)
    recall = torch.full((n, COPIED + 1), SYMBOLS + 1)
    read_NT = torch.cat([symbols_N10, blanks, recall], 1)
    answer_NT = torch.cat([torch.zeros(n, length + COPIED, dtype=torch.long), symbols_N10], 1)
    steps_NTC = F.one_hot(read_NT, SYMBOLS + 2).to(torch.uint8).numpy()
    called = np.array([str(k) for k in range(SYMBOLS + 1)], dtype=object)
    names = ("blank", *called[1:], "recall")
    name = "copy-memory" if length == 20 else f"copy-memory:{length}"
    return RawSequences(name, list(steps_NTC), names, True, tags=list(called[answer_NT.numpy()]), label_name="symbol")


def _check(name: str, length: int, least: int) -> None:
    if not least <= length <= LONGEST:
        raise DataError(f"'{name}:{length}': the length is a number from {least} to {LONGEST}")
