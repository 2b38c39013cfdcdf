"""Series on the command line: a table with dates is forecast, and the answer goes on where it ends."""

import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nnzoo.cli.app import app


@pytest.fixture
def sales(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    day = np.arange(300)
    frame = pd.DataFrame({"day": pd.date_range("2021-03-01", periods=300, freq="D").strftime("%Y-%m-%d")})
    frame["demand"] = 10 + 3 * np.sin(2 * np.pi * day / 7) + 0.1 * np.random.default_rng(0).normal(size=300)
    frame["price"] = np.cos(day)
    frame.to_csv("sales.csv", index=False)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_train_predict_and_evaluate(sales):
    words = ("--task", "time-series-forecasting", "--target", "demand", "--horizon", 7, "--history", 28)
    done = run("train", "dlinear", "sales.csv", *words, "--budget", "300steps", "--out", "run", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["test"] < 0.3
    answer = pd.read_csv(StringIO(run("predict", "run", "sales.csv").stdout))
    assert answer["day"].tolist() == [f"2021-12-{d}" for d in range(26, 32)] + ["2022-01-01"]
    expected = 10 + 3 * np.sin(2 * np.pi * np.arange(300, 307) / 7)
    assert np.abs(answer["demand"] - expected).max() < 1.5 and list(answer) == ["day", "demand"]
    assert json.loads(run("evaluate", "run", "sales.csv", "--json").stdout)["scores"]["mae_original"] < 1
    short = pd.read_csv("sales.csv").iloc[:20]
    short.to_csv("short.csv", index=False)
    refused = run("predict", "run", "short.csv")
    assert refused.exit_code == 2 and "reads 28" in refused.stderr


def test_data_and_compare_take_horizon_and_history(sales):
    words = ("--task", "time-series-forecasting", "--horizon", 7, "--history", 28)
    told = json.loads(run("data", "sales.csv", *words, "--json").stdout)
    assert told["parts"] == {"train": 176, "valid": 24, "test": 54} and told["targets"] == ["demand", "price"]
    done = run(
        "compare", "sales.csv", *words, "--kinds", "dlinear", "--per-run", "20steps", "--seeds", 1, "--out", "r.html", "--json"
    )
    assert done.exit_code == 0, done.stderr
    assert {e["kind"] for e in json.loads(done.stdout)["entries"]} == {"dlinear", "repeat-last", "seasonal-naive", "ridge-on-lags"}
    assert "Forecasts of dlinear" in (sales / "r.html").read_text()
