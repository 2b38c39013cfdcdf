"""Pictures as small maps of a few channels and back, by convolutions: each level halves height and width.

    q(z|x) = N(mu(x), diag s(x)^2),  z a map of C_z channels,   x' = D(z)                              (Rombach 2022, section 3.1)

Sides that cannot be halved so often are filled up with their edge before, and cut off after.

Shapes: B batch, C H W picture, Z channels of a code, h w its height and width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.convolutions import Conv, Doubled
from nnzoo.blocks.gaussian_code import moments
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.unet import Norm, groups_for


class Refined(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.norm1, self.conv1 = Norm(channels, groups), Conv(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = Norm(channels, groups), Conv(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.conv2(self.norm2(self.conv1(self.norm1(x_BCHW))))


class PictureCodec(nn.Module):
    """`widths` are the channels before each halving; convolutions run in bfloat16 where wanted, weights stay float32."""

    def __init__(self, channels: int, height: int, width: int, latent: int, widths: Sequence[int], bfloat16: bool = True):
        super().__init__()
        self.size, self.factor = (height, width), 2 ** len(widths)
        self.shape = (latent, -(-height // self.factor), -(-width // self.factor))
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32
        groups = groups_for(min(widths))
        encoder: list[nn.Module] = [Conv(channels, widths[0], 3, padding=1)]
        for before, after in zip(widths, (*widths[1:], widths[-1])):
            encoder += [Refined(before, groups), Conv(before, after, 3, stride=2, padding=1)]
        self.encoder = nn.Sequential(
            *encoder, Refined(widths[-1], groups), Norm(widths[-1], groups), Probe(), Conv(widths[-1], 2 * latent, 1)
        )
        decoder: list[nn.Module] = [Conv(latent, widths[-1], 3, padding=1), Refined(widths[-1], groups)]
        for before, after in zip((widths[-1], *widths[:0:-1]), widths[::-1]):
            decoder += [Conv(before, after, 1), Doubled(after), Refined(after, groups)]
        self.decoder = nn.Sequential(*decoder, Norm(widths[0], groups), Probe(), Conv(widths[0], channels, 3, padding=1))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def q(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), (B Z h w) each, in float32."""
        height, width = self.size
        assert x_BCHW.shape[2:] == self.size
        f = self.factor
        h_BCHW = x_BCHW.to(self.dtype, memory_format=torch.channels_last)
        if height % f or width % f:
            h_BCHW = F.pad(h_BCHW, (0, -width % f, 0, -height % f), mode="replicate")
        return moments(self.encoder(h_BCHW))

    def decode(self, z_BZhw: Tensor) -> Tensor:
        """Pictures (B C H W, float32) of codes."""
        height, width = self.size
        h_BCHW = self.decoder(z_BZhw.to(self.dtype, memory_format=torch.channels_last))
        return h_BCHW[:, :, :height, :width].float()
