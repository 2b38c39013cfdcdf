"""What is done with a saved run in one call: score it on data, let it answer, let it make something. `load` gives more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Image
from nnzoo.training.durable import replacing
from nnzoo.zoo.loaded import Loaded, load
from nnzoo.zoo.made import check_pictures, save_generated, save_pictures

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Run = Path | str | Loaded


def evaluate(run: Run, data: Any, *, seed: int = 0) -> dict[str, float]:
    """Scores of a run on data with known answers, by name. Raises NnzooError."""
    return opened(run).evaluate(data, seed)


def predict(run: Run, data: Any, *, out: Path | str | None = None, **wanted: Any) -> pd.DataFrame:
    """A run's answers for every row; `wanted` (`beam`, `top`) and result are those of `Loaded.predict`; also written to `out`: as a
    table, or, where the answers are pictures, as .png, .npz or single files in a new folder. Raises NnzooError."""
    model = opened(run)
    picture = answers_with(model)
    if out is not None and picture is None:
        check_table(Path(out))  # before any work is done
    elif out is not None:
        check_pictures(Path(out))
    frame = model.predict(data, **wanted)
    if out is not None and picture is None:
        save_predictions(frame, out)
    elif out is not None and picture is not None:
        about = {
            "run": model.run,
            "kind": model.manifest.kind,
            "from": str(data) if isinstance(data, (str, Path)) else "pictures",
        }
        files = frame["file"].tolist() if "file" in frame else None
        save_pictures(frame[picture].tolist(), Path(out), origin=about, names=files)
    return frame


def answers_with(model: Loaded) -> str | None:
    """The name of the pictures that a run answers with, None where it answers with something else."""
    asked = model.spec.only("outputs", Image)
    return asked or (model.spec.only("inputs", Image) if model.task.name == "reconstruction" else None)


def embed(run: Run, data: Any, *, out: Path | str | None = None, **wanted: Any) -> tuple[list[str], np.ndarray]:
    """The texts of data and a vector for each (N D); `wanted` (`pooling`, `unit`) is that of `Loaded.embed`; also written to `out`.
    Raises NnzooError."""
    from nnzoo.data.prepare import open_like
    from nnzoo.data.raw import RawTexts
    from nnzoo.zoo.embedding import check_ending, save_vectors

    if out is not None:
        check_ending(Path(out))  # before any work is done
    model = opened(run)
    raw = open_like(model.preprocessing, data).raw
    vectors_ND = model.embed(raw, **wanted)
    assert isinstance(raw, RawTexts)  # what has vectors reads texts
    if out is not None:
        save_vectors(raw.texts, vectors_ND, Path(out))
    return raw.texts, vectors_ND


def generate(run: Run, *, out: Path | str | None = None, **wanted: Any) -> Any:
    """What a run makes: `wanted` (`n`, `prompt`, `label`, `seed`, ...) and result are those of `Loaded.generate`; also written to
    `out`. Raises NnzooError."""
    model = opened(run)
    if out is not None and (model.spec.only("inputs", Image) or model.spec.only("outputs", Image)):
        check_pictures(Path(out))  # before any work is done
    made = model.generate(**wanted)
    if out is not None:
        save_generated(made, out, getattr(made, "attrs", {}).get("origin", {}))
    return made


def opened(run: Run) -> Loaded:
    """The model of a run, which may be loaded already."""
    return run if isinstance(run, Loaded) else load(run)


def save_predictions(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table of answers as its file's ending says. Raises ConfigError for an ending that is no table's."""
    path = Path(path)
    ending = check_table(path)
    with replacing(path) as file:
        match ending:
            case ".csv" | ".tsv":
                frame.to_csv(file, index=False, sep="," if ending == ".csv" else "\t")
            case ".jsonl":
                frame.to_json(file, orient="records", lines=True, force_ascii=False)
            case ".json":
                frame.to_json(file, orient="records", force_ascii=False, indent=1)
            case _:
                frame.to_parquet(file, index=False)


def check_table(path: Path, *others: str) -> str:
    """The ending of a file that a table is to be written to. Raises ConfigError where it is no table's, naming also what `others`
    there are, or where no file can be written there."""
    endings = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
    if path.suffix not in endings:
        *most, last = endings + others
        raise ConfigError(f"answers cannot be written to {path}; give a file that ends in {', '.join(most)} or {last}")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"cannot be written, since there is no folder {path.parent}"
        raise ConfigError(f"{path} {what}; choose another --out")
    return path.suffix
