"""From a kind's name and a person's data to a trained, saved and scored run: the one path that every interface takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.blocks.heads import Heads
from nnzoo.core.errors import ConfigError, DataError, Unsuitable
from nnzoo.core.events import Event, Warned, hearing
from nnzoo.core.network import Network, No
from nnzoo.core.seeds import seed_default
from nnzoo.training.durable import sha256_of
from nnzoo.training.loop import Outcome
from nnzoo.training.loop import train as run_loop
from nnzoo.training.processes import Processes, together
from nnzoo.training.settings import Settings
from nnzoo.zoo import adapters
from nnzoo.zoo.anomalies import usual_errors
from nnzoo.zoo.beginning import agree, rows_digest, run_folder
from nnzoo.zoo.records import known_trackers
from nnzoo.zoo.room import check_room
from nnzoo.zoo.suiting import OF_PICTURES, suiting
from nnzoo.zoo.trackers import tracking
from nnzoo.zoo.unusual_rows import usual_rows

if TYPE_CHECKING:
    from nnzoo.data.doctor import Finding
    from nnzoo.data.prepare import Prepared

NO_MATTER = ("device", "checkpoint_seconds", "timeout")  # settings that may be others when a run is resumed


@dataclass
class Trained:
    """What `train` gives back. `test` and `validation` are scores by the metric (None where there is no such part); `run` is the
    folder, which `nnzoo.load` opens. `findings` are what the doctor found in the data, `suspects` held-out rows whose label is
    doubtful (both as JSON)."""

    run: str
    kind: str
    data: str
    task: str
    metric: str
    test: float | None
    validation: float | None
    scores: dict[str, float]
    seconds: float
    epochs: int
    steps: int
    stopped: str
    findings: list[dict[str, Any]] = field(default_factory=list)
    suspects: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the command line's `--json` prints it."""
        return asdict(self)


