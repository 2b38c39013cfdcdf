"""Conditional VAE on Fashion-MNIST: what a classifier learns from made pictures, and how one reads them."""

from nnzoo.reproductions._pictures import CONDITIONAL, pictures

HOW = "Shmelkov, Schmid & Alahari 2018, How good is my GAN? (GAN-train and GAN-test; not on this set)"

REPRODUCTIONS = (
    pictures("conditional_vae", task=CONDITIONAL, score="gan_train", target=0.80, source=HOW, note="the target is that of `cgan`"),
    pictures("conditional_vae", task=CONDITIONAL, score="gan_test", target=0.90, source=HOW, note="the target is that of `cgan`"),
    pictures("conditional_vae", task=CONDITIONAL, score="frechet_distance", source=HOW),
    pictures("conditional_vae", task=CONDITIONAL, score="confidence", source="none"),
)
