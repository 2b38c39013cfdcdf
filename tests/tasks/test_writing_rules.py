"""Rules of writing that hold for every kind: contexts that end, symbols that repeat, listeners that end a row, what is drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.core.errors import ConfigError, RunError
from nnzoo.core.fields import Spec, Tokens
from nnzoo.tasks._beam import write_best
from nnzoo.tasks._playing import play
from nnzoo.tasks._writing import BELOW_ONE, _Choice, write

V = 11


class Cached(nn.Module):
    """Attends to everything in a cache that is written in place: what is next depends on each symbol and its place in the cache."""

    def __init__(self, context: int | None = None, lines: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.context, self.device, self.rooms = context, torch.device("cpu"), []
        self.spec = Spec(inputs={"text": Tokens(vocabulary=V, longest=99, lines=lines)}, train_size=1)
        self.embed, self.place, self.out = nn.Embedding(V, 8), nn.Embedding(500, 8), nn.Linear(8, V)
        self.out.weight.data *= 6

    def start(self, rows: int, room: int | None = None) -> Any:
        assert room is not None and (self.context is None or room <= self.context)
        self.rooms.append((rows, room))
        return torch.full((rows, room, 8), torch.nan), 0

    def step(self, state: Any, symbols_BT: Tensor) -> tuple[Tensor, Any]:
        cache_BTD, used = state
        length = symbols_BT.shape[1]
        assert used + length <= cache_BTD.shape[1], "more is read than was announced"
        cache_BTD[:, used : used + length] = self.embed(symbols_BT) + self.place(torch.arange(used, used + length))
        seen = cache_BTD[:, : used + length].tanh().cumsum(1)[:, used:]
        return self.out(seen), (cache_BTD, used + length)

    def select(self, state: Any, rows: Tensor) -> Any:
        return state[0][rows], state[1]

    def next_after(self, symbols: Sequence[int]) -> Tensor:
        """Logits of what comes after symbols that a new state has read."""
        with torch.no_grad():
            logits = self.step((torch.full((1, len(symbols), 8), torch.nan), 0), torch.tensor([symbols]))[0][0, -1]
        logits[0] = -torch.inf
        return logits


def by_hand(network: Cached, prompt: list[int], tokens: int) -> list[int]:
    """The likeliest symbols by the rule of contexts, each from all that its state has read."""
    context = network.context
    assert context is not None
    held, written = prompt[-context:], []
    for _ in range(tokens):
        written.append(int(network.next_after(held).argmax()))
        held = [*held, written[-1]] if len(held) < context else [*held, written[-1]][-max(1, context // 2) :]
    return written


PROMPTS = [[3], [4, 5, 6, 7, 8, 3, 4], [5, 5], list(range(3, 11)) * 3]


@pytest.mark.parametrize("context", [1, 2, 5, 8, 40])
def test_full_states_are_left_for_the_last_half_of_the_context(context: int) -> None:
    network = Cached(context)
    together = write(network, PROMPTS, tokens=30, temperature=0)
    assert together == [by_hand(network, prompt, 30) for prompt in PROMPTS]


@pytest.mark.parametrize("context", [6, 17, None])
@pytest.mark.parametrize("lines", [True, False])
def test_rows_depend_on_no_other_row_whatever_the_context(context: int | None, lines: bool) -> None:
    network = Cached(context, lines)
    network.out.bias.data[2] += 2.0  # lines end here and there
    settings = {"tokens": 25, "temperature": 1.3, "seed": 5, "opening": 3, "repetition": 1.3}
    together = write(network, PROMPTS, **settings)
    for rows in range(1, 4):
        assert write(network, PROMPTS[:rows], **settings) == together[:rows]
    assert not lines or len({len(row) for row in together}) > 1


def test_room_is_what_will_be_read_and_never_more_than_the_context() -> None:
    network = Cached(None)
    write(network, [[3, 4], [5]], tokens=10, opening=3)
    assert network.rooms == [(2, 11)]  # the last symbol is written and not read
    network = Cached(8)
    write(network, [[3, 4]], tokens=10)
    assert network.rooms == [(1, 8), (1, 6)]  # of 11 symbols 8 are read; then symbols 6 to 9 again, and the two that are left


def test_repetition_divides_what_is_above_0_and_multiplies_what_is_below() -> None:
    network = Cached(None)
    written = write(network, [[3, 4, 9]], tokens=40, temperature=0, repetition=1.7)[0]
    row = [3, 4, 9]
    for symbol in written:
        logits = network.next_after(row)
        for code in set(row):
            logits[code] = logits[code] / 1.7 if logits[code] > 0 else logits[code] * 1.7
        assert symbol == int(logits.argmax())
        row.append(symbol)
    plain = write(network, [[3, 4, 9]], tokens=40, temperature=0)[0]
    assert len(set(written)) > len(set(plain))
    told: list[int] = []  # rows that end one by one forget nothing of the others
    rows = write(
        network,
        [[3, 4, 9]] * 20,
        tokens=40,
        temperature=0,
        repetition=1.7,
        heard=lambda r, _: told.append(r) or told.count(r) > 2 * r,
    )
    assert rows == [written[: 2 * r + 1] for r in range(20)]


def test_a_listener_hears_every_symbol_at_once_and_may_end_its_row() -> None:
    network, heard = Cached(12), []

    def listen(row: int, code: int) -> bool:
        heard.append((row, code))
        return row == 1 and sum(r == 1 for r, _ in heard) == 4

    alone = write(network, PROMPTS[:3], tokens=20)
    written = write(network, PROMPTS[:3], tokens=20, heard=listen)
    assert [[code for r, code in heard if r == row] for row in range(3)] == written
    assert written == [alone[0], alone[1][:4], alone[2]]


def test_the_greatest_chance_writes_a_symbol_that_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(size))
    assert set(write(Cached(), [[3]], tokens=9, never=(0, 9, 10))[0]) <= set(range(1, 9))


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"top_k": 2}, [3, 1]),
        ({"top_k": 99}, [0, 1, 2, 3, 4]),
        ({"top_p": 0.7}, [3, 1, 4]),
        ({"min_p": 0.3}, [0, 1, 3, 4]),
        ({"top_p": 0.6}, [3, 1]),
        ({"top_k": 2, "top_p": 0.6}, [3]),  # of the two left the likeliest reaches .6
        ({"temperature": 0.5}, [0, 1, 2, 3, 4]),
    ],
)
def test_draws_follow_what_is_kept(settings: dict[str, Any], kept: list[int]) -> None:
    p = torch.tensor([0.14, 0.25, 0.05, 0.4, 0.16])
    how = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "repetition": 1.0, **settings}
    choice, count = _Choice(**how), 40_000
    chance = (torch.arange(count) + 0.5) / count
    chosen = choice.of(p.log().expand(count, -1), None, chance)
    wanted = torch.zeros(5)
    wanted[kept] = p[kept] ** (1 / how["temperature"])
    assert torch.allclose(chosen.bincount(minlength=5) / count, wanted / wanted.sum(), atol=2e-4)


def test_the_ends_of_chance_reach_nothing_that_was_ruled_out() -> None:
    logits = torch.randn(200, 300, generator=torch.Generator().manual_seed(2))
    logits[:, :3] = logits[:, -3:] = -torch.inf
    choice = _Choice(1.0, None, None, None, 1.0)
    first, last = (choice.of(logits, None, torch.full((200,), chance)) for chance in (0.0, BELOW_ONE))
    assert (first >= 3).all() and (last < 297).all() and (F.one_hot(last, 300) * logits.exp()).sum() > 0


def test_the_coldest_writing_is_that_of_the_likeliest() -> None:
    network = Cached(9)
    likeliest = write(network, [[3]], tokens=20, temperature=0)
    assert likeliest == write(network, [[3]], tokens=20, temperature=1e-5) == write(network, [[3]], tokens=20, temperature=1e-30)
    assert likeliest != write(network, [[3]], tokens=20, temperature=5)


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"repetition": 0}, "repetition"), ({"min_p": 1.5}, "min_p"), ({"temperature": float("nan")}, "temperature")],
)
def test_senseless_choices_are_refused(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        write(Cached(), [[3]], **settings)


def test_a_spoiled_network_writes_nothing() -> None:
    network = Cached()
    network.out.weight.data[4, 2] = torch.nan
    with pytest.raises(RunError, match="nan"):
        write(network, [[3]], tokens=3)


def scored(network: Cached, prompt: list[int], text: tuple[int, ...]) -> float:
    """ln p(text | prompt), where 0 is never written."""
    row, total = list(prompt), 0.0
    for symbol in text:
        logits = network.step((torch.full((1, len(row), 8), torch.nan), 0), torch.tensor([row]))[0][0, -1].detach().double()
        total += float(logits.log_softmax(0)[symbol])
        row.append(symbol)
    return total


def test_a_wide_beam_finds_the_likeliest_text_of_all_after_each_prompt() -> None:
    network, prompts = Cached(), [[3], [4, 5, 6], [7, 8]]
    found = write_best(network, prompts, beam=121, tokens=3)
    texts = list(itertools.product(range(1, V), repeat=3))
    for prompt, text in zip(prompts, found):
        assert tuple(text) == max(texts, key=lambda one: scored(network, prompt, one))
    assert write_best(network, prompts, beam=1, tokens=30) == write(network, prompts, tokens=30, temperature=0)


def test_a_beam_ends_lines_and_stays_within_the_context() -> None:
    network = Cached(8, lines=True)
    network.out.bias.data[2] = 30.0
    assert write_best(network, [[], [3, 4]], tokens=5) == [[], []]
    assert len(write_best(Cached(8), [[3, 4]], tokens=7)[0]) == 7
    assert write_best(Cached(8), [[3, 4]], tokens=0) == [[]]
    with pytest.raises(ConfigError, match="context of 8"):
        write_best(Cached(8), [[3, 4]], tokens=8)
    with pytest.raises(ConfigError, match="beam=0"):
        write_best(Cached(8), [[3, 4]], beam=0)


class Notes(Cached):
    """The same of piano rolls."""

    def step(self, state: Any, notes_BTC: Tensor) -> tuple[Tensor, Any]:
        cache_BTD, used = state
        length = notes_BTC.shape[1]
        assert used + length <= cache_BTD.shape[1], "more is read than was announced"
        cache_BTD[:, used : used + length] = notes_BTC @ self.embed.weight
        return self.out(cache_BTD[:, : used + length].tanh().cumsum(1)[:, used:]), (cache_BTD, used + length)


@pytest.mark.parametrize("context", [1, 6, None])
def test_music_goes_on_beyond_the_context_by_the_same_rule(context: int | None) -> None:
    network = Notes(context)
    begun = (torch.rand(2, 9, V, generator=torch.Generator().manual_seed(0)) > 0.7).float()
    played = play(network, begun, steps=15, temperature=0)
    assert torch.equal(played[:, :9], begun)
    held = begun if context is None else begun[:, -context:]
    for t in range(9, 24):
        room = held.shape[1]
        logits, _ = network.step((torch.full((2, room, 8), torch.nan), 0), held)
        assert torch.equal(played[:, t], (logits[:, -1] >= 0).float())
        held = torch.cat([held, played[:, t : t + 1]], 1)
        if context is not None and room == context:
            held = held[:, -max(1, context // 2) :]
