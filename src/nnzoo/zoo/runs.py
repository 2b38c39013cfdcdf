"""A saved run: a folder that holds all a model is, readable without nnzoo, loaded without running anything it names.

config.json          format number, kind, resolved config, spec, task, found, provenance, scores
model.safetensors    own tensors by name; tied tensors once (`tied` in config.json says which name is which)
preprocessing/       what turns a person's data into tensors and back
parts/<name>/        networks inside this one, each a run folder of its own
README.md            the model card; may be edited by hand
journal.jsonl        what happened in training; grows while it goes on
digests.json         SHA-256 of the files above but the journal; written last, so that its presence means: complete
"""

from __future__ import annotations

import functools
import importlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from nnzoo.core.errors import ConfigError, RunError, Unsuitable
from nnzoo.core.fields import Spec
from nnzoo.zoo.adapters import base_tensors, noted, wear

if TYPE_CHECKING:
    from torch import Tensor

    from nnzoo.core.network import Network
    from nnzoo.core.task import Task
    from nnzoo.data.preprocessing import Preprocessing

FORMAT = 1
Facts = dict[str, Any]
Tensors = dict[str, "Tensor"]
# From a format number to the next: takes config.json and the tensors as they were, returns them as the next format has them.
MIGRATIONS: dict[int, Callable[[Facts, Tensors], tuple[Facts, Tensors]]] = {}

COPY = "copy the run again from where it is whole"
CONFIG, MODEL, CARD, DIGESTS = "config.json", "model.safetensors", "README.md", "digests.json"
SORTS = {
    "table": ("nnzoo.data.table_preprocessing", "TablePreprocessing"),
    "images": ("nnzoo.data.image_preprocessing", "ImagePreprocessing"),
    "picture-pairs": ("nnzoo.data.picture_pair_preprocessing", "PicturePairPreprocessing"),
    "texts": ("nnzoo.data.text_preprocessing", "TextPreprocessing"),
    "graph": ("nnzoo.data.graph_preprocessing", "GraphPreprocessing"),
    "sequences": ("nnzoo.data.sequence_preprocessing", "SequencePreprocessing"),
    "pairs": ("nnzoo.data.pair_preprocessing", "PairPreprocessing"),
    "questions": ("nnzoo.data.question_preprocessing", "QuestionPreprocessing"),
    "series": ("nnzoo.data.series_preprocessing", "SeriesPreprocessing"),
}
Kinds = Mapping[str, "type[Network] | str"]


