"""Time per training step: nnzoo's loop beside a bare PyTorch loop on the same batches, same weights, same settings.

Both sides run interleaved, A-B-B-A, on the same threads; the figure is the ratio of medians with a bootstrap interval. Final
losses are compared first: a faster loop that learns something else would not count.

    python benchmarks/step_overhead.py [--kinds mlp,cnn] [--repeats 9] [--out benchmarks/results/step_overhead.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Schedule
from nnzoo.core.network import Network
from nnzoo.core.seeds import seed_default
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.training.loop import train
from nnzoo.training.optimisers import factor
from nnzoo.training.settings import Settings

BATCH = 128
STEPS = {"mlp": 400, "cnn": 40}


def fashion() -> Dataset:
    """Fashion-MNIST's training part if it is at hand, else noise of the same shape (the time of a step does not depend on it)."""
    from nnzoo.core.errors import DataError

    try:
        from nnzoo.data.prepare import prepare

        return prepare("fashion-mnist").parts.train
    except DataError:
        spec = Spec(
            inputs={"image": Image(channels=1, height=28, width=28, mean=(0.286,), std=(0.353,))},
            outputs={"label": Classes(labels=tuple("0123456789"))},
            train_size=51_000,
        )
        pixels = torch.randint(0, 256, (51_000, 1, 28, 28), dtype=torch.uint8)
        return Dataset(spec, {"image": {"pixels": pixels}, "label": {"codes": torch.randint(0, 10, (51_000,))}})


def new_network(kind: str, data: Dataset) -> Network:
    """The same weights for both sides."""
    cls = find(kind)
    config = cls.Config.read({"dropout": 0.0, **({"shift": 0, "flip": False} if kind == "cnn" else {})}, kind)
    seed_default(7)
    return cls(config, data.spec, find_task("image-classification"))


def ours(kind: str, data: Dataset) -> tuple[float, torch.Tensor]:
    """Seconds a step and final weights of nnzoo's loop."""
    network = new_network(kind, data)
    outcome = train(network, Parts(data, None, None), Settings(budget=f"{STEPS[kind]}steps", seed=3))
    return outcome.seconds / outcome.steps, torch.cat([p.detach().flatten() for p in outcome.network.parameters()])


def bare(kind: str, data: Dataset) -> tuple[float, torch.Tensor]:
    """The loop that one would write by hand: no seeds per move, no check for NaN, no events."""
    network = new_network(kind, data)
    (move,) = network.stages(network.task)[0].moves
    described = move.optimizer
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=described.lr,
        betas=described.betas,
        eps=described.eps,
        weight_decay=described.weight_decay,
        fused=True,
    )
    image: Image = data.spec.inputs["image"]
    pixels, codes = data.columns["image"]["pixels"], data.columns["label"]["codes"]
    order = shuffled(BATCH).open(data, network, 3, 0)
    order.at(0)
    rows = order.rows_N
    network.train()
    steps = STEPS[kind]
    scale, shift = 1 / (255 * image.std[0]), image.mean[0] / image.std[0]
    began = time.perf_counter()
    for step in range(steps):
        if described.schedule != Schedule():
            optimizer.param_groups[0]["lr"] = described.lr * factor(described.schedule, step, steps)
        chosen = rows[step * BATCH : (step + 1) * BATCH]
        x = pixels.index_select(0, chosen).float().mul_(scale).sub_(shift)
        loss = F.cross_entropy(network({"image": x})["label"], codes.index_select(0, chosen))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    seconds = (time.perf_counter() - began) / steps
    return seconds, torch.cat([p.detach().flatten() for p in network.parameters()])


def measure(kind: str, data: Dataset, repeats: int) -> dict[str, object]:
    """Interleaved times of both sides."""
    a, b = [], []
    ours(kind, data), bare(kind, data)  # warm
    for k in range(repeats):
        pair = (ours, bare) if k % 2 == 0 else (bare, ours)
        for side in pair:
            seconds, weights = side(kind, data)
            (a if side is ours else b).append(seconds)
            if side is ours:
                ours_weights = weights
            else:
                bare_weights = weights
    ratios = np.array(a) / np.array(b)
    random = np.random.default_rng(0)
    resampled = np.median(random.choice(ratios, (5000, len(ratios))), axis=1)
    return {
        "kind": kind,
        "steps": STEPS[kind],
        "batch": BATCH,
        "repeats": repeats,
        "ms_a_step": float(np.median(a) * 1e3),
        "bare_ms_a_step": float(np.median(b) * 1e3),
        "ratio": float(np.median(ratios)),
        "interval_95": [float(q) for q in np.quantile(resampled, [0.025, 0.975])],
        "largest_difference_of_weights": float((ours_weights - bare_weights).abs().max()),
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default="mlp,cnn")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = fashion()
    result = {
        "what": "seconds a training step, nnzoo's loop / bare PyTorch loop",
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "runs": [measure(kind, data, options.repeats) for kind in options.kinds.split(",")],
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
