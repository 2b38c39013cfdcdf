"""A trained model in use: answers, scores, made data, codes, and what goes on inside. It needs nothing but its run's folder."""

from __future__ import annotations

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
from nnzoo.core.events import Listener, hearing
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.network import Can, Network
from nnzoo.core.seeds import generator
from nnzoo.core.task import Task, outputs_of
from nnzoo.data.pair_preprocessing import A_TEXT
from nnzoo.data.prepare import open_like
from nnzoo.data.preprocessing import Opened, Preprocessing
from nnzoo.data.question_preprocessing import QuestionPreprocessing
from nnzoo.data.questions import A_QUESTION
from nnzoo.data.raw import (
    Raw,
    RawGraph,
    RawImages,
    RawPairs,
    RawPicturePairs,
    RawQuestions,
    RawSequences,
    RawSeries,
    RawTable,
    RawTexts,
)
from nnzoo.data.sequence_preprocessing import SequencePreprocessing
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.tasks._beam import search
from nnzoo.tasks._generation import draw
from nnzoo.tasks._playing import play
from nnzoo.zoo.anomalies import Anomalies
from nnzoo.zoo.embedding import of_length_one
from nnzoo.zoo.filling import TOP, filled
from nnzoo.zoo.made import Pictures, condition, sampling_of
from nnzoo.zoo.runs import Kinds, Manifest, load_run
from nnzoo.zoo.unusual import found_by
from nnzoo.zoo.unusual_rows import UnusualRows
from nnzoo.zoo.writing import write_texts


def load(run: Path | str, kinds: Kinds = {}, device: str = "cpu") -> Loaded:
    """The model of a saved run, on `device` ("auto": a GPU if there is one). `kinds` holds kinds of one's own by name.

    Raises RunError if the run is damaged or incomplete.
    """
    from nnzoo.training.devices import device_of

    network, preprocessing, manifest = load_run(run, kinds)
    if preprocessing is None:
        raise RunError(f"{run} is a part of a model, without preprocessing; load the run it belongs to")
    return Loaded(network.to(device_of(device)), preprocessing, manifest, str(run))


