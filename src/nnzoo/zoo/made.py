"""Made data: what to make, what came out, and files that say that it is made, by which run and from which seed.

n made, C H W picture.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Classes, Spec
from nnzoo.data.midi import midi_bytes
from nnzoo.data.raw import RawSequences
from nnzoo.training.durable import replacing, saving, write_bytes, write_text

ORIGIN = "origin.json"


class Pictures(np.ndarray):
    """Made pictures (n H W C, uint8). `labels` are what each was to be, None where there are none; `origin` says who made them."""

    labels: list[str] | None
    origin: dict[str, Any]

    def __array_finalize__(self, other: Any) -> None:
        self.labels, self.origin = None, {}

    @classmethod
    def of(cls, pixels_nHWC: np.ndarray, labels: list[str] | None, origin: dict[str, Any]) -> Pictures:
        """Pixels with what is known of them."""
        made = pixels_nHWC.view(cls)
        made.labels, made.origin = labels, origin
        return made


def condition(spec: Spec, label: str | None, n: int) -> tuple[Tensor | None, list[str] | None]:
    """A code for each of `n` samples, and the labels they stand for; without a label, of pictures made from labels each in turn.
    None where nothing was asked for and nothing need be. Raises ConfigError."""
    name = spec.only("inputs", Classes)
    from_labels = name is not None
    name = name or spec.only("outputs", Classes)
    if label is None and not from_labels:
        return None, None
    if name is None:
        raise ConfigError("this model was trained without labels; leave the label out")
    field = spec.field(name)
    assert isinstance(field, Classes)
    if label is not None and label not in field.labels:
        raise ConfigError(f"no label '{label}'; labels are: {', '.join(field.labels)}")
    codes = torch.arange(n) % field.size if label is None else torch.full((n,), field.labels.index(label))
    return codes, [field.labels[code] for code in codes.tolist()]


def sampling_of(network: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of sampling that were given, where the kind has them. Raises ConfigError."""
    there = tuple(getattr(type(network), "sampling", ()))
    given = {name: value for name, value in asked.items() if value is not None}
    for name in given:
        if name not in there:
            has = f"it has {', '.join(there)}" if there else "it has none"
            raise ConfigError(f"{network.kind} has no setting '{name}' of sampling; {has}; leave {name} out")
    if "steps" in given and given["steps"] < 1:
        raise ConfigError(f"steps={given['steps']}: making takes one step at least; give 1 or more, or leave steps out")
    return given


def save_generated(made: Any, path: Path | str, origin: Mapping[str, Any] = {}) -> None:
    """Write made data: a frame as CSV, strings as text (one a line), pictures as one PNG in rows and columns, as .npz or, where the
    name has no ending, as single files in a new folder; piano rolls as MIDI or JSON.

    What is made from data must not be taken for data: pictures say inside, and a folder and a CSV in a file beside them, that they
    are synthetic (`origin`). Raises ConfigError where the file's ending does not suit.
    """
    path = Path(path)
    match made:
        case pd.DataFrame():
            _suits(path, "points", ".csv")
            with replacing(path) as file:
                made.to_csv(file, index=False)
            if origin:
                write_text(path.with_name(f"{path.name}.{ORIGIN}"), json.dumps({"synthetic": True, **origin}, indent=1))
        case np.ndarray():
            about = dict(origin or getattr(made, "origin", {}))
            save_pictures(list(np.asarray(made)), path, getattr(made, "labels", None), about)
        case RawSequences():
            _suits(path, "music", ".mid", ".midi", ".json")
            if path.suffix == ".json":
                write_text(path, json.dumps(made.to_json()))
            else:
                write_bytes(path, midi_bytes(made))
        case _:
            _suits(path, "text", ".txt")
            with replacing(path) as file:
                file.write_text("".join(f"{text}\n" for text in made), encoding="utf-8")


