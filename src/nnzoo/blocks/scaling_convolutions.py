"""Convolutions that halve a picture until it is small, and transposed ones that double it back, for pictures of any size.

    H_(l+1) = floor(H_l / 2)  while both sides have 2 x `NARROWEST` pixels or more, twice at least;  channels double each time

A transposed convolution of kernel 4 and stride 2 gives 2 H pixels, and one row more where the picture above had an odd number.
Kernel 4 is a multiple of the stride, so that every pixel is made of equally many weights (Odena et al. 2016).

Where wanted convolutions run in bfloat16, which takes half the time or less; weights, codes and what is seen stay float32.

Shapes: B batch, Z numbers of a code, C channels, H W picture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nnzoo.blocks.convolutions import Conv, Transposed
from nnzoo.blocks.probe import Probe
from nnzoo.core.fields import Image

SMALLEST = 4  # half the pixels a side of the smallest pictures, which are halved twice all the same
NARROWEST = 3  # pixels a side at the narrow end of others, at least
MOST_TIMES = 8  # channels at the narrow end, as a multiple of those at the wide one, at most

Norm = Callable[[int], nn.Module]  # channels to a layer


def halvings(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes of a picture on its way down, its own first."""
    sizes = [(height, width)]
    while min(sizes[-1]) >= (2 * NARROWEST if len(sizes) > 2 else SMALLEST):
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def widths(width: int, halvings: int) -> list[int]:
    """Channels after each halving."""
    return [width * min(2**level, MOST_TIMES) for level in range(halvings)]


def halving(before: int, after: int, norm: Norm | None = None) -> nn.Sequential:
    """(B C H W) to (B C' H/2 W/2): convolution, norm if any, leaky ReLU."""
    layers: list[nn.Module] = [Conv(before, after, 4, 2, 1, bias=norm is None)]
    layers += [norm(after)] if norm is not None else []
    return nn.Sequential(*layers, nn.LeakyReLU(0.2))


def doubling(before: int, after: int, size: tuple[int, int], norm: Norm | None = None, last: bool = False) -> nn.Sequential:
    """(B C H W) to (B C' `size`), twice as large or one more: transposed convolution, norm if any, ReLU. The `last` one has neither
    of these: what it gives are numbers of any size."""
    norm = None if last else norm
    odd = (size[0] % 2, size[1] % 2)
    layers: list[nn.Module] = [Transposed(before, after, 4, 2, 1, output_padding=odd, bias=norm is None)]
    layers += [norm(after)] if norm is not None else []
    return nn.Sequential(*layers, *([] if last else [nn.ReLU()]))


class Down(nn.Module):
    """Pictures (B C H W) to numbers (B `features`). No norm: what is seen is of each picture alone."""

    def __init__(self, channels: int, size: tuple[int, int], width: int, bfloat16: bool = False):
        super().__init__()
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32
        sizes = halvings(*size)
        after = widths(width, len(sizes) - 1)
        self.layers = nn.Sequential(*(halving(*pair) for pair in zip([channels, *after], after)))
        self.features = ([channels, *after][-1]) * sizes[-1][0] * sizes[-1][1]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        a_BCHW = self.layers(x_BCHW.to(self.dtype, memory_format=torch.channels_last))
        return a_BCHW.permute(0, 2, 3, 1).flatten(1).float()  # channels last: as it lies in memory


class Up(nn.Module):
    """Codes (B Z) to numbers of any size in the shape of pictures (B C H W)."""

    def __init__(
        self, code: int, channels: int, size: tuple[int, int], width: int, norm: Norm | None = None, bfloat16: bool = False
    ):
        super().__init__()
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32
        sizes = halvings(*size)
        before = widths(width, len(sizes) - 1)[::-1]
        first = before[0] if before else width
        self.shape = (*sizes[-1], first)
        self.enter = nn.Linear(code, first * sizes[-1][0] * sizes[-1][1], bias=norm is None)
        self.begin = nn.Sequential(*([norm(first)] if norm is not None else []), nn.ReLU())
        steps = list(zip(before, [*before[1:], channels], sizes[-2::-1]))
        self.layers = nn.Sequential(
            *(doubling(b, a, size, norm, last=level == len(steps) - 1) for level, (b, a, size) in enumerate(steps))
        )
        self.small = Probe()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, z_BZ: Tensor) -> Tensor:
        a_BCHW = self.enter(z_BZ).to(self.dtype).unflatten(1, self.shape).permute(0, 3, 1, 2)
        return self.layers(self.small(self.begin(a_BCHW)))


class Pixels(nn.Module):
    """Numbers of any size to pixels in 0..1 by a sigmoid, and these standardised like the data: black and white can be reached."""

    mean_C11: Tensor
    std_C11: Tensor

    def __init__(self, image: Image):
        super().__init__()
        for name in ("mean", "std"):
            values_C11 = torch.tensor(getattr(image, name)).view(-1, 1, 1)
            self.register_buffer(f"{name}_C11", values_C11, persistent=False)  # known from the spec

    def forward(self, a_BCHW: Tensor) -> Tensor:
        return (a_BCHW.float().sigmoid() - self.mean_C11) / self.std_C11


def normal_weights(module: nn.Module, std: float = 0.02) -> None:
    """Weights of convolutions and matrices drawn from N(0, std^2), gains of norms from N(1, std^2), biases 0 (Radford 2016, 4)."""
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(part.weight, 0.0, std)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, std)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)
