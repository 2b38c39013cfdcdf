"""Models from elsewhere that are broken, incomplete, of another make, or asked for what they cannot."""

from __future__ import annotations

from pathlib import Path

import torch
from faults import Fault
from making import both, file, nothing
from weight_making import IMPORT, TOKENIZER, adapted, cut_short, hostile, imported, model, pickled, sharded

FC = "transformer.h.0.mlp.c_fc.weight"
LONGER = {**TOKENIZER, "model": {**TOKENIZER["model"], "vocab": {chr(97 + k): k for k in range(40)} | {"?": 40}}}
FAULTS = [
    Fault(
        "a model without config.json",
        both(model(), lambda: Path("m/config.json").unlink()),
        IMPORT,
        "m/config.json is missing; name a folder that transformers has saved, or download it again",
        ["m/config.json"],
    ),
    Fault(
        "a config.json that is no JSON",
        both(model(), file('{"model_type": gpt2', "m/config.json")),
        IMPORT,
        "m/config.json cannot be read (...); copy or download it again",
        ["m/config.json"],
    ),
    Fault(
        "a model of an unknown architecture",
        model(model_type="mamba"),
        IMPORT,
        "m/config.json is of an unknown architecture, 'mamba'; take one of gpt2, llama, mistral, bert, t5",
        ["m/config.json", "'mamba'"],
    ),
    Fault(
        "a model that is nearly a Llama",
        model(model_type="qwen2"),
        IMPORT,
        (
            "m/config.json is of 'qwen2', which is like llama, but for biases in its queries, keys and values; it cannot be taken "
            "over, take one of gpt2, llama, mistral, bert, t5"
        ),
        ["m/config.json", "'qwen2'", "biases"],
    ),
    Fault(
        "a Llama whose rotary positions are scaled",
        model(
            model_type="llama",
            architectures=["LlamaForCausalLM"],
            hidden_size=8,
            num_attention_heads=2,
            rope_scaling={"rope_type": "yarn"},
        ),
        IMPORT,
        "m/config.json: its rotary positions are scaled ('yarn'), which llama's are not; it cannot be taken over",
        ["m/config.json", "'yarn'"],
    ),
    Fault(
        "a model with a head that has no place",
        model(architectures=["GPT2ForTokenClassification"]),
        IMPORT,
        "m/config.json is of a 'GPT2ForTokenClassification', whose head has no place here; take one of GPT2LMHeadModel",
        ["m/config.json", "'GPT2ForTokenClassification'"],
    ),
    Fault(
        "the config.json of another model",
        model(n_layer=2),
        IMPORT,
        (
            "m/model.safetensors lacks tensors: transformer.h.1.attn.c_attn.bias, transformer.h.1.attn.c_attn.weight, "
            "transformer.h.1.attn.c_proj.bias, transformer.h.1.attn.c_proj.weight, transformer.h.1.ln_1.bias and 7 more; "
            "use files that were saved with this config.json"
        ),
        ["m/model.safetensors", "transformer.h.1.ln_1.bias"],
    ),
    Fault(
        "heads that do not divide the width",
        model(n_head=3),
        IMPORT,
        "m/config.json: gpt: width=8 is not divided by heads=3; choose a multiple",
        ["m/config.json", "heads=3"],
    ),
    Fault(
        "a config.json without a size",
        both(model(), file('{"model_type": "gpt2", "vocab_size": 30, "n_embd": 8, "n_head": 2}', "m/config.json")),
        IMPORT,
        "m/config.json does not say 'n_positions', as a gpt2 must; copy or download it again",
        ["m/config.json", "'n_positions'"],
    ),
    Fault(
        "a tensor that is missing",
        model(lambda kept: kept.pop(FC)),
        IMPORT,
        f"m/model.safetensors lacks tensors: {FC}; use files that were saved with this config.json",
        ["m/model.safetensors", FC],
    ),
    Fault(
        "a tensor too many",
        model(lambda kept: kept.update({"transformer.extra.weight": torch.zeros(3)})),
        IMPORT,
        (
            "m/model.safetensors holds unknown tensors: transformer.extra.weight; gpt has no place for them, so its answers would "
            "be others"
        ),
        ["m/model.safetensors", "transformer.extra.weight"],
    ),
    Fault(
        "a tensor of another shape",
        model(lambda kept: kept.update({FC: torch.zeros(8, 31)})),
        IMPORT,
        (
            f"m/model.safetensors holds misshapen tensors: {FC} (8x31, config.json needs 8x32); use files that were saved with "
            "this config.json"
        ),
        ["m/model.safetensors", FC, "8x31"],
    ),
    Fault(
        "weights that are NaN",
        model(lambda kept: kept[FC].fill_(torch.nan)),
        IMPORT,
        f"m/model.safetensors holds NaN or infinity in the tensors: {FC}; its weights are spoiled; copy or download it again",
        ["m/model.safetensors", FC],
    ),
    Fault(
        "weights that were untied",
        model(lambda kept: kept.update({"lm_head.weight": torch.zeros(30, 8)})),
        IMPORT,
        (
            "m/model.safetensors: the tensor 'lm_head.weight' differs from 'transformer.wte.weight', which gpt uses for both; "
            "untie no weights"
        ),
        ["m/model.safetensors", "'lm_head.weight'"],
    ),
    Fault(
        "safetensors that are cut short",
        both(model(), cut_short("m/model.safetensors", 700)),
        IMPORT,
        "m/model.safetensors is damaged or cut short (...); copy or download it again",
        ["m/model.safetensors"],
    ),
    Fault(
        "a shard that is cut short",
        both(sharded(), cut_short("m/model-00002-of-00002.safetensors", 500)),
        IMPORT,
        "m/model-00002-of-00002.safetensors is damaged or cut short (...); copy or download it again",
        ["m/model-00002-of-00002.safetensors"],
    ),
    Fault(
        "a shard that is missing",
        both(sharded(), lambda: Path("m/model-00001-of-00002.safetensors").unlink()),
        IMPORT,
        "m/model-00001-of-00002.safetensors is missing, which model.safetensors.index.json names; download it as well",
        ["m/model-00001-of-00002.safetensors"],
    ),
    Fault(
        "a shard without a tensor that the index gives it",
        sharded(FC),
        IMPORT,
        f"m/model-0000... lacks the tensor '{FC}', which model.safetensors.index.json says it has; download both again",
        [FC],
    ),
    Fault(
        "weights that are a pickle",
        pickled(),
        IMPORT,
        (
            "m/pytorch_model.bin is a pickle, which can run code when opened; save it as safetensors, or add --allow-pickle if you "
            "trust whoever made it"
        ),
        ["m/pytorch_model.bin"],
    ),
    Fault(
        "a pickle that would run code, though pickles are allowed",
        hostile,
        f"{IMPORT} --allow-pickle",
        "m/pytorch_model.bin is no file of tensors alone (...); save it as safetensors",
        ["m/pytorch_model.bin"],
    ),
    Fault(
        "a pickle of tensors, where pickles are allowed",
        pickled(),
        f"{IMPORT} --allow-pickle",
        "GPT2LMHeadModel of m is the run run: a gpt for text-generation,",
        rule="tensors alone are read from it, by torch's restricted reader",
    ),
    Fault(
        "a model without weights",
        both(model(), lambda: Path("m/model.safetensors").unlink()),
        IMPORT,
        "m holds no weights, model.safetensors or model.safetensors.index.json; download them as well",
        ["m holds"],
    ),
    Fault(
        "a model without its tokenizer",
        model(words=None),
        IMPORT,
        ("m/tokenizer.json is missing; save it with transformers: AutoTokenizer.from_pretrained(...).save_pretrained(...)"),
        ["m/tokenizer.json"],
    ),
    Fault(
        "a tokenizer.json that is none",
        model(words={"model": {"type": "Alphabet"}}),
        IMPORT,
        "m: its tokenizer.json is none that the package tokenizers reads (...); copy it again",
        ["m: its tokenizer.json"],
    ),
    Fault(
        "a tokenizer with more codes than the network",
        model(words=LONGER),
        IMPORT,
        "m/tokenizer.json has 41 codes and the network's table 30; take both from one model",
        ["m/tokenizer.json", "41"],
    ),
    Fault(
        "a model that is neither a folder nor on the hub",
        nothing,
        "import ./models/gpt2 --out run",
        "there is no folder ./models/gpt2; name the folder that holds config.json, or a repository as owner/name",
        ["./models/gpt2"],
    ),
    Fault(
        "a revision of a folder",
        model(),
        f"{IMPORT} --revision v2",
        "m is a folder, which has no --revision; leave it out, or name a repository of the hub",
        ["--revision"],
    ),
    Fault(
        "a prompt beyond the context",
        imported,
        "generate run --prompt 'the quick brown fox jumps over the lazy dog' --tokens 4",
        "warning: a prompt of 43 symbols is longer than the context; its last 16 are read",
        rule="its last symbols are read",
    ),
    Fault(
        "an empty prompt of a model that has no symbol to begin with",
        imported,
        "generate run --tokens 4",
        "an empty prompt needs a symbol to begin with; give a prompt of one symbol or more",
        ["prompt"],
    ),
    Fault(
        "a run that has no layout elsewhere",
        imported,
        "export run --to onnx",
        "--to onnx is not known; write huggingface or nnzoo",
        ["--to onnx"],
    ),
    Fault(
        "an export into a folder that is in use",
        imported,
        "export run --out m",
        "m is not empty; choose another --out",
        ["m is"],
    ),
    Fault(
        "an adapter without its base",
        adapted,
        "generate tuned --prompt the",
        "tuned is an adapter of the run at run, which is not there; bring it back, or merge before moving",
        ["tuned", "run"],
    ),
]
