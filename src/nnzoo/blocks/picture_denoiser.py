"""What noise is in pictures (or in maps of a codec), with labels or without: a U-Net, and guidance by its own knowledge of labels.

    eps(x_t, t, c) with c dropped with probability p while learning                                  (Ho & Salimans 2022, alg. 1)
    eps = eps(x_t, t, none) + g (eps(x_t, t, c) - eps(x_t, t, none))                                 (the same, eq. 6, g = 1 + w)

Whoever trains it decides whether it tells noise or velocity (`noise_process.py`); guidance is the same for both, which differ by a
share of x_t.

g = 0 makes pictures of any label, 1 those of the label as they are, more than 1 those that are typical of it.

Shapes: B batch, C H W picture, S steps of a sampler, E numbers that the U-Net is told, K labels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nnzoo.blocks.convolutions import Doubled
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.samplers import Eps
from nnzoo.blocks.unet import UNet

AT_ONCE = 64  # steps for which it is worked out together what the U-Net is told


class PictureDenoiser(nn.Module):
    """eps_theta(x_t, t, c). Labels are codes (B, long); -1 is none. Convolutions run in bfloat16 where wanted; weights: float32."""

    def __init__(
        self,
        channels: int,
        labels: int,
        widths: Sequence[int],
        blocks: int,
        attends: int,
        dropout: float = 0.0,
        bfloat16: bool = True,
        patch: int = 1,
    ):
        super().__init__()
        self.unet = UNet(channels, channels, widths, blocks, attends, dropout=dropout, patch=patch)
        self.labels = nn.Embedding(labels + 1, self.unet.width) if labels else None  # the first is of none
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32

    def forward(self, x_BCHW: Tensor, t_B: Tensor, codes_B: Tensor | None = None) -> Tensor:
        """The noise (B C H W, float32) in noisy pictures at steps t (B)."""
        condition_BU = None if self.labels is None or codes_B is None else self.labels(codes_B + 1)
        return self.unet(x_BCHW.to(self.dtype), self.unet.told(t_B, condition_BU)).float()

    def eps(self, times: Sequence[int], codes_B: Tensor | None = None, guidance: float = 1.0) -> Eps:
        """The noise in pictures at steps among `times`, for a sampler. Where guidance is neither 0 nor 1 the U-Net reads both
        halves, with labels and without, in one batch."""
        if self.labels is not None and (codes_B is None or guidance == 0):
            codes_B = torch.full((1,), -1, device=self.labels.weight.device)
        halves = 1
        if codes_B is not None and guidance not in (0, 1):
            halves, codes_B = 2, torch.cat((codes_B, torch.full_like(codes_B, -1)))
        told, unet = _Told(self, [t for t in times if t], codes_B), self._cast()

        def noise(x_BCHW: Tensor, t: int) -> Tensor:
            return unet(x_BCHW.to(self.dtype), told(t)).float()

        def eps(x_BCHW: Tensor, t: int) -> Tensor:
            if halves == 1:
                return noise(x_BCHW, t)
            with_label, without = noise(torch.cat((x_BCHW, x_BCHW)), t).chunk(2)
            return without + guidance * (with_label - without)

        return eps

    def dropped(self, codes_B: Tensor, share: float) -> Tensor:
        """Labels of which a random share is none."""
        return codes_B.masked_fill(torch.rand(len(codes_B), device=codes_B.device) < share, -1)

    def _cast(self) -> UNet:
        """The U-Net for a whole way back. Where it computes in bfloat16 it is a copy whose weights are in that already, and those
        of doublings folded, so that this is done once and not at every step; its probes are those of the original."""
        if self.dtype == torch.float32 or torch.is_grad_enabled():
            return self.unet
        unet = copy.deepcopy(self.unet, {id(part): part for part in self.unet.modules() if isinstance(part, Probe)})
        for name, part in unet.up.named_children():
            if isinstance(part, Doubled):
                setattr(unet.up, name, part.folded())
        for part in unet.modules():
            if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                part.to(self.dtype)
        return unet


class _Told:
    """What the U-Net is told at each step of a sampler, worked out for many steps at once: of all labels, or of each row where
    there are fewer rows."""

    def __init__(self, denoiser: PictureDenoiser, steps: list[int], codes_B: Tensor | None):
        self.denoiser, self.place, self.steps, self.codes_B = denoiser, {t: k for k, t in enumerate(steps)}, steps, codes_B
        self.group, self.told_SKE = -1, torch.empty(0)
        self.condition_KU: Tensor | None = None
        self.by_row = False
        if denoiser.labels is not None and codes_B is not None:
            self.by_row = len(codes_B) <= denoiser.labels.num_embeddings
            self.condition_KU = denoiser.labels(codes_B + 1) if self.by_row else denoiser.labels.weight

    def __call__(self, t: int) -> Tensor:
        """At step t (B E, or 1 E for all rows)."""
        group, inside = divmod(self.place[t], AT_ONCE)
        if group != self.group:
            some = self.steps[group * AT_ONCE : (group + 1) * AT_ONCE]
            t_S = torch.tensor(some, device=self.denoiser.unet.tell.weight.device)
            if self.condition_KU is None:
                told_SKE = self.denoiser.unet.told(t_S)[:, None]
            else:
                k = len(self.condition_KU)
                told = self.denoiser.unet.told(t_S.repeat_interleave(k), self.condition_KU.repeat(len(some), 1))
                told_SKE = told.unflatten(0, (len(some), k))
            self.group, self.told_SKE = group, told_SKE
        told_KE = self.told_SKE[inside]
        if self.condition_KU is None or self.by_row:
            return told_KE
        assert self.codes_B is not None
        return told_KE[self.codes_B + 1]
