"""Hidden symbols: which ones of a text are to be guessed, and what stands in their place meanwhile.

Of every row 15 % of the symbols are chosen, at least one; of these 80 % become the mask symbol, 10 % a symbol drawn from all, and
10 % stay, since a network that meets no mask symbol later must look at what stands there (Devlin et al. 2019, section 3.1). Padding
and the frame of a line are never chosen.

Shapes: B rows, T symbols, M chosen ones, V vocabulary, K symbols that texts are made of.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from nnzoo.core.fields import Sequences, Tokens
from nnzoo.core.learning import Loss

CHOSEN, MASKED, RANDOM = 0.15, 0.8, 0.1


class Hidden(NamedTuple):
    """A text with hidden symbols, where they are (B T), and what they were (M)."""

    sequence: Sequences
    places_BT: Tensor
    truth_M: Tensor


def framing(field: Tokens) -> tuple[int, ...]:
    """Codes that no text is made of: padding, and the two that frame a line."""
    return tuple({code for code in (field.padding, field.start, field.end) if code >= 0})


def hide(sequence: Sequences, field: Tokens, mask: int, generator: torch.Generator | None = None) -> Hidden:
    """Hide symbols by the rule above; `mask` is the symbol that hides. Without a generator, random numbers are torch's own, which
    the loop seeds at every step."""
    tokens_BT, lengths_B = sequence
    device = tokens_BT.device
    free_BT = torch.arange(tokens_BT.shape[1], device=device) < lengths_B[:, None]
    for code in framing(field):
        free_BT = free_BT & (tokens_BT != code)
    chance_BT = _uniform(tokens_BT, generator).masked_fill(~free_BT, 2.0)
    rank_BT = chance_BT.argsort(1).argsort(1)
    wanted_B = (free_BT.sum(1) * CHOSEN).round().clamp(min=1)
    places_BT = (rank_BT < wanted_B[:, None]) & free_BT
    how_BT, which_BT = _uniform(tokens_BT, generator), _uniform(tokens_BT, generator)
    of_text_V = torch.ones(field.vocabulary, dtype=torch.bool, device=device)
    of_text_V[list(framing(field))] = False
    symbols_K = of_text_V.nonzero()[:, 0]
    random_BT = symbols_K[(which_BT * len(symbols_K)).long().clamp(max=len(symbols_K) - 1)]
    instead_BT = torch.where(how_BT < MASKED, mask, torch.where(how_BT < MASKED + RANDOM, random_BT, tokens_BT))
    hidden_BT = torch.where(places_BT, instead_BT, tokens_BT)
    return Hidden(Sequences(hidden_BT, lengths_B), places_BT, tokens_BT[places_BT])


def masked_loss(logits_MV: Tensor, truth_M: Tensor) -> Loss:
    """Nats of the hidden symbols; their number is the weight."""
    nats = F.cross_entropy(logits_MV.float(), truth_M, reduction="sum")
    if torch.is_grad_enabled():
        return Loss(nats, len(truth_M))
    hits = (logits_MV.argmax(1) == truth_M).sum()
    return Loss(nats, len(truth_M), {"accuracy": hits / max(1, len(truth_M))})


def _uniform(like_BT: Tensor, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        return torch.rand(like_BT.shape, device=like_BT.device)
    return torch.rand(like_BT.shape, generator=generator).to(like_BT.device)
