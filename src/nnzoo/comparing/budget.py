"""The budget of a race: one time for the whole, shared equally among all runs."""

from __future__ import annotations

from nnzoo.training.settings import Budget

FOR_THE_REST = 0.15  # share of the time kept for baselines, scoring and measuring
BASELINE_SECONDS = 30.0  # what a baseline may take where budgets are not in time


def rounds(kinds: int, seeds: int, tune: int = 0, workers: int = 1) -> int:
    """How many runs stand one after another, where `workers` are on at once: the trials of one kind wait for one another, all
    else does not."""
    return max(tune, -(-kinds * tune // workers)) + -(-kinds * seeds // workers)


def per_run(total: str | None, override: str | None, runs: int) -> str | None:
    """The budget of one run: `override`, else an equal share of a total time, of which `runs` stand one after another. Epochs and
    steps are a run's own and not divided.

    Raises ConfigError if a budget cannot be read.
    """
    chosen = override or total
    if chosen is None:
        return None
    budget = Budget.parse(chosen)
    if override or budget.unit != "seconds":
        return str(budget)
    return f"{budget.amount * (1 - FOR_THE_REST) / max(1, runs):.3f}s"


def seconds_of(budget: str | None) -> float | None:
    """The seconds of a time budget, None for others."""
    if budget is None:
        return None
    parsed = Budget.parse(budget)
    return parsed.amount if parsed.unit == "seconds" else None


def for_a_baseline(run: str | None) -> float:
    """Seconds that one baseline may take, roughly: as much as one run of a network."""
    return seconds_of(run) or BASELINE_SECONDS
