"""Sequences: arrays, piano rolls and made problems become the same stored fields, scaled by the training part alone."""

from __future__ import annotations

import gzip
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Series, Tags, Values
from nnzoo.data import sequences_from_arrays
from nnzoo.data.known import read_known
from nnzoo.data.made_sequences import adding, copy_memory
from nnzoo.data.prepare import open_like, prepare
from nnzoo.data.raw import RawImages, RawSequences
from nnzoo.data.reading import read
from nnzoo.data.rolls import read_rolls
from nnzoo.data.sequence_preprocessing import SequencePreprocessing
from nnzoo.data.understand import understand


def pieces(n: int = 12, seed: int = 0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.normal(5, 3, size=(2 + k % 5, 2)) for k in range(n)]


def fitted(raw: RawSequences, task: str = "") -> SequencePreprocessing:
    return SequencePreprocessing.fit(raw, np.arange(len(raw)), task=task)


def test_scale_comes_from_the_training_steps_alone() -> None:
    x = pieces()
    raw = sequences_from_arrays(x, np.arange(12) / 2)
    raw.part = np.array(["train"] * 6 + ["valid"] * 3 + ["test"] * 3, dtype=object)
    ready = prepare(raw)
    field = ready.spec.inputs["sequence"]
    learned = np.concatenate(x[:6])
    assert isinstance(field, Series) and not field.binary
    assert np.allclose(field.mean, learned.mean(0), atol=1e-5) and np.allclose(field.std, learned.std(0), atol=1e-5)
    assert np.allclose(ready.spec.outputs["y"].mean, [1.25])  # type: ignore[union-attr]
    course = ready.parts.test.take(torch.tensor([0, 2])).inputs["sequence"]  # type: ignore[union-attr]
    assert course.lengths_B.tolist() == [len(x[9]), len(x[11])]
    assert torch.allclose(field.restore(course.x_BTC[1, : len(x[11])]).double(), torch.from_numpy(x[11]), atol=1e-4)
    assert not course.x_BTC[1, len(x[11]) :].any()


@pytest.mark.parametrize(
    ("y", "task", "output"),
    [
        ([0.5, 1.0, math.nan], "sequence-regression", Values),
        (np.ones((3, 2)), "sequence-regression", Values),
        (["a", "b", "a"], "sequence-classification", Classes),
        ([1, 2, 1], "sequence-classification", Classes),
        ([["a", "b"], ["b", "a", None], ["a"]], "sequence-tagging", Tags),
        ([[0, 1], [1, 1, 0], [0]], "sequence-tagging", Tags),
    ],
)
def test_answers_say_what_is_asked(y: Any, task: str, output: type) -> None:
    x = [np.full((2, 1), 0.3), np.full((3, 1), 0.7), np.full((1, 1), 0.1)]
    raw = read((x, y))
    assert isinstance(raw, RawSequences)
    from nnzoo.data.prepare import infer_task

    assert infer_task(raw) == task
    learned = fitted(raw, task)
    (field,) = learned.spec(3).outputs.values()
    assert isinstance(field, output)
    assert json.loads(json.dumps(learned.facts())) == learned.facts()
    again = SequencePreprocessing.from_facts(json.loads(json.dumps(learned.facts())))
    assert again.spec(3) == learned.spec(3) and again.facts() == learned.facts()


def test_tags_stand_at_their_steps_and_a_missing_one_is_marked() -> None:
    raw = sequences_from_arrays([np.ones((2, 1)), np.ones((3, 1)), np.ones((1, 1))], [["a", "b"], ["b", None, "a"], ["b"]])
    dataset = fitted(raw).open(raw, 3).dataset
    codes_BT = dataset.take(torch.tensor([1, 0])).outputs["tag"]
    assert codes_BT.tolist() == [[1, -1, 0], [0, 1, -1]]


def test_ones_and_zeros_stay_as_they_are() -> None:
    raw = sequences_from_arrays([np.array([[0, 1], [1, 1]]), np.array([[1, 0]])])
    learned = fitted(raw, "polyphonic-music")
    field, course = learned.spec(2).inputs["sequence"], learned.open(raw).dataset.all().inputs["sequence"]
    assert isinstance(field, Series) and field.binary and not learned.spec(2).outputs
    assert course.x_BTC.tolist() == [[[0, 1], [1, 1]], [[1, 0], [0, 0]]]
    assert learned.openings == [[1], [0]]
    assert learned.opening(0.0).tolist() == [0, 1] and learned.opening(0.999).tolist() == [1, 0]


