"""Llama by characters on tinyshakespeare, in the size and with the steps of nanoGPT's recipe for a CPU, beside GPT."""

from nnzoo.reproductions._shakespeare import shakespeare

_CPU = {
    "context": 64,
    "width": 128,
    "heads": 4,
    "key_heads": 2,
    "layers": 4,
    "dropout": 0.0,
    "batch": 12,
    "lr": 1e-3,
}

REPRODUCTIONS = (
    shakespeare(
        "llama",
        1.90,
        "1.88 (GPT of this size, 2,000 steps)",
        "karpathy/nanoGPT, README",
        _CPU,
        "held to GPT's figure; nanoGPT's split and steps",
        budget="2000steps",
    ),
)
