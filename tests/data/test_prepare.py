"""From a source to parts: opened, asked, split, fitted on training rows, encoded; and placed."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Classes, Values
from nnzoo.data.prepare import infer_task, open_like, place, prepare, read, sorts
from nnzoo.data.raw import RawGraph, RawImages, RawTable, RawTexts
from nnzoo.data.understand import understand

TABULAR = Path(os.environ.get("NNZOO_DATA", "/nonexistent")) / "tabular"
real = pytest.mark.skipif(not TABULAR.is_dir(), reason="needs the folder tabular in NNZOO_DATA")


def frame(n=100):
    r = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "a": r.normal(size=n),
            "who": np.arange(n) // 5,
            "label": np.where(r.rand(n) < 0.4, "yes", "no"),
            "b": r.choice(["u", "v"], n),
        }
    )


def refusal(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rows_of(parts, key="numeric"):
    return torch.cat([part.stored("x", key) for part in (parts.train, parts.valid, parts.test)])


def test_sources_are_told_apart(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "t.txt").write_text("To be, or not to be.\n")
    np.savez(tmp_path / "g.npz", x=np.eye(3), edges=np.array([[0, 1], [1, 2]]))
    np.savez(tmp_path / "i.npz", x=np.zeros((2, 4, 4), np.uint8))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("some words")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("a\n1\n")
    assert isinstance(read(tmp_path / "t.csv"), RawTable) and isinstance(read(str(tmp_path / "t.txt")), RawTexts)
    assert isinstance(read(tmp_path / "g.npz"), RawGraph) and isinstance(read(tmp_path / "i.npz"), RawImages)
    assert isinstance(read(tmp_path / "texts"), RawTexts)
    assert isinstance(read(np.zeros((5, 8, 8))), RawImages) and isinstance(read(torch.zeros(5, 3, 8, 8)), RawImages)
    assert isinstance(read(["ab", "cd"]), RawTexts) and isinstance(read([{"a": 1}]), RawTable)
    table = read((np.zeros((4, 2)), np.arange(4)))
    assert table.targets == ("y",) and list(table.frame.columns) == ["x0", "x1", "y"] and read(table) is table
    assert read((np.zeros((4, 2)), np.zeros((4, 2)))).targets == ("y0", "y1")
    assert "name one of them" in refusal(DataError, read, tmp_path / "tables")
    assert "did you mean the set" in refusal(DataError, read, "digitz")
    assert "one target for each row" in refusal(DataError, read, (np.zeros((4, 2)), np.arange(3)))
    assert "no data set" in refusal(DataError, read, 7)


def test_what_data_ask_for():
    table, numbers = RawTable("t", frame()), RawTable("t", frame()[["a"]])
    assert infer_task(table, ("label",)) == "tabular-classification" and infer_task(table, ("a",)) == "tabular-regression"
    assert infer_task(numbers) == "unconditional-generation"
    labels, pixels = np.array(["p", "q"], object), np.zeros((2, 4, 4, 1), np.uint8)
    assert infer_task(RawImages("i", pixels, labels)) == "image-classification"
    assert infer_task(RawImages("i", pixels)) == "unconditional-image-generation"
    assert infer_task(RawTexts("t", ["a", "b"], labels=labels)) == "text-classification"
    assert infer_task(RawTexts("t", ["a"])) == "text-generation"
    assert infer_task(RawGraph("g", np.eye(2), np.zeros((2, 0)), labels)) == "node-classification"


def test_a_file_is_split_fitted_on_training_rows_and_encoded_once(tmp_path):
    frame().to_csv(tmp_path / "t.csv", index=False)
    ready = prepare(tmp_path / "t.csv", seed=4)
    assert ready.spec.only("outputs", Classes) == "label" and "by its name" in ready.notes[0]
    assert [len(p) for p in (ready.parts.train, ready.parts.valid, ready.parts.test)] == [
        70,
        15,
        15,
    ] and ready.spec.train_size == 70
    assert ready.parts.train.columns["x"] is ready.parts.test.columns["x"]
    train = ready.parts.train.stored("x", "numeric").double()
    assert train.mean(0).abs().max() < 1e-5 and (train.std(0, correction=0) - 1).abs().max() < 1e-5
    assert rows_of(ready.parts).double().mean(0).abs().max() > 1e-4  # not fitted on all rows
    again, other = prepare(tmp_path / "t.csv", seed=4), prepare(tmp_path / "t.csv", seed=5)
    assert torch.equal(rows_of(ready.parts), rows_of(again.parts)) and not torch.equal(rows_of(ready.parts), rows_of(other.parts))


def test_the_target_is_named_guessed_or_missing(tmp_path):
    data = frame()[["label", "a", "b"]].rename(columns={"label": "kind"})
    assert "last column" in prepare(data).notes[0] and "b" in prepare(data).spec.outputs
    assert prepare(data, targets="kind").notes == []
    assert isinstance(prepare(data, targets=["a"]).spec.outputs["a"], Values)
    assert prepare(np.random.RandomState(0).normal(size=(50, 2))).task.name == "unconditional-generation"
    assert prepare(frame()[["a", "who"]], task="unconditional-generation").spec.outputs == {}
    assert "did you mean 'kind'" in refusal(DataError, prepare, data, targets="kinds")
    assert "did you mean" in refusal(ConfigError, prepare, data, task="tabular-clasification")
    assert "categories" in refusal(DataError, prepare, data, task="unconditional-generation")


def test_groups_stay_together_and_do_not_enter():
    ready = prepare(frame(), split="group:who")
    who = frame()["who"].to_numpy()
    sides = [set(who[rows]) for rows in ready.rows.values()]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert ready.spec.inputs["x"].numeric == ("a",) and any("'who'" in note for note in ready.notes)


def test_time_decides_where_asked():
    dates = pd.date_range("2024-01-01", periods=100)[np.random.RandomState(1).permutation(100)]
    ready = prepare(frame().assign(day=dates.strftime("%d.%m.%Y")), split="time:day", targets="label")
    assert dates[ready.rows["train"]].max() < dates[ready.rows["valid"]].min()
    assert dates[ready.rows["valid"]].max() < dates[ready.rows["test"]].min()
    assert "neither dates nor numbers" in refusal(DataError, prepare, frame(), split="time:b")
    assert "random, group:COLUMN" in refusal(ConfigError, prepare, frame(), split="date:day")


def test_rows_without_an_answer_are_left_out():
    data = frame()
    data.loc[::10, "label"] = None
    ready = prepare(data)
    assert sum(map(len, ready.rows.values())) == 90 and "10 of 100 rows" in " ".join(ready.notes)
    two = prepare(data.assign(p=[1.5, np.nan, 2.5, np.nan] * 25, q=[np.nan, np.nan, 2.5, 3.5] * 25), targets=["p", "q"])
    numbers = torch.cat([part.stored("targets", "numbers") for part in (two.parts.train, two.parts.valid, two.parts.test)])
    assert len(numbers) == 75 and numbers.isnan().any() and not numbers.isnan().all(1).any()
    assert "missing in every row" in refusal(DataError, prepare, data.assign(label=None), targets="label")


def test_sources_of_their_own_for_validation_and_test():
    ready = prepare(frame(), valid=frame(30), test=frame(20)[["b", "a", "label", "who"]])
    assert [len(p) for p in (ready.parts.train, ready.parts.valid, ready.parts.test)] == [100, 30, 20]
    assert torch.equal(ready.parts.test.stored("x", "numeric"), ready.parts.train.stored("x", "numeric")[:20])
    assert len(prepare(frame(), test=frame(20)).parts.valid) == 15
    assert "no target column 'label'" in refusal(DataError, prepare, frame(), test=frame(20).drop(columns="label"))
    assert "no column 'a'" in refusal(DataError, prepare, frame(), test=frame(20).drop(columns="a"))


def test_official_parts_of_a_set_are_honoured():
    raw = RawTable("t", frame(), ("label",), part=np.array(["train"] * 80 + ["test"] * 20))
    assert prepare(raw).rows["test"].tolist() == list(range(80, 100))


def test_weights_travel_with_rows():
    ready = prepare(frame().assign(w=np.arange(100.0)), weight="w", targets="label")
    batch = ready.parts.test.all()
    assert batch.weight.tolist() == ready.rows["test"].tolist() and "w" not in ready.spec.inputs["x"].numeric


def test_a_trained_models_preprocessing_is_inherited():
    first = prepare(frame())
    second = prepare(frame(50).assign(a=lambda f: f["a"] * 5), inherit=first.preprocessing)
    assert second.preprocessing is first.preprocessing and second.spec.inputs == first.spec.inputs
    assert "leave --target out" in refusal(DataError, prepare, frame(), targets="b", inherit=first.preprocessing)
    assert "trained on table" in refusal(DataError, prepare, ["ab", "cd", "ef"], inherit=first.preprocessing)
    assert "no column 'a'" in refusal(DataError, prepare, frame().drop(columns="a"), inherit=first.preprocessing)
    opened = open_like(first.preprocessing, frame(7).drop(columns="label"))
    assert len(opened.dataset) == 7 and set(opened.dataset.columns) == {"x"}


def test_one_long_text_is_cut_and_lines_are_drawn(tmp_path):
    text = "".join(chr(97 + i % 26) for i in range(2000)) + "Z" * 50
    (tmp_path / "t.txt").write_text(text)
    ready = prepare(tmp_path / "t.txt")
    made = [ready.preprocessing.restore("text", p.columns["text"]["values"]) for p in (ready.parts.train, ready.parts.valid)]
    assert made[0] + made[1] == text[: len(made[0] + made[1])] and len(made[0]) == 2050 - 2 * 102
    assert all(part.index is None for part in (ready.parts.train, ready.parts.valid, ready.parts.test))
    assert "Z" not in ready.preprocessing.characters  # the vocabulary is that of the training part
    lines = prepare([f"line {i}" for i in range(40)])
    assert sum(len(p) for p in (lines.parts.train, lines.parts.valid, lines.parts.test)) == 40
    (tmp_path / "short.txt").write_text("tiny")
    assert "longer text" in refusal(DataError, prepare, tmp_path / "short.txt")


def test_the_official_parts_of_a_long_text_are_honoured():
    raw = RawTexts("t", ["abc" * 100, "abd" * 10], lines=False, part=np.array(["train", "test"]))
    parts = prepare(raw).parts
    assert len(parts.test.columns["text"]["values"]) == 30 and len(parts.train.columns["text"]["values"]) == 285


def test_pictures_and_graphs_take_the_same_way():
    digits = prepare("digits")
    assert digits.task.name == "image-classification" and len(digits.parts.test) + len(digits.parts.train) < 1797
    assert prepare("digits", task="unconditional-image-generation").spec.outputs == {}
    karate = prepare("karate")
    assert len(karate.parts.train.take(torch.tensor([0])).inputs["graph"].x_NF) == 34
    pixels = RawImages("i", np.zeros((9, 4, 4, 1), np.uint8), np.array(["p"] * 9, object))
    assert "only one label" in refusal(DataError, prepare, pixels)


def test_parts_that_do_not_fit_are_read_by_batch_with_the_same_results():
    parts = prepare(frame(), weight=None, targets="label").parts
    near, far = place(parts, "cpu", limit_bytes=1 << 30), place(parts, "cpu", limit_bytes=10)
    assert near.train.resident and not far.train.resident
    index = torch.tensor([5, 0, 3])
    for one, two in zip((near.train, near.valid, near.test), (far.train, far.valid, far.test)):
        a, b = one.take(index), two.take(index)
        assert torch.equal(a["x"].numeric_BF, b["x"].numeric_BF) and torch.equal(a["label"], b["label"])
    assert near.train.columns["x"] is near.test.columns["x"]  # moved once
    assert place(parts, "cpu").train.resident


@pytest.mark.parametrize("case", ["rows", "label", "empty"])
def test_faults_are_one_sentence(case):
    data = {"rows": frame(2), "label": frame().assign(label="same"), "empty": frame(0)}[case]
    words = {"rows": "no validation rows", "label": "'same'", "empty": "no rows"}[case]
    assert words in refusal(DataError, prepare, data)


def test_what_was_understood_is_json():
    told = understand(frame().assign(note=[f"text {i}" for i in range(100)]), targets="label")
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    fields = {field["name"]: field for field in told["fields"]}
    assert fields["label"]["role"] == "target" and fields["note"]["role"] == "left out" and fields["b"]["kind"] == "category"
    assert fields["who"]["range"] == [0.0, 19.0] and dict(fields["b"]["top"]).keys() == {"u", "v"}
    assert told["parts"] == {"train": 70, "valid": 15, "test": 15} and abs(sum(told["balance"].values()) - 1) < 1e-5
    assert "tabular-classification" in told["tasks"] and "text-generation" not in told["tasks"]
    assert "Predicts" in told["kinds"]["mlp"]["can"] and "picture" in told["kinds"]["cnn"]["cannot"]


def test_saved_sorts_are_found():
    named = {"table", "images", "texts", "graph", "sequences", "pairs", "series", "questions", "picture-pairs"}
    assert set(sorts()) == named and all(sorts()[name].sort == name for name in sorts())


@real
def test_adult_and_california_housing():
    adult = prepare(TABULAR / "adult" / "adult-train.csv.gz")
    assert adult.spec.outputs["x14"].labels == ("<=50K", ">50K") and len(adult.parts.train) == 22793
    assert {c.name for c in adult.spec.inputs["x"].categories} >= {"x1", "x13"}
    assert (adult.parts.train.columns["x"]["codes"] == 0).any()  # "?" is missing
    text = refusal(DataError, prepare, TABULAR / "adult" / "adult-train.csv.gz", test=TABULAR / "adult" / "adult-test.csv.gz")
    assert "'<=50K.'" in text and "row 1" in text
    housing = prepare(TABULAR / "california-housing" / "housing.csv.gz", targets="median_house_value")
    table = housing.spec.inputs["x"]
    assert "total_bedrooms missing" in table.numeric and table.categories[0].size == 6 and housing.task.name == "tabular-regression"
    assert rows_of(housing.parts)[:, table.numeric.index("total_bedrooms missing")].sum() == 207
