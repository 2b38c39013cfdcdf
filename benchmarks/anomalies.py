"""Anomaly scores on series of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), beside two plain scores.

Of each file the first 15 % are for learning, as the benchmark has it: two thirds of them train, one third is the validation part,
which gives usual errors and threshold. Horizon and history are the library's own rule, the same for all files; nothing is tuned.
The rest is scored step by step, and compared with the benchmark's windows around known faults:

    AUROC          chance that a step inside a window scores higher than one outside (mean over files that have windows)
    windows found  windows with a flagged step, at a share of 0.01 of false alarms as the validation part sees it
    false alarms   stretches of flagged steps that touch no window, and the share of steps outside windows that is flagged
    hits of top    the windows that the k highest stretches touch, where k is how many windows a file has

A window covers about a tenth of its file, so that even alarms at random would touch some: `windows found` must be read beside the
false alarms; `hits of top` allows each method as many alarms as there are faults. Plain scores: the difference from the last value;
how many standard deviations a value is from the mean of the window before it.

    python benchmarks/anomalies.py [--kinds dlinear,gru] [--seeds 3] [--out benchmarks/results/anomalies.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

import nnzoo
from nnzoo.core.errors import DataError
from nnzoo.data.places import find_folder
from nnzoo.data.raw import RawSeries, RawTable
from nnzoo.data.series import series_of
from nnzoo.zoo.anomalies import Anomalies, Usual, found_in

TASK = "time-series-forecasting"
LEARNED, TRAINED = 0.15, 2 / 3  # of the file; of that
SHARE = 0.01
BUDGET = "300steps"
CONFIGS: dict[str, dict[str, Any]] = {
    "gru": {"hidden": 32},
    "lstm": {"hidden": 32},
    "rnn": {"hidden": 32},
    "tcn": {"hidden": 32},
}  # small
Window = tuple[pd.Timestamp, pd.Timestamp]


def files() -> Iterator[tuple[str, RawSeries, list[Window]]]:
    """Each series with the windows of its faults, read from the archive as it is."""
    folder = find_folder("nab", "nab.zip")
    if folder is None:
        raise SystemExit("nab/nab.zip is not on this machine; set NNZOO_DATA to the folder that holds it")
    with zipfile.ZipFile(folder / "nab.zip") as archive:
        windows = json.loads(archive.read("labels/windows.json"))
        for name in sorted(name for name in archive.namelist() if name.endswith(".csv")):
            with archive.open(name) as file:
                table = RawTable(Path(name).stem, pd.read_csv(file))
            around = [(pd.Timestamp(first), pd.Timestamp(last)) for first, last in windows[name]]
            yield name, series_of(table, time="timestamp", columns=["value"]), around


def beginning(raw: RawSeries) -> RawSeries:
    """The first part of a series, divided into a training and a validation part."""
    steps = round(LEARNED * len(raw))
    part = np.where(np.arange(steps) < round(TRAINED * steps), "train", "valid").astype(object)
    assert raw.dates is not None
    return RawSeries(raw.name, raw.frame.iloc[:steps], dates=raw.dates[:steps], time=raw.time, form=raw.form, part=part)


def by_network(kind: str, raw: RawSeries, seed: int) -> Anomalies:
    """Scores by a kind that is trained on the beginning."""
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        nnzoo.train(kind, beginning(raw), task=TASK, config=CONFIGS.get(kind, {}), seed=seed, budget=BUDGET, device="cpu", out=run)
        return nnzoo.load(run).anomalies(raw, share=SHARE)


def last_difference(values_M: np.ndarray, length: int) -> np.ndarray:
    """How far each value is from the one before."""
    return np.abs(np.diff(values_M, prepend=values_M[:1]))


def moving_deviation(values_M: np.ndarray, length: int) -> np.ndarray:
    """How many standard deviations of the `length` values before it each value is from their mean."""
    before = pd.Series(values_M).shift(1).rolling(length, min_periods=2)
    least = 1e-6 * max(1e-12, float(values_M[: round(LEARNED * len(values_M))].std()))
    return np.nan_to_num(((pd.Series(values_M) - before.mean()).abs() / before.std().clip(lower=least)).to_numpy())


def plainly(rule: Callable[[np.ndarray, int], np.ndarray], raw: RawSeries, horizon: int, history: int) -> Anomalies:
    """The same table and threshold from a plain score."""
    score_M = rule(raw.frame["value"].to_numpy(), history)
    steps = round(LEARNED * len(raw))
    calm = np.sort(score_M[round(TRAINED * steps) : steps])
    threshold, share = Usual([], calm.tolist(), len(calm)).threshold(SHARE)
    return found_in(score_M[:, None], pd.DatetimeIndex(raw.dates, name=raw.time), raw.frame, horizon, threshold, share)


def judged(found: Anomalies, raw: RawSeries, windows: list[Window]) -> dict[str, Any]:
    """Figures of one file, over the steps that come after its beginning."""
    assert raw.dates is not None
    start = pd.Timestamp(raw.dates[round(LEARNED * len(raw))])
    seen = found.frame[found.frame[raw.time] >= start]
    inside = np.zeros(len(seen), bool)
    for first, last in windows:
        inside |= seen[raw.time].between(first, last).to_numpy()
    flagged = seen["flagged"].to_numpy()
    stretches = [one for one in found.stretches if one.last >= start]
    alone = [one for one in stretches if not any(one.first <= last and one.last >= first for first, last in windows)]
    top = stretches[: len(windows)]
    return {
        "auroc": round(float(roc_auc_score(inside, seen["score"])), 4) if inside.any() else None,
        "windows": len(windows),
        "windows_found": sum(bool(flagged[seen[raw.time].between(*window).to_numpy()].any()) for window in windows),
        "top_hits": sum(any(one.first <= last and one.last >= first for one in top) for first, last in windows),
        "false_stretches": len(alone),
        "false_share": round(float(flagged[~inside].mean()), 5),
        "steps": len(seen),
    }


def together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures over all files (and seeds): means of AUROC and of shares, sums of counts divided by the number of seeds."""
    seeds = max(1, len({row["seed"] for row in rows}))
    known = [row["auroc"] for row in rows if row["auroc"] is not None]
    sums = {
        name: round(sum(row[name] for row in rows) / seeds, 2)
        for name in ("windows", "windows_found", "top_hits", "false_stretches")
    }
    calm = [row["false_share"] for row in rows]
    return {
        "auroc": round(float(np.mean(known)), 4),
        **sums,
        "false_share": round(float(np.mean(calm)), 4),
        "median_false_share": round(float(np.median(calm)), 4),
    }