class Manifest(BaseModel):
    """config.json. `parts` maps names to kinds, `tied` to the names that hold the tensor; `adapter` says what adapters there are
    and which run has the other tensors; `metric` is what the task was judged by; `training` are the settings; `result` says how
    training went (test, validation, scores, seconds, epochs, steps, stopped), None where a number was not finite; `notes` are
    sentences on the data; `usual` are a forecaster's usual errors, by which its anomalies are scored."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    format: int
    nnzoo: str
    kind: str
    config: dict[str, Any]
    spec: Spec
    task: str
    metric: str = ""
    found: dict[str, Any] = {}
    parts: dict[str, str] = {}
    tied: dict[str, str] = {}
    adapter: dict[str, Any] = {}
    preprocessing: str | None = None
    data: str = ""
    seed: int = 0
    date: str = ""
    training: dict[str, Any] = {}
    result: dict[str, Any] = {}
    notes: list[str] = []
    usual: dict[str, Any] = {}

    @property
    def scores(self) -> dict[str, dict[str, float | None]]:
        """Scores by name for each part of the data that was scored: of the test part all, of the validation part the metric."""
        test, validation = self.result.get("test"), self.result.get("validation")
        every = {**self.result.get("scores", {})}
        if test is None:
            return {} if not every else {"validation": every}
        return {"test": every} if validation is None else {"test": every, "validation": {self.metric: validation}}


def save_run(
    folder: Path | str,
    network: Network,
    preprocessing: Preprocessing | None,
    *,
    data: str = "",
    settings: Mapping[str, Any] = {},
    result: Mapping[str, Any] = {},
    notes: Sequence[str] = (),
    usual: Mapping[str, Any] = {},
) -> Manifest:
    """Write a run into `folder`, durably; it counts as complete only when this has returned. Returns what config.json says.

    `settings`, `result`, `notes` and `usual` go into it as they are (see `Manifest`); the seed is that of the settings. Raises
    RunError if a file cannot be written or something learned is not JSON.
    """
    from nnzoo.training import durable
    from nnzoo.zoo.card import card_of

    folder = Path(folder)
    durable.make_folder(folder)
    if (folder / DIGESTS).exists():
        (folder / DIGESTS).unlink()
        durable.sync_folder(folder)
    about = {
        "data": data,
        "seed": settings.get("seed", 0),
        "training": dict(settings),
        "result": _finite(dict(result)),
        "notes": [*notes],
        "usual": dict(usual),
    }
    if preprocessing is not None:
        with durable.saving(folder / "preprocessing"):
            preprocessing.save(folder / "preprocessing")
        about["preprocessing"] = preprocessing.sort
    manifest, written = _write_network(folder, network, about)
    for path in sorted((folder / "preprocessing").glob("[!.]*")) if preprocessing is not None else []:
        durable.write_bytes(path, path.read_bytes())  # once more, synchronised
        written.append(path)
    durable.write_bytes(folder / CARD, card_of(manifest, type(network), folder.name).encode())
    digests = {path.relative_to(folder).as_posix(): durable.sha256_of(path) for path in [*written, folder / CARD]}
    durable.write_bytes(folder / DIGESTS, json.dumps(digests, indent=1, sort_keys=True).encode())
    return manifest


def load_run(folder: Path | str, kinds: Kinds = {}) -> tuple[Network, Preprocessing | None, Manifest]:
    """The network (in eval mode, on the host), its preprocessing, and what config.json says.

    Every file is checked against its digest before it is read. Kinds are nnzoo's own and those of installed packages; a kind of
    one's own is passed in `kinds` by name, as its class or the path of its file, since nothing is imported by a name found in a
    file. Raises RunError naming the file that is missing or damaged, and what to do.
    """
    folder = Path(folder)
    digests = _checked(folder)
    network, manifest = _read_network(folder, folder, digests, kinds)
    preprocessing = None
    if manifest.preprocessing is not None:
        from nnzoo.data.preprocessing import load_preprocessing

        if manifest.preprocessing not in SORTS:
            raise RunError(f"{folder / CONFIG} names data of sort '{manifest.preprocessing}'; update nnzoo to read it")
        module, name = SORTS[manifest.preprocessing]
        _listed(folder / "preprocessing" / "preprocessing.json", folder, digests)
        sorts = {manifest.preprocessing: getattr(importlib.import_module(module), name)}
        preprocessing = load_preprocessing(folder / "preprocessing", sorts)
        if preprocessing.spec(manifest.spec.train_size).inputs != manifest.spec.inputs:
            raise RunError(f"{folder / 'preprocessing'} makes other inputs than {folder / CONFIG} says; {COPY}")
    return network, preprocessing, manifest


def is_complete(folder: Path) -> bool:
    """Whether the run in `folder` was saved to its end."""
    return (folder / DIGESTS).is_file()


def read_manifest(folder: Path) -> Manifest:
    """config.json alone, unchecked, for listings. Raises RunError."""
    return _manifest(read_json(folder / CONFIG), folder)


def _finite(value: Any) -> Any:
    """None for numbers that are not finite, at any depth."""
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_network(folder: Path, network: Network, about: Facts) -> tuple[Manifest, list[Path]]:
    """Tensors, parts and config.json of a network; what was written."""
    from safetensors.torch import save

    from nnzoo import __version__
    from nnzoo.training import durable

    kind = type(network).kind
    if not kind:
        raise ConfigError(f"{type(network).__name__} has no name: set its class attribute `kind`")
    durable.make_folder(folder)
    written: list[Path] = []
    parts: dict[str, Network] = dict(network.parts.items())  # type: ignore[arg-type]
    for name, part in parts.items():
        written += _write_network(folder / "parts" / _folder_name(name, folder), part, {})[1]
    own, tied = own_tensors(network)
    own = {name: tensor for name, tensor in own.items() if name not in network.kept}
    tied = {alias: name for alias, name in tied.items() if alias not in network.kept}
    manifest = Manifest(
        format=FORMAT,
        nnzoo=__version__,
        kind=kind,
        config=network.config.model_dump(mode="json"),
        spec=network.spec,
        task=network.task.name,
        metric=network.task.metric,
        found=network.found,
        parts={name: type(part).kind for name, part in parts.items()},
        tied=tied,
        adapter=noted(network.adapter, folder),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
    )
    try:
        text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise RunError(f"{kind}: its settings or what it found cannot be saved as JSON: {error}") from None
    durable.write_bytes(folder / MODEL, save(own, metadata={"format": "pt"}))
    durable.write_bytes(folder / CONFIG, text.encode())
    return manifest, [*written, folder / MODEL, folder / CONFIG]


def own_tensors(network: Network) -> tuple[Tensors, dict[str, str]]:
    """What a network itself holds by name, without its parts, each tensor once; and for the other names of a tensor, the first."""
    tensors: Tensors = {}
    tied: dict[str, str] = {}
    holders: dict[tuple[Any, ...], str] = {}
    for name, tensor in sorted(network.state_dict().items(), key=lambda item: not item[0].startswith("parts.")):
        place = (tensor.data_ptr(), tensor.device, tensor.dtype, tensor.shape, tensor.stride())
        of_part = name.startswith("parts.")
        if tensor.numel() and place in holders and not of_part:
            tied[name] = holders[place]
            continue
        holders.setdefault(place, name)
        if not of_part:
            tensors[name] = tensor.detach().cpu().contiguous().clone()
    return tensors, tied


def _folder_name(name: str, folder: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
        raise RunError(f"{folder}: a part may be named with letters, digits, _ and - only, not '{name}'")
    return name


def _checked(folder: Path) -> dict[str, str]:
    """The digests of a complete run, each compared with its file (the card is for people and may be edited)."""
    from nnzoo.training.durable import sha256_of

    if not folder.is_dir():
        raise RunError(f"there is no run at {folder}; `nnzoo runs` lists those there are")
    if not is_complete(folder):
        raise RunError(f"the run at {folder} is not complete; go on with --resume, or train it anew")
    digests = read_json(folder / DIGESTS)
    for name, digest in digests.items():
        path = folder / name
        if name == CARD:
            continue
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise RunError(f"{folder / DIGESTS} names a file outside of the run, '{name}'; {COPY}")
        if not path.is_file():
            raise RunError(f"{path} is missing; {COPY}")
        if sha256_of(path) != digest:
            raise RunError(f"{path} is damaged: it is not what was saved; {COPY}")
    return digests


def _listed(path: Path, top: Path, digests: Mapping[str, str]) -> Path:
    if path.relative_to(top).as_posix() not in digests:
        raise RunError(f"{top / DIGESTS} does not know {path}; {COPY}")
    return path


def read_json(path: Path) -> Facts:
    """The JSON object in a file. Raises RunError."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read ({error}); {COPY}") from None
    if not isinstance(facts, dict):
        raise RunError(f"{path} is damaged: it holds no JSON object; {COPY}")
    return facts


