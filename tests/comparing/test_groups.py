"""Scores by group: the groups, their scores against sums by hand, how they add up to the whole, and what cannot be grouped."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Guesser, Linear, flowers

from nnzoo.comparing.groups import groups_of
from nnzoo.comparing.race import compare
from nnzoo.comparing.report import render
from nnzoo.core.errors import ConfigError

GARDEN = "garden <script>"


def garden_flowers(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = flowers(rows)
    frame[GARDEN] = rng.choice(["north", "south", "<i>east</i>"], rows, p=[0.5, 0.4, 0.1])
    return frame.assign(plot=np.arange(rows), weight=rng.choice([1.0, 3.0], rows))


def houses(rows: int = 240, missing: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(rows, 2))
    price = 3 * x[:, 0] + rng.normal(0, 0.5, rows)
    rent = 100 * x[:, 1] + rng.normal(0, 20, rows)
    price[rng.random(rows) < missing] = np.nan
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "town": rng.choice(["x", "y", "z"], rows), "price": price, "rent": rent})


@pytest.fixture(scope="module")
def result():
    return compare(
        garden_flowers(), target="flower", kinds=[Linear, Guesser], budget="40steps", seeds=2, groups=(GARDEN, "plot", "flower")
    )


def test_each_score_is_the_mean_over_seeds_of_the_groups_own_rows(result):
    test = result.prepared.rows["test"]
    cells = result.prepared.raw.frame[GARDEN].to_numpy()[test]
    (grouping, *_) = result.groups
    assert grouping.column == GARDEN and grouping.metric == "accuracy"
    assert sorted(g.name for g in grouping.groups) == sorted(set(cells))
    for group in grouping.groups:
        assert group.rows == (cells == group.name).sum()
        for kind, (mean, low, high) in group.scores.items():
            each = [(e.predictions.argmax(1) == e.truth)[cells == group.name].mean() for e in result.entry(kind).evaluations]
            assert mean == pytest.approx(np.mean(each)) and low <= mean <= high and high - low > 0


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
@pytest.mark.parametrize("weight", [None, "weight"])
def test_groups_add_up_to_the_whole(metric, weight):
    found = compare(
        garden_flowers(), target="flower", kinds=[Linear], budget="20steps", seeds=2, metric=metric, weight=weight, groups=GARDEN
    )
    frame, test = found.prepared.raw.frame, found.prepared.rows["test"]
    share = frame.iloc[test].groupby(GARDEN)["weight"].sum() if weight else frame.iloc[test].groupby(GARDEN).size()
    for entry in found.entries:
        whole = sum(group.scores[entry.kind][0] * share[group.name] for group in found.groups[0].groups) / share.sum()
        assert whole == pytest.approx(entry.mean, abs=1e-6)


def test_squared_errors_of_groups_add_up_to_the_whole():
    found = compare(houses(), target="price", kinds=["mlp"], budget="20steps", seeds=1, metric="rmse", groups="town")
    for entry in found.entries:
        groups = found.groups[0].groups
        total = sum(g.rows * g.scores[entry.kind][0] ** 2 for g in groups) / sum(g.rows for g in groups)
        assert np.sqrt(total) == pytest.approx(entry.mean, rel=1e-6)


def test_r2_of_groups_has_the_spread_of_the_whole_so_that_they_add_up():
    found = compare(houses(), target=["price", "rent"], kinds=["mlp"], budget="20steps", seeds=2, groups="town")
    (grouping,) = found.groups
    assert grouping.metric == "r2"
    for entry in found.entries:
        total = sum(g.rows * g.scores[entry.kind][0] for g in grouping.groups) / sum(g.rows for g in grouping.groups)
        assert total == pytest.approx(entry.mean, rel=1e-6)


def test_rows_whose_truth_is_missing_are_left_out_of_their_group():
    frame = houses(missing=0.3)
    found = compare(frame, target=["price", "rent"], kinds=["mlp"], budget="5steps", seeds=1, metric="mae", groups="town")
    test = found.prepared.rows["test"]
    assert sum(g.rows for g in found.groups[0].groups) == len(test)
    evaluation, cells = found.entry("mlp").evaluations[0], frame.town.to_numpy()[test]
    for group in found.groups[0].groups:
        error = np.abs(evaluation.truth - evaluation.predictions)[cells == group.name]
        assert group.scores["mlp"][0] == pytest.approx(np.nanmean(error, 0).mean(), rel=1e-6)


def test_a_column_that_is_no_input_makes_quartiles(result):
    plots = result.groups[1]
    rows = np.sort(result.prepared.rows["test"])
    assert "plot" not in [c.name for c in result.prepared.preprocessing.columns] or plots.column == "plot"
    assert [g.rows for g in plots.groups] == pytest.approx([len(rows) / 4] * 4, abs=1)
    assert plots.groups[0].name.split(" to ")[0] == str(rows[0]) and plots.groups[-1].name.split(" to ")[1] == str(rows[-1])


def test_the_target_groups_rows_by_their_true_label(result):
    recall = {g.name: g.scores["linear"][0] for g in result.groups[2].groups}
    evaluations = result.entry("linear").evaluations
    for code, label in enumerate(result.prepared.spec.outputs["flower"].labels):
        hit = [(e.predictions.argmax(1) == code)[e.truth == code].mean() for e in evaluations]
        assert recall[label] == pytest.approx(np.mean(hit))


def test_the_json_has_them(result):
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    (garden, *_) = document["groups"]
    assert garden["column"] == GARDEN and set(garden["groups"][0]) == {"name", "rows", "scores"}
    assert set(garden["groups"][0]["scores"]["linear"]) == {"mean", "low", "high"}
    assert all(0 <= entry["calibration_error"] <= 1 for entry in document["entries"])


def test_the_report_has_a_table_for_each_column_with_names_escaped(result):
    page = render(result)
    section = page[page.index("<h2>Scores by group") :].split("</section>")[0]
    assert section.count("<h3>") == 3 and "By garden &lt;script&gt;" in section and "&lt;i&gt;east&lt;/i&gt;" in section
    assert "<script" not in page and "<i>" not in page
    for group in result.groups[0].groups:
        assert f"<b>{100 * group.scores['linear'][0]:.1f}</b>" in section
    assert f"<b>{100 * result.entry('linear').mean:.1f}</b>" in section.split("all test rows")[1]


def test_it_is_absent_where_it_was_not_asked_for():
    assert "Scores by group" not in render(compare(flowers(), target="flower", kinds=[Linear], budget="5steps", seeds=1))


def test_a_test_part_of_its_own_has_its_own_cells():
    frame = garden_flowers()
    apart = frame.iloc[200:].assign(**{GARDEN: "elsewhere"})
    found = compare(frame.iloc[:200], test=apart, target="flower", kinds=[Linear], budget="5steps", seeds=1, groups=GARDEN)
    assert [(g.name, g.rows) for g in found.groups[0].groups] == [("elsewhere", 100)]


def test_rows_without_a_label_belong_to_no_group():
    frame = garden_flowers()
    apart = frame.iloc[200:].reset_index(drop=True)
    apart.loc[::2, "flower"] = None
    found = compare(frame.iloc[:200], test=apart, target="flower", kinds=[Linear], budget="5steps", seeds=1, groups=GARDEN)
    assert sum(g.rows for g in found.groups[0].groups) == 50


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (
            garden_flowers(),
            {"target": "flower", "groups": "gardn"},
            r"no column 'gardn' to group by; its columns are petal, sepal, flower",
        ),
        (garden_flowers(), {"target": "flower", "groups": ("plot", "plot")}, "'plot' twice"),
        ("digits", {"groups": "colour"}, "no column 'colour' to group by; its columns are label"),
        ("names-like", {"groups": "length"}, "its rows have no columns; leave --group out"),
        ("ring8", {"groups": "x"}, "compares whole sets; leave --group out"),
    ],
)
def test_what_cannot_be_grouped_is_said_before_any_time_is_spent(source, options, words):
    with pytest.raises(ConfigError, match=words):
        compare(source, listen=(pytest.fail,), **options)


def test_the_command_line_says_it_in_one_line(tmp_path):
    from nnzoo.cli.app import app

    garden_flowers().to_csv(tmp_path / "f.csv", index=False)
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "f.csv"), "--target", "flower", "--group", "colour"])
    assert result.exit_code == 2 and "has no column 'colour' to group by; its columns are petal" in result.output.replace("\n", " ")


def test_values_are_groups_and_numbers_quartiles():
    names, code_N = groups_of(pd.Series(["b", "a", None, "b", ""]))
    assert names == ("a", "b", "missing") and code_N.tolist() == [1, 0, 2, 1, 2]
    names, code_N = groups_of(pd.Series([3, 1, 2, 10, 2]))
    assert names == ("1", "2", "3", "10") and code_N.tolist() == [2, 0, 1, 3, 1]
    names, code_N = groups_of(pd.Series(np.arange(100) / 10))
    assert names == ("0 to 2.4", "2.5 to 4.9", "5 to 7.4", "7.5 to 9.9") and np.bincount(code_N).tolist() == [25] * 4
    names, code_N = groups_of(pd.Series([*range(20), np.nan, np.nan]))
    assert names[-1] == "missing" and (code_N[-2:] == len(names) - 1).all()


def test_equal_numbers_stay_together():
    names, code_N = groups_of(pd.Series([0] * 60 + list(range(1, 41))))
    assert names[0] == "0" and (code_N[:60] == 0).all() and np.bincount(code_N).sum() == 100


def test_dates_make_quartiles_and_rare_values_one_group():
    names, _ = groups_of(pd.Series(pd.date_range("2024-01-01", periods=40).strftime("%d.%m.%Y")))
    assert names[0] == "2024-01-01 to 2024-01-10" and len(names) == 4
    assert groups_of(pd.Series(pd.date_range("2024-01-01", periods=40)))[0] == names
    letters = [letter for i, letter in enumerate("abcdefghijklmnop") for _ in range(20 - i)]
    names, code_N = groups_of(pd.Series(letters))
    assert names == (*"abcdefghijk", "5 other values") and (code_N == 11).sum() == sum(20 - i for i in range(11, 16))
