"""FID, for those who have the weights: the Frechet distance of features of Inception-v3, as it was trained for the figure.

    FID = |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))          (Heusel et al. 2017, eq. 6), of the 2,048 numbers before the last layer

Published FIDs come from one network of 2015, whose weights cannot be had from here. Two things differ from the network of Szegedy
2016 (Rethinking the Inception architecture): averages at the border leave out what is padded, and the last block takes the maximum
where the paper averages. Pictures of other sizes are stretched to 299 x 299 with straight lines between pixels, as the common
PyTorch port does; grey ones are shown in three equal colours. Names of tensors are those of that port's file.

Shapes: B batch, N pictures, C H W picture, D = 2048 features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError  # the name of an error: nothing is unpickled
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.comparing.judging.frechet import plain_distance
from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError, RunError
from nnzoo.core.events import Event, Reading
from nnzoo.core.fields import Image
from nnzoo.tasks._generation import draw

SIDE, FEATURES = 299, 2048
MOST = 10_000  # pictures on either side
AT_ONCE = 50
NOT_WEIGHTS = (OSError, SafetensorError, UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError)
Kernel = int | tuple[int, int]


class Unit(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, padding: Kernel = 0):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=1e-3)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x_BCHW)), inplace=True)


def averaged(x_BCHW: Tensor) -> Tensor:
    """Means of 3 x 3 places, of fewer at the border."""
    return F.avg_pool2d(x_BCHW, 3, 1, 1, count_include_pad=False)


def largest(x_BCHW: Tensor) -> Tensor:
    """Maxima of 3 x 3 places."""
    return F.max_pool2d(x_BCHW, 3, 1, 1)


def halved(x_BCHW: Tensor) -> Tensor:
    """Maxima of 3 x 3 places, every other one."""
    return F.max_pool2d(x_BCHW, 3, 2)


WIDE, HIGH = ((1, 7), (0, 3)), ((7, 1), (3, 0))  # kernel and padding


class Mixed(nn.Module):
    """Branches side by side, each of units one after the other; the last is a pooling, with a unit after it where there is one."""

    def __init__(self, branches: Mapping[str, Sequence[Unit]], pool: Callable[[Tensor], Tensor], after_pool: Unit | None = None):
        super().__init__()
        self.pool = pool
        self.branches: dict[str, list[str]] = {}
        for name, units in branches.items():
            names = [name] if len(units) == 1 else [f"{name}_{k + 1}" for k in range(len(units))]
            self.branches[name] = names
            for one, unit in zip(names, units):
                self.add_module(one, unit)
        if after_pool is not None:
            self.branch_pool = after_pool

    def forward(self, x_BCHW: Tensor) -> Tensor:
        found = []
        for names in self.branches.values():
            h_BCHW = x_BCHW
            for name in names:
                h_BCHW = self.get_submodule(name)(h_BCHW)
            found.append(h_BCHW)
        pooled_BCHW = self.pool(x_BCHW)
        found.append(self.branch_pool(pooled_BCHW) if hasattr(self, "branch_pool") else pooled_BCHW)
        return torch.cat(found, 1)


class Last(nn.Module):
    """The blocks that widen what is seen to 2,048 numbers: two branches end in a flat and a high unit side by side."""

    def __init__(self, before: int, pool: Callable[[Tensor], Tensor]):
        super().__init__()
        self.pool = pool
        self.branch1x1 = Unit(before, 320, 1)
        self.branch3x3_1 = Unit(before, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = Unit(384, 384, (1, 3), 1, (0, 1)), Unit(384, 384, (3, 1), 1, (1, 0))
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(before, 448, 1), Unit(448, 384, 3, 1, 1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Unit(384, 384, (1, 3), 1, (0, 1)), Unit(384, 384, (3, 1), 1, (1, 0))
        self.branch_pool = Unit(before, 192, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        once_BCHW, twice_BCHW = self.branch3x3_1(x_BCHW), self.branch3x3dbl_2(self.branch3x3dbl_1(x_BCHW))
        return torch.cat(
            (
                self.branch1x1(x_BCHW),
                self.branch3x3_2a(once_BCHW),
                self.branch3x3_2b(once_BCHW),
                self.branch3x3dbl_3a(twice_BCHW),
                self.branch3x3dbl_3b(twice_BCHW),
                self.branch_pool(self.pool(x_BCHW)),
            ),
            1,
        )


def _fine(before: int, pooled: int) -> Mixed:
    """At 35 x 35 places."""
    branches = {
        "branch1x1": [Unit(before, 64, 1)],
        "branch5x5": [Unit(before, 48, 1), Unit(48, 64, 5, 1, 2)],
        "branch3x3dbl": [Unit(before, 64, 1), Unit(64, 96, 3, 1, 1), Unit(96, 96, 3, 1, 1)],
    }
    return Mixed(branches, averaged, Unit(before, pooled, 1))


def _middle(width: int) -> Mixed:
    """At 17 x 17 places, whose windows of 7 x 7 are a flat and a high one in turn."""
    kinds = (HIGH, WIDE, HIGH, WIDE)
    after = (width, width, width, 192)
    branches = {
        "branch1x1": [Unit(768, 192, 1)],
        "branch7x7": [Unit(768, width, 1), Unit(width, width, WIDE[0], 1, WIDE[1]), Unit(width, 192, HIGH[0], 1, HIGH[1])],
        "branch7x7dbl": [Unit(768, width, 1), *(Unit(width, out, k, 1, p) for out, (k, p) in zip(after, kinds))],
    }
    return Mixed(branches, averaged, Unit(768, 192, 1))


class Inception(nn.Module):
    """Inception-v3 without its last layer, as FID has it."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, 2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, 1, 1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Unit(64, 80, 1), Unit(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _fine(192, 32), _fine(256, 64), _fine(288, 64)
        down = {
            "branch3x3": [Unit(288, 384, 3, 2)],
            "branch3x3dbl": [Unit(288, 64, 1), Unit(64, 96, 3, 1, 1), Unit(96, 96, 3, 2)],
        }
        self.Mixed_6a = Mixed(down, halved)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (_middle(width) for width in (128, 160, 160, 192))
        down = {
            "branch3x3": [Unit(768, 192, 1), Unit(192, 320, 3, 2)],
            "branch7x7x3": [
                Unit(768, 192, 1),
                Unit(192, 192, WIDE[0], 1, WIDE[1]),
                Unit(192, 192, HIGH[0], 1, HIGH[1]),
                Unit(192, 192, 3, 2),
            ],
        }
        self.Mixed_7a = Mixed(down, halved)
        self.Mixed_7b, self.Mixed_7c = Last(1280, averaged), Last(2048, largest)

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        """Features (B 2048) of pixels in 0..1 (B C H W) of one colour or three."""
        x_BCHW = pixels_BCHW.expand(-1, 3, -1, -1) if pixels_BCHW.shape[1] == 1 else pixels_BCHW
        x_BCHW = 2 * F.interpolate(x_BCHW, (SIDE, SIDE), mode="bilinear", align_corners=False) - 1
        x_BCHW = halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x_BCHW))))
        x_BCHW = halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x_BCHW)))
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                x_BCHW = block(x_BCHW)
        return x_BCHW.mean((2, 3))