def _manifest(facts: Facts, folder: Path) -> Manifest:
    try:
        return Manifest.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise RunError(f"{folder / CONFIG} has a field '{where}' that this nnzoo does not know; update nnzoo") from None
        raise RunError(f"{folder / CONFIG} is not what nnzoo writes: '{where}': {first['msg']}; {COPY}") from None


def _read_network(folder: Path, top: Path, digests: Mapping[str, str], kinds: Kinds) -> tuple[Network, Manifest]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    from nnzoo.tasks import find as find_task
    from nnzoo.zoo.room import shapes_of

    facts = read_json(_listed(folder / CONFIG, top, digests))
    path = _listed(folder / MODEL, top, digests)
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise RunError(f"{path} cannot be read ({error}); {COPY}") from None
    facts, tensors = _migrated(facts, tensors, folder)
    manifest = _manifest(facts, folder)
    parts = {name: _read_network(folder / "parts" / _folder_name(name, folder), top, digests, kinds)[0] for name in manifest.parts}
    for name, part in parts.items():
        tensors.update({f"parts.{name}.{key}": tensor for key, tensor in part.state_dict().items()})
    for alias, name in manifest.tied.items():
        if name not in tensors:
            raise RunError(f"{path} lacks the tensor '{name}', which is also '{alias}'; {COPY}")
        tensors[alias] = tensors[name]
    kind = _kind(manifest.kind, kinds, folder)
    try:
        config = kind.Config.read({**kind.Config.before, **manifest.config}, manifest.kind)
        task = _judged_by(find_task(manifest.task), manifest.metric)
        bare = functools.partial(kind, config, manifest.spec, task, manifest.found, parts)
        build = (lambda: wear(bare(), manifest.adapter)) if manifest.adapter else bare
        shapes, kept = shapes_of(build), dict[str, Any]()
        if manifest.adapter:
            kept = base_tensors(folder, manifest.adapter, shapes or build().state_dict(), tensors, kinds)
            tensors |= kept
        _check_shapes(shapes, tensors, path)  # before a file that lies can ask for memory
        network = build()
        network.kept, network.adapter = frozenset(kept), manifest.adapter
    except (ConfigError, Unsuitable) as error:
        raise RunError(f"{folder / CONFIG}: {error}") from None
    _check_shapes(network.state_dict(), tensors, path)
    network.load_state_dict(tensors)
    return network.eval(), manifest


