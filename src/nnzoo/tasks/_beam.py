"""Beam search with any kind that translates or writes: the best answers so far are kept side by side, and the likeliest that ends
is taken.

    score(Y) = log p(Y | X) / lp(Y),   lp(Y) = ((5 + |Y|) / 6)^alpha          (Wu et al. 2016, eq. 14, without coverage)

|Y| counts the end. Without lp short answers win, since every symbol makes an answer less likely. Of all ways to go on with the K
answers kept, the 2 K likeliest are looked at: those among the first K that end are finished, the likeliest K others go on. A
source is done when K of its answers have ended, or at the greatest length, where answers are taken as they are. K = 1 takes the
likeliest symbol at every step. One long text has no end, so that its answers are all of the greatest length.

Shapes: B sources at work, K beams, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nnzoo.blocks.direct import written_with
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Tokens
from nnzoo.tasks._writing import begun, read

ALPHA = 0.6  # Wu et al. found .6 to .7 best
Answers = list[tuple[float, list[int]]]


@torch.inference_mode()
def search(
    network: Any, inputs: dict[str, Any], beam: int = 4, longest: int | None = None, alpha: float = ALPHA
) -> list[list[int]]:
    """The best answer (codes without start and end) to each row of `inputs`, at most `longest` symbols long (None: the longest
    answer learned from, and half as much again). Raises ConfigError unless `beam` is 1 or more."""
    if beam < 1:
        raise ConfigError(f"beam={beam}: give the number of answers kept side by side, 1 or more")
    (field,) = network.spec.outputs.values()
    assert isinstance(field, Tokens)
    most = field.longest * 3 // 2 if longest is None else longest
    rows = len(next(iter(inputs.values())).lengths_B)
    with written_with(network, rows * beam, most):
        first_R = torch.full((rows,), field.start, device=network.device)
        return _search(network, network.read_source(inputs), first_R, field.end, field.unwritten, beam, most, alpha)


@torch.inference_mode()
def write_best(
    network: Any,
    prompts: Sequence[Sequence[int]],
    *,
    beam: int = 4,
    tokens: int = 200,
    opening: int | None = None,
    never: Sequence[int] = (0,),
    alpha: float = ALPHA,
) -> list[list[int]]:
    """The likeliest text found after each prompt, at most `tokens` symbols long, by the rules of `write` about prompts. Raises
    ConfigError also where prompt and text together are longer than the context: a search cannot begin anew in the middle."""
    if beam < 1 or tokens < 0:
        raise ConfigError(f"beam={beam} must be 1 or more, and tokens={tokens} 0 or more")
    (field,) = network.spec.inputs.values()
    assert isinstance(field, Tokens)
    rows = [list(begun(prompt, field, opening, None)) for prompt in prompts]
    room, context = max(map(len, rows), default=0) + tokens - 1, network.context
    if context is not None and room > context:
        raise ConfigError(
            f"a beam search needs prompt and text within the context of {context} symbols; ask for fewer, or leave it out"
        )
    forbidden = sorted({*never, *field.begins})
    written: list[list[int]] = []
    end = field.end if field.lines or field.all_written else None
    with written_with(network, beam, tokens):
        for row in rows if tokens else ():
            state = network.start(1, room)
            if len(row) > 1:
                state, _ = read(network, state, torch.tensor([row[:-1]], device=network.device))
            written += _search(network, state, torch.tensor(row[-1:], device=network.device), end, forbidden, beam, tokens, alpha)
    return written or [[] for _ in rows]


def _search(
    network: Any, state: Any, first_R: Tensor, end: int | None, unwritten: Sequence[int], beam: int, most: int, alpha: float
) -> list[list[int]]:
    """The best answers that follow a symbol which the state has not read yet."""
    rows, device = len(first_R), first_R.device
    never = torch.tensor(unwritten, dtype=torch.long, device=device)
    finished: list[Answers] = [[] for _ in range(rows)]
    working = list(range(rows))
    state = network.select(state, torch.arange(rows, device=device).repeat_interleave(beam))
    total_BK = torch.full((rows, beam), -torch.inf, dtype=torch.float64)
    total_BK[:, 0] = 0.0  # all beams begin alike
    said_BKT = first_R.cpu()[:, None, None].repeat(1, beam, 1)
    for length in range(1, most + 1):
        logits_RTV, state = network.step(state, said_BKT[:, :, -1:].flatten(0, 1).to(device))
        log_RV = logits_RTV[:, 0].double().log_softmax(1).index_fill(1, never, -torch.inf)
        log_BKV = log_RV.cpu().unflatten(0, (-1, beam))
        best_BC, from_BC, symbol_BC = _likeliest(total_BK[:, :, None] + log_BKV, 2 * beam)
        ends_BC = symbol_BC == (-1 if end is None else end)
        for place, row in enumerate(working):
            for rank in ends_BC[place, :beam].nonzero().flatten().tolist():
                if best_BC[place, rank] > -torch.inf:
                    said = said_BKT[place, from_BC[place, rank], 1:].tolist()
                    finished[row].append((float(best_BC[place, rank]) / _penalty(length, alpha), said))
        total_BK, rank_BK = best_BC.masked_fill(ends_BC, -torch.inf).sort(stable=True, dim=1, descending=True)
        total_BK, rank_BK = total_BK[:, :beam], rank_BK[:, :beam]
        if total_BK.shape[1] < beam:  # a vocabulary smaller than the beam
            lacking = (0, beam - total_BK.shape[1])
            total_BK = torch.nn.functional.pad(total_BK, lacking, value=-torch.inf)
            rank_BK = torch.nn.functional.pad(rank_BK, lacking)
        parent_BK, symbol_BK = from_BC.gather(1, rank_BK), symbol_BC.gather(1, rank_BK)
        said_BKT = said_BKT.gather(1, parent_BK[:, :, None].expand(-1, -1, said_BKT.shape[2]))
        said_BKT = torch.cat([said_BKT, symbol_BK[:, :, None]], 2)
        going = [
            place for place, row in enumerate(working) if len(finished[row]) < beam and bool((total_BK[place] > -torch.inf).any())
        ]
        if length == most:
            for place in going:
                row = working[place]
                alive = zip(total_BK[place].tolist(), said_BKT[place, :, 1:].tolist())
                finished[row] += [(total / _penalty(most, alpha), said) for total, said in alive if total > -torch.inf]
        if not going:
            break
        keep = torch.tensor(going)
        from_rows = (keep[:, None] * beam + parent_BK[keep]).flatten()
        state = network.select(state, from_rows.to(device))
        working = [working[place] for place in going]
        total_BK, said_BKT = total_BK[keep], said_BKT[keep]
    return [max(answers, key=lambda answer: answer[0])[1] if answers else [] for answers in finished]


def _penalty(length: int, alpha: float) -> float:
    return ((5 + length) / 6) ** alpha


def _likeliest(total_BKV: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The likeliest ways to go on (B C): their log-probability, the beam each comes from, the symbol."""
    size = total_BKV.shape[2]
    best = total_BKV.flatten(1).topk(min(count, total_BKV[0].numel()), dim=1)
    return best.values, best.indices // size, best.indices % size
