"""Tiny networks that learn in every way the loop knows, on forty-eight rows made by hand: each test trains for milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.core.dataset import Batch, Dataset, Parts
from nnzoo.core.events import Event
from nnzoo.core.feeds import encoded, shuffled, windows
from nnzoo.core.fields import Spec, Table, Tokens, Values
from nnzoo.core.learning import SGD, Adam, AdamW, Clock, Descend, Done, Loss, Schedule, Solve, Stage
from nnzoo.core.network import Can, Network, NetworkConfig
from nnzoo.core.seeds import generator
from nnzoo.core.task import Evaluation, Task
from nnzoo.training.loop import Outcome, train
from nnzoo.training.settings import Settings

ROWS, VALID, FEATURES = 48, 16, 4
HOST = Settings(device="cpu")


class Guess(Task):
    """Predict one number; the loss is the squared error."""

    name, metric, higher = "guess", "error", {"error": False}

    def fits(self, spec: Spec) -> None:
        return None

    def loss(self, outputs: Any, batch: Batch) -> Loss:
        error_B = (outputs["y"] - batch["y"]).square().sum(1)
        weight_B = torch.ones_like(error_B) if batch.weight is None else batch.weight
        return Loss((error_B * weight_B).sum(), weight_B.sum(), {"off": error_B.detach().mean().sqrt()})

    def evaluate(self, network: Any, dataset: Dataset, seed: int = 0, reference: Dataset | None = None) -> Evaluation:
        return Evaluation("error", {"error": 0.0})

    def floor(self, train: Dataset, test: Dataset) -> float:
        return 1.0

    def spoil(self, dataset: Dataset, seed: int) -> Dataset:
        return dataset


SPEC = Spec(
    inputs={"x": Table(numeric=("a", "b", "c", "d"), mean=(0.0,) * FEATURES, std=(1.0,) * FEATURES)},
    outputs={"y": Values(names=("y",), mean=(0.0,), std=(1.0,))},
    train_size=ROWS,
)


def table(weight: Tensor | None = None) -> Parts:
    """Forty-eight rows to learn from and sixteen to choose by: y = a sum of bent inputs with noise."""
    draw = generator(7)
    x_NF = torch.randn(ROWS + VALID, FEATURES, generator=draw)
    y_N1 = torch.tanh(x_NF).sum(1, keepdim=True) + 0.3 * torch.randn(ROWS + VALID, 1, generator=draw)
    columns = {"x": {"numeric": x_NF, "codes": torch.zeros(ROWS + VALID, 0, dtype=torch.long)}, "y": {"numbers": y_N1}}
    whole = Dataset(SPEC, columns, weight=weight)
    return Parts(whole.part(torch.arange(ROWS)), whole.part(torch.arange(ROWS, ROWS + VALID)), None)


def text(symbols: int = 120) -> Parts:
    """One long text over five symbols, and a shorter one to choose by."""
    spec = Spec(inputs={"text": Tokens(vocabulary=5, longest=symbols, lines=False)}, train_size=1)

    def made(length: int, seed: int) -> Dataset:
        values = torch.randint(0, 5, (length,), generator=generator(seed))
        return Dataset(spec, {"text": {"values": values, "offsets": torch.tensor([0, length])}})

    return Parts(made(symbols, 1), made(40, 2), None)


class Toy(Network):
    """What the toys share. `plan` replaces the stages of one toy for one test; it survives rebuilding, being the class's."""

    plan: Callable[[Any], tuple[Stage, ...]] | None = None

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can:
        return Can(())

    def stages(self, task: Task) -> tuple[Stage, ...]:
        return type(self).plan(self) if type(self).plan is not None else self.own_stages()

    def own_stages(self) -> tuple[Stage, ...]:
        """The stages of a toy that no test has replaced."""
        return super().stages(self.task)


