"""Denoising autoencoder on Fashion-MNIST with Gaussian noise, beside the best linear answer; one label told from the others."""

from __future__ import annotations

import torch

from nnzoo.core.seeds import generator
from nnzoo.reproductions._rebuilding import one_class, pictures, rebuilding
from nnzoo.reproductions.running import Listeners, Reproduction, fit

NOISE = 0.5  # standard deviations of the data


def error_of_linear(seed: int, listen: Listeners) -> dict[str, float]:
    """Squared error of cleaned test pictures as a share of what the best linear answer leaves,

    y = m + S (S + nu^2 I)^-1 (x~ - m)       with mean m and covariance S of the training part (Wiener's filter).
    """
    prepared = rebuilding("fashion-mnist", seed)
    network = fit("denoising_autoencoder", prepared, seed, listen, {"noise": "gaussian", "amount": NOISE}).eval()
    assert prepared.parts.test is not None
    train_ND, test_ND = pictures(prepared.parts.train).double(), pictures(prepared.parts.test).double()
    noisy_ND = test_ND + NOISE * torch.randn(test_ND.shape, generator=generator(seed, 5), dtype=torch.float64)
    mean_D, S_DD = train_ND.mean(0), torch.cov(train_ND.T)
    best_DD = torch.linalg.solve(S_DD + NOISE**2 * torch.eye(len(S_DD), dtype=torch.float64), S_DD)
    linear = float((mean_D + (noisy_ND - mean_D) @ best_DD - test_ND).square().mean())
    with torch.no_grad():
        pieces = noisy_ND.float().unflatten(1, (1, 28, 28)).split(2000)
        cleaned_ND = torch.cat([network({"image": some})["image"] for some in pieces]).flatten(1)
    error = float((cleaned_ND - test_ND).square().mean())
    return {"score": error / linear, "error": error, "linear": linear, "noise": NOISE**2}


REPRODUCTIONS = (
    Reproduction(
        data="fashion-mnist",
        metric="squared error of cleaned pictures, share of the best linear answer's",
        run=error_of_linear,
        target=0.75,
        better="lower",
        published="none",
        source="Vincent et al. 2010, Stacked Denoising Autoencoders (method)",
        note="Gaussian noise of half a standard deviation of the data, whose own squared error is .25; linear: Wiener's filter",
    ),
    Reproduction(
        data="fashion-mnist",
        metric="one label among all: area under ROC by reconstruction error, mean of 10",
        run=one_class("denoising_autoencoder", "fashion-mnist", 30, {"code": 30, "batch": 128, "epochs": 15}),
        target=None,
        better="higher",
        published="none",
        source="Ruff et al. 2018, Deep One-Class Classification (one training run for each label)",
        note="reported only, beside `autoencoder`",
        seeds=(0,),
    ),
)
