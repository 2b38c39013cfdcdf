"""A trained model in use: answers, scores, made data, codes, and what goes on inside. It needs nothing but its run's folder."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Embeds, Encodes, Fills, Samples, Steps, Surprise, Translates
from nnzoo.core.dataset import Batch, Dataset, move_batch
from nnzoo.core.errors import ConfigError, DataError, RunError, about
from nnzoo.core.events import Listener
from nnzoo.core.fields import Classes, Spec
from nnzoo.core.network import Can, Network
from nnzoo.core.seeds import generator
from nnzoo.core.task import Task, outputs_of
from nnzoo.data.midi import midi_bytes
from nnzoo.data.pair_preprocessing import A_TEXT
from nnzoo.data.prepare import open_like
from nnzoo.data.preprocessing import Opened, Preprocessing
from nnzoo.data.question_preprocessing import QuestionPreprocessing
from nnzoo.data.questions import A_QUESTION
from nnzoo.data.raw import Raw, RawGraph, RawImages, RawPairs, RawQuestions, RawSequences, RawSeries, RawTable, RawTexts
from nnzoo.data.sequence_preprocessing import SequencePreprocessing
from nnzoo.data.series_preprocessing import SeriesPreprocessing
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.tasks._beam import search
from nnzoo.tasks._generation import draw
from nnzoo.tasks._playing import play
from nnzoo.training.durable import replacing, write_bytes, write_text
from nnzoo.zoo.anomalies import Anomalies, Usual, forecasts, found_in, scores, usual_errors
from nnzoo.zoo.embedding import of_length_one
from nnzoo.zoo.filling import TOP, filled
from nnzoo.zoo.runs import Kinds, Manifest, load_run
from nnzoo.zoo.writing import write_texts


def load(run: Path | str, kinds: Kinds = {}, device: str = "cpu") -> Loaded:
    """The model of a saved run, on `device` ("auto": a GPU if there is one). `kinds` holds kinds of one's own by name.

    Raises RunError if the run is damaged or incomplete.
    """
    from nnzoo.training.devices import device_of

    network, preprocessing, manifest = load_run(run, kinds)
    if preprocessing is None:
        raise RunError(f"{run} is a part of a model, without preprocessing; load the run it belongs to")
    return Loaded(network.to(device_of(device)), preprocessing, manifest)


class Loaded:
    """A network with its preprocessing. Sources are what the preprocessing reads: a path, a frame, arrays, strings."""

    def __init__(self, network: Network, preprocessing: Preprocessing, manifest: Manifest):
        self.network, self.preprocessing, self.manifest = network.eval(), preprocessing, manifest

    @property
    def task(self) -> Task:
        """What the network was trained for."""
        return self.network.task

    @property
    def spec(self) -> Spec:
        """The fields of its data."""
        return self.network.spec

    def predict(self, source: Any, batch: int = 256, beam: int = 4, top: int = TOP) -> pd.DataFrame:
        """Answers for every row.

        A table comes back as it was with `predicted_<target>` (and `predicted_probability`) beside its columns; pictures as file,
        label and probability; texts and nodes likewise; arrays as the answers alone. Of series the steps that come after their end,
        with dates that go on. Translations are found by a search that keeps `beam` answers side by side; of a bare text,
        `attrs["answer"]` of the frame is the translation. Of texts with gaps, the `top` symbols for every [MASK].
        """
        if Fills in self._can:
            raw = self._open(source).raw
            assert isinstance(raw, RawTexts) and isinstance(self.preprocessing, TextPreprocessing)
            return filled(self.network, self.preprocessing, raw, top)
        if not self.spec.outputs:
            raise DataError(f"this {self.manifest.kind} was trained for {self.task.name} and answers no questions; use generate")
        opened = self._open(source, to_answer=True)
        columns: dict[str, list]
        if Translates in self._can:
            columns = dict(self._translated(opened, batch, beam))
        else:
            columns = self.task.decode(outputs_of(self.network, opened.dataset, batch), self.spec)
        if isinstance(self.preprocessing, QuestionPreprocessing) and isinstance(opened.raw, RawQuestions):
            columns = {name: self.preprocessing.answers(opened.raw, spans) for name, spans in columns.items()}
        frame = _beside(opened.raw, columns)
        if opened.raw.name in (A_TEXT, A_QUESTION):
            frame.attrs["answer"] = next(iter(columns.values()))[0]
        if isinstance(source, pd.DataFrame) and len(source) == len(frame):
            frame.index = source.index
        return frame

    def evaluate(self, source: Any, seed: int = 0) -> dict[str, float]:
        """Scores on data with known answers."""
        opened = self._open(source)
        dataset, called = opened.dataset, opened.raw.name
        lacking = [name for name in self.spec.outputs if name not in dataset.columns]
        if lacking:
            raise DataError(f"{called} has no '{lacking[0]}', so that answers cannot be scored; give the column, or use predict")
        unknown = [name for name in self.spec.outputs if not _some_known(dataset, name)]
        if unknown:
            raise DataError(f"{called}: '{unknown[0]}' is missing in every row that counts; give answers, or use predict")
        with about(called):
            return self.task.evaluate(self.network, dataset, seed).scores

    def generate(
        self,
        n: int | None = None,
        prompt: str | Sequence[str] | None = None,
        label: str | None = None,
        seed: int = 0,
        tokens: int = 200,
        temperature: float = 1.0,
        *,
        stop: str | Sequence[str] = (),
        beam: int | None = None,
        listen: Sequence[Listener] = (),
        **choice: float | None,
    ) -> Any:
        """Make data: strings (`n` for each prompt, which they begin with), a frame of points, pictures (n H W C, uint8), or piano
        rolls of `tokens` steps more than they begin with: the first piece of the file `prompt`, else a step that training had.

        `n` None: 10, or 1 where a long text is written on or several prompts are. `label` is what to make, for kinds trained with
        labels. A character that training did not have is read as unknown; it is never written. An empty prompt begins a line; a
        model of one long text then begins as after a new line (where its text has none, after a space, else after the first
        character of its vocabulary). `choice` are `top_k`, `top_p`, `min_p` and `repetition` of `tasks/_writing.py`, which has all
        rules. A text ends before a `stop` word; listeners get it as it comes (`Wrote`).
        `beam` finds the likeliest text, so many side by side, in place of drawing one. Raises ConfigError.
        """
        one_each = isinstance(self.preprocessing, TextPreprocessing) and not self.preprocessing.lines
        one_each = one_each or beam is not None or not (prompt is None or isinstance(prompt, str))
        n = (1 if one_each else 10) if n is None else n
        if n < 1:
            raise ConfigError(f"n={n} must be 1 or more")
        unknown = set(choice) - {"top_k", "top_p", "min_p", "repetition"}
        if unknown:
            raise ConfigError(f"generate has no setting {min(unknown)}; it has top_k, top_p, min_p and repetition")
        choice = {name: value for name, value in choice.items() if value is not None}
        if beam is not None and (choice or n > 1):
            what = min(choice, default="n")
            raise ConfigError(f"a beam search finds the one likeliest text for each prompt; leave {what} out, or leave beam out")
        of_texts = min([*choice, *(["stop"] if stop else []), *(["beam"] if beam is not None else [])], default="")
        if Steps in self._can:
            if label is not None:
                raise ConfigError("this model writes without labels; leave the label out")
            if isinstance(self.preprocessing, SequencePreprocessing):
                if of_texts or not (prompt is None or isinstance(prompt, str)):
                    wrong = f"leave {of_texts} out" if of_texts else "give one file as the prompt"
                    raise ConfigError(f"notes are drawn one by one; {wrong}")
                return self._play(prompt, n=n, seed=seed, steps=tokens, temperature=temperature)
            assert isinstance(self.preprocessing, TextPreprocessing)
            prompts = [prompt or ""] if prompt is None or isinstance(prompt, str) else list(prompt)
            words = [stop] if isinstance(stop, str) else stop
            settings: dict[str, Any] = {"n": n, "seed": seed, "tokens": tokens, "temperature": temperature, **choice}
            return write_texts(self.network, self.preprocessing, prompts, stop=words, listen=listen, beam=beam, **settings)
        self._need(Samples, "makes no data")
        if prompt is not None:
            raise ConfigError(f"this {self.manifest.kind} reads no prompt; leave the prompt out")
        if of_texts:
            raise ConfigError(f"this {self.manifest.kind} writes no text; leave {of_texts} out")
        (name,) = self.spec.inputs
        return self.preprocessing.restore(name, draw(self.network, n, seed, self._condition(label, n)))

    def encode(self, source: Any) -> np.ndarray:
        """Codes of the rows (N ...)."""
        self._need(Encodes, "has no codes for data")
        return self._each(source, lambda batch: self.network.encode(batch.inputs))  # type: ignore[operator]

    def embed(self, source: Any, pooling: str | None = None, unit: bool | None = None) -> np.ndarray:
        """A vector for each text (N D): the `mean` of its symbols' states in the last layer, or the state of the `first` one (kinds
        that read both ways) or the `last` (those that read from the left); with `unit`, of length 1. None: as an imported model
        does it, else the mean, of any length. Raises ConfigError."""
        self._need(Embeds, "has no vectors for texts")
        usual = self.manifest.training.get("imported", {})
        pooling, unit = pooling or usual.get("pooling", "mean"), usual.get("unit", False) if unit is None else unit
        vectors_ND = self._each(source, lambda batch: self.network.vectors(batch.inputs, pooling))  # type: ignore[operator]
        return of_length_one(vectors_ND) if unit else vectors_ND

    def surprise(self, source: Any) -> np.ndarray:
        """How unusual each row is (N); higher is stranger."""
        self._need(Surprise, "cannot say how unusual data are")
        return self._each(source, lambda batch: self.network.surprise(batch.inputs))  # type: ignore[operator]

    def anomalies(self, source: Any, *, share: float | None = None, threshold: float | None = None, usual: Any = None) -> Anomalies:
        """How unusual each step of series is (`zoo/anomalies.py` has the equation); the first `history` steps are read alone.

        Steps are flagged whose score is above `threshold`, in usual errors; else above what a `share` of steps like those of the
        validation part exceeds (None: 0.01). `usual` is a source with nothing unusual in it, to take in place of the validation
        part. Raises ConfigError for what is no forecaster, DataError for data that cannot be read.
        """
        if not forecasts(self.spec):
            raise ConfigError(
                f"{self.manifest.kind} trained for {self.task.name} forecasts no series; anomalies of series need a run of "
                "time-series-forecasting"
            )
        if share is not None and threshold is not None:
            raise ConfigError("a share and a threshold are two ways to say what is flagged; give one of them")
        if threshold is not None and not 0 <= threshold < math.inf:
            raise ConfigError(f"--threshold {threshold} is no score; give a number from 0 up, in usual errors")
        if usual is None and not self.manifest.usual:
            raise ConfigError("the run does not say what its usual errors are; give series with nothing unusual in them by --usual")
        known = Usual.from_json(self.manifest.usual) if usual is None else usual_errors(self.network, self._open(usual).dataset)
        if known is None:
            raise DataError("forecasts of the usual data are not finite, so that they are no measure; train the network anew")
        allowed: tuple[float, float | None] = known.threshold(share) if threshold is None else (threshold, None)
        opened = self._open(source)
        assert isinstance(opened.raw, RawSeries) and isinstance(self.preprocessing, SeriesPreprocessing)
        first, score_MC = scores(self.network, opened.dataset, np.array(known.scale))
        dates, values = opened.raw.dates, opened.raw.frame[list(self.preprocessing.targets)]
        steps = pd.RangeIndex(len(values), name="step") if dates is None else pd.DatetimeIndex(dates, name=opened.raw.time)
        return found_in(score_MC, steps[first:], values.iloc[first:], self.preprocessing.horizon, *allowed)

    @torch.no_grad()
    def probe(self, inputs: Any) -> dict[str, Tensor]:
        """The named tensors inside, by module path, while the network reads `inputs` (a source, or field values by name) at once.

        A point that is passed several times gives its tensors stacked in dimension 1 if they have one shape, else the last one.
        """
        is_values = isinstance(inputs, Mapping) and set(inputs) == set(self.spec.inputs)
        values = dict(inputs) if is_values else self._open(inputs).dataset.all().inputs
        seen: dict[str, list[Tensor]] = defaultdict(list)
        points = [(name, module) for name, module in self.network.named_modules() if isinstance(module, Probe)]
        hooks = [module.register_forward_hook(_keeper(seen[name])) for name, module in points]
        try:
            self.network(move_batch(Batch(values, {}, 0), self.network.device).inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return {name: _together(tensors) for name, tensors in seen.items() if tensors}

    @property
    def _can(self) -> Can:
        able = type(self.network).can(self.spec, self.task)
        assert isinstance(able, Can)
        return able

    def _need(self, ability: type, sentence: str) -> None:
        if ability not in self._can:
            raise ConfigError(f"{self.manifest.kind} trained for {self.task.name} {sentence}; `nnzoo kinds` says which kinds do")

    def _open(self, source: Any, to_answer: bool = False) -> Opened:
        opened = open_like(self.preprocessing, source, self.spec.train_size, to_answer)
        return Opened(opened.dataset.to(self.network.device), opened.raw)

    def _translated(self, opened: Opened, batch: int, beam: int) -> dict[str, list[str]]:
        """An answer to each text; a text of nothing has an answer of nothing."""
        assert isinstance(opened.raw, RawPairs)
        (name,) = self.spec.outputs
        codes = [row for some in opened.dataset.batches(batch) for row in search(self.network, some.inputs, beam)]
        texts = self.preprocessing.restore(name, codes)
        return {name: [text if source.strip() else "" for source, text in zip(opened.raw.source, texts)]}

    def _each(self, source: Any, of: Callable[[Batch], Tensor]) -> np.ndarray:
        dataset: Dataset = self._open(source).dataset
        with torch.no_grad():
            return torch.cat([of(batch).float().cpu() for batch in dataset.batches()]).numpy()

    def _condition(self, label: str | None, n: int) -> Tensor | None:
        """The code of a label for each of `n` samples."""
        if label is None:
            return None
        name = self.spec.only("outputs", Classes)
        if name is None:
            raise ConfigError("this model was trained without labels; leave the label out")
        field = self.spec.outputs[name]
        assert isinstance(field, Classes)
        if label not in field.labels:
            raise ConfigError(f"no label '{label}'; labels are: {', '.join(field.labels)}")
        return torch.full((n,), field.labels.index(label), device=self.network.device)

    def _play(self, prompt: str | None, n: int, seed: int, **settings: Any) -> RawSequences:
        assert isinstance(self.preprocessing, SequencePreprocessing)
        if prompt:
            begun = torch.from_numpy(self.preprocessing.read(prompt).steps[0]).float().expand(n, -1, -1)
        else:
            chance = torch.rand(n, generator=generator(seed), dtype=torch.float64).tolist()
            begun = torch.stack([self.preprocessing.opening(one) for one in chance])[:, None]
        played = play(self.network, begun, seed=seed, **settings)
        return self.preprocessing.restore(next(iter(self.spec.inputs)), played)


def _some_known(dataset: Dataset, name: str) -> bool:
    """Whether any row that weighs something has an answer."""
    columns, weights = dataset.columns[name], dataset.weights()
    known = dataset.stored(name, "codes") >= 0 if "codes" in columns else None
    if "numbers" in columns:
        known = ~dataset.stored(name, "numbers").isnan().all(1)
    if known is None:
        return True
    return bool((known if weights is None else known & (weights > 0)).any())


def _keeper(kept: list[Tensor]) -> Callable[..., None]:
    return lambda module, inputs, output: kept.append(output.detach().cpu())


def _together(tensors: list[Tensor]) -> Tensor:
    if len(tensors) == 1 or len({tensor.shape for tensor in tensors}) > 1:
        return tensors[-1]
    return torch.stack(tensors, dim=min(1, tensors[0].ndim))


def _beside(raw: Raw, columns: Mapping[str, list]) -> pd.DataFrame:
    """Answers beside what the rows are to the person."""
    is_table = isinstance(raw, RawTable) and raw.name != "arrays"
    match raw:
        case RawTable():
            frame = raw.frame.copy() if is_table else pd.DataFrame(index=range(len(raw)))
        case RawImages():
            frame = pd.DataFrame({"file": raw.files}) if raw.files else pd.DataFrame(index=range(len(raw)))
        case RawTexts():
            frame = pd.DataFrame({"text": raw.texts})
        case RawPairs():
            frame = pd.DataFrame({"source": raw.source, **({} if raw.target is None else {"target": raw.target})})
        case RawQuestions():
            told = {"question": raw.questions, "context": raw.contexts}
            frame = pd.DataFrame(told if raw.answers is None else {**told, "answer": raw.answers})
        case RawGraph():
            frame = pd.DataFrame({"node": raw.nodes or range(len(raw))})
        case RawSeries():
            frame = raw.frame
        case _:
            frame = pd.DataFrame(index=range(len(raw)))
    for name, values in columns.items():
        frame[f"predicted_{name}" if is_table or name in frame.columns else name] = values
    return frame


def save_generated(made: Any, path: Path | str) -> None:
    """Write made data: a frame as CSV, strings as text (one a line), pictures as one PNG in rows and columns, or as .npz, piano
    rolls as MIDI or JSON.

    Raises ConfigError where the file's ending does not suit.
    """
    path = Path(path)
    match made:
        case pd.DataFrame():
            _suits(path, "points", ".csv")
            with replacing(path) as file:
                made.to_csv(file, index=False)
        case np.ndarray():
            _suits(path, "pictures", ".png", ".npz")
            with replacing(path) as file:
                np.savez_compressed(file, images=made) if path.suffix == ".npz" else _grid(made).save(file)
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


def _suits(path: Path, what: str, *endings: str) -> None:
    if path.suffix not in endings:
        raise ConfigError(f"{what} cannot be written to {path}; give a file that ends in {' or '.join(endings)}")


def _grid(pixels_NHWC: np.ndarray) -> Any:
    """Pictures in a nearly square grid, a pixel apart on white."""
    from PIL import Image

    n, height, width, channels = pixels_NHWC.shape
    if channels not in (1, 3, 4):
        raise ConfigError(f"pictures of {channels} channels are no PNG; give a file that ends in .npz")
    across = math.ceil(math.sqrt(n))
    canvas = np.full((math.ceil(n / across) * (height + 1) - 1, across * (width + 1) - 1, channels), 255, dtype=np.uint8)
    for k, picture in enumerate(pixels_NHWC):
        top, left = k // across * (height + 1), k % across * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)
