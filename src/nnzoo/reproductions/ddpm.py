"""DDPM on eight Gaussians around a circle, on a grid of twenty-five, on pictures with labels and without; few steps beside many."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nnzoo.reproductions._pictures import CONDITIONAL, UNCONDITIONAL, judging, pictures
from nnzoo.reproductions._points import points
from nnzoo.reproductions.running import Listeners, Reproduction, fit

PACGAN = "Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Ho et al. 2020 (method)"
LUCIC = "Lucic et al. 2018, Are GANs created equal? (FID of Inception features, Fashion-MNIST: NS-GAN 26.5, VAE 43.6); no diffusion"
LONG: dict[str, Any] = {"budget": "300s", "seeds": (0,)}
FEW: dict[str, Any] = {"sampler": "sde_dpm_solver", "steps": 20}
MANY: dict[str, Any] = {"sampler": "ancestral", "steps": 250}


class Sampled:
    """A network that makes data by another way back than its usual one."""

    def __init__(self, network: Any, how: dict[str, Any]):
        self.network, self.how, self.device, self.training = network, how, network.device, False

    def sample(self, n: int, condition: Tensor | None = None) -> Tensor:
        """`n` samples."""
        return self.network.sample(n, condition, **self.how)


def few_beside_many(seed: int, listen: Listeners) -> dict[str, float]:
    """The Frechet distance of 20 steps of SDE-DPM-Solver++ over that of 250 of the random walk, of one network."""
    prepared = judging("fashion-mnist", UNCONDITIONAL)
    network = fit("ddpm", prepared, seed, listen, budget="300s").eval()
    found = {}
    for name, how in (("few", FEW), ("many", MANY)):
        evaluation = prepared.task.evaluate(Sampled(network, how), prepared.parts.test, seed=seed, reference=prepared.parts.train)  # type: ignore[arg-type]
        found[name] = evaluation.scores["frechet_distance"]
    return {"score": found["few"] / found["many"], **found}


REPRODUCTIONS = (
    *points("ddpm", "ring8", 8, 0.90, published="GAN 6.3 of 8 (none for diffusion)", source=PACGAN),
    *points("ddpm", "grid25", 25, 0.80, published="GAN 17.3, PacGAN4 24.8 of 25 (none for diffusion)", source=PACGAN),
    pictures("ddpm", score="frechet_distance", published="26.5 as FID (NS-GAN), order only", source=LUCIC),
    pictures("ddpm", score="confidence", target=0.80, source="none"),
    pictures("ddpm", score="classes_found", target=10, source="none"),
    pictures("ddpm", task=CONDITIONAL, score="gan_test", target=0.90, source="none", **LONG),
    pictures("ddpm", task=CONDITIONAL, score="frechet_distance", source="none", **LONG),
    Reproduction(
        data="fashion-mnist",
        metric="Frechet distance (own classifier) of 20 steps of SDE-DPM-Solver++ over that of 250 random steps, 300s of training",
        run=few_beside_many,
        target=1.05,
        better="lower",
        published="good pictures in 15 to 20 steps",
        source="Lu et al. 2022, DPM-Solver++, abstract",
        seeds=(0,),
    ),
)
