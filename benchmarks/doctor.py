"""The data doctor on planted faults and on clean data: how many faults are found by the right code, in the right column; how many
warnings and errors are raised where nothing was planted; how many wrong labels are suspected after training; how long it takes.

    python benchmarks/doctor.py [--seeds 5] [--out benchmarks/results/doctor.json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from planted import anywhere, clean, files, tables
from sklearn.datasets import make_blobs, make_classification, make_friedman1, make_regression, make_swiss_roll

import nnzoo
from nnzoo.core.errors import DataError
from nnzoo.data.doctor import Finding, examine
from nnzoo.data.known import digits
from nnzoo.data.prepare import prepare
from nnzoo.data.reading import read

# further real sets: what is said of them, for the eye (some have faults that are known)
OTHERS = "uci/energy uci/power-plant uci/yacht uci/kin8nm wine-quality-red adult cora names two-moons-classes ring8 python-docs"
MOST_ROWS = 6000  # of a real set in which faults are planted


def looked(asked: Mapping[str, Any]) -> list[Finding]:
    """What the doctor finds in what `prepare` makes of this."""
    return examine(prepare(asked["source"], **{name: value for name, value in asked.items() if name != "source"}))


def found(findings: list[Finding], code: str, where: str = "") -> bool:
    """Whether one of the findings has the code and names the column."""
    return any(finding.code == code and where in finding.where for finding in findings)


def faults(seed: int) -> dict[str, tuple[str, bool, list[str]]]:
    """For every planted fault the code that should find it, whether it did, and what else was said with a warning or an error."""
    results = {}
    for plant, code, where in tables.FAULTS:
        results[plant.__name__] = (code, where, looked(plant(seed)))
    for plant, code in files.FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            results[plant.__name__] = (code, "", looked(plant(seed, Path(folder))))
    return {
        name: (
            code,
            found(findings, code, where),
            [f"{f.code}: {f.where}" for f in findings if f.code != code and f.severity != "note"],
        )
        for name, (code, where, findings) in results.items()
    }


def on_made_sets(seeds: int) -> dict[str, Any]:
    """Warnings and errors on clean sets made with further seeds: how many sets there were, and what was said."""
    said, sets = [], 0
    for seed in range(1000, 1000 + seeds):
        texts = {"customers": clean.people(seed=seed), "houses": clean.houses(seed=seed)}
        makers = {
            "classification": make_classification(800, 12, n_informative=5, n_redundant=2, random_state=seed),
            "regression": make_regression(600, 10, noise=20, random_state=seed),
            "friedman": make_friedman1(700, noise=1, random_state=seed),
            "swiss roll": make_swiss_roll(800, random_state=seed),
            "blobs": make_blobs(500, random_state=seed),
            "pictures": clean.blobs(seed=seed),
            "texts": clean.notes(seed=seed),
        }
        for name, source in (texts | makers).items():
            sets += 1
            said += [f"{name}, seed {seed}: {f}" for f in looked({"source": source}) if f.severity != "note"]
    return {"sets": sets, "said": said}


def in_real_sets(seeds: int) -> dict[str, Any]:
    """Faults planted in the real sets that are at hand: how many there were, and those that were not found."""
    planted, missed = 0, []
    for host, raw in _at_hand(anywhere.HOSTS).items():
        target = raw.targets[0]
        for plant, code in anywhere.FAULTS:
            for seed in range(seeds):
                some = raw.frame.sample(min(MOST_ROWS, len(raw)), random_state=seed).reset_index(drop=True)
                frame = plant(some, target, np.random.RandomState(seed))
                if frame is not None:
                    planted += 1
                    if not found(looked({"source": frame, "targets": target}), code):
                        missed.append(f"{plant.__name__} in {host}, seed {seed}")
    return {"planted": planted, "found": planted - len(missed), "missed": missed}


def _at_hand(names: str) -> dict[str, Any]:
    sets = {}
    for name in names.split():
        try:
            sets[name] = read(name)
        except DataError:
            continue
    return sets


def refusals() -> dict[str, bool]:
    """Faults with which nothing can be learned: whether the one line that refuses them names the files, or the column and a row."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = _refusal(files.damaged_pictures(0, Path(folder)))
    cells = {plant.__name__: _refusal(plant(0)) for plant in (tables.infinite_cells, tables.words_among_numbers)}
    rows = [f"row {row + 1}:" for row in tables.WRONG_ROWS]
    return {
        "damaged_pictures": "0007.png" in pictures and "0023.png" in pictures,
        **{name: "'area'" in text and any(row in text for row in rows) for name, text in cells.items()},
    }


def _refusal(asked: dict[str, Any]) -> str:
    try:
        prepare(**asked)
    except DataError as error:
        return str(error)
    return ""