class Smooth(Toy):
    """By gradient, with everything that has state: dropout, batch norm, averaged weights, a schedule, early stopping."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.before, self.norm, self.after = nn.Linear(FEATURES, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)
        self.drop = nn.Dropout(0.3)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        return {"y": self.after(self.drop(torch.tanh(self.norm(self.before(inputs["x"].numeric_BF)))))}

    def own_stages(self) -> tuple[Stage, ...]:
        adam = AdamW(lr=0.03, schedule=Schedule(warmup=0.1, decay="cosine"))
        move = Descend("task", self.task_loss, optimizer=adam, clip=1.0)
        return (Stage((move,), feed=shuffled(16), epochs=8, patience=4, validate=self.task_loss, ema=0.8),)


class Players(Toy):
    """Two players; the critic's loss takes a gradient of a gradient, the generator moves at every third step."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.generator = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, FEATURES))
        self.critic = nn.Sequential(nn.Linear(FEATURES, 6), nn.Tanh(), nn.Linear(6, 1))

    def critic_loss(self, batch: Batch, clock: Clock) -> Loss:
        real, made = batch["x"].numeric_BF, self.generator(torch.randn(len(batch), 2)).detach()
        between = (made + torch.rand(len(batch), 1) * (real - made)).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        distance = self.critic(real) - self.critic(made)
        loss = (slope.norm(dim=1, keepdim=True) - 1).square() - distance
        return Loss(loss.sum(), len(batch), {"distance": distance.detach().mean()})

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        fooled = self.critic(self.generator(torch.randn(len(batch), 2)))
        return Loss(-fooled.sum(), len(batch), {"fooled": fooled.detach().mean()})

    def own_stages(self) -> tuple[Stage, ...]:
        adam = Adam(lr=0.01, betas=(0.0, 0.9))
        critic = Descend("critic", self.critic_loss, params=("critic",), optimizer=adam)
        generator = Descend("generator", self.generator_loss, params=("generator",), optimizer=adam, every=3)
        return (Stage((critic, generator), feed=shuffled(16), epochs=5),)


class Chains(Toy):
    """A rule on batches with persistent chains, as in a restricted Boltzmann machine."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.W = nn.Parameter(torch.randn(5, FEATURES))  # so large that the chains matter

    def memory(self, rows: int) -> dict[str, Tensor]:
        return {"chain": torch.rand(rows, FEATURES).round()}

    def contrast(self, batch: Batch, clock: Clock) -> Iterator[Done]:
        v_data = (batch["x"].numeric_BF > 0).float()
        h_model = torch.bernoulli(torch.sigmoid(clock.memory["chain"] @ self.W.T))
        v_model = torch.bernoulli(torch.sigmoid(h_model @ self.W))
        clock.memory = {"chain": v_model}
        up = torch.sigmoid(v_data @ self.W.T).T @ v_data / len(batch)
        self.W += 0.2 * (up - torch.sigmoid(v_model @ self.W.T).T @ v_model / len(v_model))
        yield Done(None, {"norm": self.W.norm()})

    def rebuild_loss(self, batch: Batch, clock: Clock) -> Loss:
        v = (batch["x"].numeric_BF > 0).float()
        return Loss(F.binary_cross_entropy_with_logits(torch.sigmoid(v @ self.W.T) @ self.W, v, reduction="sum"), len(batch))

    def own_stages(self) -> tuple[Stage, ...]:
        return (Stage((Solve("contrast", self.contrast, sees="batch"),), feed=shuffled(16), epochs=6, validate=self.rebuild_loss),)


class Grower(Toy):
    """A rule on the whole set that grows: at each safe point one random direction more, fitted to what is left over."""

    UNITS = 12

    def __init__(self, config: Any, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, {"units": 0, "gains": [], **found}, parts)
        self.register_buffer("directions", torch.zeros(self.found["units"], FEATURES))

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        bent = torch.tanh(inputs["x"].numeric_BF @ self.directions.T)
        return {"y": (bent * bent.new_tensor(self.found["gains"])).sum(1, keepdim=True)}

    def memory(self, rows: int) -> dict[str, Tensor]:
        return {"shake": torch.rand(1)}

    def grow(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        everything = parts.train.all()
        while self.found["units"] < self.UNITS:
            direction = torch.randn(1, FEATURES) + clock.memory["shake"]
            clock.memory = {"shake": torch.rand(1)}
            left = everything["y"] - self({"x": everything["x"]})["y"] if self.found["units"] else everything["y"]
            bent = torch.tanh(everything["x"].numeric_BF @ direction.T)
            self.directions = torch.cat([self.directions, direction])
            self.found["gains"] = [*self.found["gains"], float((bent * left).sum() / (bent * bent).sum())]
            self.found["units"] += 1
            yield Done(self.found["units"] / self.UNITS, {"left": left.square().mean()})

    def own_stages(self) -> tuple[Stage, ...]:
        return (Stage((Solve("grow", self.grow),), name="growing"),)


class Staged(Toy):
    """A codec first, then a denoiser on what the frozen codec makes of the rows, with noise of its own."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.codec = nn.Sequential(nn.Linear(FEATURES, 3), nn.BatchNorm1d(3), nn.Dropout(0.2), nn.Linear(3, FEATURES))
        self.denoiser = nn.Linear(3, 3)

    def encode(self, batch: Batch) -> Tensor:
        code = self.codec[0](batch["x"].numeric_BF)
        return code + 0.1 * torch.randn_like(code)

    def rebuild_loss(self, batch: Batch, clock: Clock) -> Loss:
        x = batch["x"].numeric_BF
        return Loss((self.codec(x) - x).square().sum(), len(batch))

    def denoise_loss(self, batch: Batch, clock: Clock) -> Loss:
        noise = torch.randn_like(batch["latent"])
        return Loss((self.denoiser(batch["latent"] + noise) - noise).square().sum(), len(batch))

    def own_stages(self) -> tuple[Stage, ...]:
        codec = Descend("codec", self.rebuild_loss, optimizer=Adam(lr=0.02))
        denoiser = Descend("denoiser", self.denoise_loss, optimizer=SGD(lr=0.02, momentum=0.9))
        return (
            Stage((codec,), ("codec",), shuffled(16), name="codec", epochs=4, share=3.0, validate=self.rebuild_loss),
            Stage(
                (denoiser,),
                ("denoiser",),
                encoded("encode", inner=shuffled(16)),
                name="denoise",
                epochs=4,
                validate=self.denoise_loss,
            ),
        )