def train(
    kind: str,
    data: Any,
    *,
    task: str | None = None,
    target: Sequence[str] = (),
    valid: Any = None,
    test: Any = None,
    split: str = "random",
    weight: str | None = None,
    dedup: bool = False,
    units: str | None = None,
    horizon: int | None = None,
    history: int | None = None,
    calendar: bool = False,
    pairs: str | None = None,
    normal: str | None = None,
    metric: str | None = None,
    config: Mapping[str, Any] = {},
    budget: str | None = None,
    seed: int = 0,
    device: str = "auto",
    from_run: str | Path | None = None,
    adapter: str | None = None,
    rank: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    track: str | Sequence[str] | None = None,
    listen: Sequence[Callable[[Event], Any]] = (),
    **more: Any,
) -> Trained:
    """Train a kind of network on data, save the run, score it on the untouched test part.

    `data` is a path, a known set's name, a pandas frame, arrays or tensors. `config` sets fields of the kind's Config, `more`
    fields of `Settings` (precision, accumulate, patience, compile, checkpoint_seconds, timeout). `dedup` drops copies of rows;
    `units` are those of texts (characters, words, bpe).
    Of series `horizon` steps are forecast from the `history` before them, with `calendar` also from the dates of the steps to come.
    `pairs` says how pairs of pictures are made of single ones (edges, grey, masked, downscaled, noisy, side-by-side); with `normal`
    rows of that label alone are learned from. Where no task is named and the kind cannot do what the data pose, it learns what it
    can do with them (`zoo/suiting.py`), and a note says so.
    `from_run` starts from a saved run's weights and preprocessing; with `adapter` ("lora", of that `rank`, else 8) these stay as
    they are, and the run holds what is learned on top of them alone. `track` names trackers (tensorboard, mlflow) that are told
    everything. Where torchrun has started several processes that call this
    alike, they train one network together, and the first of them writes and tells. Raises NnzooError with one sentence.
    """
    from nnzoo.data.doctor import announce, examine
    from nnzoo.data.prepare import prepare
    from nnzoo.zoo.runs import load_run

    trackers = known_trackers(track)
    adapters.check(adapter, rank, from_run)
    with together(more.get("timeout", Settings.timeout)) as processes:
        first = processes is None or processes.first
        listen = listen if first else ()
        own_device = device if processes is None else processes.device(device)
        settings = Settings(budget=budget, seed=seed, device=own_device, **more)
        base = load_run(Path(from_run)) if from_run is not None else None
        ways: dict[str, Any] = {"valid": valid, "test": test, "split": split, "weight": weight, "seed": seed, "dedup": dedup}
        ways |= {"units": units, "horizon": horizon, "history": history, "calendar": calendar, "pairs": pairs, "listen": listen}
        ways |= {"normal": normal, "inherit": None if base is None else base[1]}
        if task is None and base is not None and base[0].task.name in OF_PICTURES:
            task = base[0].task.name  # its preprocessing is for this one
        prepared = prepare(data, task=task, targets=tuple(target), **ways)
        if task is None and (normal is not None or not target):
            prepared = suiting(kind, prepared, lambda other: prepare(prepared.raw, task=other, **ways))
        prepared.task = with_metric(prepared.task, metric)
        if base is not None:
            same_kind(kind, base[0])
        network = build(kind, config if base is None else {**base[0].config.model_dump(), **config}, prepared, seed)
        if base is not None and from_run is not None:
            if adapter is None:
                adapters.merged(base[0])
            fresh = inherit_weights(network, base[0], listen)
            if adapter is not None:
                adapters.put_adapter(network, fresh, Path(from_run), rank, seed)
        parts = place(prepared, settings)
        request = {
            "kind": kind,
            "data": prepared.name,
            "rows": rows_digest(prepared.parts) if first else "",
            "task": prepared.task.name,
            "metric": prepared.task.metric,
            "target": list(target),
            "split": split,
            "dedup": dedup or None,
            "units": units,
            "horizon": horizon,
            "history": history,
            "calendar": calendar or None,
            "pairs": pairs,
            "normal": normal,
            "config": network.config.model_dump(mode="json"),
            "settings": {k: v for k, v in settings.facts().items() if k not in NO_MATTER},
            "adapter": None if adapter is None else [adapter, rank],
            "from": None if from_run is None else sha256_of(Path(from_run) / "model.safetensors"),
        }
        folder = Path()
        if first:
            folder = run_folder(out, resume, network.kind, prepared.name)
            agree(folder, request, resume)
        if processes is not None:
            _check_alike(processes, prepared)
            folder = Path(processes.share_json(str(folder)))
        for note in prepared.notes:
            for listener in listen:
                listener(Warned(note))
        findings = examine(prepared, {network.kind: network}) if first else []
        announce(findings, listen)
        followed = tracking(trackers if first else (), folder, request, resume, listen, tuple(prepared.task.higher))
        with followed as tracker:
            outcome = run_loop(network, parts, settings, folder, [*listen, tracker], resume, processes)
            trained = {}
            if first:
                final = finish(folder, outcome, prepared, settings, findings, listen)
                tracker.result(final)
                trained = final.to_json()
        return Trained(**(trained if processes is None else processes.share_json(trained)))


def with_metric(task: Any, metric: str | None) -> Any:
    """The task judged by another of its scores. Raises ConfigError naming those there are."""
    if metric is None or metric == task.metric:
        return task
    if metric not in task.higher:
        raise ConfigError(f"{task.name} has no score '{metric}'; it has {', '.join(task.higher)}")
    return task.judged_by(metric)


def build(kind: str, config: Mapping[str, Any], prepared: Prepared, seed: int) -> Network:
    """A new network of that kind for prepared data, initialised from `seed`. Raises ConfigError, Unsuitable."""
    from nnzoo.networks import find

    cls = find(kind)
    checked = cls.Config.read(config, cls.kind)
    able = cls.can(prepared.spec, prepared.task)
    if isinstance(able, No):
        raise Unsuitable(f"{prepared.name}: {able}")
    check_room(lambda: cls(checked, prepared.spec, prepared.task), f"{cls.kind} for {prepared.name}")
    seed_default(seed, -1)
    return cls(checked, prepared.spec, prepared.task)