def alarms(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Warnings and errors on each set."""
    return {name: [str(finding) for finding in looked(asked) if finding.severity != "note"] for name, asked in sets.items()}


def wrong_labels(kind: str = "mlp", share: float = 0.05, seed: int = 1) -> dict[str, Any]:
    """Digits with a share of labels exchanged at random: how many of those held out are suspected after training, and how many
    suspects are wrong labels indeed."""
    raw, random = digits(), np.random.RandomState(seed)
    assert raw.labels is not None
    labels, flipped = raw.labels.copy(), random.permutation(len(raw))[: int(share * len(raw))]
    for row in flipped:
        labels[row] = str((int(labels[row]) + random.randint(1, 10)) % 10)
    with tempfile.TemporaryDirectory() as folder:
        trained = nnzoo.train(kind, (raw.pixels, labels), budget="30epochs", out=Path(folder) / "run")
    rows = prepare((raw.pixels, labels)).rows
    planted = set(flipped.tolist()) & {*rows["valid"].tolist(), *rows["test"].tolist()}
    suspected = {suspect["row"] - 1 for suspect in trained.suspects}
    hits = len(suspected & planted)
    return {
        "kind": kind,
        "share": share,
        "held_out_wrong_labels": len(planted),
        "suspects": len(suspected),
        "precision": round(hits / max(1, len(suspected)), 3),
        "recall": round(hits / max(1, len(planted)), 3),
    }


def wide_table(rows: int = 50_000, columns: int = 100) -> pd.DataFrame:
    """Numbers, words and dates, and a target."""
    r = np.random.RandomState(0)
    frame = pd.DataFrame(r.randn(rows, columns - 20), columns=[f"x{i}" for i in range(columns - 20)])
    words = {f"c{i}": r.choice([f"level {k}" for k in range(5 + 20 * i)], rows) for i in range(10)}
    counts = {f"n{i}": r.poisson(5 + 20 * i, rows) for i in range(6)}
    dates = {f"d{i}": pd.Timestamp("2015-01-01") + pd.to_timedelta(r.randint(0, 3000, rows), unit="D") for i in range(4)}
    return frame.assign(**words, **counts, **dates, y=np.where(frame["x0"] + r.randn(rows) > 0, "a", "b"))


def seconds() -> dict[str, dict[str, float]]:
    """Processor seconds of preparing and of examining, the least of three."""
    sets = {"table of 50,000 x 100": {"source": wide_table(), "targets": "y"}}
    try:
        sets["fashion-mnist, 70,000 pictures"] = {"source": read("fashion-mnist")}
    except DataError:
        pixels, labels = clean.blobs(500, side=28)
        sets["70,000 made pictures"] = {"source": (np.tile(pixels, (140, 1, 1, 1)), np.tile(labels, 140))}
    times = {}
    for name, asked in sets.items():
        began = time.process_time()
        prepared = prepare(asked["source"], **{k: v for k, v in asked.items() if k != "source"})
        ready = time.process_time() - began
        took = []
        for _ in range(3):
            began = time.process_time()
            examine(prepared)
            took.append(time.process_time() - began)
        times[name] = {"prepare": round(ready, 2), "examine": round(min(took), 2)}
    return times


def main() -> None:
    """Look at everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    each = [faults(seed) for seed in range(options.seeds)]
    planted = {
        name: {"code": code, "found": sum(run[name][1] for run in each), "of": len(each)} for name, (code, _, _) in each[0].items()
    }
    refused = refusals()
    ten = alarms(clean.ten())
    others = {name: {"source": raw} for name, raw in _at_hand(OTHERS).items()}
    result = {
        "what": "faults planted by code and found by the right code in the right column; warnings and errors on clean sets",
        "date": str(date.today()),
        "planted": len(planted),
        "found_in_every_seed": sum(entry["found"] == entry["of"] for entry in planted.values()),
        "found_at_all": f"{sum(entry['found'] for entry in planted.values())} of {sum(entry['of'] for entry in planted.values())}",
        "refused_by_name": f"{sum(refused.values())} of {len(refused)}",
        "false_alarms_on_ten_clean_sets": sum(map(len, ten.values())),
        "clean": ten,
        "faults": planted,
        "also_said": sorted({f"{name}: {text}" for run in each for name, (_, _, more) in run.items() for text in more}),
        "refused": refused,
        "planted_in_real_sets": in_real_sets(2),
        "wrong_labels": [wrong_labels(kind) for kind in ("mlp", "pnn")],
        "further_made_sets": on_made_sets(20),
        "other_sets": alarms(others),
        "processor_seconds": seconds(),
    }
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
