"""Translation: scores that count what they say, and a beam search that finds what exhaustive search finds."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.comparing.columns import columns_of
from nnzoo.core.dataset import Batch, Dataset
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Classes, Spec, Tokens
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.data.raw import RawPairs
from nnzoo.tasks import find
from nnzoo.tasks._beam import ALPHA, search
from nnzoo.tasks.translation import corpus_scores

V = 6  # padding, start, end, unknown and two that are written


class Tiny(nn.Module):
    """Whatever was said and read decides over the next symbol, by a table drawn once for each history."""

    def __init__(self, seed: int = 0, sharpness: float = 1.5):
        super().__init__()
        field = Tokens(vocabulary=V, longest=5, symbols=("", "", "", "\ufffd", "a", "b"))
        self.spec = Spec(inputs={"source": field}, outputs={"target": field}, train_size=9)
        self.seed, self.sharpness, self.device = seed, sharpness, torch.device("cpu")

    def logits(self, history: tuple[int, ...]) -> Tensor:
        draw = torch.Generator().manual_seed(hash((self.seed, *history)) % (1 << 31))
        return self.sharpness * torch.randn(V, generator=draw)

    def read_source(self, inputs: dict[str, Any]) -> tuple[Tensor]:
        return (inputs["source"].tokens_BT[:, :1],)

    def step(self, state: tuple[Tensor], symbols_BT: Tensor) -> tuple[Tensor, tuple[Tensor]]:
        seen_BT, logits = state[0], []
        for t in range(symbols_BT.shape[1]):
            seen_BT = torch.cat([seen_BT, symbols_BT[:, t : t + 1]], 1)
            logits.append(torch.stack([self.logits(tuple(row)) for row in seen_BT.tolist()]))
        return torch.stack(logits, 1), (seen_BT,)

    def select(self, state: tuple[Tensor], rows: Tensor) -> tuple[Tensor]:
        return (state[0][rows],)


def sources(count: int = 3) -> dict[str, Any]:
    field = Tokens(vocabulary=V, longest=5)
    values = torch.tensor([code for row in range(count) for code in (4 + row % 2, 4 + row, 2)])
    return {"source": field.take({"values": values, "offsets": torch.arange(0, 3 * count + 1, 3)}, torch.arange(count))}


def exhaustive(net: Tiny, first: int, longest: int) -> list[int]:
    """The best of all answers, one by one."""

    def log_p(said: list[int]) -> float:
        history, total = (first, 1), 0.0
        for symbol in said:
            total += float(net.logits(history).double().log_softmax(0)[symbol])
            history = (*history, symbol)
        return total

    scored = []
    for length in range(longest + 1):
        for said in itertools.product((4, 5), repeat=length):
            whole = [*said, 2] if length < longest else [*said]
            scored.append((log_p(whole) / ((5 + len(whole)) / 6) ** ALPHA, list(said)))
    return max(scored)[1]


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_what_exhaustive_search_finds(seed: int) -> None:
    net, inputs = Tiny(seed), sources()
    first = inputs["source"].tokens_BT[:, 0].tolist()
    assert search(net, inputs, beam=40, longest=4) == [exhaustive(net, symbol, 4) for symbol in first]


def test_a_beam_of_one_takes_the_likeliest_and_a_wider_one_finds_likelier_answers() -> None:
    better = 0
    for seed in range(12):
        net, inputs = Tiny(seed), sources(1)
        said, history = [], (int(inputs["source"].tokens_BT[0, 0]), 1)
        while len(said) < 4:
            logits = net.logits(history).index_fill(0, torch.tensor([0, 1, 3]), -torch.inf)
            if (symbol := int(logits.argmax())) == 2:
                break
            said.append(symbol)
            history = (*history, symbol)
        assert search(net, inputs, beam=1, longest=4) == [said]
        better += search(net, inputs, beam=40, longest=4) != [said]
    assert better >= 2


def test_rows_searched_together_are_those_searched_alone() -> None:
    net, inputs = Tiny(3), sources(3)
    together = search(net, inputs, beam=3, longest=4)
    for row in range(3):
        one = {"source": type(inputs["source"])(*(tensor[row : row + 1] for tensor in inputs["source"]))}
        assert search(net, one, beam=3, longest=4) == together[row : row + 1]


def test_a_beam_of_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="beam=0"):
        search(Tiny(), sources(), beam=0)


# ---- scores

GERMAN = ["ein Hund und ein Ball", "zwei Katzen und ein Hund", "der rote Ball ist rund", "ein Ball und zwei Hunde"] * 10
ENGLISH = ["a dog and a ball .", "two cats and a dog .", "the red ball is round .", "a ball and two dogs ."] * 10


class Says:
    """Answers what it was told to, whatever is asked."""

    training = False

    def __init__(self, rows: list[list[int]], name: str = "target"):
        self.rows, self.name, self.at = rows, name, 0

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        count = len(inputs["source"].tokens_BT)
        some, self.at = self.rows[self.at : self.at + count], self.at + count
        longest = max(map(len, some)) + 1
        return {self.name: torch.tensor([row + [2] + [0] * (longest - len(row)) for row in some])}


def pairs(units: str) -> Prepared:
    return prepare(RawPairs("mine", GERMAN, ENGLISH), units=units)


def codes(ready: Prepared, texts: list[str]) -> list[list[int]]:
    return [ready.preprocessing.units[1].codes(text) for text in texts]


def test_exact_match_and_bleu_are_those_of_the_answers() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    ready = pairs("words")
    test = ready.parts.test
    right = [ready.raw.target[row] for row in ready.rows["test"]]
    said = [text if k % 3 else "a red dog and two cats ." for k, text in enumerate(right)]
    found = ready.task.evaluate(Says(codes(ready, said)), test)
    assert found.metric == "bleu" and found.predictions == said and found.truth == right
    assert found.scores["exact_match"] == pytest.approx(np.mean([a == b for a, b in zip(said, right)]))
    assert found.score == pytest.approx(sacrebleu.corpus_bleu(said, [right], lowercase=True).score)
    assert found.scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, [right]).score)
    assert "case:lc" in found.extra["signatures"]["bleu"] and "tok:13a" in found.extra["signatures"]["bleu"]
    assert found.scores["nats_per_token"] == math.inf  # answers without probabilities
    perfect = ready.task.evaluate(Says(codes(ready, right)), test)
    assert perfect.score == pytest.approx(ready.task.perfect) == pytest.approx(100)


@pytest.mark.parametrize("seed", range(3))
def test_bleu_of_resampled_rows_is_that_of_the_rows(seed: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    ready = pairs("words")
    right = [ready.raw.target[row] for row in ready.rows["test"]]
    said = [text if k % 3 else "a red dog sleeps and" for k, text in enumerate(right)]
    columns = columns_of(ready.task.evaluate(Says(codes(ready, said)), ready.parts.test), "bleu")
    rows = np.random.default_rng(seed).integers(0, len(right), 4)
    score = float(columns.score(columns.rows_NC[rows].sum(0)[None])[0])
    said, right = ([side[row] for row in rows] for side in (said, right))
    assert score == pytest.approx(sacrebleu.corpus_bleu(said, [right], lowercase=True).score, abs=1e-6)
    few = corpus_scores(["a b x c d", "e f"], ["a b y c d", "e g"])  # no run of three or four words is right
    assert float(columns.score(np.asarray(few[1]["bleu_rows"]).sum(0)[None])[0]) == pytest.approx(few[0]["bleu"]) != 0
    nothing = corpus_scores(["x y z"] * 3, ["a b c"] * 3)
    assert float(columns.score(np.asarray(nothing[1]["bleu_rows"]).sum(0)[None])[0]) == nothing[0]["bleu"] == 0


def test_nats_are_those_of_every_symbol_of_the_right_answer() -> None:
    field = Tokens(vocabulary=V, longest=5)
    values = torch.tensor([1, 4, 2, 1, 5, 4, 4, 2])
    stored = {"values": values, "offsets": torch.tensor([0, 3, 8])}
    spec = Spec(inputs={"source": field}, outputs={"target": field}, train_size=2)
    dataset, net = Dataset(spec, {"source": stored, "target": stored}), Tiny(1)
    net.forward = lambda inputs: {"target": torch.tensor([[4, 2, 0, 0], [5, 4, 2, 0]])}
    scores = find("translation").evaluate(net, dataset).scores
    wanted, symbols = 0.0, 0
    for answer in ([1, 4, 2], [1, 5, 4, 4, 2]):
        history: tuple[int, ...] = (1,)
        for before, symbol in itertools.pairwise(answer):
            history = (*history, before)
            wanted -= float(net.logits(history).log_softmax(0)[symbol])
            symbols += 1
    assert scores["nats_per_token"] == pytest.approx(wanted / symbols, rel=1e-5)
    assert scores["exact_match"] == 0.5
    batch: Batch = dataset.all()
    logits, _ = net.step(net.read_source(batch.inputs), batch.outputs["target"].tokens_BT[:, :-1])
    loss = find("translation").loss({"target": logits}, batch)
    assert float(loss.sum) == pytest.approx(wanted, rel=1e-5) and float(loss.weight) == symbols
    assert float(F.cross_entropy(logits[1], batch.outputs["target"].tokens_BT[1, 1:], reduction="sum")) < float(loss.sum)
    alone = find("translation").loss({"target": torch.cat([logits[0, :2], logits[1]])}, batch)  # without what predicts padding
    assert float(alone.sum) == pytest.approx(float(loss.sum)) and float(alone.weight) == symbols
    with pytest.raises(AssertionError, match="do not predict"):
        find("translation").loss({"target": logits[:, 1:]}, batch)


def test_what_it_is_judged_by_follows_from_the_units(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pairs("characters").task.metric == "exact_match"
    monkeypatch.setattr("nnzoo.tasks.translation.find_spec", lambda name: object())
    assert pairs("words").task.metric == "bleu"
    monkeypatch.setattr("nnzoo.tasks.translation.find_spec", lambda name: None)
    without = pairs("words").task
    assert without.metric == "nats_per_token" and without.perfect == 0 and not without.higher_is_better
    assert find("translation").metric == "exact_match"
    ready = pairs("words")
    with pytest.raises(ConfigError, match=r'pip install "nnzoo\[text\]"'):
        ready.task.judged_by("bleu").evaluate(Says(codes(ready, ENGLISH[:6])), ready.parts.test)


@pytest.mark.parametrize("metric", ["exact_match", "bleu", "nats_per_token"])
def test_the_floor_is_what_is_said_without_reading(metric: str) -> None:
    if metric == "bleu":
        pytest.importorskip("sacrebleu")
    ready = pairs("words")
    task = ready.task.judged_by(metric)
    floor = task.floor(ready.parts.train, ready.parts.test)
    if metric == "nats_per_token":
        assert 1 < floor < math.log(len(ready.spec.outputs["target"].symbols))
        return
    learned = [ready.raw.target[row] for row in ready.rows["train"]]
    commonest = max(sorted(set(learned)), key=learned.count)
    said = codes(ready, [commonest] * len(ready.parts.test))
    assert floor == pytest.approx(task.evaluate(Says(said), ready.parts.test).score)
    assert floor < task.must_reach(ready.parts.train, ready.parts.test) < task.perfect


def test_spoiled_answers_are_the_same_ones_elsewhere() -> None:
    ready = pairs("words")
    spoiled = find("translation").spoil(ready.parts.train, 5)
    before, after = (part.columns["target"] for part in (ready.parts.train, spoiled))
    texts = [
        ready.preprocessing.restore("target", Dataset(ready.spec, {"target": c}).all().outputs["target"].tokens_BT)
        for c in (before, after)
    ]
    assert sorted(texts[0]) == sorted(texts[1]) and texts[0] != texts[1]
    assert spoiled.columns["source"] is ready.parts.train.columns["source"]


def test_it_fits_pairs_of_texts_alone() -> None:
    task, text = find("translation"), Tokens(vocabulary=9, longest=9)
    assert task.fits(Spec(inputs={"x": text}, outputs={"y": text}, train_size=9)) is None
    for outputs in ({}, {"y": Classes(labels=("a", "b"))}):
        assert "pairs" in task.fits(Spec(inputs={"x": text}, outputs=outputs, train_size=9))
