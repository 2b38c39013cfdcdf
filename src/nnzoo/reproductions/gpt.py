"""GPT by characters on tinyshakespeare, with nanoGPT's recipe for a CPU: 4 layers, 128 wide, 64 symbols, batch 12, 2,000 steps.

nanoGPT scores random blocks of the validation part, we score all of its blocks.
"""

from nnzoo.reproductions._shakespeare import shakespeare

_CPU = {"context": 64, "width": 128, "heads": 4, "layers": 4, "dropout": 0.0, "batch": 12, "lr": 1e-3}

REPRODUCTIONS = (shakespeare("gpt", 1.90, "1.88 (CPU recipe, 2,000 steps)", "karpathy/nanoGPT, README", _CPU, budget="2000steps"),)
