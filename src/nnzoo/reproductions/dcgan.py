"""DCGAN on Fashion-MNIST: two minutes on two cores, judged by a classifier that was trained on the same data."""

from nnzoo.reproductions._pictures import pictures

LUCIC = "Lucic et al. 2018, Are GANs created equal? (FID of Inception features, Fashion-MNIST: NS-GAN 26.5, WGAN-GP 24.5, VAE 43.6)"

REPRODUCTIONS = (
    pictures("dcgan", score="frechet_distance", published="26.5 as FID (NS-GAN), order only", source=LUCIC),
    pictures("dcgan", score="confidence", target=0.80, source="none"),
    pictures("dcgan", score="classes_found", target=10, source="none"),
)
