"""Training beside its peers: what batches cost beside torch's DataLoader, what a step costs beside Lightning and skorch, and five
kinds compared beside the same five trained one after another with skorch.

Same machine, threads, weights, batches or rows, epochs, optimiser and schedule on both sides; runs interleaved, A-B-B-A;
figures are medians, ratios of pairs with a bootstrap interval. Peers run at their defaults and at the leanest documented settings.

    python benchmarks/peers.py [--parts loader,loop,compare] [--repeats 9] [--threads 2] [--out benchmarks/results/peers.json]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import platform
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from own_kinds import Linear, WideMLP
from step_overhead import BATCH, fashion, new_network, ours
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from nnzoo.comparing.race import compare
from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image
from nnzoo.core.seeds import seed_default
from nnzoo.data.prepare import prepare
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.training.loop import train
from nnzoo.training.optimisers import factor
from nnzoo.training.settings import Settings

STEPS = 400
EPOCHS = 10
KINDS: list[Any] = ["mlp", "cnn", "lstm", Linear, WideMLP]


class Pictures(TorchDataset):
    """Fashion-MNIST as it is written for a DataLoader: one picture a call, standardised there."""

    def __init__(self, data: Dataset):
        self.field: Image = data.spec.inputs["image"]
        rows = torch.arange(data.total) if data.index is None else data.index
        self.pixels, self.codes = data.columns["image"]["pixels"][rows], data.columns["label"]["codes"][rows]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, k: Any) -> tuple[Tensor, Tensor]:
        x = self.pixels[k].float().div_(255.0).sub_(self.field.mean[0]).div_(self.field.std[0])
        return x, self.codes[k]


def ratio_of(a: list[float], b: list[float]) -> dict[str, Any]:
    """The median of a / b, pair by pair, with a 95 % bootstrap interval."""
    ratios = np.array(a) / np.array(b)
    resampled = np.median(np.random.default_rng(0).choice(ratios, (5000, len(ratios))), axis=1)
    return {"ratio": float(np.median(ratios)), "interval_95": [float(q) for q in np.quantile(resampled, [0.025, 0.975])]}


def interleaved(sides: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Figures of every side, in turn and back again."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side()
    for k in range(repeats):
        for name in list(sides) if k % 2 == 0 else list(sides)[::-1]:
            found[name].append(sides[name]())
    return found


def loader(repeats: int) -> dict[str, Any]:
    """Milliseconds a batch, and their share of a training step, for our feed and for DataLoader."""
    data = fashion()
    pictures = Pictures(data)
    count = -(-len(data) // BATCH) - 1  # nearly an epoch: the first batch of a DataLoader starts its workers

    def feed() -> float:
        stream = shuffled(BATCH).open(data, None, 3, 0)  # type: ignore[arg-type]
        began = time.perf_counter()
        for k in range(count):
            stream.at(k)
        return (time.perf_counter() - began) / count

    def torchs(workers: int, whole: bool) -> Callable[[], float]:
        def run() -> float:
            more = {"persistent_workers": True} if workers else {}
            if whole:
                sampler = BatchSampler(RandomSampler(pictures), BATCH, False)
                batches = iter(DataLoader(pictures, sampler=sampler, batch_size=None, num_workers=workers, **more))
            else:
                batches = iter(DataLoader(pictures, BATCH, shuffle=True, num_workers=workers, **more))
            next(batches)  # starting the workers does not count
            began = time.perf_counter()
            for _ in range(count):
                next(batches)
            return (time.perf_counter() - began) / count

        return run

    sides = {
        "nnzoo": feed,
        "DataLoader, 0 workers": torchs(0, False),
        "DataLoader, 2 workers": torchs(2, False),
        "DataLoader, 0 workers, whole batches indexed": torchs(0, True),
        "DataLoader, 2 workers, whole batches indexed": torchs(2, True),
    }
    found = interleaved(sides, repeats)
    steps = {kind: float(np.median([ours(kind, data)[0] for _ in range(3)])) for kind in ("mlp", "cnn")}
    rows = []
    for name, seconds in found.items():
        share = {f"share_of_{kind}_step": float(np.median(seconds)) / steps[kind] for kind in steps}
        rows.append({"side": name, "ms_a_batch": float(np.median(seconds) * 1e3), **share})
        if name != "nnzoo":
            rows[-1] |= {"times_ours": ratio_of(seconds, found["nnzoo"])}
    return {"batch": BATCH, "batches": count, "ms_a_step": {k: s * 1e3 for k, s in steps.items()}, "sides": rows}


class Made:
    """Batches that are there already, as peers take a loader."""

    def __init__(self, batches: list[Any]):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class Plain(nn.Module):
    """One of our networks as peers take it: a tensor in, logits out."""

    def __init__(self, network: nn.Module, task: Any, spec: Any):
        super().__init__()
        self.network = network
        (self.input,), (self.output,) = spec.inputs, spec.outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.network({self.input: x})[self.output]


def loop(repeats: int) -> dict[str, Any]:
    """Milliseconds a step of `mlp` on the same prepared batches: a bare loop, nnzoo, Lightning, skorch."""
    import lightning
    from skorch import NeuralNetClassifier

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    data = fashion()
    stream = shuffled(BATCH).open(data, None, 3, 0)  # type: ignore[arg-type]
    made = [stream.at(k) for k in range(STEPS)]
    batches = [(b.inputs["image"], b.outputs["label"]) for b in made]
    lr, decay = 1e-3, 1e-2

    def optimiser(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=decay, fused=True)

    def plain() -> Plain:
        return Plain(new_network("mlp", data), None, data.spec).train()

    def bare() -> float:
        network = plain()
        steps = optimiser(network.parameters())
        began = time.perf_counter()
        for x, y in batches:
            F.cross_entropy(network(x), y).backward()
            steps.step()
            steps.zero_grad()
        return (time.perf_counter() - began) / STEPS

    def nnzoos() -> float:
        network = new_network("mlp", data)

        class Ready:
            """The same prepared batches, through the loop's own way of drawing them."""

            length, rows, random = STEPS, BATCH, False

            def at(self, drawn: int) -> Any:
                return made[drawn]

        stages = network.stages(network.task)
        feed = type("Feed", (), {"open": lambda self, *_: Ready(), "validation": lambda self: self})()
        object.__setattr__(stages[0], "feed", feed)
        network.stages = lambda task: stages  # type: ignore[method-assign]
        outcome = train(network, Parts(data, None, None), Settings(budget=f"{STEPS}steps", seed=3))
        return outcome.seconds / outcome.steps

    class Lit(lightning.LightningModule):
        """`mlp` for Lightning."""

        def __init__(self) -> None:
            super().__init__()
            self.network = plain()

        def training_step(self, batch: Any, index: int) -> Tensor:
            x, y = batch
            return F.cross_entropy(self.network(x), y)

        def configure_optimizers(self) -> Any:
            return optimiser(self.parameters())

    def lit(lean: bool) -> Callable[[], float]:
        def run() -> float:
            spans: list[float] = []

            class Watch(lightning.Callback):
                """When the epoch begins and ends: Lightning's own start does not count."""

                def on_train_epoch_start(self, *_: Any) -> None:
                    spans.append(time.perf_counter())

                def on_train_epoch_end(self, *_: Any) -> None:
                    spans.append(time.perf_counter())

            more = {"enable_progress_bar": False, "inference_mode": True, "detect_anomaly": False} if lean else {}
            trainer = lightning.Trainer(
                max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
                callbacks=[Watch()], **more,
            )  # fmt: skip
            nothing = io.StringIO()
            with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
                trainer.fit(Lit(), Made(batches))
            return (spans[1] - spans[0]) / STEPS

        return run

    def skorchs() -> float:
        network = plain()
        net = NeuralNetClassifier(
            network, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, optimizer__fused=True, lr=lr,
            optimizer__weight_decay=decay, max_epochs=1, train_split=None,
            callbacks__valid_acc=None, callbacks__print_log=None, verbose=0,
            iterator_train=lambda dataset, **_: batches, classes=list(range(10)),
        )  # fmt: skip
        net.initialize()
        net.module_.load_state_dict(network.state_dict())
        began = time.perf_counter()
        net.partial_fit(TensorDataset(batches[0][0], batches[0][1]))
        return (time.perf_counter() - began) / STEPS

    sides = {"bare": bare, "nnzoo": nnzoos, "Lightning": lit(False), "Lightning, lean": lit(True), "skorch": skorchs}
    found = interleaved(sides, repeats)
    bare_ms = float(np.median(found["bare"]) * 1e3)
    rows = []
    for name, seconds in found.items():
        ms = float(np.median(seconds) * 1e3)
        overhead = float(np.median(np.array(seconds) - np.array(found["bare"])) * 1e6)
        rows.append({"side": name, "ms_a_step": ms, "overhead_us": overhead, "of_bare": ratio_of(seconds, found["bare"])})
    return {"kind": "mlp", "batch": BATCH, "steps": STEPS, "bare_ms": bare_ms, "sides": rows}


