"""How often the verdict of a comparison is wrong, and how often it finds what is there.

    trained nulls    mlp against itself with fresh seeds on small tables: a winner is always false
    trained leads    the same networks, one of them damaged by three standard errors of the difference: the other should win
    simulated        both of these on made scores, thousands of tries for many numbers of rows and seeds
    moons, linear    nnzoo.compare: a network ahead of the linear baseline; no network needed
    wine             nnzoo.compare on 27 test rows: no winner that the intervals do not support

A comparison of trained networks is decided between the two alone, which is the hardest case: with more entrants the level of each
test is stricter. A standard error is that of the difference over the tries of a table, damage included.

    python benchmarks/null_comparisons.py [--seed 0] [--tries 200] [--simulated 300] [--repeats 5] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest, norm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_moons

import nnzoo
from nnzoo.comparing.candidate import Given, Request, run_candidate
from nnzoo.comparing.entries import Entry, Verdict
from nnzoo.comparing.intervals import RESAMPLES, intervals
from nnzoo.comparing.verdict import decide
from nnzoo.core.task import Evaluation
from nnzoo.data.prepare import prepare
from nnzoo.networks import find
from nnzoo.tasks._regression import regression_scores
from nnzoo.training.settings import Settings

SEEDS = 3
STANDARD_ERRORS = 3.0
EPOCHS = "12epochs"
FEWER = 500  # resamples of what is simulated: the error of a variance is 6 %


@dataclass
class Entrant:
    """Evaluations on the test and on the validation part, one a seed."""

    test: list[Evaluation]
    valid: list[Evaluation]

    @property
    def mean(self) -> float:
        return float(np.mean([e.score for e in self.test]))


class Pair(NamedTuple):
    """Two entrants on the same rows; the number seeds the bootstrap."""

    table: str
    number: int
    first: Entrant
    second: Entrant


def verdict_of(pair: Pair, resamples: int = RESAMPLES) -> Verdict:
    """What nnzoo.compare would say of two networks that answered so."""
    metric = pair.first.test[0].metric
    runs = {"first": pair.first, "second": pair.second}
    entries = [
        Entry(
            kind, "network", run.mean, scores=[e.score for e in run.test], validation=[e.score for e in run.valid], latency_ms_1=1.0
        )
        for kind, run in runs.items()
    ]
    sure = intervals({kind: run.test for kind, run in runs.items()}, metric, seed=pair.number, resamples=resamples)
    return decide(entries, sure, metric, True)


# Trained


def moons(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = make_moons(240, noise=0.3, random_state=int(random.integers(2**31)))
    return x, np.array(["up", "down"])[y]


def cells(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = load_breast_cancer(return_X_y=True)
    rows = random.permutation(len(y))[:260]
    return x[rows], np.array(["malignant", "benign"])[y[rows]]


def digits(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    rows = random.permutation(len(y))[:400]
    return x[rows], y[rows].astype(str)


def diabetes(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    rows = random.permutation(len(y))[:300]
    return x[rows], y[rows]


TABLES: dict[str, Callable] = {f.__name__: f for f in (moons, cells, digits, diabetes)}


def trained_pairs(tries: int, seed: int, seeds: int = SEEDS) -> list[Pair]:
    """mlp twice, under seeds of its own each time, on a table drawn anew for every try."""
    pairs = []
    for number in range(tries):
        table = list(TABLES)[number % len(TABLES)]
        x, y = TABLES[table](np.random.default_rng([seed, number]))
        prepared = prepare((x, y), seed=number)
        given = Given.on("cpu", prepared.spec, prepared.task, prepared.parts)
        entrants = []
        for twin in range(2):
            test, valid = [], []
            for run in range(seeds):
                fresh = 1000 * (seed + 1) + seeds * (2 * number + twin) + run
                settings = Settings(budget=EPOCHS, seed=fresh, device="cpu")
                found = run_candidate(given, Request("mlp", "network", find("mlp"), settings, keep=True), lambda event: None)
                assert not found.error, found.error
                test += found.evaluations
                valid.append(prepared.task.evaluate(found.learned, prepared.parts.valid))
            entrants.append(Entrant(test, valid))
        pairs.append(Pair(table, number, *entrants))
    return pairs


def damaged(evaluation: Evaluation, amount: float, random: np.random.Generator) -> Evaluation:
    """Answers spoiled on random rows, the same under every seed: that share of labels; of numbers noise of that relative size."""
    if evaluation.metric == "accuracy":
        rows = evaluation.rows * (random.random(len(evaluation.rows)) >= amount)
        return Evaluation("accuracy", {"accuracy": float(rows.mean())}, rows=rows)
    noise = amount * evaluation.truth.std() * random.normal(size=evaluation.truth.shape)
    answers = evaluation.predictions + noise
    scores = regression_scores(evaluation.truth, answers, np.ones(len(answers)))
    return Evaluation("r2", scores, predictions=answers, truth=evaluation.truth)


def with_damage(pair: Pair, amount: float) -> Pair:
    def spoiled(part: Sequence[Evaluation], which: int) -> list[Evaluation]:
        return [damaged(e, amount, np.random.default_rng([pair.number, which])) for e in part]

    return pair._replace(second=Entrant(spoiled(pair.second.test, 1), spoiled(pair.second.valid, 2)))


def standard_errors(pairs: Sequence[Pair]) -> float:
    """The mean lead of the first, in standard deviations of the lead."""
    leads = [pair.first.mean - pair.second.mean for pair in pairs]
    return float(np.mean(leads) / np.std(leads, ddof=1))


def with_lead(pairs: Sequence[Pair]) -> list[Pair]:
    """Every second damaged, by as much on each table as makes the lead of the first three of its standard errors."""
    found = []
    for table in dict.fromkeys(pair.table for pair in pairs):
        these = [pair for pair in pairs if pair.table == table]
        low, high = 0.0, 0.9
        for _ in range(12):
            amount = (low + high) / 2
            low, high = (
                (amount, high) if standard_errors([with_damage(p, amount) for p in these]) < STANDARD_ERRORS else (low, amount)
            )
        found += [with_damage(pair, high) for pair in these]
    return found


# Simulated


def simulated(number: int, rows: int, seeds: int, metric: str, own: float, drift: float, lead: float = 0.0, seed: int = 0) -> Pair:
    """Answers as sums of what is hard about a row, what is hard about it for this kind (`own`), what a seed makes of it, and what
    it makes of all rows (`drift`); labels are right where the sum is above a bound (80 %), numbers err by it."""
    random = np.random.default_rng([seed, number, rows, seeds, int(1e6 * own), int(1e6 * drift)])
    drifts = random.normal(0, drift, (2, seeds))

    def part(n: int) -> list[list[Evaluation]]:
        hard_N, y_N = random.normal(size=n), random.normal(size=n)
        entrants = []
        for k in range(2):
            kind_N = random.normal(0, own, n)
            runs = []
            for s in range(seeds):
                sum_N = hard_N + kind_N + random.normal(0, 0.5, n) + drifts[k, s]
                if metric == "accuracy":
                    right_N = (sum_N + norm.ppf(0.8) * np.sqrt(1.25 + own**2) - k * lead > 0).astype(float)
                    runs.append(Evaluation("accuracy", {"accuracy": float(right_N.mean())}, rows=right_N))
                else:
                    answer_N1 = (y_N + 0.5 * (1 + k * lead) * sum_N)[:, None]
                    scores = regression_scores(y_N[:, None], answer_N1, np.ones(n))
                    runs.append(Evaluation("r2", scores, predictions=answer_N1, truth=y_N[:, None]))
            entrants.append(runs)
        return entrants

    test, valid = part(rows), part(rows)
    return Pair(
        f"{metric} {rows} rows {seeds} seeds own {own} drift {drift}", number, *(Entrant(t, v) for t, v in zip(test, valid))
    )


def simulated_figures(tries: int, case: Mapping[str, Any], seed: int = 0, resamples: int = FEWER) -> dict[str, Any]:
    """False winners without a lead, and winners found with one of three standard errors."""
    nulls = rate(sum(verdict_of(simulated(i, **case, seed=seed), resamples).winner is not None for i in range(tries)), tries)
    low, high = 0.0, 3.0
    for _ in range(10):
        lead = (low + high) / 2
        pairs = [simulated(i, **case, lead=lead, seed=seed + 1) for i in range(tries)]
        low, high = (lead, high) if standard_errors(pairs) < STANDARD_ERRORS else (low, lead)
    found = rate(sum(verdict_of(pair, resamples).winner == "first" for pair in pairs), tries)
    return {**case, "false_winners": nulls, "found": found, "standard_errors": round(standard_errors(pairs), 3)}


CASES = [
    {"rows": rows, "seeds": seeds, "metric": metric, "own": own, "drift": drift}
    for metric in ("accuracy", "r2")
    for rows, seeds in ((30, 3), (100, 3), (300, 3), (100, 5))
    for own, drift in ((0.0, 0.0), (0.4, 0.1))
]


# nnzoo.compare


def compared(data: Any, budget: str = "40epochs", **options: Any) -> dict[str, Any]:
    """What nnzoo.compare said, what it says of the networks and the linear baseline alone, and whether a winner is supported."""
    result = nnzoo.compare(data, budget=budget, seeds=SEEDS, device="cpu", **options)
    linear = [e for e in result.entries if e.role == "network" or e.kind in ("logistic-regression", "ridge-regression")]
    sure = intervals({e.kind: e.evaluations for e in result.entries}, result.metric)
    winner = result.verdict.winner
    bounds = [sure.difference(winner, e.kind, 0.9) for e in result.entries if winner and e.kind != winner]
    return {
        "outcome": result.verdict.outcome,
        "winner": winner,
        "rows_needed": result.verdict.rows_needed,
        "text": result.verdict.text,
        "scores": {e.kind: round(e.mean, 4) for e in result.entries},
        "against_the_linear_baseline": decide(linear, sure, result.metric, True).outcome,
        "supported": all(low > 0 for low, _ in bounds),
    }


def linear_table(random: np.random.Generator, rows: int, labels: bool) -> pd.DataFrame:
    x = random.normal(size=(rows, 5))
    y = x @ [1.0, 2.0, -1.0, 0.5, 0.0] + random.normal(0, 0.5, rows)
    return pd.DataFrame(x, columns=list("abcde")).assign(y=np.where(y > 0, "more", "less") if labels else y)


def comparisons(seed: int, repeats: int) -> dict[str, list[dict[str, Any]]]:
    numbers = range(seed, seed + repeats)

    def made_moons(number: int) -> tuple[np.ndarray, np.ndarray]:
        x, y = make_moons(2000, noise=0.2, random_state=number)
        return x, np.array(["up", "down"])[y]

    def line(number: int, labels: bool) -> pd.DataFrame:
        return linear_table(np.random.default_rng(number), 4000 if labels else 1500, labels)

    return {
        "moons": [compared(made_moons(n), kinds=["mlp"], seed=n) for n in numbers],
        "linear_labels": [compared(line(n, True), target="y", kinds=["mlp"], seed=n) for n in numbers],
        "linear_numbers": [compared(line(n, False), target="y", kinds=["mlp"], seed=n) for n in numbers],
        "wine": [compared("wine", kinds=["mlp", "pnn"], seed=n) for n in numbers],
    }


def rate(count: int, of: int) -> dict[str, Any]:
    """A share with its interval (Wilson, 95 %)."""
    found = binomtest(count, of).proportion_ci(method="wilson")
    return {"count": count, "of": of, "share": round(count / of, 4), "interval_95": [round(float(end), 4) for end in found]}


def total(cases: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """One share over all cases."""
    return rate(sum(case[name]["count"] for case in cases), sum(case[name]["of"] for case in cases))


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tries", type=int, default=200, help="comparisons of trained networks")
    parser.add_argument("--simulated", type=int, default=300, help="simulated comparisons of each case")
    parser.add_argument("--repeats", type=int, default=5, help="comparisons by nnzoo.compare on each set")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "null_comparisons.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began, code = time.perf_counter(), commit()

    pairs = trained_pairs(options.tries, options.seed)
    outcomes = [verdict_of(pair).outcome for pair in pairs]
    leads = with_lead(pairs)
    trained = {
        "kind": "mlp",
        "epochs": EPOCHS,
        "tables": {name: len(pairs[i].first.test[0].truth) for i, name in enumerate(TABLES)},
        "false_winners": rate(outcomes.count("winner"), len(pairs)),
        "outcomes": {o: outcomes.count(o) for o in sorted(set(outcomes))},
        "found": rate(sum(verdict_of(pair).winner == "first" for pair in leads), len(leads)),
        "standard_errors": {t: round(standard_errors([p for p in leads if p.table == t]), 2) for t in TABLES},
    }
    print(json.dumps(trained, indent=1), f"{time.perf_counter() - began:.0f} s", flush=True)
    made = [simulated_figures(options.simulated, case, options.seed) for case in CASES]
    for figures in made:
        print(figures, flush=True)
    sets = comparisons(options.seed, options.repeats)
    for name, found in sets.items():
        print(name, [(f["outcome"], f["winner"], f["against_the_linear_baseline"], f["supported"]) for f in found], flush=True)
    document = {
        "what": "verdicts of comparisons whose truth is known",
        "commit": code,
        "seed": options.seed,
        "seeds_a_kind": SEEDS,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": platform.machine(),
        "torch": torch.__version__,
        "minutes": round((time.perf_counter() - began) / 60, 2),
        "trained": trained,
        "simulated": {"false_winners": total(made, "false_winners"), "found": total(made, "found"), "cases": made},
        "compared": sets,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
