"""Conditional VAE on Fashion-MNIST: what a classifier learns from made pictures, and how one reads them."""

from typing import Any

from nnzoo.reproductions._pictures import CONDITIONAL, pictures

HOW = "Shmelkov, Schmid & Alahari 2018, How good is my GAN? (GAN-train and GAN-test; not on this set)"
LONG: dict[str, Any] = {"task": CONDITIONAL, "budget": "20epochs"}

REPRODUCTIONS = (
    pictures("conditional_vae", score="gan_train", target=0.80, source=HOW, note="the target is that of `cgan`", **LONG),
    pictures("conditional_vae", score="gan_test", target=0.90, source=HOW, note="the target is that of `cgan`", **LONG),
    pictures("conditional_vae", score="frechet_distance", source=HOW, **LONG),
    pictures("conditional_vae", score="confidence", source="none", task=CONDITIONAL),
)