class Loaded:
    """A network with its preprocessing. Sources are what the preprocessing reads: a path, a frame, arrays, strings."""

    def __init__(self, network: Network, preprocessing: Preprocessing, manifest: Manifest, run: str = ""):
        self.network, self.preprocessing, self.manifest, self.run = network.eval(), preprocessing, manifest, run

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
        `attrs["answer"]` of the frame is the translation. Of texts with gaps, the `top` symbols for every [MASK]. Pictures that are
        answers (of image-to-image; what is given back) are uint8 arrays (H W C).
        """
        if Fills in self._can:
            raw = self._open(source).raw
            assert isinstance(raw, RawTexts) and isinstance(self.preprocessing, TextPreprocessing)
            return filled(self.network, self.preprocessing, raw, top)
        gives_back = self.task.name == "reconstruction"
        if (not self.spec.outputs and not gives_back) or self.spec.only("inputs", Classes):
            raise DataError(f"this {self.manifest.kind} was trained for {self.task.name} and answers no questions; use generate")
        opened = self._open(source, to_answer=True)
        columns: dict[str, list]
        if Translates in self._can:
            columns = dict(self._translated(opened, batch, beam))
        elif gives_back and isinstance(opened.raw, RawTable):
            (name,) = self.spec.inputs
            back = self.preprocessing.restore(name, outputs_of(self.network, opened.dataset, batch)[name])
            columns = {str(column): back[column].tolist() for column in back.columns}
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
        **choice: Any,
    ) -> Any:
        """Make data: strings (`n` for each prompt, which they begin with), a frame of points, pictures (n H W C, uint8), or piano
        rolls of `tokens` steps more than they begin with: the first piece of the file `prompt`, else a step that training had.

        `n` None: 10, or 1 where a long text is written on or several prompts are. `label` is what to make, for kinds trained with
        labels. A character that training did not have is read as unknown; it is never written. An empty prompt begins a line; a
        model of one long text then begins as after a new line (where its text has none, after a space, else after the first
        character of its vocabulary). `choice` are `top_k`, `top_p`, `min_p` and `repetition` of `tasks/_writing.py`, which has all
        rules. A text ends before a `stop` word; listeners get it as it comes (`Wrote`).
        `beam` finds the likeliest text, so many side by side, in place of drawing one. Pictures made from labels show each label in
        turn where none is named (`labels` of the result says which); `steps`, `guidance` and `sampler` are for kinds that have such
        settings of sampling. Raises ConfigError.
        """
        one_each = isinstance(self.preprocessing, TextPreprocessing) and not self.preprocessing.lines
        one_each = one_each or beam is not None or not (prompt is None or isinstance(prompt, str))
        n = (1 if one_each else 10) if n is None else n
        if n < 1:
            raise ConfigError(f"n={n} must be 1 or more; give how many are to be made")
        own = ("steps", "guidance", "sampler", *getattr(type(self.network), "sampling", ()))
        how = {name: choice.pop(name) for name in own if name in choice}
        unknown = set(choice) - {"top_k", "top_p", "min_p", "repetition"}
        if unknown:
            raise ConfigError(f"generate has no setting {min(unknown)}; it has top_k, top_p, min_p and repetition")
        choice = {name: value for name, value in choice.items() if value is not None}
        if beam is not None and (choice or n > 1):
            what = min(choice, default="n")
            raise ConfigError(f"a beam search finds the one likeliest text for each prompt; leave {what} out, or leave beam out")
        of_texts = min([*choice, *(["stop"] if stop else []), *(["beam"] if beam is not None else [])], default="")
        if Steps in self._can:
            sampling_of(self.network, how)
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
        codes, labels = condition(self.spec, label, n)
        how = sampling_of(self.network, how)
        with hearing(listen):
            made = draw(self.network, n, seed, None if codes is None else codes.to(self.network.device), **how)
        name = self.spec.only("outputs", Image) or next(iter(self.spec.inputs))
        values = self.preprocessing.restore(name, made)
        origin = {
            "run": self.run,
            "kind": self.manifest.kind,
            "data": self.manifest.data,
            "seed": seed,
            "n": n,
            "label": label,
            **how,
        }
        if isinstance(values, np.ndarray):
            return Pictures.of(values, labels, origin)
        values.attrs["origin"] = origin
        return values

    def encode(self, source: Any) -> np.ndarray:
        """Codes of the rows (N ...)."""
        self._need(Encodes, "has no codes for data")
        return self._each(source, lambda batch: self.network.encode(batch.inputs))  # type: ignore[operator]

    @torch.no_grad()
    def decode(self, codes: Any) -> Any:
        """Codes (N ...) back as pictures (N H W C, uint8) or rows of a table."""
        self._need(Encodes, "has no codes for data")
        given = torch.as_tensor(np.asarray(codes), dtype=torch.float32, device=self.network.device)
        name = self.spec.only("outputs", Image) or next(iter(self.spec.inputs))
        return self.preprocessing.restore(name, self.network.decode(given))  # type: ignore[operator]

    def interpolate(self, a: Any, b: Any, n: int = 8) -> Any:
        """What lies between two pictures (or rows): `n` codes at equal distances on the way from the one's to the other's, decoded.
        Of each source the first is taken."""
        if n < 1:
            raise ConfigError(f"n={n} must be 1 or more")
        one, other = (self.encode(source)[:1] for source in (a, b))
        share = np.arange(1, n + 1).reshape(-1, *[1] * (one.ndim - 1)) / (n + 1)
        return self.decode(one + share * (other - one))

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

    def anomalies(
        self,
        source: Any,
        *,
        share: float | None = None,
        threshold: float | None = None,
        usual: Any = None,
        normal: str | None = None,
        target: str | None = None,
    ) -> Anomalies | UnusualRows:
        """How unusual each step of series is (`zoo/anomalies.py` has the equation; the first `history` steps are read alone), or
        each row to a kind that can tell (`zoo/unusual_rows.py`).

        What is flagged scores above `threshold` (of series in usual errors); else above what a `share` of steps or rows like those
        of the validation part exceeds (None: 0.01). `usual` is a source with nothing unusual in it, to take in place of the
        validation part. Of rows, `normal` is the label of the usual ones, in the column `target` of a table, by which the scores
        are judged. Raises ConfigError for a run that can tell neither, DataError for data that cannot be read.
        """
        return found_by(self, source, share=share, threshold=threshold, usual=usual, normal=normal, target=target)

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
        case RawImages() | RawPicturePairs():
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
