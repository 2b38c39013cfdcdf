"""A small GPT-2 in Hugging Face's layout, written by hand, to be broken in one place."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from faults import run
from making import Maker, write
from picture_making import Canary
from safetensors.torch import save_file

WIDTH, CONTEXT, CODES = 8, 16, 30
CONFIG: dict[str, Any] = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "n_positions": CONTEXT,
    "n_embd": WIDTH,
    "n_head": 2,
    "n_layer": 1,
    "vocab_size": CODES,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz .,"
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
    "post_processor": None,
    "decoder": {"type": "Fuse"},
    "model": {"type": "WordLevel", "vocab": {letter: k for k, letter in enumerate(["?", *LETTERS])}, "unk_token": "?"},
}
IMPORT = "import m --out run"


def tensors() -> dict[str, torch.Tensor]:
    """All of them, random and of the right shapes."""
    D, h = WIDTH, "transformer.h.0."
    shapes = {"transformer.wte.weight": (CODES, D), "transformer.wpe.weight": (CONTEXT, D)}
    for name in ("transformer.ln_f", f"{h}ln_1", f"{h}ln_2"):
        shapes |= {f"{name}.weight": (D,), f"{name}.bias": (D,)}
    for name, out, into in (("attn.c_attn", 3 * D, D), ("attn.c_proj", D, D), ("mlp.c_fc", 4 * D, D), ("mlp.c_proj", D, 4 * D)):
        shapes |= {f"{h}{name}.weight": (into, out), f"{h}{name}.bias": (out,)}
    draws = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=draws) for name, shape in shapes.items()}


def model(
    change: Callable[[dict[str, torch.Tensor]], Any] | None = None,
    words: Mapping[str, Any] | None = TOKENIZER,
    **config: Any,
) -> Maker:
    """A maker of the folder m, with tensors changed, another tokenizer or none, and other entries of config.json."""

    def make() -> None:
        kept = tensors()
        if change is not None:
            change(kept)
        write("m/config.json", json.dumps({**CONFIG, **config}))
        if words is not None:
            write("m/tokenizer.json", json.dumps(words))
        save_file(kept, "m/model.safetensors")

    return make


def cut_short(name: str, bytes_kept: int) -> Callable[[], Any]:
    """A file that ends too early."""
    return lambda: Path(name).write_bytes(Path(name).read_bytes()[:bytes_kept])


def sharded(*left_out: str) -> Maker:
    """The model in two files and an index, of which some tensors are left out of their file."""

    def make() -> None:
        model()()
        Path("m/model.safetensors").unlink()
        every = tensors()
        places = {name: f"model-0000{1 + k % 2}-of-00002.safetensors" for k, name in enumerate(sorted(every))}
        for file in set(places.values()):
            save_file({name: every[name] for name, place in places.items() if place == file and name not in left_out}, f"m/{file}")
        write("m/model.safetensors.index.json", json.dumps({"metadata": {}, "weight_map": places}))

    return make


def pickled(content: Any = None) -> Maker:
    """The model with its weights as a pickle."""

    def make() -> None:
        model()()
        Path("m/model.safetensors").unlink()
        torch.save(tensors() if content is None else content, "m/pytorch_model.bin")

    return make


def hostile() -> None:
    """A pickle that would run code."""
    pickled({"transformer.wte.weight": Canary()})()


def imported() -> None:
    """A run of the whole model."""
    model()()
    result = run(shlex.split(IMPORT))
    assert result.exit_code == 0, result.output


def adapted() -> None:
    """A run with an adapter, whose base is gone."""
    imported()
    write("a.txt", "the quick brown fox jumps over the lazy dog. " * 60)
    result = run(shlex.split("train gpt a.txt --from run --adapter lora --rank 2 --budget 1steps --out tuned"))
    assert result.exit_code == 0, result.output
    Path("run").rename("elsewhere")
