"""Conditional VAE on Fashion-MNIST: how often a classifier of real pictures reads the label that was asked for."""

from __future__ import annotations

from functools import cache

import torch

from nnzoo.core.seeds import seed_default
from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit

MADE = 10_000


@cache
def reader(seed: int):  # type: ignore[no-untyped-def]
    """A convolutional network that has learned to tell real pictures apart, and its accuracy on the test part."""
    prepared = prepare("fashion-mnist", seed=seed)
    network = fit("cnn", prepared, seed, (), {"epochs": 8, "shift": 1, "flip": True}, precision="bfloat16").eval()
    assert prepared.parts.test is not None
    return network, prepared.task.evaluate(network, prepared.parts.test).score


def read_as_asked(seed: int, listen: Listeners) -> dict[str, float]:
    """Share of made pictures, a thousand of each label, that the classifier reads as the label asked for (GAN-test)."""
    prepared = prepare("fashion-mnist", task="class-conditional-image-generation", seed=seed)
    network = fit("conditional_vae", prepared, seed, listen).eval()
    judge, accuracy = reader(seed)
    ((label, field),) = prepared.spec.inputs.items()
    asked = torch.arange(MADE) % field.size  # type: ignore[union-attr]
    seed_default(seed, MADE)
    with torch.no_grad():
        pieces = [network.sample(len(some), some) for some in asked.split(1000)]  # type: ignore[operator]
        answers = torch.cat([judge({"image": some})[label].argmax(1) for some in pieces])
    return {"score": float((answers == asked).double().mean()), "on_real_pictures": accuracy}


REPRODUCTIONS = (
    Reproduction(
        data="fashion-mnist",
        metric="share of made pictures read as the label asked for",
        run=read_as_asked,
        target=0.90,
        better="higher",
        published="none for this kind",
        source="Shmelkov et al. 2018, How good is my GAN? (GAN-test); Sohn et al. 2015 (method)",
        note="the classifier is nnzoo's own cnn, trained on real pictures; `on_real_pictures` is its accuracy on the test part",
    ),
)
