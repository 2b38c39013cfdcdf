"""Models in Hugging Face's layout, made by `transformers` with random weights: what the tests of import and export start from.

Tokenizers are learned from a few lines here, of the sorts that those models bring: byte-level pairs, pairs with a start, WordPiece,
Unigram.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="transformers is not installed; it comes with the test extra")

LINES = [
    "The quick brown fox jumps over the lazy dog, doesn't it?",
    "A model that reads text\nand writes text: naïve café, 42 euros €, ümlaut.",
    "the cat sat on the mat; the dog sat on the log. It's 3.14!",
    "def f(x):\n    return x ** 2  # squared",
]
TEXTS = [*LINES, " leading space", "trailing space ", "two  spaces", "😀 unseen ☃", "x"]


def tokenizer(sort: str) -> Any:
    """A tokenizer as transformers wraps it: bytes, start, wordpiece or unigram."""
    from transformers import PreTrainedTokenizerFast

    made, names = {"bytes": _bytes, "start": _start, "wordpiece": _wordpiece, "unigram": _unigram}[sort]()
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


def _learned(made: Any, trainer: Any) -> Any:
    made.train_from_iterator(LINES * 3, trainer)
    return made


def _bytes() -> tuple[Any, dict[str, str]]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder, made.post_processor = decoders.ByteLevel(), processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False)
    return _learned(made, trainer), {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}


def _start() -> tuple[Any, dict[str, str]]:
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{k:02X}>" for k in range(256))]
    made = _learned(made, trainers.BpeTrainer(vocab_size=380, special_tokens=special[:3], show_progress=False))
    made.add_tokens(special[3:])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)])
    return made, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def _wordpiece() -> tuple[Any, dict[str, str]]:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    _learned(made, trainers.WordPieceTrainer(vocab_size=180, special_tokens=names, show_progress=False))
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    roles = ("pad", "unk", "cls", "sep", "mask")
    return made, {f"{role}_token": name for role, name in zip(roles, names)}


def _unigram() -> tuple[Any, dict[str, str]]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    names = ["<pad>", "</s>", "<unk>"]
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=names, unk_token="<unk>", show_progress=False)
    _learned(made, trainer)
    made.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return made, {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def saved(folder: Path, sort: str, words: str, architecture: str = "", seed: int = 0, **settings: Any) -> Any:
    """A model of that sort with its tokenizer, saved in `folder` by transformers; the model in eval mode, weights large enough
    that answers differ."""
    import transformers

    names = {"gpt2": ("GPT2Config", "GPT2LMHeadModel"), "llama": ("LlamaConfig", "LlamaForCausalLM")}
    names |= {"bert": ("BertConfig", "BertForMaskedLM"), "t5": ("T5Config", "T5ForConditionalGeneration")}
    config, usual = names[sort]
    brought = tokenizer(words)
    known = {f"{role}_token_id": getattr(brought, f"{role}_token_id") for role in ("pad", "bos", "eos")}
    torch.manual_seed(seed)
    made = getattr(transformers, architecture or usual)(getattr(transformers, config)(vocab_size=len(brought), **known, **settings))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    made.eval().save_pretrained(folder)
    brought.save_pretrained(folder)
    return made


@functools.cache
def loaded(folder: str) -> Any:
    """The causal model in a folder as transformers loads it."""
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder).eval()