def place(prepared: Prepared, settings: Settings) -> Any:
    """The parts where they will be used: on the device as a whole if they fit, else on the host."""
    from nnzoo.data.prepare import place as place_parts
    from nnzoo.training.devices import device_of

    return place_parts(prepared.parts, device_of(settings.device))


def same_kind(kind: str, base: Network) -> None:
    """Raise ConfigError unless `base` is of that kind."""
    from nnzoo.networks import find

    if find(kind) is not type(base):
        raise ConfigError(f"a {find(kind).kind} cannot go on from a run of {base.kind}; name the same kind")


def inherit_weights(network: Network, base: Network, listen: Sequence[Callable[[Event], Any]]) -> list[str]:
    """Copy the tensors of another run that have the same name and shape here; say, and give back, which did not fit. What reads out
    an output that means something else there (other labels, other units) is not taken."""
    mine, theirs = network.state_dict(), base.state_dict()
    other = [name for name, field in network.spec.outputs.items() if base.spec.outputs.get(name) != field]
    places = [(path, module) for path, module in network.named_modules() if isinstance(module, Heads)]
    readers = tuple(f"{path}.{module.place(name)}." for path, module in places for name in other if name in module.shapes)
    fresh = []
    for name, tensor in mine.items():
        if name in theirs and theirs[name].shape == tensor.shape and not name.startswith(readers):
            tensor.copy_(theirs[name])
        else:
            fresh.append(name)
    if fresh:
        for listener in listen:
            listener(Warned(f"new here, not taken from the other run: {', '.join(fresh)}"))
    return fresh


def finish(
    folder: Path,
    outcome: Outcome,
    prepared: Prepared,
    settings: Settings,
    findings: Sequence[Finding] = (),
    listen: Sequence[Callable[[Event], Any]] = (),
) -> Trained:
    """Score a trained network, look for doubtful labels, save its run, drop the checkpoints that are no longer needed."""
    from nnzoo.data.doctor import announce, doubtful_labels
    from nnzoo.data.prepare import place as place_parts
    from nnzoo.training.checkpoints import Checkpoints
    from nnzoo.zoo.runs import save_run

    network, task = outcome.network, prepared.task
    parts = place_parts(prepared.parts, network.device) if prepared.parts.train.device != network.device else prepared.parts
    with hearing(listen):
        judged = {
            name: task.evaluate(network, part, seed=settings.seed, reference=parts.train)
            for name, part in (("validation", parts.valid), ("test", parts.test))
            if part is not None and len(part)
        }
    final = judged.get("test") or judged.get("validation")
    names = {"valid": "validation", "test": "test"}
    answers = {part: judged[name].predictions for part, name in names.items() if name in judged}
    suspects, noise = doubtful_labels(prepared, answers)
    announce([noise] if noise else [], listen)
    trained = Trained(
        run=str(folder),
        kind=network.kind,
        data=prepared.name,
        task=task.name,
        metric=task.metric,
        test=judged["test"].score if "test" in judged else None,
        validation=judged["validation"].score if "validation" in judged else None,
        scores=final.scores if final is not None else {},
        seconds=round(outcome.seconds, 3),
        epochs=outcome.epochs,
        steps=outcome.steps,
        stopped=outcome.stopped,
        findings=[finding.to_json() for finding in (*findings, *([noise] if noise else []))],
        suspects=[suspect.to_json() for suspect in suspects],
    )
    usual = usual_errors(network, parts.valid) or usual_rows(network, parts.valid)
    save_run(
        folder,
        network,
        prepared.preprocessing,
        settings=settings.facts(),
        data=prepared.name,
        result=trained.to_json(),
        notes=prepared.notes,
        usual={} if usual is None else usual.to_json(),
    )
    Checkpoints(folder).clear()
    return trained


def _check_alike(processes: Processes, prepared: Prepared) -> None:
    """Raise DataError if processes (on several machines) have made something else of the data."""
    each = processes.gather(prepared.spec.model_dump_json().encode("utf-8"))
    for rank, spec in enumerate(each):
        if spec != each[0]:
            raise DataError(f"process {rank} sees other data than the first; give every machine the same files")
