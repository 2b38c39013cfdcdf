"""BERT's tensors: queries, keys and values, three matrices there, are one here; heads for hidden symbols and for labels."""

from __future__ import annotations

from typing import Any

from nnzoo.core.errors import ConfigError
from nnzoo.zoo.huggingface.table import Facts, Family, Row, each, module, row


def settings(facts: Facts) -> dict[str, Any]:
    """Our config. Raises ConfigError naming what our BERT does otherwise."""
    same = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False, "tie_word_embeddings": True}
    for name, needed in same.items():
        if facts.get(name, needed) != needed:
            raise ConfigError(f"'{name}' is {facts[name]}, and bert's is {needed}; it cannot be taken over")
    return {
        "context": facts["max_position_embeddings"],
        "width": facts["hidden_size"],
        "heads": facts["num_attention_heads"],
        "layers": facts["num_hidden_layers"],
        "inner": facts["intermediate_size"],
        "segments": facts.get("type_vocab_size", 2),
        "eps": facts.get("layer_norm_eps", 1e-12),
        "dropout": facts.get("hidden_dropout_prob", 0.1),
    }


def their_facts(network: Any) -> dict[str, Any]:
    """Their config.json."""
    c, labels = network.config, {}
    if network.spec.outputs:
        (field,) = network.spec.outputs.values()
        labels = {"id2label": dict(enumerate(field.labels)), "label2id": {label: k for k, label in enumerate(field.labels)}}
    return {
        "architectures": ["BertForSequenceClassification" if labels else "BertForMaskedLM"],
        "model_type": "bert",
        "max_position_embeddings": c.context,
        "hidden_size": c.width,
        "num_attention_heads": c.heads,
        "num_hidden_layers": c.layers,
        "intermediate_size": c.inner or 4 * c.width,
        "type_vocab_size": c.segments,
        "layer_norm_eps": c.eps,
        "hidden_act": "gelu",
        "hidden_dropout_prob": c.dropout,
        "attention_probs_dropout_prob": c.dropout,
        **labels,
    }


def rows(config: Any, outputs: Facts, headless: bool = False) -> list[Row]:
    """The table: with the head of the one output, or that of hidden symbols, which a headless one lacks."""
    h, e = "bert.encoder.layer.{l}.", "bert.embeddings."
    three = [f"{h}attention.self.{one}" for one in ("query", "key", "value")]
    layer = [
        *module("layers.{l}.qkv", *three),
        *module("layers.{l}.proj", f"{h}attention.output.dense"),
        *module("layers.{l}.norm1", f"{h}attention.output.LayerNorm"),
        *module("layers.{l}.up", f"{h}intermediate.dense"),
        *module("layers.{l}.down", f"{h}output.dense"),
        *module("layers.{l}.norm2", f"{h}output.LayerNorm"),
    ]
    body = [
        row("embed.weight", f"{e}word_embeddings.weight"),
        row("place.weight", f"{e}position_embeddings.weight"),
        row("segment.weight", f"{e}token_type_embeddings.weight"),
        *module("norm", f"{e}LayerNorm"),
        *each(config.layers, layer),
    ]
    if outputs:
        return [
            *body,
            *module("pool", "bert.pooler.dense"),
            *module(f"heads.linear.to_{next(iter(outputs)).replace('.', '_')}", "classifier"),
        ]
    if headless:
        return body
    guess = "cls.predictions."
    return [
        *body,
        *module("guess", f"{guess}transform.dense"),
        *module("guess_norm", f"{guess}transform.LayerNorm"),
        row("bias", f"{guess}bias"),
    ]


FAMILY = Family(
    kind="bert",
    types=("bert",),
    settings=settings,
    facts=their_facts,
    rows=rows,
    copies={
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    unused=(r"embeddings\.position_ids$", r"^bert\.pooler\.", r"^cls\.seq_relationship\."),
    prefix="bert.",
    heads=("cls.", "classifier."),
)
