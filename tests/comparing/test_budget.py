"""The budget of a race is shared equally, and says so where it cannot be."""

import pytest

from nnzoo.comparing.budget import for_a_baseline, per_run, seconds_of
from nnzoo.core.errors import ConfigError


def test_time_is_shared_equally_and_some_is_kept():
    each = seconds_of(per_run("60s", None, 15))
    assert each == pytest.approx(60 * 0.85 / 15, abs=1e-3)


def test_minutes_are_time_too():
    assert seconds_of(per_run("2m", None, 10)) == pytest.approx(10.2)


def test_an_own_budget_for_each_run_is_taken_as_it_is():
    assert per_run("60s", "5s", 15) == "5s"


def test_epochs_and_steps_are_each_runs_own():
    assert per_run("20epochs", None, 15) == "20epochs" and per_run("100steps", None, 3) == "100steps"


def test_no_budget_leaves_the_length_to_the_kinds():
    assert per_run(None, None, 3) is None and for_a_baseline(None) == 30.0


def test_a_budget_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match="write for example"):
        per_run("soon", None, 3)
