"""What is said of two players while they learn: nothing of healthy ones, and what is planted of those that go wrong.

    python benchmarks/detectors.py [--seeds 5] [--kinds gan,wgan_gp,dcgan,cgan] [--budget 3000steps] [--out FILE]

Healthy runs are those at the kinds' defaults, on ring8 (gan, wgan_gp) and on scikit-learn's digits (all; `cgan` for so long that
its generator is good, and a judge that a penalty holds flat answers alike everywhere); planted faults are a generator without
noise, a discriminator that does not learn, one without its penalty whose generator does not, and rates a thousand times too high.
A figure is how many runs of how many were warned of, by fault.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from nnzoo.core.errors import NnzooError
from nnzoo.core.events import Event, Warned
from nnzoo.core.learning import Descend
from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

DATA = {"gan": ("ring8", "digits"), "wgan_gp": ("ring8", "digits"), "dcgan": ("digits",), "cgan": ("digits",)}
TASKS = {"ring8": "unconditional-generation", "digits": "unconditional-image-generation"}
LONG = {"cgan": "8000steps"}  # healthy runs
JUDGES = ("discriminator", "critic")
FAULTS = {
    "mode collapse": "collapse",
    "dead discriminator": "dead",
    "always wins": "won",
    "diverges": "diverging",
    "not finite": "diverging",
}


def healthy(network: Network) -> None:
    """Nothing is planted."""


def without_noise(network: Network) -> None:
    """The generator is given zeros."""
    rows = network.noise_like  # type: ignore[operator]
    network.noise_like = lambda n: {**rows(n), "noise": 0 * rows(n)["noise"]}  # type: ignore[assignment]


def faster(player: tuple[str, ...], times: float) -> Any:
    """Those players learn so many times as fast."""

    def plant(network: Network) -> None:
        def changed(move: Any) -> Any:
            if not isinstance(move, Descend) or move.name not in player:
                return move
            return dataclasses.replace(move, optimizer=dataclasses.replace(move.optimizer, lr=move.optimizer.lr * times))

        stages = network.stages(network.task)
        planted = tuple(dataclasses.replace(stage, moves=tuple(map(changed, stage.moves))) for stage in stages)
        network.stages = lambda task: planted  # type: ignore[method-assign]

    return plant


PLANTED = {
    "healthy": healthy,
    "collapse": without_noise,
    "dead": faster(JUDGES, 1e-9),
    "won": faster(("generator",), 1e-9),
    "diverging": faster((*JUDGES, "generator"), 1e3),
}


CONFIG: dict[str, dict[str, float]] = {"won": {"penalty": 0.0}}  # held flat, a discriminator is never sure


def heard(kind: str, prepared: Prepared, seed: int, budget: str, fault: str) -> set[str]:
    """Which faults were said in a run in which this one was planted."""
    said: list[str] = []
    network = build(kind, CONFIG.get(fault, {}), prepared, seed)
    PLANTED[fault](network)
    try:
        settings = Settings(budget=budget, seed=seed)
        train(network, prepared.parts, settings, None, (lambda event: _note(event, said),))
    except NnzooError as error:
        said.append(str(error))
    return {name for text in said for words, name in FAULTS.items() if words in text}


def _note(event: Event, said: list[str]) -> None:
    if isinstance(event, Warned):
        said.append(event.text)


def main() -> None:
    """Run all, print a line for each, write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kinds", default="gan,wgan_gp,dcgan,cgan")
    parser.add_argument("--budget", default="3000steps")
    parser.add_argument("--planted-budget", default="600steps")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/detectors.json"))
    given = parser.parse_args()
    results = []
    for kind in given.kinds.split(","):
        for data in DATA[kind]:
            prepared = prepare(data, task="class-conditional-image-generation" if kind == "cgan" else TASKS[data])
            for fault in PLANTED:
                if fault == "won" and kind == "wgan_gp":
                    continue  # a critic has no answers that could be sure
                budget, began = given.planted_budget, time.perf_counter()
                if fault == "healthy":
                    budget = LONG.get(kind, given.budget)
                runs = [sorted(heard(kind, prepared, seed, budget, fault)) for seed in range(given.seeds)]
                right = sum(not run if fault == "healthy" else fault in run for run in runs)
                line = {"kind": kind, "data": data, "planted": fault, "budget": budget, "right": right, "of": len(runs)}
                results.append({**line, "said": runs, "minutes": round((time.perf_counter() - began) / 60, 2)})
                print(json.dumps(results[-1]), flush=True)
                given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
