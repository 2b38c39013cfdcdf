"""WGAN-GP on eight Gaussians around a circle."""

from nnzoo.reproductions._points import points

REPRODUCTIONS = points(
    "wgan_gp",
    "ring8",
    8,
    0.80,
    published="GAN 6.3, PacGAN4 7.8 of 8",
    source="Lin et al. 2018, PacGAN, table 1 (ring); Gulrajani et al. 2017 (method)",
)