def _migrated(facts: Facts, tensors: Tensors, folder: Path) -> tuple[Facts, Tensors]:
    number = facts.get("format")
    if not isinstance(number, int):
        raise RunError(f"{folder / CONFIG} gives no format number, but {str(number)[:40]!r}; {COPY}")
    if number > FORMAT:
        raise RunError(f"{folder} was written by a newer nnzoo (format {number}, this one reads {FORMAT}); update nnzoo")
    while number < FORMAT:
        if number not in MIGRATIONS:
            raise RunError(f"{folder} has format {number}, which this nnzoo no longer reads; convert it with an older one")
        facts, tensors = MIGRATIONS[number](facts, tensors)
        number += 1
        facts = {**facts, "format": number}
    return facts, tensors


def _kind(name: str, kinds: Kinds, folder: Path) -> type[Network]:
    from nnzoo import networks

    if name in kinds:
        given = kinds[name]
        return networks.find(given) if isinstance(given, str) else given
    if name in networks.names():
        return networks.find(name)
    raise RunError(
        f"{folder} is of kind '{name}', which is neither nnzoo's nor an installed package's; give its file with "
        f"--kind, in Python with nnzoo.load(run, kinds={{'{name}': YourNetwork}})"
    )


def _judged_by(task: Task, metric: str) -> Task:
    """The task with the metric that the run was judged by."""
    if metric in ("", task.metric) or metric not in task.higher:
        return task
    return task.judged_by(metric)


def _check_shapes(wanted: Mapping[str, Tensor] | None, tensors: Tensors, path: Path) -> None:
    """Say by name what tensors do not fit; None fits all."""
    if wanted is None:
        return
    missing, surplus = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    other = [
        f"{name} ({_form(tensors[name])}, the network has {_form(wanted[name])})"
        for name in sorted(wanted.keys() & tensors.keys())
        if _form(tensors[name]) != _form(wanted[name])
    ]
    for what, found in (("lacks", missing), ("holds unknown", surplus), ("holds misshapen", other)):
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            raise RunError(
                f"{path} {what} tensors: {', '.join(found[:5])}{more}; it was not saved by this kind as it is now, "
                "use the nnzoo that saved it"
            )


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'x'.join(map(str, tensor.shape)) or 'scalar'}"
