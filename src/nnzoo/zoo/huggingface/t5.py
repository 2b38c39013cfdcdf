"""T5's tensors: one for one. What ends the original (`tied`) is scaled, what ends version 1.1 is a matrix of its own and is not."""

from __future__ import annotations

from typing import Any

from nnzoo.core.errors import ConfigError
from nnzoo.zoo.huggingface.table import Facts, Family, Row, each, module, row

GATED, PLAIN = "gated-gelu", "relu"


def settings(facts: Facts) -> dict[str, Any]:
    """Our config. Raises ConfigError naming what our T5 does otherwise."""
    form = facts.get("feed_forward_proj", PLAIN)
    if form not in (GATED, PLAIN):
        raise ConfigError(f"'feed_forward_proj' is {form}, and t5 has {GATED} or {PLAIN}; it cannot be taken over")
    tied = facts.get("tie_word_embeddings", True) is not False
    return {
        "width": facts["d_model"],
        "heads": facts["num_heads"],
        "size": facts["d_kv"],
        "inner": facts["d_ff"],
        "layers": facts["num_layers"],
        "decoder_layers": facts.get("num_decoder_layers") or facts["num_layers"],
        "buckets": facts.get("relative_attention_num_buckets", 32),
        "farthest": facts.get("relative_attention_max_distance", 128),
        "gated": form == GATED,
        "tied": facts.get("scale_decoder_outputs", tied),
        "eps": facts.get("layer_norm_epsilon", 1e-6),
        "dropout": facts.get("dropout_rate", 0.1),
    }


def their_facts(network: Any) -> dict[str, Any]:
    """Their config.json."""
    c = network.config
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "d_model": c.width,
        "num_heads": c.heads,
        "d_kv": c.size or c.width // c.heads,
        "d_ff": network.decoder[0].feed.up.out_features,
        "num_layers": c.layers,
        "num_decoder_layers": c.decoder_layers or c.layers,
        "relative_attention_num_buckets": c.buckets,
        "relative_attention_max_distance": c.farthest,
        "feed_forward_proj": GATED if c.gated else PLAIN,
        "tie_word_embeddings": c.tied,
        "layer_norm_epsilon": c.eps,
        "dropout_rate": c.dropout,
        "decoder_start_token_id": network.field.start,
    }


def rows(config: Any, outputs: Facts, headless: bool = False) -> list[Row]:
    """The table."""
    gate = ("wi_0", "wi_1") if config.gated else ("wi",)

    def attention(ours: str, theirs: str) -> list[Row]:
        return [row(f"{ours}.{one}.weight", f"{theirs}.{one}.weight") for one in "qkvo"]

    def feed(ours: str, theirs: str) -> list[Row]:
        names = [*(["gate"] if config.gated else []), "up", "down"]
        return [row(f"{ours}.{one}.weight", f"{theirs}.{name}.weight") for one, name in zip(names, (*gate, "wo"))]

    e, d = "encoder.block.{l}.layer.", "decoder.block.{l}.layer."
    reader = [
        *module("encoder.{l}.norm1", f"{e}0.layer_norm", bias=False),
        *attention("encoder.{l}.sees", f"{e}0.SelfAttention"),
        *module("encoder.{l}.norm2", f"{e}1.layer_norm", bias=False),
        *feed("encoder.{l}.feed", f"{e}1.DenseReluDense"),
    ]
    writer = [
        *module("decoder.{l}.norm1", f"{d}0.layer_norm", bias=False),
        *attention("decoder.{l}.sees", f"{d}0.SelfAttention"),
        *module("decoder.{l}.norm2", f"{d}1.layer_norm", bias=False),
        *attention("decoder.{l}.looks", f"{d}1.EncDecAttention"),
        *module("decoder.{l}.norm3", f"{d}2.layer_norm", bias=False),
        *feed("decoder.{l}.feed", f"{d}2.DenseReluDense"),
    ]
    bias = "block.0.layer.0.SelfAttention.relative_attention_bias"
    return [
        row("embed.weight", "shared.weight"),
        *module("encoder_bias.table", f"encoder.{bias}", bias=False),
        *module("decoder_bias.table", f"decoder.{bias}", bias=False),
        *each(config.layers, reader),
        *module("encoder_norm", "encoder.final_layer_norm", bias=False),
        *each(config.decoder_layers or config.layers, writer),
        *module("decoder_norm", "decoder.final_layer_norm", bias=False),
        *([] if config.tied else [row("next.weight", "lm_head.weight")]),
    ]


FAMILY = Family(
    kind="t5",
    types=("t5",),
    settings=settings,
    facts=their_facts,
    rows=rows,
    copies=dict.fromkeys(("lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"), "shared.weight"),
    implied=("lm_head.weight",),
    unused=(r"EncDecAttention\.relative_attention_bias\.weight$",),
)
