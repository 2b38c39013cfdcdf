"""How strongly the last position depends on the first, by length, for RNN, LSTM and GPT, with seconds a step.

A line is one of eight letters and then T - 1 symbols of noise; its label is the letter. So only what stands at the first place
counts, and it must be carried, or looked up, over T - 1 steps. Each kind learns for equally many steps, at its defaults but for
equal width and depth. Reported by length: accuracy on new lines (chance is 1/8), the gradient of the answer with respect to the
first symbol's vector over the largest at any place, before and after learning, and milliseconds of a training step.

    python benchmarks/reach.py [--steps 300] [--threads 2] [--out benchmarks/results/reach.json]
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

from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawTexts
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

LENGTHS = (10, 30, 100, 200)
LETTERS, NOISE = "ABCDEFGH", "tuvwxyz"
SAME = {"width": 64, "dropout": 0.0, "batch": 32}
KINDS: dict[str, dict[str, Any]] = {
    "rnn": {**SAME, "hidden": 64, "layers": 2},
    "lstm": {**SAME, "hidden": 64, "layers": 2},
    "gpt": {**SAME, "heads": 4, "layers": 2, "context": 256},
}


def lines(length: int, n: int = 4_000) -> Prepared:
    """Lines of one length, their first letter the label."""
    draw = np.random.default_rng(length)
    first = draw.choice(list(LETTERS), n)
    rest = draw.choice(list(NOISE), (n, length - 1))
    texts = [letter + "".join(noise) for letter, noise in zip(first, rest)]
    return prepare(RawTexts(f"first-of-{length}", texts, labels=first.astype(object)), units="characters")


def reach(network: Network, prepared: Prepared) -> float:
    """The gradient at the first letter's vector over the largest at any place, mean over 64 lines."""
    test = prepared.parts.test
    assert test is not None
    batch = test.take(torch.arange(64))
    held: list[torch.Tensor] = []

    def keep(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        held.append(output)

    network.eval()
    handle = network.embed.register_forward_hook(keep)  # type: ignore[union-attr, operator]
    (logits_BK,) = network(batch.inputs).values()
    handle.remove()
    (codes_B,) = batch.outputs.values()
    logits_BK.log_softmax(1).gather(1, codes_B[:, None]).sum().backward()
    assert held[0].grad is not None
    size_T = held[0].grad.norm(dim=2).mean(0)
    network.zero_grad(set_to_none=True)
    return float(size_T[1] / size_T.max())  # 0 is the start of the line


def measured(kind: str, prepared: Prepared, steps: int, seed: int) -> dict[str, float]:
    """One kind on lines of one length."""
    network = build(kind, KINDS[kind], prepared, seed)
    before = reach(network, prepared)
    outcome = train(network, prepared.parts, Settings(budget=f"{steps}steps", seed=seed, device="cpu", patience=0))
    assert prepared.parts.test is not None
    score = prepared.task.evaluate(outcome.network, prepared.parts.test).scores["accuracy"]
    return {
        "accuracy": score,
        "reach before": before,
        "reach after": reach(outcome.network, prepared),
        "ms a step": 1e3 * outcome.seconds / outcome.steps,
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result: dict[str, Any] = {
        "what": "how strongly the last position depends on the first, by length",
        "steps": options.steps,
        "seed": options.seed,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "commit": commit,
        "kinds": {kind: {} for kind in KINDS},
    }
    for length in LENGTHS:
        prepared = lines(length)
        for kind in KINDS:
            result["kinds"][kind][length] = measured(kind, prepared, options.steps, options.seed)
            print(kind, length, json.dumps(result["kinds"][kind][length]), flush=True)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
