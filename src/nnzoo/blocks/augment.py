"""Pictures moved and mirrored a little while they are learned from: whole batches at once, on the device where they lie.

B batch, C H W picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nnzoo.core.dataset import Batch


def moved(x_BCHW: Tensor, down_B: Tensor, right_B: Tensor, mirrored_B: Tensor) -> Tensor:
    """Each picture mirrored left to right where `mirrored_B`, then moved by its own whole number of pixels; what comes in at an
    edge repeats the edge."""
    B, C, H, W = x_BCHW.shape
    device = x_BCHW.device
    row_BH = (torch.arange(H, device=device) - down_B[:, None]).clamp(0, H - 1)
    column_BW = (torch.arange(W, device=device) - right_B[:, None]).clamp(0, W - 1)
    column_BW = torch.where(mirrored_B[:, None], W - 1 - column_BW, column_BW)
    where_BHW = row_BH[:, :, None] * W + column_BW[:, None, :]
    return x_BCHW.flatten(2).gather(2, where_BHW.view(B, 1, H * W).expand(B, C, H * W)).view(B, C, H, W)


@dataclass(frozen=True)
class ShiftFlip:
    """For a feed's `augment`: field `name` moved by up to `shift` pixels each way, and mirrored every second time if `flip`.

    Random numbers come from torch's default generator of the host, which the loop seeds for each step: the same on every device.
    """

    name: str
    shift: int = 0
    flip: bool = False

    def __call__(self, batch: Batch) -> Batch:
        x_BCHW = batch.inputs[self.name]
        down_B, right_B = torch.randint(-self.shift, self.shift + 1, (2, len(batch))).to(x_BCHW.device)
        mirrored_B = (torch.rand(len(batch)) < 0.5 * self.flip).to(x_BCHW.device)
        return replace(batch, inputs={**batch.inputs, self.name: moved(x_BCHW, down_B, right_B, mirrored_B)})
