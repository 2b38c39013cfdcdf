"""Latent diffusion on eight Gaussians around a circle, and on pictures."""

from nnzoo.reproductions._pictures import pictures
from nnzoo.reproductions._points import points

LUCIC = "Lucic et al. 2018, Are GANs created equal? (FID of Inception features, Fashion-MNIST: NS-GAN 26.5, VAE 43.6); no diffusion"

REPRODUCTIONS = (
    *points(
        "latent_diffusion",
        "ring8",
        8,
        0.90,
        published="GAN 6.3 of 8 (none for diffusion)",
        source="Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Rombach et al. 2022, Ho et al. 2020 (method)",
    ),
    pictures("latent_diffusion", score="frechet_distance", published="26.5 as FID (NS-GAN), order only", source=LUCIC),
    pictures("latent_diffusion", score="confidence", source="none"),
    pictures("latent_diffusion", score="classes_found", target=10, source="none"),
)
