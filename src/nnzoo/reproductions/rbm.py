"""RBM with persistent contrastive divergence on Fashion-MNIST, by the recipe of the Deep Learning Tutorials."""

from __future__ import annotations

from functools import cache

import torch

from nnzoo.core.seeds import seed_default
from nnzoo.data.prepare import prepare
from nnzoo.reproductions.running import Listeners, Reproduction, fit

RECIPE = {"hidden": 500, "lr": 0.1, "falling": False, "batch": 20, "steps": 15, "epochs": 15}


@cache
def trained(seed: int) -> dict[str, float]:
    """Figures on the official test part after training."""
    prepared = prepare("fashion-mnist", task="unconditional-image-generation", seed=seed)
    network = fit("rbm", prepared, seed, (), RECIPE)
    assert prepared.parts.test is not None and prepared.parts.valid is not None
    seed_default(seed, 15)
    figures: dict[str, list[float]] = {"pseudo": [], "train_energy": [], "test_energy": []}
    with torch.no_grad():
        for k, batch in enumerate(prepared.parts.test.batches(1000)):
            if k < 2:  # exact over all 784 bits, on the first 2,000 test pictures
                v_BV = network.visible(batch.inputs)  # type: ignore[operator]
                figures["pseudo"].append(float(network.pseudo_log_likelihood(v_BV).mean()))  # type: ignore[operator]
            figures["test_energy"].append(float(network.surprise(batch.inputs).mean()))  # type: ignore[operator]
        head = prepared.parts.train.part(torch.arange(len(prepared.parts.test)))
        for batch in head.batches(1000):
            figures["train_energy"].append(float(network.surprise(batch.inputs).mean()))  # type: ignore[operator]
    mean = {name: sum(values) / len(values) for name, values in figures.items()}
    return {**mean, "gap": mean["test_energy"] - mean["train_energy"]}


def pseudo_likelihood(seed: int, listen: Listeners) -> dict[str, float]:
    """Pseudo-log-likelihood in nats a picture."""
    return {"score": trained(seed)["pseudo"], **trained(seed)}


def free_energy(seed: int, listen: Listeners) -> dict[str, float]:
    """Mean free energy of test pictures less that of as many training pictures; near 0 means that nothing was learned by heart."""
    return {"score": trained(seed)["gap"]}


_COMMON = {
    "data": "fashion-mnist",
    "target": None,
    "source": "Deep Learning Tutorials, Restricted Boltzmann Machines (PCD-15, 500 hidden, learning rate 0.1, batch 20, 15 epochs)",
}
REPRODUCTIONS = (
    Reproduction(
        metric="pseudo-log-likelihood, nats a picture",
        run=pseudo_likelihood,
        better="higher",
        published="-62.8 (on MNIST)",
        note="exact over all bits, 2,000 test pictures; reported only: the published figure is for MNIST",
        seeds=(0,),
        **_COMMON,  # type: ignore[arg-type]
    ),
    Reproduction(
        metric="free energy, test less training pictures",
        run=free_energy,
        better="lower",
        published="none",
        seeds=(0,),
        **_COMMON,  # type: ignore[arg-type]
    ),
)
