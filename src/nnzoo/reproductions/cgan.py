"""Conditional GAN on Fashion-MNIST: what a classifier learns from made pictures, and what one that knows real ones says of them."""

from nnzoo.reproductions._pictures import CONDITIONAL, pictures

HOW = "Shmelkov, Schmid & Alahari 2018, How good is my GAN? (GAN-train and GAN-test; not on this set)"
LONG = {"task": CONDITIONAL, "budget": "20epochs"}

REPRODUCTIONS = (
    pictures("cgan", score="gan_train", target=0.80, source=HOW, **LONG),
    pictures("cgan", score="gan_test", target=0.90, source=HOW, **LONG),
    pictures("cgan", score="frechet_distance", source=HOW, **LONG),
    pictures("cgan", score="confidence", target=0.80, source="none", task=CONDITIONAL),
    pictures("cgan", score="classes_found", target=10, source="none", task=CONDITIONAL),
)
