"""DDPM on eight Gaussians around a circle, on a grid of twenty-five, and on pictures with labels and without."""

from nnzoo.reproductions._pictures import CONDITIONAL, pictures
from nnzoo.reproductions._points import points

PACGAN = "Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Ho et al. 2020 (method)"
LUCIC = "Lucic et al. 2018, Are GANs created equal? (FID of Inception features, Fashion-MNIST: NS-GAN 26.5, VAE 43.6); no diffusion"
LONG = {"budget": "3000s", "seeds": (0,)}

REPRODUCTIONS = (
    *points("ddpm", "ring8", 8, 0.90, published="GAN 6.3 of 8 (none for diffusion)", source=PACGAN),
    *points("ddpm", "grid25", 25, 0.80, published="GAN 17.3, PacGAN4 24.8 of 25 (none for diffusion)", source=PACGAN),
    pictures("ddpm", score="frechet_distance", published="26.5 as FID (NS-GAN), order only", source=LUCIC),
    pictures("ddpm", score="confidence", target=0.80, source="none"),
    pictures("ddpm", score="classes_found", target=10, source="none"),
    pictures("ddpm", task=CONDITIONAL, score="gan_test", target=0.90, source="none", **LONG),  # type: ignore[arg-type]
    pictures("ddpm", task=CONDITIONAL, score="frechet_distance", source="none", **LONG),  # type: ignore[arg-type]
)
