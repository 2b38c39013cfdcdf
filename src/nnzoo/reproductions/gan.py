"""GAN on eight Gaussians around a circle and on a grid of twenty-five, which it is known to find only in part, and on pictures."""

from nnzoo.reproductions._pictures import pictures
from nnzoo.reproductions._points import points

LUCIC = "Lucic et al. 2018, Are GANs created equal? (FID of Inception features, Fashion-MNIST: NS-GAN 26.5, WGAN-GP 24.5, VAE 43.6)"

REPRODUCTIONS = (
    *points(
        "gan",
        "ring8",
        8,
        None,
        published="GAN 6.3 of 8",
        source="Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Goodfellow et al. 2014 (method)",
    ),
    *points(
        "gan",
        "grid25",
        25,
        None,
        published="GAN 17.3 of 25",
        source="Lin et al. 2018, PacGAN, table 1; Goodfellow et al. 2014 (method)",
        held_to_modes=False,
    ),
    pictures("gan", score="frechet_distance", published="26.5 as FID, order only", source=LUCIC),
    pictures("gan", score="classes_found", source="none"),
)
