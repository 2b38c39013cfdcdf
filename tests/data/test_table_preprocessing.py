"""What the training rows teach about columns, and how every row is coded by it."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Rows, Values
from nnzoo.data.raw import RawTable
from nnzoo.data.table_preprocessing import TablePreprocessing

N = 60


def frame(n=N):
    r = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "size": r.normal(50, 10, n).round(3),
            "gap": [None if i % 5 == 0 else float(i) for i in range(n)],
            "colour": r.choice(["red", "green", "blue"], n),
            "sold": r.choice(["yes", "no"], n),
            "when": [f"2024-{i % 12 + 1:02d}-15" for i in range(n)],
            "remark": [f"remark number {i}" for i in range(n)],
            "unit": ["cm"] * n,
            "id": np.arange(n),
            "w": r.uniform(1, 2, n),
            "label": r.choice(["b", "a"], n),
            "price": r.normal(1000, 50, n),
            "cost": [np.nan if i % 7 == 0 else 2.0 * i for i in range(n)],
        }
    )


def fitted(data=None, targets=("label",), rows=None, **more):
    raw = RawTable("t", frame() if data is None else data)
    return TablePreprocessing.fit(raw, np.arange(len(raw)) if rows is None else rows, targets=targets, **more), raw


def refusal(call, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_kind_of_column_becomes_what_it_should():
    learned, raw = fitted(frame().drop(columns=["price", "cost"]), weight="w")
    table = learned.table
    dates = ("when", "when month sin", "when month cos", "when weekday sin", "when weekday cos")
    assert table.numeric == ("size", "gap", "gap missing", "sold", *dates)
    assert [(c.name, c.size) for c in table.categories] == [("colour", 4)]
    assert [n.split("'")[1] for n in learned.notes] == ["remark", "unit", "id"]
    numeric = learned.encode(raw)["x"]["numeric"].double()
    assert numeric.shape == (N, 9) and torch.isfinite(numeric).all()
    size = raw.frame["size"].to_numpy()
    np.testing.assert_allclose(numeric[:, 0], (size - size.mean()) / size.std(), atol=1e-5)
    gone = raw.frame["gap"].isna().to_numpy()
    assert (numeric[torch.tensor(gone), 1] == 0).all() and numeric[:, 2].bool().tolist() == gone.tolist()
    np.testing.assert_allclose(learned.weights(raw), raw.frame["w"])


def test_only_training_rows_teach():
    data = frame()
    data.loc[40:, "size"] = 1e6
    data.loc[40:, "colour"] = "violet"
    learned, raw = fitted(data, rows=np.arange(40))
    np.testing.assert_allclose(learned.table.mean[0], data["size"][:40].mean())
    assert "violet" not in learned.columns[2].levels
    assert (learned.encode(raw)["x"]["codes"][40:, 0] == 0).all()
    assert (learned.encode(raw)["x"]["codes"][:40, 0] > 0).all()


def test_text_cells_of_a_file_mean_the_same_as_typed_cells():
    typed = frame()
    as_text = typed.astype(object).where(typed.notna(), "?").map(str)
    one, raw = fitted(typed)
    two, raw_text = fitted(as_text)
    assert one.facts() == two.facts()
    for name, stored in one.encode(raw).items():
        for key, values in stored.items():
            assert torch.equal(values, two.encode(raw_text)[name][key])
            assert torch.equal(values, one.encode(raw_text)[name][key])


def test_facts_survive_json_exactly(tmp_path):
    learned, raw = fitted(weight="w")
    again = TablePreprocessing.from_facts(json.loads(json.dumps(learned.facts())))
    assert again.facts() == learned.facts() and again.spec(5) == learned.spec(5)
    for name, stored in learned.encode(raw).items():
        assert all(torch.equal(values, again.encode(raw)[name][key]) for key, values in stored.items())
    learned.save(tmp_path)
    assert json.loads((tmp_path / "preprocessing.json").read_text())["sort"] == "table"


def test_restore_gives_the_rows_back():
    learned, raw = fitted(frame().drop(columns=["remark", "unit", "id"]))
    stored = learned.encode(raw)["x"]
    back = learned.restore("x", Rows(stored["numeric"], stored["codes"]))
    np.testing.assert_allclose(back["size"], raw.frame["size"], rtol=1e-5)
    assert (back["gap"].isna() == raw.frame["gap"].isna()).all() and back["gap"].dtype == "Int64"
    assert back["colour"].tolist() == raw.frame["colour"].tolist() and back["sold"].tolist() == raw.frame["sold"].tolist()
    assert (back["when"].dt.round("D").dt.strftime("%Y-%m-%d") == raw.frame["when"]).all()
    assert list(learned.restore("x", stored["numeric"]).columns) == [c for c in back.columns if c != "colour"]


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d %b %Y", "%Y-%m-%dT%H:%M:%S"])
def test_dates_in_common_forms_are_days(form):
    stamps = pd.date_range("2023-01-05", periods=N, freq="9D")
    learned, raw = fitted(pd.DataFrame({"d": stamps.strftime(form), "label": ["a", "b"] * (N // 2)}))
    assert learned.columns[0].kind == "date"
    days = learned.table.restore(learned.encode(raw)["x"]["numeric"].double())[:, 0]
    np.testing.assert_allclose(days, (stamps - pd.Timestamp(0)).days, atol=0.05)
    bad = RawTable("t", pd.DataFrame({"d": ["not a date"]}))
    assert "'d', row 1" in refusal(learned.encode, bad)


def test_month_and_weekday_go_round():
    data = pd.DataFrame({"d": pd.to_datetime(["2024-01-01", "2024-07-01", "2024-12-30"] * 4), "label": list("abc") * 4})
    learned, raw = fitted(data)
    x = learned.table.restore(learned.encode(raw)["x"]["numeric"].double())
    np.testing.assert_allclose(x[0, 1:].numpy(), [0, 1, 0, 1], atol=1e-6)  # January, Monday
    np.testing.assert_allclose(x[1, 1:3].numpy(), [0, -1], atol=1e-6)  # July is opposite
    assert (x[2, 1:3] - x[0, 1:3]).norm() < 0.6  # December is near January


@pytest.mark.parametrize(
    "values, task, expected",
    [
        (["a", "b"] * 30, "", Classes),
        ([True, False] * 30, "", Classes),
        ([0, 1, 2] * 20, "", Classes),
        ([1.0, 2.0, 5.0] * 20, "", Classes),
        (["3", "7"] * 30, "", Classes),
        (list(range(60)), "", Values),
        ([i % 15 for i in range(60)], "", Values),
        ([0.5, 1.5] * 30, "", Values),
        ([0, 1, 2] * 20, "tabular-regression", Values),
        ([0.5, 1.5] * 30, "tabular-classification", Classes),
    ],
)
def test_what_a_target_is(values, task, expected):
    learned, _ = fitted(pd.DataFrame({"x": np.arange(60.0), "t": values}), ("t",), task=task)
    assert isinstance(learned.spec(1).outputs["t"], expected)


def test_labels_are_in_order_and_missing_ones_are_minus_one():
    data = pd.DataFrame({"a": np.arange(6.0), "t": ["10", "9", "", "?", "9.0", "10"]})
    learned, raw = fitted(data, ("t",), task="tabular-classification")
    assert learned.output == Classes(labels=("9", "10"))
    assert learned.encode(raw)["t"]["codes"].tolist() == [1, 0, -1, -1, 0, 1]
    assert "t" not in learned.encode(RawTable("new", data.drop(columns="t")))
    text = refusal(learned.encode, RawTable("new", pd.DataFrame({"a": [1.0, 2], "t": ["9", "8"]})))
    assert "'t', row 2" in text and "'8'" in text


def test_labels_are_judged_by_the_training_rows():
    data = frame().assign(label=["a"] * 40 + ["b"] * 20)
    assert "'a' in every training row" in refusal(fitted, data, rows=np.arange(40))
    learned, _ = fitted(data.assign(label=["a", "b"] * 25 + ["c"] * 10), rows=np.arange(40))
    assert learned.output.labels == ("a", "b", "c") and "label c" in learned.notes[-1]


def test_rows_are_counted_in_the_whole_table():
    for cell in ("oops", [1]):
        data = frame().astype({"size": object})
        data.at[49, "size"] = cell
        assert "row 50" in refusal(fitted, data, rows=np.arange(20, 60))


def test_several_targets_are_numbers_with_gaps():
    learned, raw = fitted(frame().drop(columns="label"), ("price", "cost"))
    field = learned.spec(9).outputs["targets"]
    assert field.names == ("price", "cost")
    np.testing.assert_allclose(field.mean, raw.frame[["price", "cost"]].mean())
    numbers = learned.encode(raw)["targets"]["numbers"]
    assert (numbers[:, 1].isnan().numpy() == raw.frame["cost"].isna()).all() and not numbers[:, 0].isnan().any()
    assert "label hold labels" in refusal(fitted, frame(), ("price", "label"))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"size": "tall"}, ["'size'", "row 1", "'tall'"]),
        ({"size": np.inf}, ["'size'", "row 1", "infinite"]),
        ({"sold": "perhaps"}, ["'sold'", "row 1", "perhaps"]),
        ({"when": "soon"}, ["'when'", "row 1", "2024-12-31"]),
        ({"size": [1, 2]}, ["'size'", "row 1", "list"]),
        ({"size": None, "Size": 3}, ["no column 'size'", "'Size'"]),
        ({"w": -1}, ["'w'", "row 1"]),
    ],
)
def test_new_rows_that_do_not_fit_are_refused(change, words):
    learned, _ = fitted(weight="w")
    row = {k: [v] for k, v in {**frame().iloc[0].to_dict(), **change}.items()}
    if change.get("size", 0) is None:
        del row["size"]
    text = refusal(learned.open, RawTable("new", pd.DataFrame(row)))
    assert all(word in text for word in words), text


def test_new_rows_may_lack_more_than_training_rows_and_bring_other_columns():
    learned, raw = fitted()
    new = raw.frame.iloc[:2].drop(columns=["label", "remark", "unit"]).assign(other=1)
    new["size"], new["colour"], new["sold"], new["when"] = np.nan, None, "", ["", "2024-01-15"]
    x = learned.encode(RawTable("new", new))["x"]
    assert (x["numeric"][:, 0] == 0).all() and (x["codes"] == 0).all() and torch.isfinite(x["numeric"]).all()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"label": "only"}, ["'label'", "'only'", "two labels"]),
        ({"label": ""}, ["'label'", "missing in every"]),
        ({"label": [f"name {i}" for i in range(N)]}, ["'label'", "60 different labels"]),
        ({"size": [*range(N - 1), "oops"]}, ["'size'", "row 60", "'oops'"]),
        ({"size": [*np.arange(N - 1.0), np.inf]}, ["'size'", "row 60"]),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(change, words):
    text = refusal(fitted, frame().assign(**change))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    "cells, kind",
    [
        (pd.array([1, None, 3] * 20, dtype="Int64"), "number"),
        (pd.array([True, None, False] * 20, dtype="boolean"), "boolean"),
        ([True, None, False] * 20, "boolean"),
        (pd.Categorical([1, 2, 3] * 20), "category"),
        ([1, "x", 2.5] * 20, "category"),
        (pd.date_range("2024", periods=N, tz="Europe/Paris"), "date"),
        ([Decimal("1.5"), None, 2] * 20, "number"),
        ([True] * N, None),
        ([None] * N, None),
        (pd.to_timedelta(np.arange(N), unit="D"), "timedelta64"),
        (np.arange(N) * 1j, "complex128"),
        ([b"x", b"y"] * 30, "bytes"),
    ],
)
def test_columns_of_every_type_are_read_left_out_or_refused(cells, kind):
    data = frame()[["price", "label"]].assign(odd=cells)
    if kind in ("number", "boolean", "category", "date"):
        assert fitted(data)[0].columns[1].kind == kind
    elif kind is None:
        assert "'odd' is left out" in fitted(data)[0].notes[0]
    else:
        text = refusal(fitted, data)
        assert "'odd'" in text and kind in text


def test_number_targets_that_cannot_be_learned_are_refused():
    assert "missing in every" in refusal(fitted, frame().assign(price=np.nan), ("price",), task="tabular-regression")
    assert "in which it varies" in refusal(fitted, frame().assign(price=3.5), ("price",), task="tabular-regression")
    assert "did you mean 'price'" in refusal(fitted, frame(), ("prize",))
    assert "no column to learn from" in refusal(fitted, frame()[["unit", "label"]])


def test_a_table_without_target_has_inputs_only():
    learned, raw = fitted(frame()[["size", "price"]], ())
    assert learned.spec(3).outputs == {} and set(learned.encode(raw)) == {"x"}


def test_an_array_for_prediction_has_the_inputs_in_order():
    learned, raw = fitted(frame()[["size", "price", "label"]])
    array = raw.frame[["size", "price"]].to_numpy()
    assert torch.equal(learned.open(array).dataset.columns["x"]["numeric"], learned.encode(raw)["x"]["numeric"])
    assert "3 columns" in refusal(learned.open, np.zeros((1, 3)))
