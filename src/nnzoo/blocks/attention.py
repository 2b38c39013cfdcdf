"""Attention: what each position takes from others, weighed by how well they fit.

    a_ts = softmax_s(q_t . k_s / sqrt(K) + m_ts),   o_t = sum_s a_ts v_s           (Vaswani et al. 2017, eq. 1)

m is -inf where t may not look: at padding, and, in a network that writes, at what comes after t. H heads of width K = D / H do this
side by side. Where there are fewer keys than queries (G < H), each key and value serves H / G queries (Ainslie et al. 2023).

The library's kernel never holds the weights a. Where somebody looks at their probe in a network that does not learn at the moment,
the same is computed as it is written above.

Shapes: B batch, T positions that look, S positions looked at, D width, H heads, G heads of keys, K width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.probe import Probe


def split(x_BTD: Tensor, heads: int) -> Tensor:
    """The width divided among heads: (B H T K)."""
    return x_BTD.unflatten(2, (heads, -1)).transpose(1, 2)


def join(x_BHTK: Tensor) -> Tensor:
    """The heads side by side again: (B T D)."""
    return x_BHTK.transpose(1, 2).flatten(2)


class Attend(nn.Module):
    """The equation above. `dropout` strikes the weights a while the network learns."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.dropout = dropout
        self.weights = Probe()  # a (B H T S)

    def forward(
        self,
        q_BHTK: Tensor,
        k_BGSK: Tensor,
        v_BGSK: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        """o (B H T K). `mask` is added to q k / sqrt(K), or false where nothing is looked at; it broadcasts to (B H T S). `causal`:
        the last query stands beside the last key and none looks further than itself. `scale` in place of 1 / sqrt(K)."""
        H, T, K = q_BHTK.shape[1:]
        G, S = k_BGSK.shape[1:3]
        assert v_BGSK.shape[:3] == k_BGSK.shape[:3] and H % G == 0
        assert mask is None or not causal, "a mask says what a causal network may see as well"
        looked_at = not self.training and bool(self.weights._forward_hooks)
        if H > G and T == 1 and mask is None and not looked_at:  # a single query a head: those of one key are as good as positions
            o_BGRK = F.scaled_dot_product_attention(q_BHTK.unflatten(1, (G, -1))[:, :, :, 0], k_BGSK, v_BGSK, scale=scale)
            return o_BGRK.flatten(1, 2)[:, :, None]
        k_BHSK = k_BGSK if G == H else k_BGSK.repeat_interleave(H // G, 1)
        v_BHSK = v_BGSK if G == H else v_BGSK.repeat_interleave(H // G, 1)
        if causal and (looked_at or 1 < T < S):
            mask, causal = before(T, S, q_BHTK.device), False
        if looked_at:
            e_BHTS = q_BHTK @ k_BHSK.transpose(2, 3) * (K**-0.5 if scale is None else scale)
            if mask is not None:
                e_BHTS = e_BHTS.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else e_BHTS + mask
            return self.weights(e_BHTS.softmax(3)) @ v_BHSK
        drop = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(
            q_BHTK, k_BHSK, v_BHSK, attn_mask=mask, dropout_p=drop, is_causal=causal and T > 1, scale=scale
        )


def before(T: int, S: int, device: torch.device) -> Tensor:
    """Whether position t, the last T of S, may look at s (T S): at itself and at what stands before it."""
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


def inside(lengths_B: Tensor, T: int) -> Tensor:
    """Where a padded row has symbols (B 1 1 T), as a mask."""
    return (torch.arange(T, device=lengths_B.device) < lengths_B[:, None])[:, None, None]
