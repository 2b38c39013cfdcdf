"""Tokenizer files: from a folder as units of ours, and from units of ours into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnzoo.core.errors import DataError, RunError
from nnzoo.core.fields import UNKNOWN_SYMBOL
from nnzoo.data.tokenizer import NONE, Tokenizer
from nnzoo.data.units import END, FIRST, START, UNKNOWN, Special, Units
from nnzoo.zoo.huggingface.folder import facts_of

FILE, ABOUT, NAMES = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
PADDED, BEGIN, FINISH, MASK = "<pad>", "<s>", "</s>", "[MASK]"
_EXACT = r" ?\w+| ?[^\w\s]+|\s"  # as nnzoo divides texts into words and byte-pair units that keep every space


def tokenizer_of(folder: Path, config: Mapping[str, Any], vocabulary: int, longest: int | None = None) -> Tokenizer:
    """The tokenizer in a folder, for a network of so many codes. Raises RunError."""
    path = folder / FILE
    if not path.is_file():
        slow = next(
            (name for name in ("vocab.json", "vocab.txt", "spiece.model", "tokenizer.model") if (folder / name).exists()), ""
        )
        there = f"only {slow}, which is older; " if slow else ""
        raise RunError(
            f"{path} is missing{': there is ' if there else '; '}{there}save it with transformers: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(...)"
        )
    content, about = facts_of(path), facts_of(folder / ABOUT, needed=False)
    names = {**facts_of(folder / NAMES, needed=False), **{key: value for key, value in about.items() if value is not None}}
    if not isinstance(content.get("model"), dict):
        raise RunError(f"{path} does not say what its model is; copy or download it again")
    try:
        bare = Tokenizer(content, vocabulary, Special(NONE, NONE, NONE, NONE), about=about)
    except DataError as error:
        raise RunError(f"{folder}: {error}") from None
    if bare.size > vocabulary:
        raise RunError(f"{path} has {bare.size} codes and the network's table {vocabulary}; take both from one model")
    code_of = {piece: code for code, piece in enumerate(bare.pieces)}

    def code(*roles: str) -> int:
        for role in roles:
            name = names.get(f"{role}_token")
            name = name.get("content") if isinstance(name, Mapping) else name
            if isinstance(name, str) and name in code_of:
                return code_of[name]
        said = config.get(f"{roles[0]}_token_id")
        return said if isinstance(said, int) and 0 <= said < vocabulary else NONE

    special = Special(code("pad"), code("bos", "cls"), code("eos", "sep"), code("unk"))
    if special.unknown in (special.start, special.end):  # bytes are never unknown, so that GPT-2 names its end there
        special = special._replace(unknown=NONE)
    said = facts_of(folder / "generation_config.json", needed=False).get("eos_token_id", config.get("eos_token_id"))
    listed = said if isinstance(said, list) else [said]
    ends = [one for one in listed if isinstance(one, int) and 0 <= one < vocabulary]
    ends = ends or ([special.end] if special.end != NONE else [])
    return Tokenizer(content, vocabulary, special, code("mask"), ends, longest, about)


def files_of(
    units: Units | Tokenizer | None, characters: str, lines: bool, context: int | None, masked: bool = False
) -> dict[str, Any] | None:
    """tokenizer.json and tokenizer_config.json by name; None for units that they cannot express. `masked`: one code more than there
    are units hides others."""
    if isinstance(units, Tokenizer):
        return {FILE: units.content, ABOUT: units.about or _about(units, context)}
    if units is not None and not units.exact:
        return None
    pieces = list(characters) if units is None else list(units.pieces)
    special = [PADDED, BEGIN, FINISH, UNKNOWN_SYMBOL]
    if {*special, MASK} & set(pieces):
        return None
    code_of = {piece: code for code, piece in enumerate([*special, *pieces, *([MASK] if masked else [])])}
    model: dict[str, Any] = {"type": "WordLevel", "vocab": code_of, "unk_token": UNKNOWN_SYMBOL}
    if units is not None and units.merges:
        model = {"type": "BPE", "vocab": code_of, "merges": [list(merge) for merge in units.merges], "unk_token": UNKNOWN_SYMBOL}
        model |= {"dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
        model |= {"fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    pattern = r"[\s\S]" if units is None or units.sort == "characters" else _EXACT
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(code_of[name], name) for name in (PADDED, BEGIN, FINISH, *([MASK] if masked else []))],
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
        "post_processor": _frame() if lines else None,
        "decoder": {"type": "Fuse"},
        "model": model,
    }
    names = {"pad_token": PADDED, "bos_token": BEGIN, "eos_token": FINISH, "unk_token": UNKNOWN_SYMBOL}
    names |= {"mask_token": MASK} if masked else {}
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, "model_max_length": context}
    assert code_of[UNKNOWN_SYMBOL] == UNKNOWN == FIRST - 1
    return {FILE: content, ABOUT: {**about, **names}}


def ids_of(special: Special) -> dict[str, int]:
    """The codes as config.json has them, those that there are."""
    named = {"pad_token_id": special.padding, "bos_token_id": special.start, "eos_token_id": special.end}
    return {name: code for name, code in named.items() if code != NONE}


def _about(units: Tokenizer, context: int | None) -> dict[str, Any]:
    pieces, named = units.pieces, {"pad": units.special.padding, "bos": units.special.start, "eos": units.special.end}
    names = {
        f"{role}_token": pieces[code]
        for role, code in {**named, "unk": units.special.unknown, "mask": units.mask}.items()
        if code != NONE
    }
    return {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": context, **names}


def _added(code: int, piece: str) -> dict[str, Any]:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": code, "content": piece, **plain, "special": True}


def _frame() -> dict[str, Any]:
    """Start before and end after a text."""
    start, text, end = (
        {"SpecialToken": {"id": BEGIN, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": FINISH, "type_id": 0}},
    )
    second = {"Sequence": {"id": "B", "type_id": 1}}
    known = {name: {"id": name, "ids": [code], "tokens": [name]} for name, code in ((BEGIN, START), (FINISH, END))}
    return {
        "type": "TemplateProcessing",
        "single": [start, text, end],
        "pair": [start, text, end, second, end],
        "special_tokens": known,
    }