def check_pictures(path: Path, n: int | None = None) -> None:
    """Raise ConfigError where pictures cannot be written."""
    if path.suffix == "" or path.is_dir():
        if path.is_dir() and any(path.iterdir()):
            raise ConfigError(f"{path} holds files already, and what is made is kept apart; name a new folder with --out")
        if path.exists() and not path.is_dir():
            raise ConfigError(f"{path} is a file; name a new folder with --out, or a file that ends in .png or .npz")
        return
    _suits(path, "pictures", ".png", ".npz")
    if not path.parent.is_dir():
        raise ConfigError(f"{path} cannot be written, since there is no folder {path.parent}; choose another --out")


def save_pictures(
    pictures: Sequence[np.ndarray],
    path: Path,
    labels: Sequence[str] | None = None,
    origin: Mapping[str, Any] = {},
    names: Sequence[str] | None = None,
) -> None:
    """Pictures (H W C, uint8) as one PNG, an .npz, or a folder of single files called 0001.png and so on, or by their `names`, with
    `labels.csv` where they have labels. Raises ConfigError."""
    check_pictures(path)
    about = {"synthetic": True, **origin}
    if path.suffix == ".npz" and not path.is_dir():
        with replacing(path) as file:
            more: dict[str, Any] = {} if labels is None else {"labels": np.array(labels)}
            np.savez_compressed(file, images=np.stack(pictures), origin=np.array(json.dumps(about)), **more)
        return
    if path.suffix == ".png" and not path.is_dir():
        with replacing(path) as file:
            _write(grid(np.stack(pictures)), file, about)
        return
    with saving(path):
        path.mkdir(parents=True, exist_ok=True)
    wide = max(4, len(str(len(pictures))))
    files = [f"{k:0{wide}d}.png" for k in range(1, len(pictures) + 1)] if names is None else _own(names)
    for k, (file_name, picture) in enumerate(zip(files, pictures)):
        own = about if labels is None else {**about, "label": labels[k]}
        with replacing(path / file_name) as file:
            _write(_as_image(picture), file, own)
    if labels is not None:
        write_text(path / "labels.csv", pd.DataFrame({"file": files, "label": labels}).to_csv(index=False))
    write_text(path / ORIGIN, json.dumps(about, indent=1))


def _own(names: Sequence[str]) -> list[str]:
    """Names of files in one folder, each once, ending in .png."""
    stems = [Path(name).stem for name in names]
    single = len(set(stems)) == len(stems)
    return [f"{stem}.png" if single else f"{k:04d}-{stem}.png" for k, stem in enumerate(stems, 1)]


def _write(image: Any, file: Path, about: Mapping[str, Any]) -> None:
    from PIL.PngImagePlugin import PngInfo

    inside = PngInfo()
    inside.add_text("Description", "synthetic: made by a neural network")
    inside.add_text("nnzoo", json.dumps(about))
    image.save(file, format="PNG", pnginfo=inside)


def _suits(path: Path, what: str, *endings: str) -> None:
    if path.suffix not in endings:
        folder = ", or a folder" if what == "pictures" else ""
        raise ConfigError(f"{what} cannot be written to {path}; give a file that ends in {' or '.join(endings)}{folder}")


def _as_image(picture_HWC: np.ndarray) -> Any:
    from PIL import Image

    channels = picture_HWC.shape[2]
    if channels not in (1, 3, 4):
        raise ConfigError(f"pictures of {channels} channels are no PNG; give a file that ends in .npz")
    return Image.fromarray(np.ascontiguousarray(picture_HWC[:, :, 0] if channels == 1 else picture_HWC))


def grid(pixels_nHWC: np.ndarray) -> Any:
    """Pictures in a nearly square grid, a pixel apart on white; one picture as it is."""
    n, height, width, channels = pixels_nHWC.shape
    across = math.ceil(math.sqrt(n))
    canvas = np.full((math.ceil(n / across) * (height + 1) - 1, across * (width + 1) - 1, channels), 255, dtype=np.uint8)
    for k, picture in enumerate(pixels_nHWC):
        top, left = k // across * (height + 1), k % across * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return _as_image(canvas)
