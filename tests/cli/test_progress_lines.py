"""What is told on the way: bars on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from nnzoo.cli import progress
from nnzoo.cli.fetch_progress import FetchWatch
from nnzoo.cli.progress import Watch, clock
from nnzoo.cli.race_progress import RaceWatch
from nnzoo.comparing.running import Finished, Racing, Told
from nnzoo.core.events import Event, Progress, Reading, StageEnded, StageStarted, Validated, Warned
from nnzoo.data.fetch import Fetching

STAGE: list[Event] = [
    StageStarted(0, "codec", 2, 200, 20, "60s"),
    Progress(0, 50, 200, 2, 0.75, 83.0),
    Validated(0, 60, 200, 3, 0.7, 0.625, True, 4.0),
    Progress(0, 70, 200, 3, 0.5, 60.0),
    Warned("the sun is bright"),
    StageEnded(0, 200, "the planned length was reached", 12.34),
]


def told(watch: type[Watch], events: list[Event], terminal: bool) -> str:
    """What a listener writes for events, drawn after each."""
    out = io.StringIO()
    shown = watch(Console(file=out, force_terminal=terminal, width=140, markup=False, highlight=False, _environ={"TERM": "xterm"}))
    with shown:
        for event in events:
            shown(event)
            shown.bars.refresh()
    return out.getvalue()


def test_without_a_terminal_there_are_few_plain_lines() -> None:
    assert told(Watch, STAGE, False).splitlines() == [
        "codec (1 of 2): 200 steps",
        "note: the sun is bright",
        "codec (1 of 2): the planned length was reached (200 steps, 12.3 s)",
    ]


def test_without_a_terminal_a_long_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET", -1.0)
    assert "codec (1 of 2): step 70/200, epoch 3, loss 0.5, best 0.625, 1:00 left" in told(Watch, STAGE, False)


def test_on_a_terminal_a_bar_shows_step_loss_best_and_time_left() -> None:
    shown = told(Watch, STAGE, True)
    for part in ("codec (1 of 2)", "step 50/200", "epoch 2", "loss 0.75", "best 0.625", "1:23 left", "note: the sun is bright"):
        assert part in shown


def test_a_stage_of_unknown_length_is_shown() -> None:
    events: list[Event] = [StageStarted(0, "grow", 1, 0, 0, "until solved"), Progress(0, 3, 0, 0, None, None, {"rmse": 1.5})]
    assert "grow: until solved" in told(Watch, events, False)
    assert "rmse 1.5" in told(Watch, events, True)
    watch = Watch()
    for event in [*events, Progress(0, 4, 8, 0, None, 2.0)]:
        watch(event)
    assert (watch.bars.tasks[0].completed, watch.bars.tasks[0].total) == (4, 8)  # as soon as it is known


def test_a_resumed_stage_says_where_it_goes_on() -> None:
    assert "going on from step 30" in told(Watch, [StageStarted(0, "learn", 1, 200, 20, "60s", 30)], False)


def test_a_comparison_shows_the_run_and_the_time_left_for_all() -> None:
    events: list[Event] = [Racing("mlp", "network", 1, 2, 9, 65.0), *STAGE, Finished("mlp", "network", 1, 0.975, 3.21)]
    shown = told(RaceWatch, events, True)
    assert "mlp, seed 1 (3 of 9)" in shown and "1:05 left" in shown
    lines = told(RaceWatch, [*events, Finished("cnn", "network", 1, None, 1.0, "it failed")], False).splitlines()
    assert lines == ["note: the sun is bright", "mlp, seed 1: 0.975 (3.2 s)", "cnn, seed 1: it failed (1.0 s)"]


def test_tuning_shows_the_trial_and_how_many_there_are() -> None:
    events: list[Event] = [
        Racing("mlp", "network", 77, 0, 14, None, 2, 10),
        Finished("mlp", "network", 77, 0.91, 1.0, trial=2),
        Finished("mlp", "network", 77, None, 0.5, trial=3, pruned=True),
    ]
    assert "mlp, trial 3 of 10 (1 of 14)" in told(RaceWatch, events, True)
    assert told(RaceWatch, events, False).splitlines() == [
        "mlp, trial 3: 0.91 on the validation part (1.0 s)",
        "mlp, trial 4: given up (0.5 s)",
    ]


def test_several_workers_have_a_bar_each() -> None:
    events: list[Event] = [
        Told(0, "mlp", 1, None, STAGE[0]),
        Told(1, "cnn", 7, 4, StageStarted(0, "learn", 1, 90, 9, "60s")),
        Told(1, "cnn", 7, 4, Progress(0, 30, 90, 2, 0.25, 6.0)),
        Told(0, "mlp", 1, None, Warned("the sun is bright")),
        Told(0, "mlp", 1, None, STAGE[-1]),
    ]
    shown = told(RaceWatch, events, True)
    assert "mlp, seed 1" in shown and "cnn, trial 5" in shown and "step 30, loss 0.25" in shown and "0:06 left" in shown
    assert told(RaceWatch, events, False).splitlines() == ["note: mlp, seed 1: the sun is bright"]
    watch = RaceWatch()
    for event in events:
        watch(event)
    assert [task.description for task in watch.bars.tasks] == ["cnn, trial 5"]


def test_a_fetch_shows_bytes() -> None:
    assert "0.5 of 2.0 MB" in told(FetchWatch, [Fetching("a.gz", 0, 2_000_000), Fetching("a.gz", 500_000, 2_000_000)], True)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (65, "1:05"), (3725, "1:02:05")])
def test_a_clock_reads_as_people_write_it(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_reading_of_a_large_text_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    reading: list[Event] = [
        Reading("reading", 500_000_000, 1_000_000_000, 2.0),
        Reading("tokenising", 250_000_000, 1_000_000_000, 75.0, "characters"),
    ]
    terminal = told(Watch, reading, True)
    assert "500 of 1,000 MB" in terminal and "tokenising" in terminal and "1:15 left" in terminal
    monkeypatch.setattr(progress, "QUIET", -1.0)
    assert told(Watch, reading, False).splitlines() == [
        "reading: 500 of 1,000 MB, 0:02 left",
        "tokenising: 250 of 1,000 million characters, 1:15 left",
    ]
    assert told(Watch, [*reading, *STAGE], False).splitlines()[2:] == told(Watch, STAGE, False).splitlines()
