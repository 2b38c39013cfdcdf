"""Autoencoder on Fashion-MNIST: error of a code of 30 numbers beside principal components, and one label told from the others."""

from __future__ import annotations

import torch

from nnzoo.reproductions._rebuilding import components, lost_by_components, one_class, pictures, rebuilding, surprises
from nnzoo.reproductions.running import Listeners, Reproduction, fit

CODE = 30
ONE_LABEL = {"code": 30, "batch": 128, "epochs": 15}


def error_of_components(seed: int, listen: Listeners) -> dict[str, float]:
    """Squared error on the official test part as a share of that of as many principal components of the training part."""
    prepared = rebuilding("fashion-mnist", seed)
    network = fit("autoencoder", prepared, seed, listen, {"code": CODE})
    assert prepared.parts.test is not None
    error = float(surprises(network, prepared.parts.test).double().mean())
    axes = components(pictures(prepared.parts.train), CODE)
    linear = float(lost_by_components(pictures(prepared.parts.test), *axes).double().mean())
    sigma = torch.tensor(prepared.spec.inputs["image"].std).square().mean()  # type: ignore[union-attr]
    pixels = {"squared_error_a_picture": error * 784 * float(sigma), "of_components": linear * 784 * float(sigma)}
    return {"score": error / linear, **pixels, "parameters": network.count()}


REPRODUCTIONS = (
    Reproduction(
        data="fashion-mnist",
        metric="squared error, share of that of 30 principal components",
        run=error_of_components,
        target=0.62,
        better="lower",
        published="3.00 of 13.87 (MNIST)",
        source="Hinton & Salakhutdinov 2006, Reducing the dimensionality of data with neural networks (784-1000-500-250-30)",
        note="dense 784-512-256-30 without pre-training; the published figures are for MNIST; errors a picture have pixels in 0..1",
    ),
    Reproduction(
        data="fashion-mnist",
        metric="one label among all: area under ROC by reconstruction error, mean of 10",
        run=one_class("autoencoder", "fashion-mnist", CODE, ONE_LABEL),
        target=0.88,
        better="higher",
        published="DCAE .897, Deep SVDD .948 (MNIST)",
        source="Ruff et al. 2018, Deep One-Class Classification (one training run for each label)",
        note="`principal_components` is what 30 of them reach on the same rows; the published figures are for MNIST",
        seeds=(0,),
    ),
)