def test_labelled_rolls_are_music_where_music_is_asked_for() -> None:
    raw = sequences_from_arrays([np.eye(3)] * 9, ["a", "b", "c"] * 3)
    assert prepare(raw).task.name == "sequence-classification"
    ready = prepare(raw, task="polyphonic-music")
    assert not ready.spec.outputs and set(ready.parts.train.columns) == {"sequence"}


def test_a_list_of_arrays_is_sequences_and_one_array_pictures() -> None:
    assert isinstance(read([np.zeros((4, 3)), np.zeros((4, 3))]), RawSequences)
    assert isinstance(read(np.zeros((2, 4, 3), dtype=np.uint8)), RawImages)


def test_new_data_are_read_as_the_training_data_were() -> None:
    ready = prepare((pieces(), ["a", "b"] * 6))
    opened = open_like(ready.preprocessing, [np.full((4, 2), 5.0)])
    assert opened.dataset.all().inputs["sequence"].x_BTC.shape == (1, 4, 2)
    alone = open_like(ready.preprocessing, np.full((4, 2), 5.0))
    assert torch.equal(alone.dataset.all().inputs["sequence"].x_BTC, opened.dataset.all().inputs["sequence"].x_BTC)
    with pytest.raises(DataError, match="3 channels and the network reads 2"):
        ready.preprocessing.encode(sequences_from_arrays([np.full((4, 3), 0.5)]))
    with pytest.raises(DataError, match="no list of sequences"):
        ready.preprocessing.read(7)