def main() -> None:
    """Measure and write."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--kinds", default="dlinear,gru")
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--out", default="benchmarks/results/anomalies.json")
    asked = words.parse_args()
    torch.set_num_threads(1)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    began, kinds = time.perf_counter(), asked.kinds.split(",")
    rows: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    for name, raw, windows in files():
        try:
            ready = nnzoo.prepare(beginning(raw), task=TASK)
        except DataError as error:
            refused[name] = str(error)
            continue
        horizon, history = ready.preprocessing.horizon, ready.preprocessing.history  # type: ignore[attr-defined]
        for rule in (last_difference, moving_deviation):
            rows.append(
                {"file": name, "by": rule.__name__, "seed": 0, **judged(plainly(rule, raw, horizon, history), raw, windows)}
            )
        for kind in kinds:
            for seed in range(asked.seeds):
                begun = time.perf_counter()
                row = judged(by_network(kind, raw, seed), raw, windows)
                rows.append({"file": name, "by": kind, "seed": seed, **row, "seconds": round(time.perf_counter() - begun, 1)})
        print(name, *(f"{row['by']} {row['auroc']}" for row in rows if row["file"] == name and row["seed"] == 0), flush=True)
    methods = [*kinds, "last_difference", "moving_deviation"]
    result = {
        "what": "anomaly scores on 16 series of the Numenta Anomaly Benchmark; 15 % of each to learn from, nothing tuned",
        "commit": commit,
        "date": time.strftime("%Y-%m-%d"),
        "threads": 1,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "budget": BUDGET,
        "configs": {kind: CONFIGS.get(kind, {}) for kind in kinds},
        "share": SHARE,
        "seeds": asked.seeds,
        "seconds": round(time.perf_counter() - began),
        "together": {by: together([row for row in rows if row["by"] == by]) for by in methods},
        "refused": refused,
        "files": rows,
    }
    Path(asked.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["together"], indent=1))


if __name__ == "__main__":
    main()
