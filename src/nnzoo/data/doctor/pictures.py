"""Pictures: blank ones, sizes and modes that were mixed, a format that gives the label away, copies and near copies.

Near copies are found by a perceptual fingerprint: the picture in small, without its own brightness and contrast, along the
directions in which these pictures differ most. N pictures, C H W.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from nnzoo.data.doctor.copies import answers
from nnzoo.data.doctor.finding import Finding, by_share, count, percent
from nnzoo.data.doctor.strength import Strength
from nnzoo.data.doctor.twins import Twins, copies_not_neighbours, groups, linked
from nnzoo.data.doctor.view import View
from nnzoo.data.raw import RawImages

SMALL = 16  # pixels on a side of the picture in small
DIRECTIONS = 12
ALIKE = 0.9995  # correlation of near copies in small
BLANK = 4  # grey levels between the darkest and the lightest pixel
_CHUNK = 4096


class PictureView:
    """Pictures in small (N S, float32, mean 0, length 1), their light and contrast, and fingerprints of all pixels."""

    def __init__(self, view: View, name: str = "image"):
        """`name` is the field whose pictures are looked at."""
        self.view = view
        small, light, spread, prints = [], [], [], []
        for dataset in view.datasets:
            for start in range(0, len(dataset), _CHUNK):
                rows = torch.arange(start, min(start + _CHUNK, len(dataset)))
                pixels = dataset.part(rows).stored(name, "pixels").cpu()
                prints.append(groups_of(pixels))
                flat = pixels.flatten(1)
                spread.append(flat.amax(1).int() - flat.amin(1).int())
                grey = pixels.float().mean(1, keepdim=True)
                light.append(grey.mean((1, 2, 3)))
                side = (min(SMALL, grey.shape[2]), min(SMALL, grey.shape[3]))
                small.append(F.adaptive_avg_pool2d(grey, side).flatten(1))
        self.spread, self.light = torch.cat(spread).numpy(), torch.cat(light).numpy()
        tiny = torch.cat(small)
        tiny -= tiny.mean(1, keepdim=True)
        self.contrast = tiny.norm(dim=1).numpy()
        self.small = (tiny / tiny.norm(dim=1, keepdim=True).clamp_min(1e-6)).numpy()
        self.prints = np.concatenate(prints)

    @property
    def blank(self) -> np.ndarray:
        """Which pictures (N) have one colour all over."""
        return self.spread < BLANK


def groups_of(pixels: torch.Tensor) -> np.ndarray:
    """Fingerprints of pictures (B C H W)."""
    from nnzoo.data.doctor.twins import fingerprints

    return fingerprints(pixels.numpy())


def twins(pictures: PictureView) -> tuple[Twins, np.ndarray]:
    """Twins (picture and label equal), and groups of equal pictures (N)."""
    inputs = groups(pictures.prints)
    answer = answers(pictures.view)
    exact = groups(inputs, answer)
    fit = np.flatnonzero(~pictures.blank)
    small = pictures.small[fit]
    if not len(fit):
        return Twins(exact, exact), inputs
    some = small[:: max(1, len(small) // 3000)] - small.mean(0)
    directions = np.linalg.eigh(some.T @ some)[1][:, ::-1][:, :DIRECTIONS]
    reach = float(np.sqrt(2 * (1 - ALIKE)))
    pairs = copies_not_neighbours(small, reach, exact[fit], answer[fit], small @ directions, largest=False)
    return Twins(exact, linked(exact, fit[pairs])), inputs


def find(pictures: PictureView) -> Iterator[Finding]:
    """Findings on blank pictures and on sizes and modes."""
    view = pictures.view
    blank = np.flatnonzero(pictures.blank)
    if len(blank):
        yield Finding(
            "warning" if len(blank) >= 3 else by_share(len(blank), len(view)),
            "blank-pictures",
            count(len(blank), "picture"),
            f"({percent(len(blank) / len(view))}) {'have' if len(blank) > 1 else 'has'} one colour all over{view.sampled}",
            "remove them, or take them anew",
            view.places(blank),
        )
    raw = view.prepared.raw
    if isinstance(raw, RawImages) and raw.headers:
        yield from _formats(view, raw)


def _formats(view: View, raw: RawImages) -> Iterator[Finding]:
    """Sizes and modes of the files, as they were before all were brought to one."""
    headers = raw.headers
    assert headers is not None
    own = np.flatnonzero([view.raw_of(int(part)) is raw for part in view.part])
    sizes = [headers[row][:2] for row in view.row[own]]
    grey = np.array([headers[row][2] for row in view.row[own]])
    height, width = raw.pixels.shape[1:3]
    other = np.array([size != (height, width) for size in sizes])
    if other.any():
        kinds = Counter(sizes)
        low, high = min(kinds, key=lambda s: s[0] * s[1]), max(kinds, key=lambda s: s[0] * s[1])
        bent = sum(abs(np.log(h * width / (w * height))) > np.log(1.1) for h, w in sizes)
        text = f"({percent(other.mean())}) have another size than {height} x {width}: {count(len(kinds), 'size')} from "
        text += f"{low[0]} x {low[1]} to {high[0]} x {high[1]}"
        yield Finding(
            by_share(int(other.sum()), len(own)),
            "mixed-sizes",
            f"{int(other.sum()):,} of {count(len(own), 'picture')}",
            text + (f"; {bent:,} of them are bent out of shape by resizing" if bent else ""),
            "crop or scale them yourself to one size" if bent else "bring them to one size yourself if detail matters",
            view.places(own[other]),
        )
    if grey.any() and not grey.all():
        few = grey if grey.sum() * 2 <= len(grey) else ~grey
        yield Finding(
            by_share(int(few.sum()), len(own)),
            "mixed-modes",
            f"{int(few.sum()):,} of {count(len(own), 'picture')}",
            f"({percent(few.mean())}) are {'grey' if few is grey else 'in colour'}, the others "
            f"{'in colour' if few is grey else 'grey'}",
            "turn all to grey, or find the coloured ones",
            view.places(own[few]),
        )
    if view.codes is not None and (other.any() or (grey.any() and not grey.all())):
        form = np.zeros(len(view), np.int64)
        form[own] = 1 + np.unique([(*size, int(g)) for size, g in zip(sizes, grey)], axis=0, return_inverse=True)[1].reshape(-1)
        told = Strength(view).of_keys(form, True)
        if told >= 0.3:
            yield Finding(
                "warning",
                "format-tells-label",
                "size and mode of the files",
                f"tell the label without a look at the picture (strength {told:.2f})",
                "bring all files to one size and mode before they are labelled or split",
            )
