"""A folder of Hugging Face's: where it is, what its JSON says, and its tensors. Nothing in it is ever run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import ConfigError, RunError

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PICKLE, PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
READ = ["*.json", "*.safetensors"]  # what is fetched
AGAIN = "copy or download it again"


def located(name: str | Path, revision: str | None = None, allow_pickle: bool = False) -> Path:
    """The folder of that name; else the snapshot of a repository on the hub, from the cache where it is there.

    `revision` is a branch, tag or commit. Raises ConfigError, RunError.
    """
    folder = Path(name)
    if folder.is_dir():
        if revision is not None:
            raise ConfigError(f"{folder} is a folder, which has no --revision; leave it out, or name a repository of the hub")
        return folder
    if folder.is_file():
        raise ConfigError(f"{folder} is a file; name the folder that it lies in")
    text = str(name)
    if text.count("/") > 1 or text.startswith((".", "/", "~")) or "\\" in text or not text.strip():
        raise RunError(f"there is no folder {name}; name the folder that holds config.json, or a repository as owner/name")
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ImportError:
        raise ConfigError(
            f'there is no folder {name}, and the hub needs huggingface_hub; install it with: pip install "nnzoo[text]"'
        ) from None
    wanted = [*READ, "*.bin"] if allow_pickle else READ
    try:
        return Path(huggingface_hub.snapshot_download(text, revision=revision, allow_patterns=wanted))
    except errors.HFValidationError:
        why = "it is no name of a repository either"
    except errors.GatedRepoError:
        why = "the hub gives it to those alone who have agreed to its licence"
    except errors.RepositoryNotFoundError:
        why = "the hub has no such repository"
    except errors.RevisionNotFoundError:
        why = f"its repository has no revision {revision}"
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, OSError):
        why = "the hub cannot be reached, nor is it in the cache"
    raise RunError(f"there is no folder {name}, and {why}; give a folder that holds config.json, or another name")


def facts_of(path: Path, needed: bool = True) -> dict[str, Any]:
    """The JSON object in a file; {} where there is no such file and it is not needed. Raises RunError."""
    if not path.is_file():
        if not needed:
            return {}
        raise RunError(f"{path} is missing; name a folder that transformers has saved, or download it again")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read ({error}); {AGAIN}") from None
    if not isinstance(facts, dict):
        raise RunError(f"{path} is damaged: it holds no JSON object; {AGAIN}")
    return facts


def tensors_of(folder: Path, allow_pickle: bool = False) -> tuple[dict[str, Tensor], Path]:
    """All tensors by name, mapped from their files where they can be, and the file that names them.

    Raises RunError: no weights, a shard that is missing or cut short, names that the index and a shard do not share.
    """
    if (folder / WEIGHTS).is_file():
        return _of_file(folder / WEIGHTS), folder / WEIGHTS
    if (folder / INDEX).is_file():
        return _of_shards(folder / INDEX), folder / INDEX
    pickles = sorted(path.name for ending in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(ending))
    if not pickles:
        raise RunError(f"{folder} holds no weights, {WEIGHTS} or {INDEX}; download them as well")
    if not allow_pickle:
        raise RunError(
            f"{folder / pickles[0]} is a pickle, which can run code when opened; save it as safetensors, "
            "or add --allow-pickle if you trust whoever made it"
        )
    path = folder / (PICKLE if PICKLE in pickles else pickles[0])
    if (folder / PICKLE_INDEX).is_file():
        return _of_shards(folder / PICKLE_INDEX), folder / PICKLE_INDEX
    return _of_file(path), path


def _of_shards(index: Path) -> dict[str, Tensor]:
    places = facts_of(index).get("weight_map")
    if not isinstance(places, Mapping) or not all(isinstance(name, str) and Path(name).name == name for name in places.values()):
        raise RunError(f"{index} does not say in its 'weight_map' which file beside it has which tensor; {AGAIN}")
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        path = index.parent / name
        if not path.is_file():
            raise RunError(f"{path} is missing, which {index.name} names; download it as well")
        found = _of_file(path)
        lacking = sorted(tensor for tensor, place in places.items() if place == name and tensor not in found)
        if lacking:
            raise RunError(f"{path} lacks the tensor '{lacking[0]}', which {index.name} says it has; download both again")
        tensors.update(found)
    return tensors


def _of_file(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise RunError(f"{path} is damaged or cut short ({error}); {AGAIN}") from None
    return _of_pickle(path)


def _of_pickle(path: Path) -> dict[str, Tensor]:
    """Tensors alone: whatever else is in a pickle is refused by torch's restricted reader."""
    from pickle import UnpicklingError

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"{path} is no file of tensors alone ({first}); save it as safetensors") from None
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise RunError(f"{path} holds other things than tensors by name; save it as safetensors")
    return found