def inception_from(path: Path | str) -> Inception:
    """The network with a user's weights: a .safetensors file, or a .pth file, of which tensors alone are read. Raises RunError."""
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors: dict[str, Any] = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except NOT_WEIGHTS as error:
        raise RunError(
            f"{path} holds no weights of Inception-v3 ({' '.join(str(error).split())[:100]}); give another file"
        ) from None
    network = Inception()
    wanted = network.state_dict()
    beside = {name for name in wanted if name.endswith("num_batches_tracked")}
    for name, tensor in wanted.items():
        if name not in beside and (name not in tensors or tensors[name].shape != tensor.shape):
            raise RunError(
                f"{path} has no tensor {name} of shape {tuple(tensor.shape)}, so that it is not FID's Inception-v3; give the "
                "weights of its PyTorch port (pt_inception-2015-12-05)"
            )
    network.load_state_dict({name: tensors[name] for name in wanted if name not in beside}, strict=False)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def fid(
    network: Any, dataset: Dataset, inception: Inception, seed: int = 0, listen: Sequence[Callable[[Event], Any]] = ()
) -> float:
    """FID of what a network makes against all pictures of a part, 10,000 at most, with as many made ones, of the same labels where
    labels are asked for; NaN where they are not finite. It falls as pictures become more: compare only with figures of as many.
    Raises DataError."""
    conditional = bool(dataset.spec.outputs)
    name = dataset.spec.only("outputs" if conditional else "inputs", Image)
    if name is None or len(dataset) < 2:
        raise DataError("FID is of pictures, two or more; give pictures")
    field = dataset.spec.field(name)
    assert isinstance(field, Image)
    batch = dataset.take(torch.arange(min(len(dataset), MOST)).to(dataset.device))
    codes_N = next(iter(batch.inputs.values())).clamp(min=0) if conditional else None
    real_NCHW = (batch.outputs if conditional else batch.inputs)[name]
    made_NCHW = draw(network, len(real_NCHW), seed, codes_N)
    if not made_NCHW.isfinite().all():
        return float("nan")
    inception.to(real_NCHW.device)
    pieces = [piece for pictures in (real_NCHW, made_NCHW) for piece in pictures.split(AT_ONCE)]
    seen, began = [], time.perf_counter()
    done, total = 0, 2 * len(real_NCHW)
    for piece_BCHW in pieces:
        shades_BCHW = (field.restore(piece_BCHW.float()).clamp(0, 1) * 255).round() / 255  # as they would be saved
        seen.append(inception(shades_BCHW))
        done += len(piece_BCHW)
        left = (time.perf_counter() - began) / done * (total - done)
        for listener in listen:
            listener(Reading("Inception-v3", done, total, left, "pictures"))
    real_ND, made_ND = torch.cat(seen).split(len(real_NCHW))
    return plain_distance(made_ND, real_ND)
