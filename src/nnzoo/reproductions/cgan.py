"""Conditional GAN on Fashion-MNIST: what a classifier learns from made pictures, and what one that knows real ones says of them."""

from nnzoo.reproductions._pictures import CONDITIONAL, pictures

HOW = "Shmelkov, Schmid & Alahari 2018, How good is my GAN? (GAN-train and GAN-test; not on this set)"
JUDGE = "the classifier itself is right on 91 % of real pictures that it was not shown"

REPRODUCTIONS = (
    pictures("cgan", task=CONDITIONAL, score="gan_train", target=0.80, source=HOW, note=JUDGE),
    pictures("cgan", task=CONDITIONAL, score="gan_test", target=0.90, source=HOW, note=JUDGE),
    pictures("cgan", task=CONDITIONAL, score="gan_train", target=0.80, source=HOW, note=JUDGE, budget="10epochs", seeds=(0,)),
    pictures("cgan", task=CONDITIONAL, score="gan_test", target=0.90, source=HOW, note=JUDGE, budget="10epochs", seeds=(0,)),
    pictures("cgan", task=CONDITIONAL, score="frechet_distance", source=HOW),
    pictures("cgan", task=CONDITIONAL, score="confidence", target=0.80, source="none"),
    pictures("cgan", task=CONDITIONAL, score="classes_found", target=10, source="none"),
)
