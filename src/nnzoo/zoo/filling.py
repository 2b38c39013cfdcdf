"""Gaps in texts filled: the likeliest symbols for every [MASK] that a person writes, with their probabilities.

A [MASK] stands for one symbol of the model's units: a character, a word, a byte-pair unit; a word takes the space before it along.

Shapes: B texts, T symbols, M gaps, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import torch
from torch.nn.utils.rnn import pad_sequence

from nnzoo.blocks.masking import framing
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Sequences, Tokens
from nnzoo.data.raw import RawTexts
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.data.tokenizer import Tokenizer

MARK = "[MASK]"
TOP = 5


@torch.no_grad()
def filled(network: Any, preprocessing: TextPreprocessing, raw: RawTexts, top: int = TOP, batch: int = 64) -> pd.DataFrame:
    """The `top` symbols for every gap: columns text, gap (1, 2, ... within a text), symbol and probability, the likeliest first.
    Raises DataError for a text without a gap, ConfigError."""
    if top < 1:
        raise ConfigError(f"--top {top} must be 1 or more")
    ((name, field),) = network.spec.inputs.items()
    assert isinstance(field, Tokens)
    rows = []
    for row, text in enumerate(raw.texts):
        gaps = text.count(MARK)
        if not gaps:
            where = "the text" if len(raw.texts) == 1 else f"{raw.name}, text {row + 1},"
            raise DataError(f"{where} has no gap; write {MARK} where a symbol is to be found")
        rows.append(torch.tensor(with_gaps(preprocessing, text, network.mask)))
        if int((rows[-1] == network.mask).sum()) != gaps:
            raise DataError(f"{raw.name}, text {row + 1}: a gap lies beyond what the model reads; give a shorter text")
    found: dict[str, list] = {"text": [], "gap": [], "symbol": [], "probability": []}
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        tokens_BT = pad_sequence(some, batch_first=True, padding_value=field.padding).to(network.device)
        sequence = Sequences(tokens_BT, torch.tensor([len(row) for row in some], device=network.device))
        places_BT = tokens_BT == network.mask
        logits_MV = network.fill({name: sequence}, places_BT).float()
        logits_MV[:, list(framing(field))] = -torch.inf
        best = logits_MV.softmax(1).topk(min(top, logits_MV.shape[1] - len(framing(field))))
        gaps_M = (places_BT.cumsum(1) * places_BT)[places_BT].tolist()
        texts_M = (places_BT.nonzero()[:, 0] + first).tolist()
        for text, gap, codes, shares in zip(texts_M, gaps_M, best.indices.tolist(), best.values.tolist()):
            found["text"] += [raw.texts[text]] * len(codes)
            found["gap"] += [gap] * len(codes)
            found["symbol"] += [str(preprocessing.restore("text", [code])).removeprefix(" ") or " " for code in codes]
            found["probability"] += shares
    return pd.DataFrame(found)


def with_gaps(preprocessing: TextPreprocessing, text: str, mask: int) -> list[int]:
    """The codes of a text as the network reads it, `mask` at every gap."""
    units = preprocessing.units
    if isinstance(units, Tokenizer):
        marked = text.replace(MARK, units.pieces[mask]) if 0 <= mask < units.vocabulary else text
        return units.framed(marked) if preprocessing.lines else units.bare(marked)
    codes: list[int] = []
    first, *others = text.split(MARK)
    for part in others:
        codes += [*preprocessing.symbols(first if units is None else first.removesuffix(" ")).tolist(), mask]
        first = part
    codes += preprocessing.symbols(first).tolist()
    return [preprocessing.special.start, *codes, preprocessing.special.end] if preprocessing.lines else codes
