"""U-Net that looks for noise in pictures: down to small maps that see everything, up again with what was seen on the way beside it.

    u = emb(t) + told,  emb(t) = W2 silu(W1 sinusoids(t))             (Ho 2020, appendix B; `told`: a label, a text as one vector)
    block:      h = conv(silu(norm(x))) + W u,   y = skip(x) + conv(silu(norm(h)))
    attention:  y = x + W_o softmax(q k^T / sqrt(d)) v,  q, k, v = W_qkv norm(x);  k and v also of `context`, where there is one

Maps keep channels last in memory, and everything is computed in the precision of the picture that comes in; weights stay as they
are. What all blocks are told of a step and a condition is one matrix product (`told`), so that a sampler has it for all its steps
before it begins.

Shapes: B batch, C channels, H W height and width, P places of a map, E numbers told, U width of u, T symbols of a context.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.convolutions import Conv, Doubled
from nnzoo.blocks.positions import sinusoids
from nnzoo.blocks.probe import Probe

MULTIPLE = 8  # of which the numbers of channels are multiples
MOST_GROUPS, IN_A_GROUP = 8, 16  # channels that are normalised together; of fewer torch's own code takes five times as long
SMALL_MAP = 256  # places


def groups_for(width: int) -> int:
    """How many groups of channels are normalised together in a network whose narrowest maps have `width` channels: groups of about
    16 channels (Wu & He 2018, table 3)."""
    return min(MOST_GROUPS, 2 ** max(0, (width // IN_A_GROUP).bit_length() - 1))


class Norm(nn.GroupNorm):
    """Group normalisation, and silu after it where wanted, in place where no gradient needs what was there."""

    def __init__(self, channels: int, groups: int, silu: bool = True):
        super().__init__(groups, channels)
        self.silu = silu

    def forward(self, x_BCHW: Tensor) -> Tensor:
        weight_C: Tensor = self.weight
        bias_C: Tensor = self.bias
        if x_BCHW.is_cuda:  # a processor mixes precisions by itself
            weight_C, bias_C = weight_C.to(x_BCHW.dtype), bias_C.to(x_BCHW.dtype)
        y_BCHW = F.group_norm(x_BCHW, self.num_groups, weight_C, bias_C, self.eps)
        return F.silu(y_BCHW, inplace=not torch.is_grad_enabled()) if self.silu else y_BCHW


class Residual(nn.Module):
    """Two convolutions beside a short cut; between them stands what the block is told."""

    def __init__(self, before: int, after: int, groups: int, dropout: float):
        super().__init__()
        self.norm1, self.conv1 = Norm(before, groups), Conv(before, after, 3, padding=1)
        self.norm2, self.conv2 = Norm(after, groups), Conv(after, after, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.skip = Conv(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.conv2.weight)  # the whole begins as its short cuts

    def forward(self, x_BCHW: Tensor, told_BC: Tensor) -> Tensor:
        h_BCHW = self.conv1(self.norm1(x_BCHW), biased=False)
        h_BCHW = h_BCHW.add_(told_BC[:, :, None, None])  # the bias is in what is told
        return self.conv2(self.dropout(self.norm2(h_BCHW))).add_(self.skip(x_BCHW))


class Attention(nn.Module):
    """Every place looks at all places of its map, and at a context."""

    def __init__(self, channels: int, groups: int, heads: int, context: int = 0):
        super().__init__()
        assert channels % heads == 0
        self.heads, self.norm = heads, Norm(channels, groups, silu=False)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.context = nn.Linear(context, 2 * channels) if context else None
        nn.init.zeros_(self.out.weight)

    def forward(self, x_BCHW: Tensor, context_BTD: Tensor | None = None) -> Tensor:
        dtype = x_BCHW.dtype
        h_BPC = self.norm(x_BCHW).permute(0, 2, 3, 1).flatten(1, 2)
        q, k, v = F.linear(h_BPC, self.qkv.weight.to(dtype), self.qkv.bias.to(dtype)).unflatten(2, (3, self.heads, -1)).unbind(2)
        if self.context is not None and context_BTD is not None:
            told = F.linear(context_BTD.to(dtype), self.context.weight.to(dtype), self.context.bias.to(dtype))
            more_k, more_v = told.unflatten(2, (2, self.heads, -1)).unbind(2)
            k, v = torch.cat((k, more_k), 1), torch.cat((v, more_v), 1)
        a_BKPD = _attended(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        a_BPC = F.linear(a_BKPD.transpose(1, 2).flatten(2), self.out.weight.to(dtype), self.out.bias.to(dtype))
        return x_BCHW + a_BPC.unflatten(1, x_BCHW.shape[2:]).permute(0, 3, 1, 2)


def _attended(q_BKPD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v. Of small maps on a processor the plain products learn many times as fast as the fused form."""
    if q_BKPD.is_cuda or not torch.is_grad_enabled() or q_BKPD.shape[2] > SMALL_MAP:
        return F.scaled_dot_product_attention(q_BKPD, k_BKTD, v_BKTD)
    weights_BKPT = torch.softmax(q_BKPD @ k_BKTD.transpose(2, 3) * q_BKPD.shape[3] ** -0.5, 3)
    return weights_BKPT @ v_BKTD


