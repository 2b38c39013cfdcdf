"""GPT by characters on tinyshakespeare, with nanoGPT's two recipes. For a CPU: 4 layers, 128 wide, 64 symbols, batch 12, 2,000
steps; for a GPU: 6 layers, 384 wide, 256 symbols, batch 64, 5,000 steps.

nanoGPT scores random blocks of the validation part, we score all of its blocks.
"""

from nnzoo.reproductions._shakespeare import shakespeare

_CPU = {"context": 64, "width": 128, "heads": 4, "layers": 4, "dropout": 0.0, "batch": 12, "lr": 1e-3}

_GPU = {"context": 256, "width": 384, "heads": 6, "layers": 6, "dropout": 0.2, "batch": 64, "lr": 1e-3, "warmup": 0.02}
_SOURCE = "karpathy/nanoGPT, README"

REPRODUCTIONS = (
    shakespeare("gpt", 1.90, "1.88 (CPU recipe, 2,000 steps)", _SOURCE, _CPU, budget="2000steps"),
    shakespeare(
        "gpt",
        1.48,
        "1.4697 (GPU recipe, 5,000 steps)",
        _SOURCE,
        _GPU,
        data="tinyshakespeare, 6 x 384",
        needs_gpu=True,
        budget="5000steps",
        precision="bfloat16",
    ),
)
