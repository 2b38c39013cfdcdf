"""Where trackers keep what they are told: TensorBoard's event files, MLflow's store. One record a run.

Nothing of theirs is imported before it is asked for. A record knows what it holds already, so that a run that goes on after an
interruption goes on in the same record and no step stands there twice.
"""

from __future__ import annotations

import json
import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nnzoo.core.errors import ConfigError, NnzooError
from nnzoo.training.durable import write_text
from nnzoo.zoo.runs import read_json

NOTE = "tracking.json"  # in a run's folder: where MLflow keeps its record
EXPERIMENT = "nnzoo"
MOST_FIGURES, MOST_PARAMS, LONGEST = 1000, 100, 6000  # MLflow's limits for one call, and for a text
How = Literal["FINISHED", "FAILED", "KILLED"]


class Figure(NamedTuple):
    """A number at a step; `time` in seconds since 1970."""

    name: str
    step: int
    value: float
    time: float


class RecordError(NnzooError):
    """A tracker cannot write any more."""


class Record(ABC):
    """What is kept of one run, and by whom."""

    tracker: str

    @abstractmethod
    def known(self) -> dict[str, int]:
        """The last step of each figure that stands in the record already."""

    @abstractmethod
    def describe(self, facts: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
        """Write down what the run is: its settings by name, and what its final scores will be called. Raises RecordError."""

    @abstractmethod
    def write(self, figures: Sequence[Figure]) -> None:
        """Add figures. Raises RecordError."""

    @abstractmethod
    def say(self, name: str, text: str) -> None:
        """Add a text. Raises RecordError."""

    @abstractmethod
    def keep(self, path: Path) -> None:
        """Add a file, or the files of a folder, where the tracker keeps files. Raises RecordError."""

    @abstractmethod
    def inner(self, name: str) -> Record:
        """A record of a run that belongs to this one."""

    @abstractmethod
    def end(self, how: How) -> None:
        """Close the record. Raises RecordError."""


PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow"}  # which each tracker needs


def known_trackers(trackers: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of trackers, each once. Raises ConfigError where one is unknown or not installed; loads nothing."""
    names = (trackers,) if isinstance(trackers, str) else tuple(dict.fromkeys(trackers or ()))
    for name in names:
        if name not in PACKAGES:
            raise ConfigError(f"there is no tracker '{name}'; trackers are {' and '.join(PACKAGES)}")
        if find_spec(PACKAGES[name]) is None:
            raise ConfigError(f"tracking with {name} needs its package; install it with: pip install 'nnzoo[track]'")
    return names


def open_record(tracker: str, folder: Path, resume: bool) -> Record:
    """A new record of the run in `folder`, or with `resume` the one that it has. Raises ConfigError, RunError."""
    if tracker == "tensorboard":
        return TensorBoard(folder, resume)
    return MLflow.open(folder, resume)


class TensorBoard(Record):
    """Event files in the run's own folder, so that `tensorboard --logdir runs` shows every run under its name."""

    tracker = "tensorboard"

    def __init__(self, folder: Path, resume: bool = False):
        from torch.utils.tensorboard import SummaryWriter

        self.folder, self.resume = folder, resume
        files = [path.name for path in folder.glob("events.out.tfevents.*")]
        if not resume:
            for old in files:  # of an attempt that came to nothing
                (folder / old).unlink()
        elif any(int(time.time()) == int(name.split(".")[3]) for name in files):
            time.sleep(1)  # files are read in the order of their names, which begin with the second
        with _writing("TensorBoard", OSError):
            self.writer = SummaryWriter(str(folder))

    def known(self) -> dict[str, int]:
        if not self.resume:
            return {}
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(self.folder), size_guidance={"scalars": 1}).Reload()
        return {name: events.Scalars(name)[-1].step for name in events.Tags()["scalars"]}

    def describe(self, facts: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
        from torch.utils.tensorboard.summary import hparams

        plain = {name: value if isinstance(value, (bool, int, float, str)) else _text(value) for name, value in facts.items()}
        with _writing("TensorBoard", OSError):
            for summary in hparams(plain, dict.fromkeys(scores, 0.0))[:2]:  # the third says that all went well
                self._add(summary)

    def write(self, figures: Sequence[Figure]) -> None:
        with _writing("TensorBoard", OSError):
            for name, step, value, when in figures:
                self.writer.add_scalar(name, value, step, walltime=when)
            self.writer.flush()

    def say(self, name: str, text: str) -> None:
        with _writing("TensorBoard", OSError):
            self.writer.add_text(name, text)

    def keep(self, path: Path) -> None:
        """TensorBoard keeps no files: the record stands beside them."""

    def inner(self, name: str) -> Record:
        return TensorBoard(self.folder / name)

    def end(self, how: How) -> None:
        from torch.utils.tensorboard.summary import hparams

        with _writing("TensorBoard", OSError):
            if how == "FINISHED":
                self._add(hparams({}, {})[2])
            self.writer.close()

    def _add(self, summary: Any) -> None:
        assert self.writer.file_writer is not None
        self.writer.file_writer.add_summary(summary)


class MLflow(Record):
    """A run in MLflow's store: where MLFLOW_TRACKING_URI says, else mlflow.db and mlruns/ in the current folder, MLflow's own
    default; in the experiment that MLFLOW_EXPERIMENT_NAME names, else `nnzoo`."""

    tracker = "mlflow"

    def __init__(self, client: Any, run: Any, resume: bool = False):
        self.client, self.run, self.resume = client, run, resume

    @classmethod
    def open(cls, folder: Path, resume: bool) -> MLflow:
        """The record that the folder names, or a new one, which it names from then on."""
        from mlflow import MlflowClient, get_tracking_uri

        note = folder / NOTE
        before = read_json(note) if resume and note.is_file() else None
        where = before["store"] if before else get_tracking_uri()
        try:
            with _working():
                client = MlflowClient(tracking_uri=where)
                if before is not None:
                    client.update_run(before["run"], status="RUNNING")
                    return cls(client, client.get_run(before["run"]), resume=True)
                experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
                found = client.get_experiment_by_name(experiment)
                number = found.experiment_id if found is not None else client.create_experiment(experiment)
                tags = {"nnzoo.run": str(folder.absolute()), "mlflow.source.name": "nnzoo"}
                run = client.create_run(number, run_name=folder.name, tags=tags)
        except RecordError as error:
            raise ConfigError(f"{error}; check MLFLOW_TRACKING_URI, which says where the store is, here {where}") from None
        write_text(note, json.dumps({"store": where, "run": run.info.run_id}))
        return cls(client, run)

    @property
    def number(self) -> str:
        """MLflow's name for the run."""
        return self.run.info.run_id

    def known(self) -> dict[str, int]:
        if not self.resume:
            return {}
        with _working():
            names = self.client.get_run(self.number).data.metrics
            return {name: max(m.step for m in self.client.get_metric_history(self.number, name)) for name in names}

    def describe(self, facts: Mapping[str, Any], scores: Sequence[str] = ()) -> None:
        from mlflow.entities import Param

        params = [Param(plain_name(name), _text(value)[:LONGEST]) for name, value in facts.items()]
        with _working():
            for some in _pieces(params, MOST_PARAMS):
                self.client.log_batch(self.number, params=some)

    def write(self, figures: Sequence[Figure]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(name, value, round(when * 1000), step) for name, step, value, when in figures]
        with _working():
            for some in _pieces(metrics, MOST_FIGURES):
                self.client.log_batch(self.number, metrics=some)

    def say(self, name: str, text: str) -> None:
        with _working():
            self.client.set_tag(self.number, f"nnzoo.{name}", text[:LONGEST])

    def keep(self, path: Path) -> None:
        with _working():
            if path.is_dir():
                self.client.log_artifacts(self.number, str(path), "run")
            else:
                self.client.log_artifact(self.number, str(path))

    def inner(self, name: str) -> Record:
        tags = {"mlflow.parentRunId": self.number, "mlflow.source.name": "nnzoo"}
        with _working():
            return MLflow(self.client, self.client.create_run(self.run.info.experiment_id, run_name=name, tags=tags))

    def end(self, how: How) -> None:
        with _working():
            self.client.set_terminated(self.number, how)


@contextmanager
def _writing(tracker: str, *kinds: type[Exception]) -> Iterator[None]:
    """What a tracker says against writing, as RecordError in one line."""
    try:
        yield
    except kinds as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise RecordError(f"{tracker} cannot write: {first}") from None


@contextmanager
def _working() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    with _writing("MLflow", MlflowException, OSError):
        yield


def _pieces(things: Sequence[Any], length: int) -> Iterator[list[Any]]:
    for start in range(0, len(things), length):
        yield list(things[start : start + length])


def plain_name(name: str) -> str:
    """A name that every tracker takes."""
    return re.sub(r"[^\w\-. /]", "_", name)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