class Layer(nn.Module):
    """A residual block, and attention after it at small maps."""

    def __init__(self, before: int, after: int, groups: int, dropout: float, heads: int = 0, context: int = 0):
        super().__init__()
        self.block = Residual(before, after, groups, dropout)
        self.attention = Attention(after, groups, heads, context) if heads else None

    def forward(self, x_BCHW: Tensor, told_BC: Tensor, context_BTD: Tensor | None) -> Tensor:
        h_BCHW = self.block(x_BCHW, told_BC)
        return h_BCHW if self.attention is None else self.attention(h_BCHW, context_BTD)


class UNet(nn.Module):
    """Pictures (B C H W) of any size to pictures of the same size and `outputs` channels.

    `widths` are channels of each level, each half as high and wide as the one before; `blocks` of each level; the last `attends`
    levels have attention, in heads of about `head` channels. `told` and `context` are the widths of what a condition tells: one
    vector, a row of vectors. Squares of `patch` x `patch` pixels are read and written as channels of one place: pictures of many
    pixels cost a fraction then. Sides that cannot be halved so often are filled up with zeros inside.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: Sequence[int],
        blocks: int = 1,
        attends: int = 1,
        head: int = 32,
        dropout: float = 0.0,
        context: int = 0,
        patch: int = 1,
    ):
        super().__init__()
        self.patch, square = patch, patch * patch
        first, self.width = widths[0], 4 * widths[0]
        self.times = nn.Sequential(nn.Linear(first, self.width), nn.SiLU(), nn.Linear(self.width, self.width))
        self.enter = Conv(square * inputs, first, 3, padding=1)
        self.down = nn.ModuleList()
        levels, seen, channels, groups = len(widths), [first], first, groups_for(min(widths))

        def layer(before: int, level: int) -> Layer:
            heads = max(1, widths[level] // head) if level >= levels - attends else 0
            return Layer(before, widths[level], groups, dropout, heads, context)

        for level, width in enumerate(widths):
            for _ in range(blocks):
                self.down.append(layer(channels, level))
                channels = width
                seen.append(channels)
            if level < levels - 1:
                self.down.append(Conv(channels, channels, 3, stride=2, padding=1))
                seen.append(channels)
        heads = max(1, channels // head)
        both = Layer(channels, channels, groups, dropout, heads, context), Layer(channels, channels, groups, dropout)
        self.middle = nn.ModuleList(both)
        self.up = nn.ModuleList()
        for level in reversed(range(levels)):
            for _ in range(blocks + 1):
                self.up.append(layer(channels + seen.pop(), level))
                channels = widths[level]
            if level > 0:
                self.up.append(Doubled(channels))
        self.norm, self.leave = Norm(channels, groups), Conv(channels, square * outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]
        self.multiple = patch * 2 ** (levels - 1)
        self.residuals = [module for module in self.modules() if isinstance(module, Residual)]  # no module list: they are there
        self.sizes = [residual.conv1.out_channels for residual in self.residuals]
        self.tell = nn.Linear(self.width, sum(self.sizes))
        self.seen, self.noise = Probe(), Probe()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def told(self, t_B: Tensor, condition_BU: Tensor | None = None) -> Tensor:
        """What all blocks are told of steps t (B) and of conditions, vectors as wide as `width`: (B E), in float32."""
        u_BU = self.times(sinusoids(t_B, self.enter.out_channels))
        told_BE = self.tell(F.silu(u_BU if condition_BU is None else u_BU + condition_BU))
        return told_BE + torch.cat([residual.conv1.bias for residual in self.residuals])  # type: ignore[misc]

    def forward(self, x_BCHW: Tensor, told_BE: Tensor, context_BTD: Tensor | None = None) -> Tensor:
        """The noise in noisy pictures, of which all is `told` (B E, or 1 E for all)."""
        height, width = x_BCHW.shape[2:]
        m = self.multiple
        h_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
        if height % m or width % m:
            h_BCHW = F.pad(h_BCHW, (0, -width % m, 0, -height % m))
        if self.patch > 1:
            h_BCHW = F.pixel_unshuffle(h_BCHW, self.patch).contiguous(memory_format=torch.channels_last)
        told = iter(told_BE.to(h_BCHW.dtype).split(self.sizes, dim=1))
        h_BCHW = self.enter(h_BCHW)
        seen = [h_BCHW]
        for module in self.down:
            h_BCHW = module(h_BCHW, next(told), context_BTD) if isinstance(module, Layer) else module(h_BCHW)
            seen.append(h_BCHW)
        for module in self.middle:
            h_BCHW = module(h_BCHW, next(told), context_BTD)
        self.seen(h_BCHW)
        for module in self.up:
            if isinstance(module, Layer):
                h_BCHW = module(torch.cat((h_BCHW, seen.pop()), 1), next(told), context_BTD)
            else:
                h_BCHW = module(h_BCHW)
        h_BCHW = self.leave(self.norm(h_BCHW))
        if self.patch > 1:
            h_BCHW = F.pixel_shuffle(h_BCHW, self.patch)
        return self.noise(h_BCHW[:, :, :height, :width])
