"""pix2pix from edges to clothes: the absolute error alone, the judge alone, and both, each for the same time.

If a made picture still shows the garment whose edges were given is asked of a classifier that was trained on real pictures: its
accuracy on pictures made from the edges of the official test part. The paper's order on its own data (table 1) is L1 < cGAN
< both on labels to photos.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from nnzoo.core.fields import Image
from nnzoo.core.network import Network
from nnzoo.core.task import outputs_of
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit

DATA, BUDGET = "fashion-mnist", "120s"
SETTINGS = {"L1 alone": {"adversarial": 0.0}, "adversarial alone": {"l1": 0.0}, "L1 and adversarial": {}}


@cache
def classifier() -> tuple[Network, Prepared]:
    """One that was trained on real pictures, and what it was trained on."""
    labelled = prepare(DATA, seed=0)
    network = fit("cnn", labelled, 0, (), {"epochs": 5, "shift": 1, "flip": True}, precision="bfloat16")
    return network.eval(), labelled


def judged(config: dict[str, float]) -> Callable[[int, Listeners], dict[str, float]]:
    """Accuracy of the classifier on made pictures (and on the real ones, for measure), after learning with this config."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        judge, labelled = classifier()
        paired = prepare(DATA, task="image-to-image", pairs="edges", seed=seed)
        network = fit("pix2pix", paired, seed, listen, config, budget=BUDGET)
        assert paired.parts.test is not None and labelled.parts.test is not None
        made = outputs_of(network, paired.parts.test.to(network.device))["target"]
        before, after = paired.spec.outputs["target"], labelled.spec.inputs["image"]
        assert isinstance(before, Image) and isinstance(after, Image)
        made = after.standardise(before.restore(made))
        real = labelled.parts.test.all().inputs["image"]
        (name,) = labelled.spec.outputs
        codes = labelled.parts.test.stored(name, "codes")
        evaluation = paired.task.evaluate(network, paired.parts.test.to(network.device), seed=seed)
        found = accuracy(judge, made, codes)
        half = 1.96 * (found * (1 - found) / len(codes)) ** 0.5  # of pictures; one training run
        return {
            "score": found,
            "low": found - half,
            "high": found + half,
            "on real pictures": accuracy(judge, real, codes),
            **evaluation.scores,
            "parameters": network.count(),
        }

    return run


@torch.no_grad()
def accuracy(judge: Network, x_NCHW: torch.Tensor, codes_N: torch.Tensor) -> float:
    """The share of pictures that show what they should."""
    answers = [next(iter(judge({"image": some.to(judge.device)}).values())).argmax(1).cpu() for some in x_NCHW.split(1000)]
    return float((torch.cat(answers) == codes_N.cpu()).double().mean())


REPRODUCTIONS = tuple(
    Reproduction(
        data=DATA,
        metric=f"accuracy of a classifier of clothes on pictures made from edges, {name}, {BUDGET} of training",
        run=judged(config),
        target=None,
        better="higher",
        published="order L1 < adversarial < both (labels to photos)",
        source="Isola et al. 2017, Image-to-image translation with conditional adversarial networks, table 1",
        note="low and high: 95 % over the test pictures",
        seeds=(0, 1),
    )
    for name, config in SETTINGS.items()
)
