"""What trackers keep of a run equals what the run itself says: every step once, whatever interrupted it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nnzoo
from nnzoo.core.errors import ConfigError, Interrupted, NnzooError, NotFinite
from nnzoo.core.events import Event, Saved, StageEnded, StageStarted, Validated, Warned
from nnzoo.training.journal import read_journal
from nnzoo.zoo.records import Figure, Record, RecordError, known_trackers
from nnzoo.zoo.trackers import Tracking

pytest.importorskip("tensorboard", reason="needs the extra track: pip install 'nnzoo[track]'")
pytest.importorskip("mlflow", reason="needs the extra track: pip install 'nnzoo[track]'")
QUICK: dict[str, Any] = {"config": {"hidden": (8,), "lr": 0.02}, "budget": "40steps", "device": "cpu"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An MLflow store for all tests here: making its tables takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    settings = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in settings.items():
            patch.setenv(name, value)
        yield folder


def in_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by name, read back from the files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {name: [(scalar.step, scalar.value) for scalar in events.Scalars(name)] for name in events.Tags()["scalars"]}


def mlflow_run(folder: Path) -> Any:
    """MLflow's run of a folder."""
    from mlflow import MlflowClient

    return MlflowClient().get_run(json.loads((folder / "tracking.json").read_text())["run"])


