"""The list of runs tells finished from unfinished ones; the card tells what a run is."""

import json

import numpy as np
import pandas as pd
import torch

from nnzoo.data.raw import RawTable
from nnzoo.data.table_preprocessing import TablePreprocessing
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.zoo.listing import runs
from nnzoo.zoo.runs import save_run

FRAME = pd.DataFrame({"size": np.arange(20.0), "sort": ['big: "huge"', "small"] * 10})


def saved(folder, **about):
    task = find_task("tabular-classification")
    preprocessing = TablePreprocessing.fit(RawTable("toys", FRAME), np.arange(20), targets=("sort",), task=task.name)
    kind = find("mlp")
    torch.manual_seed(0)
    save_run(folder, kind(kind.Config(hidden=(3,)), preprocessing.spec(20), task), preprocessing, data='toys "A".csv', **about)


def test_runs_are_listed_with_their_scores(tmp_path):
    saved(tmp_path / "one", result={"test": 0.75, "seconds": 2.5})
    saved(tmp_path / "deep" / "two")
    asked = {"kind": "cnn", "data": "digits", "task": "image-classification", "date": "2020-01-01", "seed": 3}
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "request.json").write_text(json.dumps(asked))
    (tmp_path / "no-run").mkdir()
    listed = {run["path"].rsplit("/", 1)[-1]: run for run in runs(tmp_path)}
    assert set(listed) == {"one", "two", "three"}
    one = listed["one"]
    assert (one["kind"], one["task"], one["metric"], one["test"]) == ("mlp", "tabular-classification", "accuracy", 0.75)
    assert one["complete"] and one["seconds"] == 2.5 and one["date"] and one["bytes"] > 500
    assert listed["two"]["complete"] and listed["two"]["test"] is None
    three = listed["three"]
    assert not three["complete"] and (three["kind"], three["metric"], three["test"]) == ("cnn", "accuracy", None)
    assert runs(tmp_path)[-1]["path"].endswith("three")  # newest first


def test_a_run_cut_short_or_damaged_is_listed_as_unfinished(tmp_path):
    saved(tmp_path / "one")
    (tmp_path / "one" / "digests.json").unlink()
    saved(tmp_path / "two")
    (tmp_path / "two" / "config.json").write_text("{")
    assert [run["complete"] for run in runs(tmp_path)] == [False, False]
    assert runs(tmp_path / "nowhere") == []


def test_the_card_has_front_matter_data_scores_and_use(tmp_path):
    saved(
        tmp_path / "my-run",
        result={"test": 0.75, "validation": 0.8, "scores": {"accuracy": 0.75, "log_loss": float("inf")}},
        notes=["be careful"],
    )
    text = (tmp_path / "my-run" / "README.md").read_text()
    front, body = text.split("---\n")[1:]
    for line in (
        "library_name: nnzoo",
        "pipeline_tag: tabular-classification",
        "- nnzoo",
        "    - type: accuracy",
        "      value: 0.75",
    ):
        assert line in front.splitlines()
    assert r'name: "toys \"A\".csv"' in front and "log_loss" not in front
    assert "# my-run: mlp for tabular-classification" in body
    assert "20 rows" in body and 'one of 2 labels (big: "huge", small)' in body
    assert "| score | test | validation |" in body and "| accuracy | 0.75 | 0.8 |" in body
    assert 'nnzoo.load("my-run")' in body and "nnzoo predict my-run new-data" in body
    assert find("mlp").card.idea in body and "- note: be careful" in body