def five(repeats: int) -> dict[str, Any]:
    """Seconds for five kinds on digits: one comparison, and skorch five times, with test accuracies."""
    from skorch import NeuralNetClassifier
    from skorch.callbacks import LRScheduler
    from skorch.helper import predefined_split

    ready = prepare("digits", seed=0)
    assert ready.parts.valid is not None and ready.parts.test is not None
    arrays = {
        name: part.all() for name, part in (("train", ready.parts.train), ("valid", ready.parts.valid), ("test", ready.parts.test))
    }
    (x,), (y,) = ready.spec.inputs, ready.spec.outputs
    config = {"mlp": {"dropout": 0.0}, "cnn": {"dropout": 0.0, "shift": 0}, "lstm": {"dropout": 0.0}}
    accuracy: dict[str, dict[str, float]] = {"nnzoo": {}, "skorch": {}}

    def nnzoos() -> tuple[float, float]:
        began = time.perf_counter()
        result = compare("digits", kinds=KINDS, config=config, budget=None, per_run=f"{EPOCHS}epochs", seeds=1, patience=0)
        whole = time.perf_counter() - began
        networks = [e for e in result.entries if e.role == "network"]
        accuracy["nnzoo"] = {e.kind: e.scores[0] for e in networks}
        return whole, sum(e.train_seconds or 0.0 for e in networks)

    def one(kind: Any, lean: bool) -> float:
        cls = find(kind) if isinstance(kind, str) else kind
        settings = cls.Config.read(config.get(cls.kind, {}), cls.kind)
        seed_default(0, -1)
        network = cls(settings, ready.spec, find_task("image-classification"))
        (stage,) = network.stages(network.task)
        (move,) = stage.moves
        how, batch = move.optimizer, stage.feed.batch
        steps = EPOCHS * -(-len(ready.parts.train) // batch)
        train_set = TensorDataset(arrays["train"].inputs[x], arrays["train"].outputs[y])
        valid_set = TensorDataset(arrays["valid"].inputs[x], arrays["valid"].outputs[y])
        scheduler = LRScheduler(
            policy=torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda k: factor(how.schedule, k, steps), step_every="batch"
        )
        off = {"callbacks__valid_acc": None, "callbacks__print_log": None} if lean else {}
        module = Plain(network, None, ready.spec)
        net = NeuralNetClassifier(
            module, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, optimizer__fused=True, lr=how.lr,
            optimizer__weight_decay=how.weight_decay, optimizer__betas=how.betas, max_epochs=EPOCHS, batch_size=batch,
            iterator_train__shuffle=True, train_split=predefined_split(valid_set), callbacks=[("lr", scheduler)], verbose=0, **off,
            classes=list(range(10)),
        )  # fmt: skip
        torch.manual_seed(0)
        began = time.perf_counter()
        net.fit(train_set, None)
        seconds = time.perf_counter() - began
        answers = net.predict(arrays["test"].inputs[x].numpy())
        accuracy["skorch"][cls.kind] = float((answers == arrays["test"].outputs[y].numpy()).mean())
        return seconds

    wholes: list[float] = []

    def a() -> float:
        whole, training = nnzoos()
        wholes.append(whole)
        return training

    found = interleaved(
        {"nnzoo": a, "skorch": lambda: sum(one(k, False) for k in KINDS), "skorch, lean": lambda: sum(one(k, True) for k in KINDS)},
        repeats,
    )
    return {
        "data": "digits",
        "epochs": EPOCHS,
        "training_seconds": {name: float(np.median(seconds)) for name, seconds in found.items()},
        "whole_comparison_seconds": float(np.median(wholes)),
        "whole_holds": "three baselines, test scores, latencies, intervals and the verdict too",
        "skorch / nnzoo": ratio_of(found["skorch"], found["nnzoo"]),
        "skorch, lean / nnzoo": ratio_of(found["skorch, lean"], found["nnzoo"]),
        "test_accuracy": accuracy,
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="loader,loop,compare")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    result: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("torch", "lightning", "skorch")},
        "commit": commit,
        "repeats": options.repeats,
    }
    for name, part in (("loader", loader), ("loop", loop), ("compare", five)):
        if name in options.parts.split(","):
            result[name] = part(options.repeats)
            print(json.dumps({name: result[name]}, indent=1), flush=True)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
