"""Writing with any kind that steps: one generator for an LSTM's (h, c) and a GPT's key-value cache alike.

Rows with prompts of different length go forward in step: a row reads its own prompt as long as it lasts and then what it has
written. Every row draws from a generator of its own, so that what is written for one prompt does not depend on its companions.

Shapes: R rows at work, T symbols, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Tokens
from nnzoo.core.seeds import generator

READ_AT_ONCE = 512  # symbols of a prompt in one call, so that its logits stay small


@torch.no_grad()
def write(
    network: Any,
    prompts: Sequence[Sequence[int]],
    *,
    tokens: int = 200,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    n: int = 1,
    opening: int | None = None,
    never: Sequence[int] = (0,),
) -> list[list[int]]:
    """Continue each prompt (codes) `n` times by at most `tokens` symbols; returns the codes after each prompt, n in a row for each.

    Of a kind trained on lines, `start` goes before every prompt that lacks it and a row stops at `end`, which is left out of the
    result. Of a kind trained on one long text nothing ends, and an empty prompt is replaced by the symbol `opening`, which must
    then be given. `never` are codes that are not written (padding, unknown); `start` is never written within lines.
    `temperature` 0 takes the likeliest symbol; `top_k` keeps the k likeliest; `top_p` keeps the fewest whose probabilities reach
    p (Holtzman et al. 2020).
    Raises ConfigError where a number makes no sense or a code is outside the vocabulary.
    """
    (field,) = network.spec.inputs.values()
    assert isinstance(field, Tokens)
    _check(tokens, temperature, top_k, top_p, n)
    rows = [list(_begun(prompt, field, opening)) for prompt in prompts for _ in range(n)]
    if not rows or tokens == 0:
        return [[] for _ in rows]
    forbidden = sorted({*never, *((field.start,) if field.lines else ())})
    chance_RT = torch.stack([torch.rand(tokens, generator=generator(seed, row), dtype=torch.float64) for row in range(len(rows))])

    was_training = network.training
    network.eval()
    device = network.device
    written: list[list[int]] = [[] for _ in rows]
    working = list(range(len(rows)))
    at = min(len(row) for row in rows)
    state, logits_RV = _read(network, network.start(len(rows)), torch.tensor([row[:at] for row in rows], device=device))
    while True:
        logits_RV[:, forbidden] = -torch.inf
        chance_R = chance_RT[working, [len(written[row]) for row in working]]
        chosen_R = _choose(logits_RV, chance_R, temperature, top_k, top_p).tolist()
        going: list[int] = []  # places among the rows at work that are not finished
        symbols: list[int] = []
        for place, (row, chosen) in enumerate(zip(working, chosen_R)):
            if at < len(rows[row]):
                symbol = rows[row][at]
            elif field.lines and chosen == field.end:
                continue
            else:
                symbol = chosen
                written[row].append(chosen)
                if len(written[row]) == tokens:
                    continue
            going.append(place)
            symbols.append(symbol)
        if not going:
            break
        if len(going) < len(working):
            state = network.select(state, torch.tensor(going, device=device))
            working = [working[place] for place in going]
        state, logits_RV = _read(network, state, torch.tensor(symbols, device=device)[:, None])
        at += 1
    if was_training:
        network.train()
    return written


def _check(tokens: int, temperature: float, top_k: int | None, top_p: float | None, n: int) -> None:
    wrong = [
        (tokens < 0, f"tokens={tokens} must be 0 or more"),
        (n < 1, f"n={n} must be 1 or more"),
        (not 0 <= temperature < float("inf"), f"temperature={temperature} must be 0 or more"),
        (top_k is not None and top_k < 1, f"top_k={top_k} must be 1 or more"),
        (top_p is not None and not 0 < top_p <= 1, f"top_p={top_p} must be above 0 and at most 1"),
    ]
    for is_wrong, sentence in wrong:
        if is_wrong:
            raise ConfigError(sentence)


def _begun(prompt: Sequence[int], field: Tokens, opening: int | None) -> Sequence[int]:
    """The prompt with what must stand before it."""
    for code in prompt:
        if not 0 <= code < field.vocabulary:
            raise ConfigError(f"the prompt holds code {code}, and the vocabulary has {field.vocabulary}")
    if field.lines:
        return prompt if prompt and prompt[0] == field.start else [field.start, *prompt]
    if prompt:
        return prompt
    if opening is None:
        raise ConfigError("an empty prompt needs a symbol to begin with; give a prompt of one symbol or more")
    return [opening]


def _read(network: Any, state: Any, symbols_RT: Tensor) -> tuple[Any, Tensor]:
    """The state after the symbols, and the logits (R V) of what comes next."""
    logits_RTV = None
    for piece_RT in symbols_RT.split(READ_AT_ONCE, dim=1):
        logits_RTV, state = network.step(state, piece_RT)
    assert logits_RTV is not None
    return state, logits_RTV[:, -1].cpu().double()


def _choose(logits_RV: Tensor, chance_R: Tensor, temperature: float, top_k: int | None, top_p: float | None) -> Tensor:
    """One symbol a row (R): the inverse of the cumulative distribution at `chance_R` (uniform in 0..1)."""
    if temperature == 0:
        return logits_RV.argmax(1)
    sorted_RV, order_RV = (logits_RV / temperature).sort(dim=1, descending=True, stable=True)
    if top_k is not None:
        sorted_RV[:, top_k:] = -torch.inf
    probability_RV = sorted_RV.softmax(1)
    if top_p is not None:
        before_RV = probability_RV.cumsum(1) - probability_RV
        probability_RV = probability_RV.masked_fill(before_RV >= top_p, 0.0)
    reached_RV = probability_RV.cumsum(1)
    place_R1 = torch.searchsorted(reached_RV, chance_R.to(reached_RV)[:, None] * reached_RV[:, -1:], right=True)
    last_R1 = (probability_RV > 0).sum(1, keepdim=True) - 1  # rounding must not reach a symbol that was ruled out
    return order_RV.gather(1, torch.minimum(place_R1, last_R1))[:, 0]