def in_mlflow(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by name, read back from the store."""
    from mlflow import MlflowClient

    run = mlflow_run(folder)
    histories = {name: MlflowClient().get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {name: sorted((metric.step, metric.value) for metric in history) for name, history in histories.items()}


READERS = {"tensorboard": in_tensorboard, "mlflow": in_mlflow}


def looks(folder: Path, key: str) -> list[tuple[int, float]]:
    """Steps and values of one figure in a run's journal."""
    return [(line["step"], pytest.approx(line[key], rel=1e-6)) for line in read_journal(folder) if line["event"] == "look"]


@pytest.mark.parametrize("tracker", ["tensorboard", "mlflow"])
def test_losses_rates_and_scores_are_those_of_the_run(tracker: str, store: Path, tmp_path: Path) -> None:
    trained = nnzoo.train("mlp", "iris", out=tmp_path / "run", track=tracker, **QUICK)
    kept = READERS[tracker](tmp_path / "run")
    assert kept["loss/train"] == looks(tmp_path / "run", "train") and kept["loss/valid"] == looks(tmp_path / "run", "valid")
    assert len(kept["loss/valid"]) > 10
    for name, score in trained.scores.items():
        assert kept[f"test/{name}"] == [(trained.steps, pytest.approx(score))]
    assert kept["validation/accuracy"] == [(trained.steps, pytest.approx(trained.validation))]
    rates = dict(kept["rate/task"])
    assert rates[2] == pytest.approx(0.02, rel=0.01) and 0 < rates[40] < 0.001  # warmed up at once, then a cosine
    assert set(kept) == {"loss/train", "loss/valid", "rate/task", "seconds", "validation/accuracy"} | {
        f"test/{n}" for n in trained.scores
    }


def test_tensorboard_shows_the_settings_and_the_scores_they_led_to(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    nnzoo.train("pnn", "iris", out=tmp_path / "run", track="tensorboard", seed=3)
    contents = EventAccumulator(str(tmp_path / "run")).Reload().PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(contents["_hparams_/session_start_info"]).session_start_info
    assert start.hparams["kind"].string_value == "pnn" and start.hparams["settings.seed"].number_value == 3
    assert start.hparams["config.widest"].number_value == 1.0
    scores = HParamsPluginData.FromString(contents["_hparams_/experiment"]).experiment.metric_infos
    assert {info.name.tag for info in scores} >= {"test/accuracy", "test/log_loss"}
    assert HParamsPluginData.FromString(contents["_hparams_/session_end_info"]).session_end_info.status == 1  # success


def test_mlflow_knows_the_settings_the_folder_and_the_files(store: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    nnzoo.train("pnn", "iris", out=tmp_path / "pnn on iris", track="mlflow", seed=3)
    run = mlflow_run(tmp_path / "pnn on iris")
    assert run.info.run_name == "pnn on iris" and run.info.status == "FINISHED"
    assert (
        run.data.params["kind"] == "pnn" and run.data.params["config.widest"] == "1.0" and run.data.params["settings.seed"] == "3"
    )
    assert run.data.tags["nnzoo.run"] == str(tmp_path / "pnn on iris")
    assert {file.path for file in MlflowClient().list_artifacts(run.info.run_id, "run")} >= {
        "run/config.json",
        "run/model.safetensors",
    }
    experiment = MlflowClient().get_experiment(run.info.experiment_id)
    assert experiment.name == "nnzoo"


def test_what_a_rule_tells_is_kept(tmp_path: Path) -> None:
    nnzoo.train("gmdh", "diabetes", out=tmp_path / "run", track="tensorboard", config={"width": 10})
    told = [line for line in read_journal(tmp_path / "run") if line["event"] == "solving"]
    kept = in_tensorboard(tmp_path / "run")
    assert kept["external_criterion"] == [(line["step"], pytest.approx(line["external_criterion"])) for line in told]


def test_stages_count_for_themselves(tmp_path: Path) -> None:
    config = {"width": 8, "depth": 1, "steps": 3}
    nnzoo.train("latent_diffusion", "ring8", out=tmp_path / "run", track="tensorboard", config=config, budget="40steps")
    kept = in_tensorboard(tmp_path / "run")
    by_stage = {stage: [step for step, _ in kept[f"{stage}/loss/train"]] for stage in ("1-codec", "3-denoiser")}
    assert by_stage == {
        f"{number + 1}-{name}": [line["step"] for line in read_journal(tmp_path / "run") if line.get("stage") == number]
        for number, name in ((0, "codec"), (2, "denoiser"))
    }
    assert "loss/train" not in kept and "1-codec/kl" in kept


class Stop:
    """A listener that asks the process to stop at a step."""

    def __init__(self, step: int, how: int):
        self.step, self.how = step, how

    def __call__(self, event: Event) -> None:
        if isinstance(event, Validated) and event.step == self.step:
            os.kill(os.getpid(), self.how)


@pytest.mark.parametrize("tracker", ["tensorboard", "mlflow"])
def test_a_resumed_run_goes_on_in_its_record(tracker: str, store: Path, tmp_path: Path) -> None:
    same = {**QUICK, "out": tmp_path / "run", "track": [tracker]}
    with pytest.raises(Interrupted):
        nnzoo.train("mlp", "iris", **same, listen=[Stop(20, signal.SIGINT)])
    if tracker == "mlflow":
        before = mlflow_run(tmp_path / "run").info
        assert before.status == "KILLED"
    assert READERS[tracker](tmp_path / "run")["loss/valid"][-1][0] == 20
    nnzoo.train("mlp", "iris", **same, resume=True)
    kept = READERS[tracker](tmp_path / "run")
    assert kept["loss/train"] == looks(tmp_path / "run", "train") and kept["loss/valid"] == looks(tmp_path / "run", "valid")
    assert [step for step, _ in kept["rate/task"]] == [step for step, _ in kept["loss/train"]]
    if tracker == "mlflow":
        after = mlflow_run(tmp_path / "run").info
        assert (after.run_id, after.status) == (before.run_id, "FINISHED")


@pytest.mark.parametrize(("every", "checkpoint_seconds"), [(0.0, 1e9), (1e9, 0.0)])
def test_a_killed_run_repeats_no_step_and_lacks_none(
    every: float, checkpoint_seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with a record that is ahead of the checkpoint; and with one that lags behind it."""
    monkeypatch.setattr("nnzoo.zoo.trackers.EVERY", every)
    if not checkpoint_seconds:  # the checkpoint is safe, and the process dies before the tracker hears of it
        monkeypatch.setattr("nnzoo.zoo.trackers.Saved", StageEnded)
    same = {**QUICK, "out": tmp_path / "run", "track": "tensorboard", "checkpoint_seconds": checkpoint_seconds}
    child = os.fork()
    if child == 0:
        try:
            nnzoo.train("mlp", "iris", **same, listen=[Stop(30, signal.SIGKILL)])
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    there = in_tensorboard(tmp_path / "run").get("loss/valid", [(0, 0.0)])[-1][0]
    assert (there > 20) == (every == 0)
    nnzoo.train("mlp", "iris", **same, resume=True)
    kept = in_tensorboard(tmp_path / "run")
    assert kept["loss/valid"] == looks(tmp_path / "run", "valid") and kept["loss/train"] == looks(tmp_path / "run", "train")


def test_a_run_that_begins_anew_keeps_nothing_of_the_attempt_before(tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / "run" / "digests.json").unlink(missing_ok=True)
        nnzoo.train("mlp", "iris", **QUICK, out=tmp_path / "run", track="tensorboard", seed=seed)
    assert in_tensorboard(tmp_path / "run")["loss/valid"] == looks(tmp_path / "run", "valid")


def test_a_record_of_a_failed_run_is_closed(store: Path, tmp_path: Path) -> None:
    def spoil(event: Event) -> None:
        if isinstance(event, Validated) and event.step >= 10:
            raise NotFinite("learn", event.step, "task")

    with pytest.raises(NotFinite):
        nnzoo.train("mlp", "iris", **QUICK, out=tmp_path / "run", track=("mlflow", "tensorboard"), listen=[spoil])
    assert mlflow_run(tmp_path / "run").info.status == "FAILED"
    written = in_tensorboard(tmp_path / "run")
    assert in_mlflow(tmp_path / "run").keys() == written.keys() >= {"loss/valid"}


class Full(Record):
    """A record whose disk is full after the first write."""

    tracker = "full"

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.ended = ""

    def known(self):
        return {}

    def describe(self, facts, scores=()):
        pass

    def write(self, figures):
        if self.figures:
            raise RecordError("no space left")
        self.figures += figures

    def say(self, name, text):
        pass

    def keep(self, path):
        pass

    def inner(self, name):
        return self

    def end(self, how):
        self.ended = how


def test_a_record_that_fails_is_given_up_with_one_warning(tmp_path: Path) -> None:
    heard: list[Event] = []
    record = Full()
    tracking = Tracking([record], tmp_path, listen=[heard.append])
    tracking(StageStarted(0, "learn", 1, 10, 1, "10steps"))
    for step in (1, 2, 3):
        tracking(Validated(0, step, 10, 1, 0.5, 0.4, True, 0.1))
        tracking(Saved(0, step, "checkpoint"))
    tracking.end("FINISHED")
    assert [(figure.name, figure.step) for figure in record.figures] == [("loss/train", 1), ("loss/valid", 1)]
    assert heard == [Warned("no space left; the run goes on without full", "warning")] and not record.ended


def test_figures_wait_for_a_second_or_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Full()
    tracking = Tracking([record])
    tracking(Validated(0, 1, 10, 1, 0.5, None, True, 0.1, {"odd: name!": 2.0}))
    assert not record.figures
    monkeypatch.setattr("nnzoo.zoo.trackers.EVERY", 0.0)
    tracking(Validated(0, 2, 10, 1, 0.4, None, True, 0.2))
    assert [(figure.name, figure.step) for figure in record.figures] == [("loss/train", 1), ("odd_ name_", 1), ("loss/train", 2)]


def test_unknown_or_missing_trackers_are_said_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no tracker 'wandb'; trackers are tensorboard and mlflow"):
        nnzoo.train("mlp", "no such data", out=tmp_path / "run", track="wandb")
    monkeypatch.setattr("nnzoo.zoo.records.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install it with: pip install 'nnzoo\[track\]'"):
        nnzoo.train("mlp", "iris", out=tmp_path / "run", track="mlflow")
    assert not (tmp_path / "run").exists() and known_trackers(None) == () == known_trackers([])


def test_a_store_that_cannot_be_reached_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nosuch://store")
    with pytest.raises(NnzooError, match="check MLFLOW_TRACKING_URI") as caught:
        nnzoo.train("pnn", "iris", out=tmp_path / "run", track="mlflow")
    assert "\n" not in str(caught.value)


UNASKED = """
import sys
from pathlib import Path
from nnzoo.core.events import StageStarted, Validated
from nnzoo.zoo import fitting

with fitting.tracking(fitting.known_trackers(None), Path("run"), {"kind": "mlp"}) as tracker:
    tracker(StageStarted(0, "learn", 1, 10, 1, "10steps", 5))
    tracker(Validated(0, 10, 10, 1, 0.5, 0.4, True, 0.1))
print([name for name in ("mlflow", "tensorboard") if name in sys.modules])
"""


def test_nothing_of_a_tracker_is_loaded_unasked() -> None:
    done = subprocess.run([sys.executable, "-c", UNASKED], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
