"""Whether a generator copies its training data: made rows that have one training row far nearer than all the next ones.

    r(x) = d_1(x) / mean(d_2(x), ..., d_k(x)),     d_i the distance of x to its i-th nearest row of the training part

The ratio, and not d_1 itself, since smooth or typical pictures are near to everything without being copies (Carlini et al. 2023,
sec. 4.2, divide by the distances of the next neighbours for the same reason). Held-out rows show what r is without copying: q is
its 1 % quantile there, and the share of made rows with r <= q is about 1 % of a generator that does not copy (made rows are held
against held-out ones as in Meehan et al. 2020). A generator is said to copy where the share is more than three times that of the
held-out rows, and so much by chance has a probability below 1 in 2,000 (Fisher's exact test), in pixels or in features of the
judge. Pixels are compared with training pictures that may be moved by a pixel in any direction, so that copies a little moved are
found too.

Shapes: N rows, M training rows, D numbers of a row, K candidates, S moves, C H W picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 10  # k
QUANTILE = 0.01
TIMES = 3.0  # the share of held-out rows, from which on made rows are suspicious
CHANCE = 0.0005  # of a false alarm, in each space
ROWS_AT_ONCE = 256
CANDIDATES = 32  # K: the nearest training pictures, before they are moved
SMALL = 16  # pixels a side: in pictures below, a move by one changes too much to find candidates without it


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
    near_NK = _near(x_ND, train_MD, k + 2)  # the product has lost digits: two more than needed
    found: list[Tensor] = []
    rows: list[Tensor] = []
    for part, near in zip(x_ND.split(ROWS_AT_ONCE), near_NK.split(ROWS_AT_ONCE)):
        _take((part[:, None] - train_MD[near]).double().square().sum(2), near, k, found, rows)
    return torch.cat(found), torch.cat(rows)


def coarse(x_NCHW: Tensor) -> Tensor:
    """Pictures as rows (N D) in which near ones are looked for: means of squares, about 14 a side; small pictures as they are."""
    side = min(x_NCHW.shape[2:])
    return (x_NCHW if side < SMALL else F.avg_pool2d(x_NCHW, max(2, round(side / 14)))).flatten(1)


def ratios_of_pictures(
    x_NCHW: Tensor, train_MD: Tensor, fetch: Callable[[Tensor], Tensor], k: int = NEIGHBOURS
) -> tuple[Tensor, Tensor]:
    """r of each picture (N, float64) in pixels, where training pictures may be moved by one; its nearest training picture (N).
    `train_MD` are these coarsely, `fetch` gives those of some rows (C H W each)."""
    small = min(x_NCHW.shape[2:]) < SMALL
    looked = _moved(x_NCHW) if small else [x_NCHW]
    near_NK = torch.cat([_near(coarse(x), train_MD, CANDIDATES // (4 if small else 1)) for x in looked], 1)
    found: list[Tensor] = []
    rows: list[Tensor] = []
    for part, near in zip(x_NCHW.split(ROWS_AT_ONCE), near_NK.split(ROWS_AT_ONCE)):
        square_NK = torch.full(near.shape, torch.inf, dtype=torch.float64, device=near.device)
        for column in range(near.shape[1]):
            twice = (near[:, :column] == near[:, column : column + 1]).any(1)
            moved_S = [(part - x).square().flatten(1).sum(1, dtype=torch.float64) for x in _moved(fetch(near[:, column]).to(part))]
            square_NK[:, column] = torch.stack(moved_S).amin(0).masked_fill(twice, torch.inf)
        _take(square_NK, near, k, found, rows)
    return torch.cat(found), torch.cat(rows)


def _near(x_ND: Tensor, train_MD: Tensor, k: int) -> Tensor:
    """About the k nearest training rows of each row (N K)."""
    centre_D = train_MD.mean(0)
    train_MD, x_ND = train_MD - centre_D, x_ND - centre_D
    square_M = train_MD.square().sum(1)
    k = min(k, len(train_MD))
    return torch.cat([(square_M - 2 * part @ train_MD.T).topk(k, largest=False).indices for part in x_ND.split(ROWS_AT_ONCE)])


def _moved(x_NCHW: Tensor) -> list[Tensor]:
    """The pictures, and moved by one pixel in each of eight directions; edges are repeated."""
    height, width = x_NCHW.shape[2:]
    wide = F.pad(x_NCHW, (1, 1, 1, 1), mode="replicate")
    return [wide[:, :, top : top + height, left : left + width] for top in range(3) for left in range(3)]


def _take(square_NK: Tensor, near_NK: Tensor, k: int, found: list[Tensor], rows: list[Tensor]) -> None:
    """Add r, from squared distances (N K), and the nearest rows."""
    d_NK, order_NK = square_NK.sqrt().sort(1)
    next_NK = d_NK[:, 1:k]
    known_NK = next_NK.isfinite()
    mean_N = next_NK.masked_fill(~known_NK, 0).sum(1) / known_NK.sum(1).clamp(min=1)
    found.append(d_NK[:, 0] / mean_N.clamp(min=1e-12))
    rows.append(near_NK.gather(1, order_NK[:, :1])[:, 0])


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