def test_a_network_of_notes_reads_no_other_numbers() -> None:
    learned = fitted(sequences_from_arrays([np.eye(3)] * 3), "polyphonic-music")
    with pytest.raises(DataError, match="beside 0 and 1"):
        learned.encode(sequences_from_arrays([np.eye(3) / 2]))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([], None, "no pieces"),
        ([np.ones((2, 1)), np.ones((0, 1))], None, "piece 2 of sequences is empty"),
        ([np.ones((2, 1)), np.array([[1.0], [np.nan]])], None, "piece 2.*step 2, channel 1"),
        ([np.ones((2, 1)), np.ones((2, 2))], None, "piece 2.*2 channels"),
        ([np.array(["a"])], None, "piece 1.*no array of numbers"),
        ([np.ones((2, 1))], [1.0, 2.0], "1 pieces and 2 answers"),
        ([np.ones((2, 1)), np.ones((3, 1))], [["a", "b"], ["a"]], "piece 2.*3 steps"),
    ],
)
def test_what_is_wrong_is_said_with_its_piece(x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        sequences_from_arrays(x, y)


def test_sequences_without_answers_pose_no_task() -> None:
    with pytest.raises(DataError, match="nothing to predict"):
        prepare([np.full((3, 1), 0.5)] * 9)
    with pytest.raises(DataError, match="called 'height'"):
        prepare((pieces(), np.ones(12) / 3), targets="height")


# ---- made problems


@pytest.mark.parametrize("length", [2, 7, 50])
def test_the_adding_problem_s_answer_is_the_sum_of_the_marked_numbers(length: int) -> None:
    raw = adding(length, n=500, seed=3)
    for pairs, total in zip(raw.steps, raw.values[:, 0]):  # type: ignore[index]
        assert pairs.shape == (length, 2) and pairs[:, 1].sum() == 2 and set(pairs[:, 1]) <= {0.0, 1.0}
        assert pairs[pairs[:, 1] == 1, 0].sum() == pytest.approx(total)
    first_N = np.array([np.flatnonzero(pairs[:, 1])[0] for pairs in raw.steps])
    assert length == 2 or first_N.std() > 0.5, "markers stand anywhere"


def test_answering_one_to_the_adding_problem_has_the_published_error() -> None:
    raw = adding(30, n=20_000)
    assert float(((raw.values - 1) ** 2).mean()) == pytest.approx(1 / 6, abs=0.005)  # type: ignore[operator]
    assert not raw.binary and raw.name == "adding:30"
    assert np.array_equal(adding(30, n=50).steps[7], adding(30, n=50).steps[7])
    assert not np.array_equal(adding(30, n=50, seed=1).steps[7], adding(30, n=50).steps[7])


def test_copy_memory_asks_for_the_first_ten_symbols_at_the_end() -> None:
    raw = copy_memory(4, n=30)
    assert raw.tags is not None
    for steps, tags in zip(raw.steps, raw.tags):
        shown = steps.argmax(1)
        assert steps.shape == (24, 10) and len(tags) == 24 and (steps.sum(1) == 1).all()
        assert (shown[:10] >= 1).all() and (shown[:10] <= 8).all()
        assert (shown[10:13] == 0).all() and (shown[13:] == 9).all()
        assert tags[-10:].tolist() == [str(k) for k in shown[:10]] and set(tags[:-10]) == {"0"}


def test_made_problems_have_names_with_lengths() -> None:
    raw = read_known("adding:12")
    assert isinstance(raw, RawSequences) and len(raw.steps[0]) == 12
    copied = read_known("copy-memory:3")
    assert isinstance(copied, RawSequences) and len(copied.steps[0]) == 23
    for wrong in ("adding:x", "adding:1", "copy-memory:0", "adding:99999999"):
        with pytest.raises(DataError, match="length"):
            read_known(wrong)


# ---- piano rolls

SONG = [[[60, 64], [], [21, 108]], [[72]]]


@pytest.mark.parametrize("packed", [False, True])
def test_rolls_are_read_with_their_parts(tmp_path: Path, packed: bool) -> None:
    text = json.dumps({"train": SONG, "valid": SONG[:1], "test": SONG[1:]}).encode()
    path = tmp_path / ("song.json.gz" if packed else "song.json")
    path.write_bytes(gzip.compress(text) if packed else text)
    raw = read(path)
    assert isinstance(raw, RawSequences) and raw.binary and raw.names[0] == "21" and raw.names[-1] == "108"
    assert raw.part.tolist() == ["train", "train", "valid", "test"]  # type: ignore[union-attr]
    assert [np.flatnonzero(step).tolist() for step in raw.steps[0]] == [[39, 43], [], [0, 87]]
    assert raw.to_json() == [*SONG, SONG[0], SONG[1]]


def test_pieces_without_parts_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "song.json").write_text(json.dumps(SONG))
    raw = read(tmp_path / "song.json")
    assert isinstance(raw, RawSequences) and raw.part is None and raw.to_json() == SONG


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[[60], [20]]]", "piece 1, step 2 holds the note 20"),
        ('[[[60], ["c"]]]', "piece 1, step 2 holds 'c'"),
        ("[[[60]], []]", "no list of pieces"),
        ('{"train": [[[60]]], "rest": []}', "train, valid, test"),
        ("[[[60", "no JSON"),
    ],
)
def test_broken_rolls_are_refused_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "song.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_rolls(tmp_path / "song.json")


def test_a_json_table_stays_a_table(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"train": 1, "y": 2}, {"train": 2, "y": 3}]')
    assert not isinstance(read(tmp_path / "rows.json"), RawSequences)


@pytest.mark.parametrize(("name", "sizes", "steps"), [("jsb-chorales", (229, 76, 77), (13807, 4602, 4725))])
def test_the_published_set_has_its_published_sizes(name: str, sizes: tuple[int, ...], steps: tuple[int, ...]) -> None:
    if not os.environ.get("NNZOO_DATA"):
        pytest.skip("NNZOO_DATA, which holds music/pianoroll, is not set")
    ready = prepare(name)
    parts = (ready.parts.train, ready.parts.valid, ready.parts.test)
    assert tuple(len(part) for part in parts if part is not None) == sizes
    lengths = [int(part.all().inputs["sequence"].lengths_B.sum()) for part in parts if part is not None]
    assert tuple(lengths) == steps


def test_what_is_understood_of_sequences() -> None:
    found = understand(sequences_from_arrays(pieces(), ["a", "b"] * 6, name="walks"))
    assert found["task"] == "sequence-classification" and found["sort"] == "sequences" and found["targets"] == ["label"]
    assert found["fields"][0] == {
        "name": "sequence", "kind": "sequence", "role": "input", "channels": 2, "steps": 45, "range": [2, 6]
    }  # fmt: skip
    assert found["kinds"]["tcn"] == {"can": ["Predicts"]}