class Committee(Toy):
    """Two members, whole networks in themselves, and a vote over their answers."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.vote = nn.Linear(2, 1)

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        return {"y": self.vote(torch.cat([member(inputs)["y"] for member in self.parts.values()], dim=1))}


class Reader(Toy):
    """Reads one long text through windows; its state goes on from window to window."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.embed, self.cell, self.head = nn.Embedding(5, 6), nn.GRU(6, 6, batch_first=True), nn.Linear(6, 5)

    def memory(self, rows: int) -> dict[str, Tensor]:
        return {"h": torch.zeros(1, rows, 6)}

    def next_loss(self, batch: Batch, clock: Clock) -> Loss:
        symbols = batch["text"].tokens_BT
        h = torch.zeros_like(clock.memory["h"]) if batch.fresh else clock.memory["h"]
        out, h = self.cell(self.embed(symbols[:, :-1]), h)
        clock.memory = {"h": h.detach()}
        loss = F.cross_entropy(self.head(out).flatten(0, 1), symbols[:, 1:].flatten(), reduction="sum")
        return Loss(loss, symbols[:, 1:].numel())

    def own_stages(self) -> tuple[Stage, ...]:
        move = Descend("read", self.next_loss, optimizer=Adam(lr=0.02))
        return (Stage((move,), feed=windows(window=7, lanes=4), epochs=6, validate=self.next_loss),)


def new(
    kind: type[Toy], plan: Callable[[Any], tuple[Stage, ...]] | None = None, seed: int = 0, parts: dict[str, Network] = {}
) -> Any:
    """A toy with the weights of `seed`, and the stages of `plan` if one is given."""
    torch.manual_seed(seed)
    made = type(kind.__name__, (kind,), {"plan": plan, "__module__": kind.__module__})
    spec = text().train.spec if issubclass(kind, Reader) else SPEC
    return made(NetworkConfig(), spec, Guess(), {}, parts)


def committee(plan: Callable[[Any], tuple[Stage, ...]] | None = None) -> Any:
    """A committee of a smooth member and a growing one."""
    return new(Committee, plan, parts={"first": new(Smooth, seed=1), "second": new(Smooth, seed=2)})


def data_of(network: Network) -> Parts:
    """The data that a toy learns from."""
    return text() if isinstance(network, Reader) else table()


def run(network: Any, folder: Path | None = None, settings: Settings = HOST, parts: Parts | None = None, **more: Any) -> Outcome:
    """Train a toy on its data."""
    return train(network, data_of(network) if parts is None else parts, settings, folder, **more)


def weights(network: Network) -> dict[str, Tensor]:
    """A copy of all tensors."""
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Names of tensors that are not the same bits."""
    same = {
        name for name in one.keys() & other.keys() if one[name].shape == other[name].shape and torch.equal(one[name], other[name])
    }
    return sorted((one.keys() | other.keys()) - same)


def history(outcome: Outcome) -> list[dict[str, Any]]:
    """The history without the time it took."""
    return [{key: value for key, value in line.items() if key != "seconds"} for line in outcome.history]


class Heard:
    """A listener that keeps all events of some types."""

    def __init__(self, *types: type[Event]):
        self.types, self.events = types, []

    def __call__(self, event: Event) -> None:
        if isinstance(event, self.types):
            self.events.append(event)
