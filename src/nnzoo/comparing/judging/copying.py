"""Whether a generator copies its training data: made rows that have one training row far nearer than all the next ones.

    r(x) = d_1(x) / mean(d_2(x), ..., d_k(x)),     d_i the distance of x to its i-th nearest row of the training part

The ratio, and not d_1 itself, since smooth or typical pictures are near to everything without being copies (Carlini et al. 2023,
sec. 4.2, divide by the distances of the next neighbours for the same reason). Held-out rows show what r is without copying: q is
its 1 % quantile there, and the share of made rows with r <= q is about 1 % of a generator that does not copy, as the test of Meehan et
al. 2020 compares made with held-out rows. A generator is said to copy where the share is more than three times that of the held-out
rows, and so much by chance has a probability below 1 in 2,000 (Fisher's exact test), in pixels or in features of the judge.

Shapes: N rows, M training rows, D numbers of a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 10  # k
QUANTILE = 0.01
TIMES = 3.0  # the share of held-out rows, from which on made rows are suspicious
CHANCE = 0.0005  # of a false alarm, in each space
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Copying:
    """What was found in one space: the share of made rows that are nearer than `QUANTILE` of the held-out ones are, the share of
    these themselves, the probability of so many by chance, and which made rows come nearest to a training row, with that row."""

    share: float
    usual: float
    chance: float
    nearest: tuple[tuple[int, int], ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether the generator is said to copy."""
        return self.chance < CHANCE and self.share > TIMES * self.usual


def ratios(x_ND: Tensor, train_MD: Tensor, k: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """r of each row (N, float64), and its nearest training row (N)."""
    k = min(k, len(train_MD) - 1)
    centre_D = train_MD.mean(0)
    train_MD, x_ND = train_MD - centre_D, x_ND - centre_D
    square_M = train_MD.square().sum(1)
    found, rows = [], []
    for part in x_ND.split(ROWS_AT_ONCE):
        near_NK = (square_M - 2 * part @ train_MD.T).topk(k + 2 if k + 2 <= len(train_MD) else k, largest=False).indices
        exact_NK = (part[:, None] - train_MD[near_NK]).double().square().sum(2).sqrt()  # the product has lost digits
        d_NK, order_NK = exact_NK.sort(1)
        found.append(d_NK[:, 0] / d_NK[:, 1:k].mean(1).clamp(min=1e-12))
        rows.append(near_NK.gather(1, order_NK[:, :1])[:, 0])
    return torch.cat(found), torch.cat(rows)


def copying(made_N: Tensor, held_out_N: Tensor, nearest_N: Tensor | None = None, shown: int = 8) -> Copying:
    """What ratios of made and of held-out rows say."""
    from scipy.stats import fisher_exact

    made, usual = made_N.cpu().double().numpy(), held_out_N.cpu().double().numpy()
    bound = np.quantile(usual, QUANTILE, method="higher")
    hits, misses = int((made <= bound).sum()), int((usual <= bound).sum())
    chance = fisher_exact([[hits, len(made) - hits], [misses, len(usual) - misses]], alternative="greater").pvalue
    closest = np.argsort(made, kind="stable")[:shown].tolist()
    pairs = () if nearest_N is None else tuple((row, int(nearest_N[row])) for row in closest)
    return Copying(hits / len(made), misses / len(usual), float(chance), pairs)
