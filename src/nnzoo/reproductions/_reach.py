"""How strongly an answer depends on what stood a number of steps before its end: the gradient, step by step.

    reach(d) = mean over rows of |d answer / d x_(T-d)|  /  the same at the step where it is largest

Of a network that forgets, it falls by the same factor at every step back (Bengio, Simard & Frasconi 1994; Hochreiter 1991).

Shapes: B rows, T steps, C channels.
"""

from __future__ import annotations

import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Course
from nnzoo.core.network import Network

BACK = (0, 10, 20, 50, 100, 150)  # steps before the last
ROWS = 200


def reach(network: Network, dataset: Dataset) -> dict[str, float]:
    """`reach_0`, `reach_10` ... as far back as the rows go, over the first 200 rows, which are equally long."""
    batch = next(iter(dataset.batches(ROWS)))
    ((name, value),) = batch.inputs.items()
    assert isinstance(value, Course)
    x_BTC = value.x_BTC.clone().requires_grad_()
    network.eval()
    (answer,) = network({name: Course(x_BTC, value.lengths_B)}).values()
    (gradient_BTC,) = torch.autograd.grad(answer.sum(), x_BTC)
    size_T = gradient_BTC.norm(dim=2).mean(0)
    last = len(size_T) - 1
    return {f"reach_{back}": float(size_T[last - back] / size_T.max()) for back in BACK if back <= last}
