"""Whether kinds that make pictures learn with any seed: each at its defaults, with several seeds, and what was said of the runs.

    python benchmarks/seeds.py [--kinds vae,dcgan,wgan_gp,cgan,ddpm] [--seeds 5] [--first 0] [--budget 120s] [--out FILE]

A run diverged if it ended with an error or with pictures that are not finite, if a warning was given, or if it is worse than
pictures of independent pixels are, whose Frechet distance is given beside. 1,000 pictures are judged by the classifier of
`nnzoo judge`, which takes 5,000.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from nnzoo.comparing.judging.frechet import frechet_distance
from nnzoo.core.errors import Interrupted, NnzooError
from nnzoo.core.events import Event, Warned
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.reproductions._pictures import CONDITIONAL, UNCONDITIONAL, judging
from nnzoo.reproductions.running import fit
from nnzoo.tasks._generation import draw

DATA, MADE = "fashion-mnist", 1000


def judged(prepared: Prepared, made: Tensor, real_ND: Tensor) -> dict[str, float]:
    """What the classifier says of made pictures (N C H W), standardised."""
    (image,) = prepared.spec.inputs.values()
    pixels = image.standardise(image.restore(made.float()).clamp(0, 1))
    made_ND, said_NK = prepared.task.judge.classifier.read(pixels)  # type: ignore[union-attr]
    labels = said_NK.argmax(1).bincount(minlength=said_NK.shape[1])
    return {
        "frechet_distance": round(frechet_distance(made_ND, real_ND), 2),
        "confidence": round(float(said_NK.max(1).values.mean()), 4),
        "labels_found": int((labels >= 0.01 * len(made)).sum()),
    }


def one(kind: str, seed: int, budget: str, floor: float, judge: Prepared, real_ND: Tensor) -> dict[str, object]:
    """The scores of one run, and whether it diverged. One judge reads the pictures of all kinds."""
    said: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Warned):
            said.append(event.text)

    prepared = prepare(DATA, task=CONDITIONAL if kind == "cgan" else UNCONDITIONAL)
    run: dict[str, object] = {"kind": kind, "seed": seed, "said": said}
    try:
        made = draw(fit(kind, prepared, seed, (note,), budget=budget), MADE, seed)
    except Interrupted:
        raise
    except NnzooError as error:
        said.append(str(error))
        return {**run, "diverged": True}
    if not bool(made.isfinite().all()):
        return {**run, "diverged": True}
    scores = judged(judge, made, real_ND)
    return {**run, **scores, "diverged": bool(said) or scores["frechet_distance"] >= floor}


def main() -> None:
    """Run all, print a line for each, write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default="vae,dcgan,wgan_gp,cgan,ddpm")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--budget", default="120s")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/seeds.json"))
    given = parser.parse_args()
    prepared = judging(DATA)
    assert prepared.parts.test is not None and prepared.task.judge is not None
    (real,) = prepared.parts.test.take(torch.arange(MADE)).inputs.values()
    real_ND, _ = prepared.task.judge.classifier.read(real)
    independent = prepared.task.ignorant(prepared.parts.train, MADE).view(MADE, *real.shape[1:])  # type: ignore[attr-defined]
    floor = judged(prepared, independent, real_ND)["frechet_distance"]
    print(f"pictures of independent pixels: Frechet distance {floor:.0f}; {torch.get_num_threads()} threads", flush=True)
    runs: list[dict[str, object]] = []
    for kind in given.kinds.split(","):
        for seed in range(given.first, given.first + given.seeds):
            runs.append(one(kind, seed, given.budget, floor, prepared, real_ND))
            print(json.dumps(runs[-1]), flush=True)
            results = {"data": DATA, "budget": given.budget, "independent_pixels": floor, "runs": runs}
            given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{sum(bool(run['diverged']) for run in runs)} of {len(runs)} diverged")


if __name__ == "__main__":
    main()
