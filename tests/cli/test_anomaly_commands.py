"""Anomalies on the command line: what stands out is listed, all steps go into a table, a picture shows them; and --calendar."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from nnzoo.cli.app import app

WORDS = ("--task", "time-series-forecasting", "--target", "v", "--horizon", 6, "--history", 24, "--device", "cpu")


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    hours = np.arange(1200)
    frame = pd.DataFrame({"when": pd.date_range("2021-03-01", periods=1200, freq="h")})
    frame["v"] = np.sin(2 * np.pi * hours / 24) + 0.1 * np.random.default_rng(0).normal(size=1200)
    frame.to_csv(folder / "usual.csv", index=False)
    frame.loc[800, "v"] += 2
    frame.to_csv(folder / "odd.csv", index=False)
    done = run("train", "dlinear", folder / "usual.csv", *WORDS, "--budget", "300steps", "--out", folder / "run")
    assert done.exit_code == 0, done.stderr
    return folder


def test_what_stands_out_is_listed_and_written(folder):
    told = run("anomalies", folder / "run", folder / "odd.csv", "--device", "cpu")
    assert told.exit_code == 0 and "2021-04-03 08:00:00" in told.stdout and "of 1176 steps score above" in told.stdout
    assert "a share of 0.01 of usual steps exceeds at most" in told.stdout
    table = folder / "scores.csv"
    assert run("anomalies", folder / "run", folder / "odd.csv", "--threshold", 12, "--out", table).exit_code == 0
    frame = pd.read_csv(table)
    assert list(frame) == ["when", "score", "flagged"] and len(frame) == 1176
    assert frame.loc[frame["score"].idxmax(), "when"] == "2021-04-03 08:00:00"
    assert frame["flagged"].tolist() == (frame["score"] > 12).tolist() and frame["flagged"].any()


def test_one_document_and_one_picture(folder):
    found = json.loads(run("anomalies", folder / "run", folder / "odd.csv", "--share", 0.05, "--json").stdout)
    assert found["stretches"][0]["peak"] == "2021-04-03T08:00:00" and found["share"] == 0.05
    assert len(found["rows"]) == found["steps"] == 1176 and found["flagged"] == sum(row["flagged"] for row in found["rows"])
    picture = folder / "odd.png"
    assert run("anomalies", folder / "run", folder / "odd.csv", "--out", picture).exit_code == 0
    shown = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    assert shown.shape[1] > 1000 and ((shown[..., 0] - shown[..., 1]) > 20).any()  # the stretch is marked in red


def test_a_file_that_cannot_be_written_is_refused_before_any_work(folder):
    refused = run("anomalies", folder / "run", folder / "odd.csv", "--out", folder / "odd.txt")
    assert refused.exit_code == 2 and ".png" in refused.stderr and refused.stderr.count("\n") == 1
    refused = run("anomalies", folder / "run", folder / "odd.csv", "--out", folder / "nowhere" / "odd.png")
    assert refused.exit_code == 2 and "folder" in refused.stderr


def test_a_run_with_a_calendar_predicts_with_it_and_data_without_dates_are_refused(folder):
    done = run("train", "tcn", folder / "usual.csv", *WORDS, "--calendar", "--budget", "5steps", "--out", folder / "dated")
    assert done.exit_code == 0 and "the hour, the weekday of the steps to come" in done.stderr
    answers = json.loads(run("predict", folder / "dated", folder / "usual.csv", "--json").stdout)
    assert answers["rows"] == 6
    pd.read_csv(folder / "usual.csv")[["v"]].to_csv(folder / "undated.csv", index=False)
    refused = run("train", "tcn", folder / "undated.csv", *WORDS, "--calendar", "--out", folder / "none")
    assert refused.exit_code == 2 and "no column of dates" in refused.stderr
    assert len([line for line in refused.stderr.splitlines() if line.startswith("nnzoo:")]) == 1
    refused = run("train", "mlp", "iris", "--calendar", "--out", folder / "none")
    assert refused.exit_code == 2 and "--calendar are for series" in refused.stderr
