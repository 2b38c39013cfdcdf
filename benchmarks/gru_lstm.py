"""GRU beside LSTM at equal width: seconds an epoch and nats a character, on tinyshakespeare (nanoGPT's split), a few epochs each.

Both read the same windows from the same seeds; the last epoch's weights are scored on the held part in one pass. Epochs run
interleaved, A-B-B-A, so that what else the machine does strikes both.

    NNZOO_DATA=... python benchmarks/gru_lstm.py [--epochs 3] [--seeds 3] [--threads 2] [--out benchmarks/results/gru_lstm.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import ratio_of

from nnzoo.core.dataset import Parts
from nnzoo.reproductions._shakespeare import nanogpt_split
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    prepared = nanogpt_split()
    assert prepared.parts.test is not None
    seconds: dict[str, list[float]] = {"gru": [], "lstm": []}
    nats: dict[str, list[float]] = {"gru": [], "lstm": []}
    size: dict[str, int] = {}
    for seed in range(options.seeds):
        for kind in ("gru", "lstm") if seed % 2 == 0 else ("lstm", "gru"):
            network = build(kind, {"dropout": 0.0}, prepared, seed)
            settings = Settings(budget=f"{options.epochs}epochs", seed=seed, device="cpu")
            outcome = train(network, Parts(prepared.parts.train, None, None), settings)
            seconds[kind].append(outcome.seconds / options.epochs)
            nats[kind].append(prepared.task.evaluate(outcome.network, prepared.parts.test).score)
            size[kind] = network.count()
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result: dict[str, Any] = {
        "what": f"GRU beside LSTM, 2 x 128, {options.epochs} epochs of tinyshakespeare",
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "commit": commit,
        "seconds_an_epoch": {kind: float(np.median(each)) for kind, each in seconds.items()},
        "seconds lstm / gru": ratio_of(seconds["lstm"], seconds["gru"]),
        "nats_a_character": {kind: [round(score, 4) for score in each] for kind, each in nats.items()},
        "parameters": size,
    }
    print(json.dumps(result, indent=1))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
