"""What an answer costs: latency, learned numbers, bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import nn

from nnzoo.comparing.baselines import Baseline
from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes, Image, Series

WARM_UPS = 3
REPEATS = 50
LONGEST = 0.3  # seconds for the repeats of one figure


def latency_ms(answer: Callable[[], Any], device: torch.device) -> float:
    """Median time of an answer in milliseconds, after warm-up; on an accelerator until it has finished."""

    def timed() -> float:
        began = time.perf_counter()
        answer()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    warm = min(timed() for _ in range(WARM_UPS))
    repeats = max(3, min(REPEATS, int(LONGEST / max(warm, 1e-7))))
    return 1000 * median(timed() for _ in range(repeats))


def answers(entrant: Any, dataset: Dataset, rows: int) -> Callable[[], Any]:
    """A call that answers for `rows` rows: predictions for rows of a part, what comes next in texts or rolls, or samples."""
    if hasattr(entrant, "sample") and dataset.spec.only("inputs", Classes) and dataset.spec.only("outputs", Image):
        return lambda: entrant.sample(rows)
    if dataset.spec.outputs or hasattr(entrant, "step"):
        index = torch.arange(rows, device=dataset.device) % len(dataset)
        if dataset.spec.outputs:
            inputs = dataset.take(index).inputs
            return lambda: entrant(inputs)
        (name, field), *_ = dataset.spec.inputs.items()
        if isinstance(field, Series):
            symbols = dataset.take(index).inputs[name].x_BTC[:, :1]
        else:
            symbols = torch.ones(rows, 1, dtype=torch.long, device=entrant.device)
        state = entrant.start(rows)
        return lambda: entrant.step(state, symbols)
    if hasattr(entrant, "sample"):
        return lambda: entrant.sample(rows)
    inputs = dataset.take(torch.arange(rows, device=dataset.device) % len(dataset)).inputs
    return lambda: entrant(inputs)


@torch.no_grad()
def latencies(entrant: Any, dataset: Dataset) -> tuple[float, float]:
    """Latency of one sample and of 256 together, in milliseconds; torch's generators are left as they were."""
    entrant.eval()
    device = entrant.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        one, many = (latency_ms(answers(entrant, dataset, rows), device) for rows in (1, 256))
    return one, many


def tensor_bytes(network: nn.Module) -> int:
    """Bytes of a network's tensors, tied ones once, as they are saved."""
    tensors = {t.data_ptr(): t for t in network.state_dict().values() if t.numel()}
    return sum(t.numel() * t.element_size() for t in tensors.values())


def learned_bytes(entrant: Any) -> int:
    """Bytes of what was learned, as one would store it."""
    return entrant.bytes() if isinstance(entrant, Baseline) else tensor_bytes(entrant)


def facts_bytes(preprocessing: Any) -> int:
    """Bytes of the preprocessing that goes with what was learned; none where there is none."""
    return len(json.dumps(preprocessing.facts(), ensure_ascii=False).encode()) if preprocessing is not None else 0
