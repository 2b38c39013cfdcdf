"""A run of ours as a folder that `transformers` loads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import ConfigError, RunError
from nnzoo.data.units import Special
from nnzoo.zoo.adapters import merged
from nnzoo.zoo.huggingface.folder import CONFIG, WEIGHTS
from nnzoo.zoo.huggingface.importing import FAMILIES
from nnzoo.zoo.huggingface.table import to_theirs
from nnzoo.zoo.huggingface.vocabulary import files_of, ids_of

if TYPE_CHECKING:
    from nnzoo.core.network import Network
    from nnzoo.data.preprocessing import Preprocessing
    from nnzoo.zoo.runs import Manifest

TASKS = {"gpt": ("text-generation",), "llama": ("text-generation",), "bert": ("fill-mask", "text-classification")}
TASKS |= {"t5": ("translation",)}


@dataclass
class Exported:
    """What `export_model` gives back: the folder, what is in it, and notes for the person."""

    folder: str
    run: str
    architecture: str
    files: list[str]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the command line's `--json` prints it."""
        return asdict(self)


def export_model(run: Path | str, *, to: str = "huggingface", out: Path | str | None = None) -> Exported:
    """Write a run for elsewhere (`out`, else RUN-huggingface): its network and tokenizer in Hugging Face's layout; `to` "nnzoo" as
    a run that needs no other. Adapters become part of the matrices.

    Raises ConfigError for a kind or task that has no layout there, RunError for a folder that is not free.
    """
    from nnzoo.zoo.runs import load_run

    if to not in WAYS:
        raise ConfigError(f"--to {to} is not known; write {' or '.join(WAYS)}")
    run = Path(run)
    folder = run.with_name(f"{run.name}-{'merged' if to == 'nnzoo' else to}") if out is None else Path(out)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise RunError(f"{folder} is not empty; choose another --out")
    network, preprocessing, manifest = load_run(run)
    return WAYS[to](merged(network), preprocessing, manifest, run, folder)


def _as_run(network: Network, preprocessing: Preprocessing | None, manifest: Manifest, run: Path, folder: Path) -> Exported:
    """A run like the one that it comes from."""
    from nnzoo.zoo.runs import save_run

    said: dict[str, Any] = {
        "data": manifest.data,
        "settings": manifest.training,
        "result": manifest.result,
        "notes": manifest.notes,
    }
    save_run(folder, network, preprocessing, usual=manifest.usual, **said)
    written = sorted(path.name for path in folder.iterdir())
    return Exported(str(folder), str(run), manifest.kind, written)


def _as_theirs(network: Network, preprocessing: Preprocessing | None, manifest: Manifest, run: Path, folder: Path) -> Exported:
    """Hugging Face's layout."""
    from safetensors.torch import save

    from nnzoo.training import durable

    family = next((family for family in FAMILIES if family.kind == manifest.kind), None)
    if family is None:
        raise ConfigError(f"{manifest.kind} has no layout of Hugging Face's; those that have: {', '.join(TASKS)}")
    if manifest.task not in TASKS[manifest.kind]:
        able = " or ".join(TASKS[manifest.kind])
        raise ConfigError(f"a {manifest.kind} for {manifest.task} has no counterpart in transformers; export one for {able}")
    config: Any = network.config
    tensors = to_theirs(family.rows(config, network.spec.outputs), network.state_dict())
    pre: Any = preprocessing
    pairs, notes = isinstance(pre.units, tuple), []
    if pairs and pre.units[0].facts() != pre.units[1].facts():
        raise ConfigError(f"{manifest.kind} reads and writes in units of their own here, which has no layout in transformers")
    units, context = (pre.units[0], None) if pairs else (pre.units, config.context)
    vocabulary = len(network.embed.weight)  # type: ignore[arg-type, union-attr]
    masked = not pairs and vocabulary > pre.vocabulary
    files = files_of(units, "" if pairs else pre.characters, pairs or pre.lines, context, masked)
    special = Special() if units is None else units.special
    if masked and "cls.predictions.bias" in tensors:  # what hides others is never the answer
        import torch

        tensors["cls.predictions.bias"] = torch.cat([tensors["cls.predictions.bias"], torch.tensor([-1e4])])
    if files is None:
        notes.append("its units are no tokenizer of the package tokenizers, so that none was written")
    facts = {**family.facts(network), "vocab_size": vocabulary, "dtype": "float32", "torch_dtype": "float32", **ids_of(special)}
    durable.make_folder(folder)
    for name, content in {CONFIG: facts, **(files or {})}.items():
        durable.write_text(folder / name, json.dumps(content, indent=2, ensure_ascii=False))
    durable.write_bytes(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    written = sorted(path.name for path in folder.iterdir())
    return Exported(str(folder), str(run), facts["architectures"][0], written, notes)


WAYS = {"huggingface": _as_theirs, "nnzoo": _as_run}
