"""Tiny stored runs, one a kind, with inputs and the outputs they gave: loaded by the tests for ever.

`python tests/contract/stored.py KIND ...` makes those that are not there yet; an existing one is never made anew, since it
stands for a release that people have.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils import _pytree as pytree

from nnzoo.core.abilities import FromNoise
from nnzoo.core.fields import Course, Graph, GraphValue, Image, Rows, Sequences, Series, Table, Tokens
from nnzoo.zoo.runs import load_run

FOLDER = Path(__file__).parent / "stored_runs"
TINY: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [8]},
    "autoencoder": {"code": 4, "hidden": [8]},
    "conditional_vae": {"latent": 2, "hidden": [8]},
    "denoising_autoencoder": {"code": 4, "hidden": [8]},
    "vae": {"latent": 2, "hidden": [8]},
    "bert": {"width": 8, "layers": 1, "heads": 2, "context": 16},
    "gpt": {"width": 16, "heads": 2, "layers": 1, "context": 16, "epochs": 1},
    "llama": {"width": 16, "heads": 2, "key_heads": 1, "layers": 1, "context": 16, "epochs": 1},
    "cnn": {"channels": [4, 4], "hidden": 8},
    "wgan_gp": {"width": 8},
    "gan": {"width": 8},
    "dcgan": {"width": 4},
    "cgan": {"width": 4},
    "pix2pix": {"width": 4},
    "latent_diffusion": {"width": 8, "steps": 10},
    "ddpm": {"widths": [8, 16], "sampling_steps": 5, "bfloat16": False},
    "lstm": {"width": 8, "hidden": 8},
    "attention_seq2seq": {"width": 8, "hidden": 8, "attention": 8},
    "gru": {"width": 8, "hidden": 8},
    "rnn": {"width": 8, "hidden": 8},
    "text_cnn": {"width": 8, "detectors": 4},
    "transformer": {"width": 8, "heads": 2, "layers": 1},
    "t5": {"width": 8, "heads": 2, "layers": 1},
    "tcn": {"width": 8, "hidden": 8, "levels": 2},
    "gcn": {"hidden": 4},
    "rbm": {"hidden": 8},
    "gmdh": {"width": 4, "depth": 2},
    "pnn": {},
}


def outputs_equal(folder: Path, kind: str, exact: bool = True) -> bool:
    """Whether a saved run gives for its stored inputs what it gave when it was stored (`exact`: bit by bit)."""
    network, _, manifest = load_run(folder / kind)
    leaves = load_file(folder / f"{kind}.inputs")
    inputs = _inputs(network, manifest.spec, [leaves[str(k)] for k in range(len(leaves))])
    with torch.no_grad():
        outputs = network(inputs)
    wanted = load_file(folder / f"{kind}.outputs")
    if exact:
        return all(torch.equal(outputs[name], value) for name, value in wanted.items())
    return all(torch.allclose(outputs[name], value, atol=1e-4, rtol=1e-3) for name, value in wanted.items())


def _inputs(network: Any, spec: Any, leaves: list[torch.Tensor]) -> dict[str, Any]:
    """The leaves as the tree that the kind's forward reads."""
    if isinstance(network, FromNoise):
        like: dict[str, Any] = network.noise_like(2)
    else:
        empty = torch.zeros(1)
        values = {Image: empty, Table: Rows(empty, empty), Tokens: Sequences(empty, empty), Graph: GraphValue(empty, empty, empty)}
        values[Series] = Course(empty, empty)
        like = {name: values[type(field)] for name, field in spec.inputs.items()}
    return pytree.tree_unflatten(leaves, pytree.tree_structure(like))


def store(kind: str) -> None:
    """Make the tiny stored run of a kind."""
    from catalogue import SMALL, data
    from test_contract import forward, inputs_of

    from nnzoo.training.loop import train
    from nnzoo.training.settings import Settings
    from nnzoo.zoo.fitting import build
    from nnzoo.zoo.runs import save_run

    torch.set_num_threads(1)
    prepared = data(SMALL[kind])
    network = train(
        build(kind, TINY.get(kind, {}), prepared, 0), prepared.parts, Settings(budget="20steps", device="cpu")
    ).network.eval()
    save_run(FOLDER / kind, network, prepared.preprocessing, data=prepared.name)
    leaves = pytree.tree_leaves(inputs_of(network, prepared, rows=3))
    save_file({str(k): leaf.contiguous() for k, leaf in enumerate(leaves)}, FOLDER / f"{kind}.inputs")
    save_file({name: value.contiguous() for name, value in forward(network, prepared, rows=3).items()}, FOLDER / f"{kind}.outputs")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if (FOLDER / name).exists():
            raise SystemExit(f"{name} is stored already; it stands for a release and is not made anew")
        FOLDER.mkdir(exist_ok=True)
        store(name)
        print(name, sum(p.stat().st_size for p in (FOLDER / name).rglob("*") if p.is_file()), "bytes")
