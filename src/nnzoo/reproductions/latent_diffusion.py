"""Latent diffusion on eight Gaussians around a circle."""

from nnzoo.reproductions._points import points

REPRODUCTIONS = points(
    "latent_diffusion",
    "ring8",
    8,
    0.90,
    published="GAN 6.3 of 8 (none for diffusion)",
    source="Lin et al. 2018, PacGAN (ring; its radius may differ from ours); Rombach et al. 2022, Ho et al. 2020 (method)",
)
