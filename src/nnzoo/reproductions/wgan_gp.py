"""WGAN-GP on eight Gaussians around a circle, on a grid of twenty-five, and on pictures."""

from nnzoo.reproductions._pictures import pictures
from nnzoo.reproductions._points import points

LUCIC = "Lucic et al. 2018, Are GANs created equal? (FID of Inception features, Fashion-MNIST: NS-GAN 26.5, WGAN-GP 24.5, VAE 43.6)"

REPRODUCTIONS = (
    *points(
        "wgan_gp",
        "ring8",
        8,
        0.80,
        published="GAN 6.3 of 8",
        source="Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Gulrajani et al. 2017 (method)",
    ),
    *points(
        "wgan_gp",
        "grid25",
        25,
        None,
        published="GAN 17.3, PacGAN4 24.8 of 25",
        source="Lin et al. 2018, PacGAN, table 1; Gulrajani et al. 2017 (method)",
    ),
    pictures("wgan_gp", score="frechet_distance", published="24.5 as FID, order only", source=LUCIC),
    pictures("wgan_gp", score="confidence", target=0.80, source="none"),
    pictures("wgan_gp", score="classes_found", target=10, source="none"),
)
