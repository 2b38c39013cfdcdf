"""Baselines for gaps in texts: how often symbols occur, and which symbol fits between its two neighbours.

    p(w | l, r) ~ p(w | l) p(r | w)                 of a text in which a symbol hangs on the one before it alone

B rows, T symbols, M hidden symbols, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nnzoo.comparing.sequence_baselines import LARGEST_TABLE, NGram, Unigram
from nnzoo.core.fields import Sequences


class SymbolShares(Unigram):
    """How often each symbol occurs, whatever stands beside it."""

    @property
    def mask(self) -> int:
        """The symbol that hides another."""
        return self.field.vocabulary

    def fill(self, inputs: dict[str, Any], places_BT: Tensor) -> Tensor:
        """Logits of the symbol at each hidden place (M V)."""
        return self.log_table.expand(int(places_BT.sum()), -1)


class BothNeighbours(NGram):
    """The symbol that fits best between the one before and the one after, by counts of pairs; a neighbour that is hidden as well
    tells nothing."""

    kind = "both-neighbours"

    @property
    def order(self) -> int:  # type: ignore[override]
        """Symbols in a run: two, unless the table of pairs is too large."""
        return 2 if self.field.vocabulary**2 <= LARGEST_TABLE else 1

    @property
    def mask(self) -> int:
        """The symbol that hides another."""
        return self.field.vocabulary

    def fill(self, inputs: dict[str, Any], places_BT: Tensor) -> Tensor:
        """Logits of the symbol at each hidden place (M V)."""
        (sequence,) = inputs.values()
        assert isinstance(sequence, Sequences)
        if self.order == 1:
            return self.log_table.expand(int(places_BT.sum()), -1)
        nothing = torch.full_like(sequence.tokens_BT[:, :1], self.mask)
        around_BT = torch.cat([nothing, sequence.tokens_BT, nothing], 1)
        row_M, at_M = places_BT.nonzero().unbind(1)
        left_M, right_M = around_BT[row_M, at_M], around_BT[row_M, at_M + 2]
        none_seen = self.field.padding  # no text has it, so that its row of the table holds the shares of all symbols
        logits_MV = self.log_table[torch.where(left_M == self.mask, none_seen, left_M)].clone()
        told_M = (right_M != self.mask) & (at_M + 1 < sequence.lengths_B[row_M])
        logits_MV[told_M] += self.log_table[:, right_M[told_M]].T
        return logits_MV
