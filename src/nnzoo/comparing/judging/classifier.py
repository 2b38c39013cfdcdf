"""The judge's eye: a convolutional classifier that is trained here on labelled pictures, and what it sees in others.

Its last but one layer gives the features in which pictures are compared, its answers say what a made picture shows. It learns from
the training part alone, a tenth of which is held out to choose its epoch and to say how good it is. What was learned is kept in the
cache under a digest of data and settings.

Shapes: N pictures, D features, K labels.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.errors import DataError, RunError
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.network import Network
from nnzoo.core.seeds import generator, seed_default
from nnzoo.data.places import cache_folder
from nnzoo.training.settings import Settings

KIND = "cnn"
MANY = 20_000  # pictures; of fewer the judge has fewer features, since their covariance is estimated from the fewer held-out ones
STEPS, MOST_EPOCHS = 2000, 30
HELD_OUT = 10  # every so-manieth row
ROWS_AT_ONCE = 500
FORMAT = 1


@dataclass
class Classifier:
    """A trained classifier of pictures. `accuracy` is that on the held-out rows, None where there were too few to hold some out."""

    network: Network
    labels: tuple[str, ...]
    accuracy: float | None

    @torch.no_grad()
    def read(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N D) of the last but one layer, and probabilities of the labels (N K), of standardised pictures."""
        (picture,) = self.network.spec.inputs
        self.network.to(x_NCHW.device)
        seen: list[Tensor] = []
        hook = self.network.hidden.register_forward_hook(lambda module, given, h_ND: seen.append(h_ND))  # type: ignore[union-attr]
        try:
            said = [next(iter(self.network({picture: part}).values())).softmax(1) for part in x_NCHW.float().split(ROWS_AT_ONCE)]
        finally:
            hook.remove()
        return torch.cat(seen), torch.cat(said)

    def __getstate__(self) -> dict[str, Any]:
        """Without code: a worker process rebuilds the network."""
        network = self.network
        tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
        return {"config": network.config.model_dump(), "spec": network.spec, "tensors": tensors, "accuracy": self.accuracy}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.network = _build(state["spec"], state["config"], 0)
        self.network.load_state_dict(state["tensors"])
        self.network.eval()
        self.labels, self.accuracy = _labels(state["spec"]), state["accuracy"]


def pictures_with_labels(pixels: dict[str, Tensor], image: Image, codes_N: Tensor, labels: tuple[str, ...]) -> Dataset:
    """A data set of pictures and their labels; a code below 0 is a missing label."""
    spec = Spec(inputs={"image": image}, outputs={"label": Classes(labels=labels)}, train_size=len(codes_N))
    return Dataset(spec, {"image": pixels, "label": {"codes": codes_N}})


def suits(image: Image, labels: tuple[str, ...]) -> str:
    """Why no classifier can be trained on such pictures; "" where one can."""
    from nnzoo import networks, tasks

    spec = Spec(inputs={"image": image}, outputs={"label": Classes(labels=labels)}, train_size=1)
    if len(labels) < 2:
        return "there are fewer than two labels"
    able = networks.find(KIND).can(spec, tasks.find("image-classification"))
    return "" if able else str(able)


def learn(data: Dataset, device: str = "auto", seed: int = 0, steps: int = STEPS, cached: bool = True) -> Classifier:
    """A classifier trained on all rows of `data` that have a label but every tenth, which choose its epoch. Raises DataError where
    no two labels are left."""
    from nnzoo.data.prepare import place
    from nnzoo.training.devices import device_of
    from nnzoo.training.loop import train

    known = torch.nonzero(data.stored("label", "codes").cpu() >= 0)[:, 0]
    if len(data.stored("label", "codes").cpu()[known].unique()) < 2:
        raise DataError("a classifier that judges pictures needs at least two labels among them; give labelled pictures")
    order = known[torch.randperm(len(known), generator=generator(seed, 41))]
    held = order[: len(order) // HELD_OUT].sort().values
    rest = order[len(order) // HELD_OUT :].sort().values
    config = {"channels": (16, 32), "hidden": 64 if len(known) >= MANY else 32, "shift": 1}
    with torch.random.fork_rng():
        network = _build(data.spec, config, seed)
    epochs = max(1, min(MOST_EPOCHS, round(steps * network.config.batch / len(rest))))
    settings = Settings(budget=f"{epochs}epochs", seed=seed, device=device, precision="bfloat16")
    path = cache_folder() / "judges" / f"{_digest(data, known, config, settings)}.safetensors" if cached else None
    if path is not None and (found := _read(path, network)) is not None:
        found.network.to(device_of(device))
        return found
    parts = place(Parts(data.part(rest), data.part(held) if len(held) else None, None), device_of(device))
    with torch.random.fork_rng(devices=[parts.train.device] if parts.train.device.type == "cuda" else []):
        trained = train(network, parts, settings).network.eval()
    accuracy = None
    if parts.valid is not None:
        accuracy = float(trained.task.evaluate(trained, parts.valid).scores["accuracy"])
    found = Classifier(trained, _labels(data.spec), accuracy)
    if path is not None:
        _write(path, found)
    return found


def _labels(spec: Spec) -> tuple[str, ...]:
    (field,) = spec.outputs.values()
    assert isinstance(field, Classes)
    return field.labels


def _build(spec: Spec, config: dict[str, Any], seed: int) -> Network:
    from nnzoo import networks, tasks

    kind = networks.find(KIND)
    seed_default(seed, -1)
    return kind(kind.Config.read(config, KIND), spec, tasks.find("image-classification"))


def _digest(data: Dataset, rows: Tensor, config: dict[str, Any], settings: Settings) -> str:
    """Of all that the classifier depends on: pictures, labels, settings, and the code of its kind."""
    from nnzoo import networks

    digest = hashlib.sha256(f"judge {FORMAT} {torch.__version__} ".encode())
    digest.update(Path(networks.files()[KIND]).read_bytes())
    facts = {"spec": data.spec.model_dump(mode="json"), "config": config, "settings": settings.facts()}
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for some in rows.split(4096):
        for name, key in (("image", "pixels"), ("label", "codes")):
            chosen = data.columns[name][key][data.stored_rows(some)]
            digest.update(chosen.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path, network: Network) -> Classifier | None:
    """What was kept, put into `network`; None where there is nothing (or nothing whole)."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    return Classifier(network.eval(), _labels(network.spec), facts["accuracy"])


def _write(path: Path, classifier: Classifier) -> None:
    """Keep it; where the cache cannot be written to, it is trained again another time."""
    from safetensors.torch import save

    from nnzoo.training.durable import make_folder, write_bytes

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in classifier.network.state_dict().items()}
    try:
        make_folder(path.parent)
        write_bytes(path, save(tensors, {"facts": json.dumps({"accuracy": classifier.accuracy})}))
    except RunError:
        return
