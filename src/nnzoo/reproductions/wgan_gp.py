"""WGAN-GP on eight Gaussians around a circle."""

from nnzoo.reproductions._points import points

REPRODUCTIONS = points(
    "wgan_gp",
    "ring8",
    8,
    0.80,
    published="GAN 6.3 of 8",
    source="Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Gulrajani et al. 2017 (method)",
)
