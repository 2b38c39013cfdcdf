"""What the estimators share: parameters, reading X, learning by nnzoo's loop, answering in double precision, pickling as a run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, check_random_state, check_X_y, validate_data
from torch import Tensor, nn

from nnzoo import __version__, tasks
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import ConfigError, Interrupted, NnzooError
from nnzoo.core.learning import Stage
from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared
from nnzoo.data.raw import RawTable
from nnzoo.data.table_preprocessing import TablePreprocessing
from nnzoo.data.tables import array_frame, table_of
from nnzoo.networks import find
from nnzoo.sklearn.rows import distinct, divide
from nnzoo.sklearn.targets import Target
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.catalogue import kinds, tasks_of
from nnzoo.zoo.fitting import build, place
from nnzoo.zoo.loaded import Loaded, load
from nnzoo.zoo.runs import FORMAT, Manifest, save_run

FEWEST_STEPS = 300  # where no length is named: a kind's epochs are few steps on a small table
AT_ONCE = 1024  # rows in one question
SETTING = "config__"
NO_TARGET = "no_validation"  # what scikit-learn's `validate_data` takes for: there is no y
NUMBERS: dict[str, Any] = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}


class FitError(NnzooError, ValueError):
    """What nnzoo says against data or settings, as the ValueError that scikit-learn expects."""


@contextmanager
def as_sklearn_says(rows: int, columns: int) -> Iterator[None]:
    """NnzooError becomes FitError, which also names the shape of X; a signal becomes KeyboardInterrupt, so that a grid search
    ends with it and does not count it as one failed fit."""
    try:
        yield
    except Interrupted as error:
        raise KeyboardInterrupt(str(error)) from None
    except NnzooError as error:
        raise FitError(f"{error} (n_samples = {rows}, n_features = {columns})") from error


class NetworkEstimator(BaseEstimator):
    """Base of the three estimators, whose docstrings describe the parameters."""

    model_: Loaded
    n_features_in_: int

    def __init__(
        self,
        kind: str = "mlp",
        *,
        config: Mapping[str, Any] | None = None,
        budget: str | None = None,
        epochs: int | None = None,
        validation_fraction: float = 0.15,
        patience: int | None = None,
        random_state: Any = None,
        device: str = "auto",
    ):
        self.kind = kind
        self.config = config
        self.budget = budget
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.device = device

    # ---- parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; `deep` adds every setting of the kind as `config__NAME`, as it is or by default."""
        params = super().get_params(deep=False)
        if deep:
            given = self.config if isinstance(self.config, Mapping) else {}
            params.update({SETTING + name: value for name, value in {**self._defaults(), **given}.items()})
        return params

    def set_params(self, **params: Any) -> NetworkEstimator:
        """Set parameters; `config__NAME` sets one entry of `config` and leaves the others. Raises ValueError for unknown names."""
        settings = {name.removeprefix(SETTING): value for name, value in params.items() if name.startswith(SETTING)}
        super().set_params(**{name: value for name, value in params.items() if not name.startswith(SETTING)})
        unknown = settings.keys() - self._defaults().keys()
        if unknown:
            raise ValueError(
                f"{self.kind} has no setting {min(unknown)!r}; it has {', '.join(self._defaults()) or 'none that is known'}"
            )
        if settings:
            self.config = {**(self.config or {}), **settings}
        return self

    def _defaults(self) -> dict[str, Any]:
        """The settings of the kind with their defaults; none where there is no such kind."""
        try:
            fields = find(self.kind).Config.model_fields if isinstance(self.kind, str) else {}
        except ConfigError:
            return {}
        return {name: field.get_default(call_default_factory=True) for name, field in fields.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # ---- reading

    def _read(self, X: Any, y: Any = NO_TARGET, numbers: bool = False) -> tuple[pd.DataFrame, Any]:
        """X as a frame (texts, categories and dates only come in frames), and y (`numbers`: of one or several columns), checked."""
        self._mixed = _is_mixed(X)
        of_y = {} if y is NO_TARGET else {"multi_output": numbers, "y_numeric": numbers}
        if self._mixed:
            validate_data(self, X, y, skip_check_array=True)
            if y is not NO_TARGET:
                _, y = check_X_y(np.zeros((len(X), 1)), y, estimator=self, **of_y)
            frame = X.reset_index(drop=True)
        else:
            checked = validate_data(self, X, y, **of_y, **NUMBERS, ensure_min_samples=2)
            array, y = checked if of_y else (checked, y)
            frame = array_frame(array, [str(name) for name in getattr(self, "feature_names_in_", ())])
        with as_sklearn_says(*frame.shape):
            return table_of(frame, "X").frame, y

    def _asked(self, X: Any) -> Dataset:
        """X as the fitted network reads it."""
        check_is_fitted(self)
        if not self._mixed:
            return self._opened(pd.DataFrame(validate_data(self, X, reset=False, **NUMBERS)))
        validate_data(self, X, reset=False, skip_check_array=True)
        return self._opened(X.reset_index(drop=True) if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X, dtype=object)))

    def _opened(self, frame: pd.DataFrame) -> Dataset:
        """Rows of inputs, in their order, on the network's device."""
        learned = self.model_.preprocessing
        assert isinstance(learned, TablePreprocessing)
        with as_sklearn_says(*frame.shape):
            opened = learned.open(RawTable("X", frame.set_axis(list(learned.order), axis=1)))
        return opened.dataset.to(self.model_.network.device)

    def _weighed(self, sample_weight: Any, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows that have a weight above zero, and their weights, None where none are given."""
        if sample_weight is None:
            return np.arange(len(frame)), None
        weight = _check_sample_weight(sample_weight, np.zeros((len(frame), 1)), dtype=np.float64, ensure_non_negative=True)
        kept = np.flatnonzero(weight)
        if not len(kept):
            raise ValueError("sample_weight is zero for every row; there is nothing to learn from")
        return kept, weight[kept]

    # ---- learning

    def _learn(self, task: str, frame: pd.DataFrame, target: Target | None, weight: np.ndarray | None) -> None:
        """Learn from a frame (N rows), a target and weights of the same rows."""
        with as_sklearn_says(len(frame), frame.shape[1]), torch.random.fork_rng(devices=[]):
            if not 0 <= self.validation_fraction < 1:
                raise ConfigError(f"validation_fraction={self.validation_fraction} is no share of the rows; give 0 to below 1")
            if self.budget is not None and self.epochs is not None:
                raise ConfigError("budget and epochs both say how long to learn; give one of them")
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            prepared = self._prepared(task, frame, target, weight, seed)
            network = build(self.kind, self.config or {}, prepared, seed)
            budget = f"{self.epochs}epochs" if self.epochs is not None else self.budget
            if budget is None:
                budget = _long_enough(network, prepared.parts, seed)
            settings = Settings(budget=budget, seed=seed, device=self.device, patience=self.patience)
            outcome = train(network, place(prepared, settings), settings)
            self._keep(outcome.network, prepared, settings)
            self.history_ = outcome.history

    def _prepared(self, task: str, frame: pd.DataFrame, target: Target | None, weight: np.ndarray | None, seed: int) -> Prepared:
        """The different rows, divided and encoded."""
        rows = distinct(frame if target is None else pd.concat([frame, target.frame.set_index(frame.index)], axis=1), weight)
        codes = None if target is None or target.codes is None else target.codes[rows.first]
        train_rows, valid_rows = divide(rows, codes, self.validation_fraction, seed)
        raw = RawTable("X", frame.iloc[rows.first])
        learned = TablePreprocessing.fit(raw, train_rows)
        if target is not None:
            names = [name if name not in frame.columns else f"target {name}" for name in target.names]
            field = target.field(names, rows.first[train_rows])
            learned = TablePreprocessing(learned.columns, learned.order, names, field, None, learned.notes)
        stored = learned.encode(raw)
        if target is not None:
            stored[learned.output_name] = target.stored(rows.first)
        spec = learned.spec(len(train_rows))
        asked = tasks.find(task)
        refusal = asked.fits(spec)
        if refusal is not None:
            raise ConfigError(str(refusal))
        weights = None if rows.weight is None else torch.from_numpy(rows.weight.astype(np.float32))
        dataset = Dataset(spec, stored, weight=weights)
        valid = dataset.part(torch.from_numpy(valid_rows)) if len(valid_rows) else None
        parts = Parts(dataset.part(torch.from_numpy(train_rows)), valid, None)
        return Prepared("X", asked, spec, parts, learned, raw, learned.notes)

    def _keep(self, network: Network, prepared: Prepared, settings: Settings) -> None:
        """What was learned, as a saved run would give it back."""
        manifest = Manifest(
            format=FORMAT,
            nnzoo=__version__,
            kind=network.kind,
            config=network.config.model_dump(mode="json"),
            spec=prepared.spec,
            task=prepared.task.name,
            data=prepared.name,
            seed=settings.seed,
            training=settings.facts(),
            notes=prepared.notes,
        )
        self.model_ = Loaded(network, prepared.preprocessing, manifest)

    # ---- answering

    @torch.no_grad()
    def _ask(self, dataset: Dataset, method: Callable[[Network, dict[str, Any]], Tensor]) -> np.ndarray:
        """What `method` makes of all rows (N ...), on the host, reckoned in double precision where the device has it: then the
        answer for a row is the same to the last digits whatever other rows are asked about with it."""
        network = self.model_.network
        asked = _Asked(network, method)
        exact = network.device.type != "mps"
        tensors = {name: tensor.double() if exact and tensor.is_floating_point() else tensor for name, tensor in _tensors(asked)}
        answers = []
        for batch in dataset.batches(AT_ONCE):
            inputs = {name: _double(value) if exact else value for name, value in batch.inputs.items()}
            answers.append(torch.func.functional_call(asked, tensors, (inputs,)).double().cpu())
        return torch.cat(answers).numpy()

    # ---- keeping

    def save(self, folder: str | Path) -> None:
        """Write the fitted network as a run, which `nnzoo.load` and the command line open. Raises NotFittedError, RunError."""
        check_is_fitted(self)
        about = self.model_.manifest
        save_run(
            folder, self.model_.network, self.model_.preprocessing, data=about.data, settings=about.training, notes=about.notes
        )

    def __getstate__(self) -> dict[str, Any]:
        """Parameters and, for a fitted network, the files of its run: JSON and safetensors, nothing of torch's own pickling."""
        state = dict(super().__getstate__())
        if "model_" in state:
            with tempfile.TemporaryDirectory() as folder:
                self.save(folder)
                files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
                state["model_"] = {str(path.relative_to(folder)): path.read_bytes() for path in files}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        files = state.get("model_")
        super().__setstate__({name: value for name, value in state.items() if name != "model_"})
        if files is not None:
            with tempfile.TemporaryDirectory() as folder:
                for name, data in files.items():
                    path = Path(folder) / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                own = {Path(self.kind).stem: self.kind} if self.kind.endswith(".py") else {}
                self.model_ = load(folder, own, "cpu" if self.device == "cpu" else "auto")


class _Asked(nn.Module):
    """A network of which something else than `forward` is asked."""

    def __init__(self, network: Network, method: Callable[[Network, dict[str, Any]], Tensor]):
        super().__init__()
        self.network, self.method = network, method

    def forward(self, inputs: dict[str, Any]) -> Tensor:
        return self.method(self.network, inputs)


def kinds_for(task: str, ability: str) -> list[str]:
    """The names of all kinds that have an ability at a task."""
    listed = kinds(task=task)
    assert isinstance(listed, list)
    return [entry["kind"] for entry in listed if ability in entry["abilities"]]


@cache
def abilities_of(kind: str) -> dict[str, list[str]]:
    """The abilities of a kind by task; none where there is no such kind."""
    try:
        return tasks_of(find(kind)) if isinstance(kind, str) else {}
    except ConfigError:
        return {}


def _tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _double(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    return type(value)(*(_double(one) for one in value))


def _is_mixed(X: Any) -> bool:
    """Whether X is a frame with columns that are no numbers."""
    numeric = (pd.api.types.is_numeric_dtype, pd.api.types.is_bool_dtype)
    return isinstance(X, pd.DataFrame) and not all(any(is_one(dtype) for is_one in numeric) for dtype in X.dtypes)


def _long_enough(network: Network, parts: Parts, seed: int) -> str | None:
    """None where the stages' own epochs are steps enough to learn something, else a budget of the fewest steps."""

    def steps(number: int, stage: Stage) -> int:
        return stage.epochs * (1 if stage.feed is None else stage.feed.open(parts.train, network, seed, number).length)

    gradual = [
        (number, stage)
        for number, stage in enumerate(network.stages(network.task))
        if any(getattr(move, "sees", "batch") == "batch" for move in stage.moves)
    ]
    planned = sum(steps(number, stage) for number, stage in gradual)
    return f"{FEWEST_STEPS}steps" if gradual and planned < FEWEST_STEPS else None
