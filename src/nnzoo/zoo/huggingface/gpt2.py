"""GPT-2's tensors: one matrix for queries, keys and values as here, all matrices transposed (Conv1D multiplies from the right)."""

from __future__ import annotations

from typing import Any

from nnzoo.core.errors import ConfigError
from nnzoo.zoo.huggingface.table import Facts, Family, Row, each, module, row


def settings(facts: Facts) -> dict[str, Any]:
    """Our config. Raises ConfigError naming what our GPT does otherwise."""
    width = facts["n_embd"]
    same = {
        "activation_function": (("gelu_new", "gelu_pytorch_tanh"), "gelu_new"),
        "n_inner": ((None, 4 * width), None),
        "layer_norm_epsilon": ((1e-5,), 1e-5),
        "scale_attn_weights": ((True,), True),
        "scale_attn_by_inverse_layer_idx": ((False,), False),
        "add_cross_attention": ((False,), False),
        "tie_word_embeddings": ((True,), True),
    }
    for name, (allowed, usual) in same.items():
        if facts.get(name, usual) not in allowed:
            raise ConfigError(f"'{name}' is {facts[name]}, and gpt does as GPT-2 does, {usual}; it cannot be taken over")
    sizes = {"context": facts["n_positions"], "width": width, "heads": facts["n_head"], "layers": facts["n_layer"]}
    return {**sizes, "dropout": facts.get("resid_pdrop", 0.1)}


def their_facts(network: Any) -> dict[str, Any]:
    """Their config.json."""
    c = network.config
    sizes = {"n_positions": c.context, "n_embd": c.width, "n_head": c.heads, "n_layer": c.layers}
    drops = {"resid_pdrop": c.dropout, "embd_pdrop": c.dropout, "attn_pdrop": c.dropout}
    rest = {"activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True}
    return {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", **sizes, **drops, **rest}


def rows(config: Any, outputs: Facts, headless: bool = False) -> list[Row]:
    """The table."""
    h = "transformer.h.{l}."
    layer = [
        *module("layers.{l}.norm1", f"{h}ln_1"),
        *module("layers.{l}.qkv", f"{h}attn.c_attn", transposed=True),
        *module("layers.{l}.proj", f"{h}attn.c_proj", transposed=True),
        *module("layers.{l}.norm2", f"{h}ln_2"),
        *module("layers.{l}.up", f"{h}mlp.c_fc", transposed=True),
        *module("layers.{l}.down", f"{h}mlp.c_proj", transposed=True),
    ]
    ends = [row("embed.weight", "transformer.wte.weight"), row("place.weight", "transformer.wpe.weight")]
    return [*ends, *each(config.layers, layer), *module("norm", "transformer.ln_f")]


FAMILY = Family(
    kind="gpt",
    types=("gpt2",),
    settings=settings,
    facts=their_facts,
    rows=rows,
    copies={"lm_head.weight": "transformer.wte.weight"},
    unused=(r"\.attn\.(masked_)?bias$",),
    prefix="transformer.",
    heads=("lm_head.",),
)
