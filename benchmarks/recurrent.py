"""Recurrent networks: a training step beside a bare `nn.LSTM` loop on the same windows, and characters a second beside a loop that
reads the whole text again for every character.

Sides run interleaved, A-B-B-A, from the same weights; figures are medians, ratios of pairs with a bootstrap interval.

    python benchmarks/recurrent.py [--repeats 9] [--threads 2] [--out benchmarks/results/recurrent.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import interleaved, ratio_of
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.recurrence import Recurrent
from nnzoo.core.dataset import Parts
from nnzoo.core.seeds import seed_default
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.networks import find
from nnzoo.tasks._writing import write
from nnzoo.training.allocation import keep_freed_memory
from nnzoo.training.loop import train
from nnzoo.training.optimisers import factor
from nnzoo.training.settings import Settings

STEPS = 100
WRITTEN = 400  # characters


def new_network(prepared: Prepared) -> Recurrent:
    """The same weights for every side."""
    cls = find("lstm")
    seed_default(7)
    network = cls(cls.Config.read({"dropout": 0.0}, "lstm"), prepared.spec, prepared.task)
    assert isinstance(network, Recurrent)
    return network


def training(prepared: Prepared, repeats: int) -> dict[str, Any]:
    """Milliseconds a step of both loops, and how far their weights are apart afterwards."""
    learned: dict[str, Tensor] = {}

    def ours() -> float:
        network = new_network(prepared)
        outcome = train(network, Parts(prepared.parts.train, None, None), Settings(budget=f"{STEPS}steps", seed=3, device="cpu"))
        learned["ours"] = torch.cat([p.detach().flatten() for p in outcome.network.parameters()])
        return outcome.seconds / outcome.steps

    def bare() -> float:
        network = new_network(prepared)
        c = network.config
        (stage,) = network.stages(network.task)
        (move,) = stage.moves
        how = move.optimizer
        embed, lstm, read_out = network.embed, network.kernel, network.next
        parameters = [*embed.parameters(), *lstm.parameters(), *read_out.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=how.lr, betas=how.betas, weight_decay=how.weight_decay, fused=True)
        text_T = prepared.parts.train.columns["text"]["values"].long()
        lane = (len(text_T) - 1) // c.batch
        x_BT, y_BT = text_T[: c.batch * lane].view(c.batch, lane), text_T[1 : c.batch * lane + 1].view(c.batch, lane)
        memory = None
        began = time.perf_counter()
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = how.lr * factor(how.schedule, step, STEPS)
            window = slice(step * c.window, (step + 1) * c.window)
            h_BTH, memory = lstm(embed(x_BT[:, window]), memory)
            memory = tuple(part.detach() for part in memory)
            loss = F.cross_entropy(read_out(h_BTH).flatten(0, 1), y_BT[:, window].flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, c.clip)
            optimizer.step()
            optimizer.zero_grad()
        seconds = (time.perf_counter() - began) / STEPS
        learned["bare"] = torch.cat([p.detach().flatten() for p in network.parameters()])
        return seconds

    found = interleaved({"bare": bare, "nnzoo": ours}, repeats)
    return {
        "steps": STEPS,
        "ms_a_step": {name: float(np.median(seconds) * 1e3) for name, seconds in found.items()},
        "bare / nnzoo": ratio_of(found["bare"], found["nnzoo"]),
        "largest_difference_of_weights": float((learned["ours"] - learned["bare"]).abs().max()),
    }


@torch.no_grad()
def writing(prepared: Prepared, repeats: int, rows: int) -> dict[str, Any]:
    """Characters a second of the generator, of a loop that re-reads the prefix, and of one that carries the state by hand."""
    network = new_network(prepared).eval()
    prompt = [10] * 8
    name = network.name

    def ours() -> float:
        return timed(lambda: write(network, [prompt] * rows, tokens=WRITTEN, temperature=1.0, opening=10))

    def prefix() -> float:
        def again() -> None:
            from nnzoo.core.fields import Sequences

            text_BT = torch.tensor([prompt] * rows)
            for _ in range(WRITTEN):
                lengths = torch.full((rows,), text_BT.shape[1])
                logits_BV = network({name: Sequences(text_BT, lengths)})[name][:, -1]
                text_BT = torch.cat([text_BT, torch.multinomial(logits_BV.softmax(1), 1)], 1)

        return timed(again)

    def by_hand() -> float:
        def step_by_step() -> None:
            text_BT, state = torch.tensor([prompt] * rows), network.start(rows)
            for _ in range(WRITTEN):
                logits_BTV, state = network.step(state, text_BT)
                text_BT = torch.multinomial(logits_BTV[:, -1].softmax(1), 1)

        return timed(step_by_step)

    found = interleaved({"nnzoo": ours, "whole prefix again": prefix, "state by hand": by_hand}, repeats)
    return {
        "rows": rows,
        "characters_a_second": {side: rows * WRITTEN / float(np.median(seconds)) for side, seconds in found.items()},
        "whole prefix again / nnzoo": ratio_of(found["whole prefix again"], found["nnzoo"]),
        "state by hand / nnzoo": ratio_of(found["state by hand"], found["nnzoo"]),
    }


def timed(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # both sides
    prepared = prepare("python-docs")
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result = {
        "what": "an LSTM of 2 x 128 on python-docs: training and writing",
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "commit": commit,
        "training": training(prepared, options.repeats),
        "writing": [writing(prepared, max(3, options.repeats // 3), rows) for rows in (1, 16)],
    }
    print(json.dumps(result, indent=1))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
