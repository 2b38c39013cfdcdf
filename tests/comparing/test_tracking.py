"""What trackers keep of a race equals what the race says, whether its runs are on one after another or at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import nnzoo
from nnzoo.comparing.running import Finished, Racing, Told
from nnzoo.comparing.tracking import RaceTracking
from nnzoo.core.errors import Interrupted
from nnzoo.core.events import Event, StageStarted, Validated
from nnzoo.networks import find
from nnzoo.zoo.records import Figure, How, Record
from nnzoo.zoo.trackers import Tracking


class Kept(Record):
    """A record in memory."""

    tracker = "kept"

    def __init__(self, name: str = "whole") -> None:
        self.name, self.facts, self.figures = name, dict[str, Any](), list[Figure]()
        self.said, self.files, self.runs, self.ended = dict[str, str](), list[Path](), list[Kept](), ""

    def known(self) -> dict[str, int]:
        return {}

    def describe(self, facts: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
        self.facts = {**facts, "scores": scores}

    def write(self, figures: Sequence[Figure]) -> None:
        self.figures += figures

    def say(self, name: str, text: str) -> None:
        self.said[name] = text

    def keep(self, path: Path) -> None:
        self.files.append(path)

    def inner(self, name: str) -> Record:
        self.runs.append(Kept(name))
        return self.runs[-1]

    def end(self, how: How) -> None:
        assert not self.ended
        self.ended = how

    def shown(self) -> dict[str, tuple[int, float]]:
        """The last step and value of each figure."""
        return {figure.name: (figure.step, figure.value) for figure in self.figures}


def racing(kind: str, seed: int = 0, trial: int | None = None, **config: Any) -> Racing:
    """A run that starts."""
    return Racing(kind, "network", seed, 0, 2, None, trial, 0, config)


def look(step: int, valid: float) -> Validated:
    """A look at the validation part."""
    return Validated(0, step, 10, 1, 1.0, valid, True, 0.1)


STAGE = StageStarted(0, "learn", 1, 10, 1, "10steps")


def tracker_of(whole: Kept) -> RaceTracking:
    """A race of mlp and pnn."""
    return RaceTracking(Tracking([whole]), {name: find(name) for name in ("mlp", "pnn")}, "accuracy")


def test_runs_that_are_on_at_once_are_told_apart() -> None:
    whole = Kept()
    tracker = tracker_of(whole)
    for event in (racing("mlp", lr=0.5), racing("pnn"), Told(1, "pnn", 0, None, look(5, 0.2)), Told(0, "mlp", 0, None, STAGE)):
        tracker(event)
    tracker(Told(0, "mlp", 0, None, look(7, 0.9)))
    tracker(Finished("pnn", "network", 0, 0.75, 1.5))
    tracker(Told(0, "mlp", 0, None, look(9, 0.8)))
    tracker(Finished("mlp", "network", 0, None, 2.0, "it broke"))
    mlp, pnn = whole.runs
    assert (
        mlp.name == "mlp-seed-0" and mlp.facts["config.lr"] == 0.5 and mlp.facts["config.dropout"] == find("mlp").Config().dropout
    )
    assert pnn.shown() == {"loss/train": (5, 1.0), "loss/valid": (5, 0.2), "test/accuracy": (5, 0.75), "seconds": (5, 1.5)}
    assert [(f.step, f.value) for f in mlp.figures if f.name == "loss/valid"] == [(7, 0.9), (9, 0.8)]
    assert (pnn.ended, mlp.ended, mlp.said) == ("FINISHED", "FAILED", {"error": "it broke"}) and "test/accuracy" not in mlp.shown()


def test_trials_are_runs_of_their_own() -> None:
    whole = Kept()
    tracker = tracker_of(whole)
    for trial, pruned in ((0, False), (1, True)):
        tracker(racing("mlp", seed=9, trial=trial, lr=0.1 * (trial + 1)))
        tracker(look(3, 0.5))
        tracker(Finished("mlp", "network", 9, None if pruned else 0.8, 1.0, "", trial, pruned))
    kept, given_up = whole.runs
    assert (kept.name, given_up.name) == ("mlp-trial-0", "mlp-trial-1") and given_up.facts["config.lr"] == 0.2
    assert kept.shown()["validation/accuracy"] == (3, 0.8) and "validation/accuracy" not in given_up.shown()
    assert (kept.ended, given_up.ended) == ("FINISHED", "KILLED")


def test_a_race_that_is_stopped_closes_every_record() -> None:
    whole = Kept()
    tracker = tracker_of(whole)
    tracker(racing("mlp"))
    tracker(look(3, 0.5))
    tracker.end("KILLED")
    assert whole.ended == whole.runs[0].ended == "KILLED" and whole.runs[0].shown()["loss/valid"] == (3, 0.5)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by name, read back from TensorBoard's files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {name: [(scalar.step, scalar.value) for scalar in events.Scalars(name)] for name in events.Tags()["scalars"]}


RACE: dict[str, Any] = {
    "kinds": ["mlp", "pnn"],
    "config": {"mlp": {"hidden": 8}},
    "per_run": "20steps",
    "seeds": 2,
    "device": "cpu",
}


def test_records_of_a_race_hold_its_curves_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra track: pip install 'nnzoo[track]'")
    monkeypatch.chdir(tmp_path)
    comparison = nnzoo.compare("iris", **RACE, track="tensorboard")
    folder = tmp_path / "runs" / "compare-iris-1"
    entries = {entry.kind: entry for entry in comparison.entries}
    mlp, pnn = entries["mlp"], entries["pnn"]
    for seed in (0, 1):
        kept = scalars(folder / f"mlp-seed-{seed}")
        assert kept["loss/valid"] == [(line["step"], pytest.approx(line["valid"])) for line in mlp.histories[seed]]
        assert kept["test/accuracy"] == [(20, pytest.approx(mlp.scores[seed]))]
    assert scalars(folder / "pnn-seed-0")["test/accuracy"][0][1] == pytest.approx(pnn.scores[0])
    assert not (folder / "pnn-seed-1").exists()  # no chance in it: one run stands for all seeds
    assert {p.name.removesuffix("-seed-0") for p in folder.iterdir() if p.is_dir()} - {"mlp-seed-1"} == set(entries)
    means = scalars(folder)
    assert {f"mean/{kind}": pytest.approx(entry.mean) for kind, entry in entries.items()} == {
        name: values[0][1] for name, values in means.items() if name.startswith("mean/")
    }
    assert nnzoo.runs(tmp_path / "runs") == []  # records are no runs


def test_an_interrupted_race_ends_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Kept()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nnzoo.comparing.tracking.open_all", lambda trackers, folder: [whole])

    def stop(event: Event) -> None:
        if isinstance(event, Validated):
            raise Interrupted("stopped by SIGINT")

    with pytest.raises(Interrupted):
        nnzoo.compare("iris", **RACE, listen=[stop])
    assert whole.ended == whole.runs[0].ended == "KILLED" and whole.facts["metric"] == "accuracy"


def test_the_report_and_the_verdict_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Kept()
    monkeypatch.setattr("nnzoo.comparing.tracking.open_all", lambda trackers, folder: [whole])
    comparison = nnzoo.compare("iris", **{**RACE, "kinds": ["pnn"], "config": {}}, out=tmp_path / "report.html")
    assert whole.files == [tmp_path / "report.html"] and whole.said == {"verdict": comparison.verdict.text}
    assert whole.ended == "FINISHED" and whole.facts["data"] == "iris" and whole.facts["per_run"] == "20steps"
