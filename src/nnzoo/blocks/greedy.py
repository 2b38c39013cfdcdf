"""Greedy answers: the likeliest symbol at every step is written and read.

    y_t = argmax_v ln p(v | y_1 .. y_(t-1), x)          until y_t is the end

Shapes: B rows, T symbols, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nnzoo.core.fields import Tokens


def greedy(step: Callable[[Any, Tensor], tuple[Tensor, Any]], state: Any, field: Tokens, first_B: Tensor) -> Tensor:
    """Symbols (B T) after the first ones, 0 after `end`; T is the length of the longest answer learned from. `step` reads symbols
    (B 1) and gives logits of those to come (B 1 V)."""
    last_B, ended_B = first_B, torch.zeros_like(first_B, dtype=torch.bool)
    never = torch.tensor(field.unwritten, dtype=torch.long, device=first_B.device)
    written: list[Tensor] = []
    for _ in range(field.longest - 1):
        if not torch.compiler.is_exporting() and bool(ended_B.all()):
            written.append(torch.zeros_like(last_B))  # nothing is left to write; a traced network goes on to the same end
            continue
        logits_B1V, state = step(state, last_B[:, None])
        last_B = torch.where(ended_B, 0, logits_B1V[:, 0].index_fill(1, never, -torch.inf).argmax(1))
        ended_B = ended_B | (last_B == field.end)
        written.append(last_B)
    return torch.stack(written, 1)
