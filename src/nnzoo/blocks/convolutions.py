"""Convolutions in the precision of what they read: weights stay float32, products are in that of the picture that comes in.

    y = w * x + b,  w and b rounded to the precision of x

Shapes: B batch, C channels (I of what is read, O of what is given), H W picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Conv2d):
    """A convolution in the precision of what it reads."""

    def forward(self, x_BCHW: Tensor, biased: bool = True) -> Tensor:
        bias = self.bias.to(x_BCHW.dtype) if biased and self.bias is not None else None
        return F.conv2d(x_BCHW, self.weight.to(x_BCHW.dtype), bias, self.stride, self.padding)


class Transposed(nn.ConvTranspose2d):
    """A transposed convolution in the precision of what it reads."""

    def forward(self, x_BCHW: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert output_size is None and isinstance(self.padding, tuple)
        dtype, bias = x_BCHW.dtype, self.bias
        bias = None if bias is None else bias.to(dtype)
        return F.conv_transpose2d(x_BCHW, self.weight.to(dtype), bias, self.stride, self.padding, self.output_padding)


class Doubled(Conv):
    """A picture of twice the height and width: each place is repeated in a square of 2 x 2, then a 3 x 3 convolution.

    The two together are one transposed convolution with a 4 x 4 window, which needs less than half the products: w4 is w turned
    round and added up over squares of 2 x 2, since neighbours in a square are equal.
    """

    def __init__(self, channels: int):
        super().__init__(channels, channels, 3, padding=1)

    def window(self, dtype: torch.dtype) -> Tensor:
        """w4 (I O 4 4), rounded before it is added up, as it is at every step of learning."""
        w_OI44 = self.weight.to(dtype)
        for side in (2, 3):
            w0, w1, w2 = w_OI44.unbind(side)
            w_OI44 = torch.stack((w2, w1 + w2, w0 + w1, w0), side)
        return w_OI44.transpose(0, 1)

    def forward(self, x_BCHW: Tensor, biased: bool = True) -> Tensor:
        assert self.bias is not None
        return F.conv_transpose2d(x_BCHW, self.window(x_BCHW.dtype), self.bias.to(x_BCHW.dtype), stride=2, padding=1)

    @torch.no_grad()
    def folded(self) -> Transposed:
        """The transposed convolution that this is, its window added up once for many pictures; it learns nothing."""
        assert self.bias is not None
        w_IO44 = self.window(self.weight.dtype)
        channels = len(w_IO44)
        kind = {"stride": 2, "padding": 1, "device": w_IO44.device, "dtype": w_IO44.dtype}
        folded = nn.utils.skip_init(Transposed, channels, channels, 4, **kind)  # no chance: its weights come now
        folded.weight.copy_(w_IO44)
        folded.bias.copy_(self.bias)
        return folded.requires_grad_(False).to(memory_format=torch.channels_last)
