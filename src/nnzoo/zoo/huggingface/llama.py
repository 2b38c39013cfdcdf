"""Llama's tensors: keys and values, two matrices there, are one here."""

from __future__ import annotations

from typing import Any

from nnzoo.core.errors import ConfigError
from nnzoo.zoo.huggingface.table import Facts, Family, Row, each, module, row


def settings(facts: Facts) -> dict[str, Any]:
    """Our config. Raises ConfigError naming what our Llama does otherwise."""
    width, heads = facts["hidden_size"], facts["num_attention_heads"]
    turns = facts.get("rope_parameters") or facts.get("rope_scaling") or {}
    sort = turns.get("rope_type", turns.get("type", "default"))
    if sort != "default":
        raise ConfigError(f"its rotary positions are scaled ('{sort}'), which llama's are not; it cannot be taken over")
    context, window = facts["max_position_embeddings"], facts.get("sliding_window")
    if window is not None and window < context:
        raise ConfigError(f"'sliding_window' is {window}, and llama looks at all {context} positions; it cannot be taken over")
    same = {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "head_dim": _divided(width, heads)}
    for name, needed in same.items():
        if facts.get(name) not in (None, needed):
            raise ConfigError(f"'{name}' is {facts[name]}, and llama's is {needed}; it cannot be taken over")
    return {
        "context": context,
        "width": width,
        "heads": heads,
        "layers": facts["num_hidden_layers"],
        "key_heads": facts.get("num_key_value_heads") or heads,
        "inner": facts["intermediate_size"],
        "theta": turns.get("rope_theta") or facts.get("rope_theta") or 10_000.0,
        "eps": facts.get("rms_norm_eps", 1e-6),
        "tied": bool(facts.get("tie_word_embeddings", False)),
        "dropout": facts.get("attention_dropout", 0.0),
    }


def _divided(width: int, heads: int) -> int | None:
    return width // heads if heads and width % heads == 0 else None  # the kind itself says what is wrong


def their_facts(network: Any) -> dict[str, Any]:
    """Their config.json; both ways of writing theta, the older and the newer."""
    c = network.config
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "max_position_embeddings": c.context,
        "hidden_size": c.width,
        "num_attention_heads": c.heads,
        "num_hidden_layers": c.layers,
        "num_key_value_heads": c.key_heads,
        "head_dim": c.width // c.heads,
        "intermediate_size": network.layers[0].up.out_features,
        "hidden_act": "silu",
        "rms_norm_eps": c.eps,
        "rope_theta": c.theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": c.theta},
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": c.dropout,
        "tie_word_embeddings": c.tied,
    }


def rows(config: Any, outputs: Facts, headless: bool = False) -> list[Row]:
    """The table."""
    h = "model.layers.{l}."
    layer = [
        *module("layers.{l}.norm1", f"{h}input_layernorm", bias=False),
        *module("layers.{l}.q", f"{h}self_attn.q_proj", bias=False),
        *module("layers.{l}.kv", f"{h}self_attn.k_proj", f"{h}self_attn.v_proj", bias=False),
        *module("layers.{l}.proj", f"{h}self_attn.o_proj", bias=False),
        *module("layers.{l}.norm2", f"{h}post_attention_layernorm", bias=False),
        *module("layers.{l}.gate", f"{h}mlp.gate_proj", bias=False),
        *module("layers.{l}.up", f"{h}mlp.up_proj", bias=False),
        *module("layers.{l}.down", f"{h}mlp.down_proj", bias=False),
    ]
    last = [] if config.tied else [row("next.weight", "lm_head.weight")]
    ends = [row("embed.weight", "model.embed_tokens.weight"), row("norm.weight", "model.norm.weight")]
    return [*ends, *each(config.layers, layer), *last]


FAMILY = Family(
    kind="llama",
    types=("llama", "mistral"),
    settings=settings,
    facts=their_facts,
    rows=rows,
    copies={"lm_head.weight": "model.embed_tokens.weight"},
    unused=(r"rotary_emb\.inv_freq$",),
    prefix="model.",
    heads=("lm_head.",),
)
