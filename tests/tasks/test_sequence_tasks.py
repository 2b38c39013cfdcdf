"""Tasks on sequences: scores counted by hand, padding nowhere, and playing.

sequence-regression and sequence-classification score as their relatives on tables do; here is what differs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Course, Series, Spec
from nnzoo.core.task import outputs_of
from nnzoo.data import sequences_from_arrays
from nnzoo.data.raw import RawSequences
from nnzoo.data.sequence_preprocessing import SequencePreprocessing
from nnzoo.tasks import find
from nnzoo.tasks._playing import play

MUSIC, TAGS = find("polyphonic-music"), find("sequence-tagging")


def opened(raw: RawSequences, task: str = "") -> Dataset:
    return SequencePreprocessing.fit(raw, np.arange(len(raw)), task=task).open(raw, len(raw)).dataset


def rolls(*pieces: list[list[int]]) -> Dataset:
    return opened(sequences_from_arrays([np.array(piece) for piece in pieces]), "polyphonic-music")


class Says(nn.Module):
    """The same logits after every step."""

    def __init__(self, name: str, *logits: float):
        super().__init__()
        self.name, self.logits_C = name, torch.tensor(logits)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        x_BTC = inputs["sequence"].x_BTC
        return {self.name: self.logits_C.expand(*x_BTC.shape[:2], -1)}


def nats(p: float, sounds: int) -> float:
    return -math.log(p if sounds else 1 - p)


def test_nats_and_frame_accuracy_by_hand() -> None:
    data = rolls([[1, 1], [1, 0], [0, 0]], [[0, 1], [1, 1]])
    says = Says("sequence", 2.0, -1.0)
    p, q = 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))
    first = nats(p, 1) + nats(q, 0) + nats(p, 0) + nats(q, 0)
    second = nats(p, 1) + nats(q, 1)
    done = MUSIC.evaluate(says, data)
    assert done.score == pytest.approx((first + second) / 3)
    assert done.rows == pytest.approx(np.array([first, second]) * 2 / 3) and done.rows.mean() == pytest.approx(done.score)
    # the first note is always answered, the second never: hit 2, false alarm 1, missed 1
    assert done.scores["frame_accuracy"] == pytest.approx(2 / 4)
    assert done.extra["steps"] == 3


def test_the_loss_is_the_score_and_takes_no_padding() -> None:
    data = rolls([[1, 1], [1, 0], [0, 0]], [[0, 1], [1, 1]])
    batch, says = data.all(), Says("sequence", 2.0, -1.0)
    loss = MUSIC.loss(says(batch.inputs), batch)
    assert float(loss.weight) == 3
    assert float(loss.sum) / 3 == pytest.approx(MUSIC.evaluate(says, data).score, rel=1e-5)
    shorter = {"sequence": says(batch.inputs)["sequence"][:, :-1]}
    assert torch.equal(MUSIC.loss(shorter, batch).sum, loss.sum)
    wild = says(batch.inputs)["sequence"].clone()
    wild[1, 1:] = 50.0  # after the last step of the second piece
    assert torch.equal(MUSIC.loss({"sequence": wild}, batch).sum, loss.sum)


def test_the_floor_of_music_is_how_often_notes_sound_in_training() -> None:
    train, test = rolls([[1, 1], [1, 0], [1, 0], [0, 0]]), rolls([[1, 1], [1, 1]])
    # predicted steps only: note 1 in 2 of 3, note 2 in 0 of 3, one sound and one silence added
    assert MUSIC.floor(train, test) == pytest.approx(nats(3 / 5, 1) + nats(1 / 5, 1))


def test_spoiled_music_has_the_same_steps_in_another_order() -> None:
    draw = np.random.default_rng(0)
    data = opened(sequences_from_arrays(list((draw.random((20, 9, 3)) < 0.4).astype(np.uint8))), "polyphonic-music")
    spoiled = MUSIC.spoil(data, 1)
    before, after = (one.all().inputs["sequence"].x_BTC.flatten(0, 1) for one in (data, spoiled))
    assert not torch.equal(before, after) and torch.equal(before.sum(0), after.sum(0))
    code = torch.tensor([1.0, 2.0, 4.0])
    assert torch.equal((before @ code).sort().values, (after @ code).sort().values)


def test_music_is_scored_where_there_is_something_to_predict() -> None:
    with pytest.raises(DataError, match="no step to predict"):
        MUSIC.evaluate(Says("sequence", 0.0), rolls([[1]], [[0]]))
    series = Series(names=("a",), mean=(0.0,), std=(1.0,), longest=4, even=False)
    assert "0 or 1" in str(MUSIC.fits(Spec(inputs={"x": series}, train_size=3)))


TAGGED = ([np.full((3, 1), 0.5), np.full((2, 1), 0.2)], [["b", "a", None], ["a", "a"]])


class Tagger(Says):
    """Logits that depend on the step: the first is "b", the others "a"."""

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        logits_BTK = super().forward(inputs)["tag"].clone()
        logits_BTK[:, 0] = logits_BTK[:, 0].flip(1)
        return {"tag": logits_BTK}


def test_tags_are_counted_by_hand() -> None:
    data = opened(sequences_from_arrays(*TAGGED))
    done = TAGS.evaluate(Tagger("tag", 1.0, 0.0), data)
    sure = 1 / (1 + math.exp(-1))
    # right: b, a | (first of the second row is wrong) a; the missing tag does not count
    assert done.scores["accuracy"] == pytest.approx(3 / 4)
    assert done.scores["log_loss"] == pytest.approx(-(3 * math.log(sure) + math.log(1 - sure)) / 4)
    assert done.rows == pytest.approx([2 * 2 / 4, 1 * 2 / 4]) and done.rows.mean() == pytest.approx(3 / 4)
    batch = data.all()
    loss = TAGS.loss(Tagger("tag", 1.0, 0.0)(batch.inputs), batch)
    assert float(loss.weight) == 4 and float(loss.sum) / 4 == pytest.approx(done.scores["log_loss"])


def test_row_weights_weigh_all_steps_of_a_row() -> None:
    data = opened(sequences_from_arrays(*TAGGED))
    weighed = Dataset(data.spec, data.columns, weight=torch.tensor([3.0, 1.0]))
    done = TAGS.evaluate(Tagger("tag", 1.0, 0.0), weighed)
    assert done.score == pytest.approx((3 + 3 + 0 + 1) / 8) and done.rows.mean() == pytest.approx(done.score)
    batch = weighed.all()
    loss = TAGS.loss(Tagger("tag", 1.0, 0.0)(batch.inputs), batch)
    assert float(loss.weight) == 8 and float(loss.sum) / 8 == pytest.approx(done.scores["log_loss"])


def test_the_floor_of_tags_is_the_commonest_of_training() -> None:
    train = opened(sequences_from_arrays(*TAGGED))
    assert TAGS.floor(train, train) == pytest.approx(3 / 4)
    assert TAGS.floor(train, train.part(torch.tensor([0]))) == pytest.approx(1 / 2)


def test_outputs_at_every_step_end_where_their_row_ends_whatever_the_batch() -> None:
    data, tagger = opened(sequences_from_arrays(*TAGGED)), Tagger("tag", 1.0, 0.0)
    together, one_by_one = outputs_of(tagger, data)["tag"], outputs_of(tagger, data, size=1)["tag"]
    assert torch.equal(together.nan_to_num(-9), one_by_one.nan_to_num(-9)) and together.shape == (2, 3, 2)
    assert together.isnan().all(2).tolist() == [[False] * 3, [False, False, True]]
    assert TAGS.decode({"tag": together}, data.spec) == {"tag": ["b a a", "b a"]}


def test_spoiled_tags_keep_their_counts() -> None:
    draw = np.random.default_rng(0)
    tags = [draw.choice(["a", "b", "c"], 7).tolist() for _ in range(30)]
    data = opened(sequences_from_arrays([draw.normal(size=(7, 1)) for _ in tags], tags))
    before, after = (one.all().outputs["tag"].flatten() for one in (data, TAGS.spoil(data, 1)))
    assert not torch.equal(before, after) and torch.equal(before.bincount(), after.bincount())


class Echo(nn.Module):
    """Predicts what it has read `delay` steps ago; the state holds it."""

    device, training, context = torch.device("cpu"), False, None

    def start(self, rows: int, room: int | None = None) -> Tensor:
        return torch.zeros(rows, 2)

    def step(self, state: Tensor, notes_BTC: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([state[:, None], notes_BTC], 1)
        return 40.0 * (1 - seen[:, :-1]) - 20.0, notes_BTC[:, -1]


def test_playing_reads_what_was_begun_and_then_what_it_played() -> None:
    begun = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    played = play(Echo(), begun, steps=3)
    # each step is the opposite of the one before the last
    assert played.tolist() == [[[1, 0], [0, 0], [0, 1], [1, 1], [1, 0]]]


class Coin(Echo):
    def step(self, state: Tensor, notes_BTC: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tensor([1.0, -1.0]).expand(*notes_BTC.shape[:2], 2), state


def test_notes_are_drawn_from_their_own_probabilities_and_the_seed() -> None:
    begun = torch.zeros(20, 1, 2)
    played = play(Coin(), begun, steps=400, seed=3)[:, 1:]
    share = played.mean((0, 1))
    assert share.tolist() == pytest.approx([0.731, 0.269], abs=0.02)
    both = played.prod(2).mean()
    assert float(both) == pytest.approx(0.731 * 0.269, abs=0.02), "notes are drawn independently"
    assert torch.equal(played, play(Coin(), begun, steps=400, seed=3)[:, 1:])
    assert not torch.equal(played, play(Coin(), begun, steps=400, seed=4)[:, 1:])
    assert torch.equal(played[:5], play(Coin(), begun[:5], steps=400, seed=3)[:, 1:]), "a row depends on its companions"
    warm = play(Coin(), begun, steps=400, temperature=4.0)[:, 1:].mean((0, 1))
    assert warm.tolist() == pytest.approx([0.562, 0.438], abs=0.02)
    assert (play(Coin(), begun, steps=5, temperature=0.0)[:, 1:] == torch.tensor([1.0, 0.0])).all()
    with pytest.raises(ConfigError, match="0 or more"):
        play(Coin(), begun, temperature=-1.0)


def test_a_course_is_what_a_network_reads() -> None:
    (value,) = rolls([[1, 0]], [[0, 1], [1, 1]]).all().inputs.values()
    assert isinstance(value, Course) and value.lengths_B.tolist() == [1, 2]
