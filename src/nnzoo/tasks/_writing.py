"""Writing with any kind that steps: one generator for an LSTM's (h, c) and a GPT's key-value cache alike.

The same rules hold for every kind:

- Rows with prompts of different length go forward in step: a row reads its own prompt as long as it lasts and then what it has
  written. Every row draws from a generator of its own. What is written for one prompt depends on no other.
- An empty prompt of a kind trained on lines is the symbol `start`; of a kind trained on one long text it is `opening`.
- A symbol that training did not have is read as the code for unknown, and is never written.
- Of a prompt longer than the context the last symbols are read.
- A state that is full is left: a new one reads the last half of the context, and writing goes on from there.

Symbols already in a row are made less likely by `repetition` r (Keskar et al. 2019, CTRL, section 4.1; logits above 0 are divided,
others multiplied, so that both fall):

    x_i <- x_i / r  if x_i > 0,  x_i r  otherwise,    p_i = softmax(x / T)_i

Shapes: R rows at work, T symbols, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nnzoo.blocks.direct import written_with
from nnzoo.core.errors import ConfigError, RunError
from nnzoo.core.fields import Tokens
from nnzoo.core.seeds import generator

MOST_LOGITS = 2**24  # of a prompt that is read in one call, 64 MB
COLDEST = 1e-6  # below this temperature only the likeliest symbol is left
BELOW_ONE = 1 - 2**-23  # the greatest chance whose product with a sum in single precision is less than the sum

Heard = Callable[[int, int], Any]


@torch.inference_mode()
def write(
    network: Any,
    prompts: Sequence[Sequence[int]],
    *,
    tokens: int = 200,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition: float = 1.0,
    seed: int = 0,
    n: int = 1,
    opening: int | None = None,
    never: Sequence[int] = (0,),
    heard: Heard | None = None,
) -> list[list[int]]:
    """Continue each prompt (codes) `n` times by at most `tokens` symbols; returns the codes after each prompt, n in a row for each.

    Of a kind trained on lines, `start` goes before every prompt that lacks it and a row stops at `end`, which is left out of the
    result. Of a kind trained on one long text nothing ends, and an empty prompt is replaced by the symbol `opening`, which must
    then be given. `never` are codes that are not written (padding, unknown); `start` is never written within lines.

    `temperature` 0 takes the likeliest symbol; `top_k` keeps the k likeliest; `top_p` keeps the fewest whose probabilities reach
    p (Holtzman et al. 2020); `min_p` keeps those at least p times as likely as the likeliest; `repetition` above 1 shuns symbols
    that the row holds already, its prompt included. `heard` is called with (row, code) as soon as a symbol is chosen; where it
    returns True, the row ends with that symbol.
    Raises ConfigError where a number makes no sense or a code is outside the vocabulary, RunError where the network answers nan.
    """
    (field,) = network.spec.inputs.values()
    assert isinstance(field, Tokens)
    choice = _Choice(temperature, top_k, top_p, min_p, repetition)
    choice.check(tokens, n)
    context = network.context
    rows = [list(begun(prompt, field, opening, context)) for prompt in prompts for _ in range(n)]
    if not rows or tokens == 0:
        return [[] for _ in rows]
    lengths = [len(row) for row in rows]
    with written_with(network, len(rows), tokens):
        _go_on(network, rows, choice, tokens, seed, {*never, *field.begins}, heard)
    return [row[length:] for row, length in zip(rows, lengths)]


def _go_on(
    network: Any, rows: list[list[int]], choice: _Choice, tokens: int, seed: int, forbidden: set[int], heard: Heard | None
) -> None:
    """Write `tokens` symbols at most at the end of each row."""
    (field,), context = network.spec.inputs.values(), network.context
    device, lengths = network.device, [len(row) for row in rows]
    shortest, longest = min(lengths), max(lengths)
    ban_V = torch.zeros(field.vocabulary, device=device)
    ban_V[sorted(forbidden)] = -torch.inf
    seen_RV = _seen(rows, field.vocabulary).to(device) if choice.repetition != 1 else None
    chance_TR = None if choice.greedy else _chances(lengths, tokens, seed).to(device)
    working, kept_R = list(range(len(rows))), None
    at = held = shortest  # symbols read of each row, and those of them that the state holds
    room = longest + tokens - 1  # the last symbol is not read
    start_RT = torch.tensor([row[:at] for row in rows], device=device)
    state, logits_RV = read(network, network.start(len(rows), room if context is None else min(room, context)), start_RT)
    _check_numbers(logits_RV)
    while True:
        chance_R = None
        if chance_TR is not None:
            chance_R = chance_TR[at - shortest] if kept_R is None else chance_TR[at - shortest, kept_R]
        chosen_R = choice.of(logits_RV + ban_V, seen_RV, chance_R)
        codes, ended = chosen_R.tolist(), False
        for place, row in enumerate(working):
            so_far = rows[row]
            if at < len(so_far):
                codes[place] = so_far[at]
                continue
            code = codes[place]
            if field.lines and code == field.end:
                codes[place], ended = -1, True
                continue
            so_far.append(code)
            if (heard is not None and heard(row, code)) or at + 1 == lengths[row] + tokens:
                codes[place], ended = -1, True
        read_R = torch.tensor(codes, device=device) if ended or at < longest else chosen_R
        if seen_RV is not None and not ended:
            seen_RV.scatter_(1, read_R[:, None], True)
        if ended:
            going = [place for place, code in enumerate(codes) if code >= 0]
            if not going:
                break
            going_R = torch.tensor(going, device=device)
            working, read_R = [working[place] for place in going], read_R[going_R]
            kept_R = torch.tensor(working, device=device)
            if seen_RV is not None:
                seen_RV = seen_RV[going_R].scatter_(1, read_R[:, None], True)
            if held != context:
                state = network.select(state, going_R)
        at += 1
        if held == context:
            held = max(1, context // 2)
            state = network.start(len(working), min(context, held + room - at))
            state, logits_RV = read(network, state, torch.tensor([rows[row][-held:] for row in working], device=device))
        else:
            held += 1
            state, logits_RV = read(network, state, read_R[:, None])


@dataclass(frozen=True)
class _Choice:
    """How a symbol is chosen from logits."""

    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition: float

    def check(self, tokens: int, n: int) -> None:
        """Raises ConfigError."""
        t, k, p, least, r = self.temperature, self.top_k, self.top_p, self.min_p, self.repetition
        wrong = [
            (tokens < 0, f"tokens={tokens} must be 0 or more"),
            (n < 1, f"n={n} must be 1 or more"),
            (not 0 <= t < math.inf, f"temperature={t} must be 0 or more"),
            (k is not None and k < 1, f"top_k={k} must be 1 or more"),
            (p is not None and not 0 < p <= 1, f"top_p={p} must be above 0 and at most 1"),
            (least is not None and not 0 <= least <= 1, f"min_p={least} must be between 0 and 1"),
            (not 0 < r < math.inf, f"repetition={r} must be above 0; 1 leaves repetitions alone, 1.2 shuns them"),
        ]
        for is_wrong, sentence in wrong:
            if is_wrong:
                raise ConfigError(sentence)

    @property
    def greedy(self) -> bool:
        """Whether nothing is drawn."""
        return self.temperature < COLDEST

    def of(self, logits_RV: Tensor, seen_RV: Tensor | None, chance_R: Tensor | None) -> Tensor:
        """One symbol a row (R): the inverse of the cumulative distribution at the chance (uniform in 0..1)."""
        if seen_RV is not None:
            punished_RV = torch.where(logits_RV > 0, logits_RV / self.repetition, logits_RV * self.repetition)
            logits_RV = torch.where(seen_RV, punished_RV, logits_RV)
        if chance_R is None:
            return logits_RV.argmax(1)
        if self.temperature != 1:
            logits_RV = logits_RV / self.temperature
        if self.min_p:
            least_R1 = logits_RV.amax(1, keepdim=True) + math.log(self.min_p)
            logits_RV = logits_RV.masked_fill(logits_RV < least_R1, -torch.inf)
        order_RV = None  # without a cut of the likeliest nothing needs to be sorted
        if self.top_k is not None and self.top_k < logits_RV.shape[1]:
            logits_RV, order_RV = logits_RV.topk(self.top_k, dim=1)
        elif self.top_p is not None and self.top_p < 1:
            logits_RV, order_RV = logits_RV.sort(dim=1, descending=True, stable=True)
        probability_RV = logits_RV.softmax(1)
        reached_RV = probability_RV.cumsum(1)
        if self.top_p is not None and order_RV is not None:
            probability_RV = probability_RV.masked_fill(reached_RV - probability_RV >= self.top_p, 0.0)
            reached_RV = probability_RV.cumsum(1)
        place_R1 = torch.searchsorted(reached_RV, chance_R[:, None] * reached_RV[:, -1:], right=True)
        if probability_RV.is_cuda:  # sums are put together in another order there: rounding must not reach what was ruled out
            place_R1 = place_R1.clamp(max=probability_RV.shape[1] - 1)
            ruled_out_R1 = probability_RV.gather(1, place_R1) == 0
            place_R1 = torch.where(ruled_out_R1, probability_RV.argmax(1, keepdim=True), place_R1)
        return (place_R1 if order_RV is None else order_RV.gather(1, place_R1))[:, 0]


def begun(prompt: Sequence[int], field: Tokens, opening: int | None, context: int | None) -> Sequence[int]:
    """The prompt with what must stand before it, without what has no place."""
    for code in prompt:
        if not 0 <= code < field.vocabulary:
            raise ConfigError(f"the prompt holds code {code}, and the vocabulary has {field.vocabulary}")
    if field.lines and field.start >= 0 and not (prompt and prompt[0] == field.start):
        prompt = [field.start, *prompt]
    elif not prompt:
        if opening is None:
            raise ConfigError("an empty prompt needs a symbol to begin with; give a prompt of one symbol or more")
        prompt = [opening]
    return prompt if context is None else prompt[-context:]


def _seen(rows: Sequence[Sequence[int]], vocabulary: int) -> Tensor:
    """Which symbols each row holds (R V)."""
    seen_RV = torch.zeros(len(rows), vocabulary, dtype=torch.bool)
    for seen_V, row in zip(seen_RV, rows):
        seen_V[row] = True
    return seen_RV


def _chances(lengths: Sequence[int], tokens: int, seed: int) -> Tensor:
    """The chance of each row (columns) at each symbol from the end of the shortest prompt on; every row has draws of its own."""
    shortest = min(lengths)
    chance_TR = torch.zeros(max(lengths) - shortest + tokens, len(lengths))
    for row, length in enumerate(lengths):
        chance_TR[length - shortest : length - shortest + tokens, row] = torch.rand(tokens, generator=generator(seed, row))
    return chance_TR.clamp_(max=BELOW_ONE)


def read(network: Any, state: Any, symbols_RT: Tensor) -> tuple[Any, Tensor]:
    """The state after the symbols, and the logits (R V) of what comes next."""
    if symbols_RT.shape[1] == 1:
        logits_RTV, state = network.step(state, symbols_RT)
    else:
        (field,) = network.spec.inputs.values()
        at_once = max(16, MOST_LOGITS // (len(symbols_RT) * field.vocabulary))
        for piece_RT in symbols_RT.split(at_once, dim=1):
            logits_RTV, state = network.step(state, piece_RT)
    return state, logits_RTV[:, -1].float()


def _check_numbers(logits_RV: Tensor) -> None:
    if bool(logits_RV.isnan().any()):
        raise RunError("the network answers nan, so that nothing can be written; its weights are spoiled, train it anew")
