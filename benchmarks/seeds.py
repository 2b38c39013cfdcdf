"""Whether kinds that make pictures learn with any seed: each at its defaults, with several seeds, and what was said of the runs.

    NNZOO_DATA=... python benchmarks/seeds.py [--kinds vae,dcgan,wgan_gp,cgan,ddpm] [--seeds 5] [--budget 30s] [--out FILE]

A run diverged if it ended with an error or with pictures that are not finite, if a warning was given, or if it is worse than
pictures of independent pixels are: the Frechet distance of these is given beside. Scores are those of `nnzoo judge`.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch

from nnzoo.core.errors import NnzooError
from nnzoo.core.events import Event, Warned
from nnzoo.data.prepare import Prepared
from nnzoo.reproductions._pictures import CONDITIONAL, UNCONDITIONAL, judged, judging

DATA = "fashion-mnist"
SCORES = ("frechet_distance", "confidence", "classes_found", "precision", "recall", "seconds")


class Independent:
    """Makes pictures each of whose pixels is that of a random training picture."""

    device, training = torch.device("cpu"), False

    def __init__(self, prepared: Prepared):
        self.prepared = prepared

    def sample(self, n: int) -> torch.Tensor:
        """`n` pictures."""
        return self.prepared.task.ignorant(self.prepared.parts.train, n)  # type: ignore[attr-defined]


def one(kind: str, seed: int, budget: str, floor: float) -> dict[str, object]:
    """The scores of one run, and whether it diverged."""
    said: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Warned):
            said.append(event.text)

    task = CONDITIONAL if kind == "cgan" else UNCONDITIONAL
    try:
        found = judged(kind, seed, data=DATA, task=task, budget=budget, listen=(note,))
    except NnzooError as error:
        return {"kind": kind, "seed": seed, "diverged": True, "said": [*said, str(error)]}
    scores = {name: round(found[name], 4) for name in SCORES}
    diverged = bool(said) or not math.isfinite(found["frechet_distance"]) or found["frechet_distance"] >= floor
    return {"kind": kind, "seed": seed, "diverged": diverged, "said": said, **scores}


def main() -> None:
    """Run all, print a line for each, write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default="vae,dcgan,wgan_gp,cgan,ddpm")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", default="30s")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/seeds.json"))
    given = parser.parse_args()
    prepared = judging(DATA)
    assert prepared.parts.test is not None
    floor = prepared.task.evaluate(Independent(prepared), prepared.parts.test).scores["frechet_distance"]  # type: ignore[arg-type]
    print(f"pictures of independent pixels: Frechet distance {floor:.0f}; {torch.get_num_threads()} threads", flush=True)
    runs = []
    for kind in given.kinds.split(","):
        for seed in range(given.seeds):
            runs.append(one(kind, seed, given.budget, floor))
            print(json.dumps(runs[-1]), flush=True)
            results = {"data": DATA, "budget": given.budget, "independent_pixels": floor, "runs": runs}
            given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{sum(bool(run['diverged']) for run in runs)} of {len(runs)} diverged")


if __name__ == "__main__":
    main()
