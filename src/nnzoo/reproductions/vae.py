"""VAE: bound and likelihood of binarised Fashion-MNIST side by side; modes hit on eight Gaussians around a circle."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch

from nnzoo.core.seeds import generator, seed_default
from nnzoo.data.prepare import prepare
from nnzoo.reproductions._pictures import pictures
from nnzoo.reproductions._points import points
from nnzoo.reproductions.running import Listeners, Reproduction, fit

SAMPLES = 200
PICTURES = 10_000  # of the test part: all
RECIPE = {"binarise": True, "latent": 50, "epochs": 25}  # after more, single test pictures are thousands of nats off
RING = {"hidden": [256, 256], "latent": 2, "batch": 128, "lr": 5e-3, "epochs": 100}


@cache
def trained(seed: int) -> dict[str, float]:
    """Negative bound and negative log likelihood in nats a test picture, the same pixels drawn as ones for every seed."""
    prepared = prepare("fashion-mnist", task="unconditional-image-generation", seed=seed)
    network = fit("vae", prepared, seed, (), RECIPE).eval()
    assert prepared.parts.test is not None
    draws, figures = generator(2008), []
    seed_default(seed, SAMPLES)
    with torch.no_grad():
        for batch in prepared.parts.test.part(torch.arange(PICTURES)).batches(500):
            shades_BD = network.flat.shades(network.flat.vector(batch.inputs["image"]))  # type: ignore[operator, union-attr]
            x_BD = network.flat.standardised(torch.bernoulli(shades_BD, generator=draws))  # type: ignore[operator, union-attr]
            inputs = {"image": x_BD.unflatten(1, (1, 28, 28))}
            _, kl_B = network.evidence_lower_bound(x_BD)  # type: ignore[operator]
            bound_B, likelihood_B = -network.surprise(inputs), network.log_likelihood(inputs, SAMPLES)  # type: ignore[operator]
            figures.append(torch.stack((-bound_B, -likelihood_B, kl_B), 1).double())
    bound, likelihood, kl = torch.cat(figures).mean(0).tolist()
    return {"negative_bound": bound, "negative_log_likelihood": likelihood, "kl": kl}


def figure(name: str) -> Callable[[int, Listeners], dict[str, float]]:
    """One of the figures as the score."""

    def run(seed: int, listen: Listeners) -> dict[str, float]:
        return {"score": trained(seed)[name], **trained(seed)}

    return run


_COMMON = {
    "data": "fashion-mnist",
    "target": None,
    "better": "lower",
    "source": "pythae's table (VAE on binarised MNIST); Burda et al. 2016 (estimate); Salakhutdinov & Murray 2008 (pixels)",
    "note": "pixels drawn as ones with their brightness as probability: anew in training, once for all in testing",
    "seeds": (0,),
}
REPRODUCTIONS = (
    Reproduction(
        metric="negative log likelihood by 200 importance samples, nats a picture",
        run=figure("negative_log_likelihood"),
        published="89.78 (MNIST)",
        **_COMMON,  # type: ignore[arg-type]
    ),
    Reproduction(
        metric="negative evidence lower bound, nats a picture",
        run=figure("negative_bound"),
        published="none",
        **_COMMON,  # type: ignore[arg-type]
    ),
    pictures("vae", score="frechet_distance", source="Lucic et al. 2018, Are GANs created equal? (order of kinds)"),
    pictures("vae", score="confidence", source="none"),
    pictures("vae", score="classes_found", source="none"),
    *points(
        "vae",
        "ring8",
        8,
        None,
        published="GAN 6.3 of 8",
        source="Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Kingma & Welling 2014 (method)",
        share_note="reported only: a smooth map from one hill to eight thin ones has to bridge the gaps",
        config=RING,
    ),
)
