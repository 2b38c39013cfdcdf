"""Sums over processes: of a move's gradients, of its loss and weight, of what batch normalisation has counted; in one message.

The mean of a loss over all rows is the sum of the processes' sums divided by the sum of their weights, so that shares of different
size (or with different numbers of known targets) count as they do in one process:

    g = sum_r grad(sum over i in share r of l_i) / sum_r w_r
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nnzoo.training.processes import Processes

Pairs = Sequence[tuple[Tensor, Tensor]]  # (now, before)


class Reduction:
    """What the moves of a stage sum over processes; after it all have the same bits.

    `wishes` (stop, save) are told to all with the next message, since deciding anything costs a message of its own; `heard` says
    which of them some process has had since `agreed` was last called.
    """

    def __init__(self, processes: Processes, device: torch.device):
        self.processes = processes
        self.wishes = (False, False)
        self.heard = torch.zeros(2, device=device)

    def __call__(
        self, parameters: Sequence[nn.Parameter], total: Tensor, weight: Tensor, present: bool, moved: Pairs
    ) -> tuple[Tensor, Tensor]:
        """Sum gradients in place; the loss and weight (0-dim) of all. `present`: whether this process had rows.

        `moved` statistics become those before the step plus the mean of what each process's own rows changed in them. A parameter
        has a gradient if it has one anywhere.
        """
        has = [p.grad is not None for p in parameters]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flags = torch.tensor([present, *self.wishes, *has], dtype=torch.float32).to(total.device)
        head = torch.cat((torch.stack((total.float(), weight.float())), flags))
        changes = [(now - before).float() for now, before in moved]
        self._add([head, *changes, *(p.grad for p in parameters if p.grad is not None)])
        for (now, before), change in zip(moved, changes):
            mean = change / head[2]
            now.copy_(before + (mean if now.is_floating_point() else mean.round().to(now.dtype)))
        self.heard = torch.maximum(self.heard, head[3:5])
        if not all(has):
            for parameter, count in zip(parameters, head[5:].tolist()):
                parameter.grad = parameter.grad if count else None
        return head[0], head[1]

    def _add(self, tensors: list[Tensor]) -> None:
        """Replace tensors by their sums, with a message for each type of number."""
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            alike = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in alike])
            self.processes.add(flat)
            pieces = flat.split([tensor.numel() for tensor in alike])
            torch._foreach_copy_(alike, [piece.view(tensor.shape) for piece, tensor in zip(pieces, alike)])

    def agreed(self) -> tuple[bool, bool]:
        """Whether to stop and whether to save, the same in all processes. Waits for the device."""
        stop, save = (self.heard > 0).tolist()
        self.heard.zero_()
        return stop, save
