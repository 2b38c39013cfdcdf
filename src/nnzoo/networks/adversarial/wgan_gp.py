"""WGAN-GP: a critic estimates how far made data are from real data; a generator walks that distance down.

    W(P_r, P_g) = sup over 1-Lipschitz f of  E_{x~P_r}[f(x)] - E_{x~P_g}[f(x)]                        (Arjovsky 2017, eq. 2)
    L_critic    = E[f(x~)] - E[f(x)] + lambda E[(||grad f(x^)||_2 - 1)^2],  x^ = eps x + (1-eps) x~   (Gulrajani 2017, eq. 3)
    L_generator = -E[f(G(z))],  z ~ N(0, I)

The slope of f between real and made points is pulled to 1, which keeps f nearly 1-Lipschitz where the two players meet. The
generator moves once in every `critic_steps` steps of the critic, so that the distance is well estimated when it is walked down.
Of pictures it moves each time: one that moves every other time is, after as many steps, twice as far from Fashion-MNIST.
Both learning rates fall to zero over the stage: two players at a constant rate circle around their equilibrium.

Of points both players are perceptrons, of pictures stacks of convolutions: the critic's have no batch normalisation, since the
penalty is of each picture alone (Gulrajani's section 4), the generator's have.

Shapes: B batch, Z noise, D features of a data point (of a picture C H W).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nnzoo.blocks.perceptron import perceptron
from nnzoo.blocks.players import spread
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.scaling_convolutions import SMALLEST, Down, Pixels, Up
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Integers, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task

TASKS = {Table: "unconditional-generation", Image: "unconditional-image-generation"}
# what a config leaves open; the penalties are those of the authors' code for points in the plane and for pictures
POINTS = {"noise": 2, "penalty": 0.1, "critic_steps": 5, "lr": 2e-3, "batch": 256, "epochs": 450}
PICTURES = {"noise": 64, "penalty": 10.0, "critic_steps": 1, "lr": 4e-3, "batch": 32, "epochs": 20}


class Config(NetworkConfig):
    """Constants of the two players. None: what suits the data, points or pictures; a network's own config has it filled in."""

    noise: int | None = Field(None, ge=1)  # Z
    width: int = Field(128, ge=1)  # of the perceptrons, for points
    depth: int = Field(3, ge=1)
    channels: int = Field(24, ge=1)  # of the largest hidden pictures, for pictures
    penalty: float | None = Field(None, ge=0)  # lambda
    critic_steps: int | None = Field(None, ge=1)  # n_critic
    lr: float | None = Field(None, gt=0)
    batch: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    bfloat16: bool = True  # convolutions, for pictures; weights are float32
    search: ClassVar[Space] = {
        "noise": LogIntegers(2, 64),
        "width": LogIntegers(32, 512),
        "depth": Integers(2, 4),
        "channels": LogIntegers(8, 64),
        "penalty": LogUniform(0.03, 10),
        "lr": LogUniform(2e-4, 1e-2),
    }


class WGANGP(Network):
    """Two networks that learn from each other; no batch normalisation in the critic, since the penalty is per point."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Table, Image)
        field = spec.inputs[name] if name is not None else None
        if not isinstance(field, (Table, Image)) or (isinstance(field, Table) and (field.categories or not field.numeric)):
            return No("wgan_gp makes points out of numbers, or pictures; give a table of numeric columns only, or pictures")
        if spec.outputs:
            return No("wgan_gp makes new rows and predicts nothing; leave the target out, or use mlp or cnn to predict it")
        if task.name != TASKS[type(field)]:
            return No(f"wgan_gp makes new rows and cannot do {task.name}; use the task {TASKS[type(field)]}")
        if isinstance(field, Image) and min(field.height, field.width) < 2 * SMALLEST:
            return No(
                f"wgan_gp halves pictures, which needs {2 * SMALLEST} x {2 * SMALLEST} pixels or more, and these are "
                f"{field.height} x {field.width}; use gan"
            )
        return Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        usual = PICTURES if spec.only("inputs", Image) else POINTS
        config = config.model_copy(update={name: value for name, value in usual.items() if getattr(config, name) is None})
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),) = spec.inputs.items()
        assert config.noise is not None
        if isinstance(field, Image):
            size = (field.height, field.width)
            up = Up(config.noise, field.channels, size, config.channels, nn.BatchNorm2d, config.bfloat16)
            self.generator = nn.Sequential(up, Pixels(field))
            down = Down(field.channels, size, config.channels, bfloat16=config.bfloat16)
            self.critic = nn.Sequential(down, nn.Linear(down.features, 1))
        else:
            assert isinstance(field, Table)
            features = len(field.numeric)
            self.generator = perceptron(config.noise, config.width, features, config.depth)
            self.critic = perceptron(features, config.width, 1, config.depth)
        self.made = Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Points (B D) or pictures (B C H W), standardised, from {"noise": (B Z)}."""
        z_BZ = inputs["noise"]
        assert z_BZ.ndim == 2 and z_BZ.shape[1] == self.config.noise
        return {self.name: self.made(self.generator(z_BZ))}  # G(z)

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many points or pictures of."""
        return {"noise": torch.randn(rows, self.config.noise, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new points (n D) or pictures (n C H W), standardised."""
        return self(self.noise_like(n))[self.name]

    def real(self, batch: Batch) -> Tensor:
        """The points (B D) or pictures (B C H W) of a batch."""
        value = batch.inputs[self.name]
        return value if isinstance(value, Tensor) else value.numeric_BF

    def critic_loss(self, batch: Batch, clock: Clock) -> Loss:
        """What the critic minimises: minus the distance it sees, and the penalty on its slope."""
        x = self.real(batch)
        with torch.no_grad():
            made = self.sample(len(batch))
        real_B, made_B = self.critic(torch.cat((x, made)))[:, 0].chunk(2)
        distance_B = real_B - made_B  # its mean estimates W
        penalty_B = self.slope_penalty(x, made)
        loss = summed(self.config.penalty * penalty_B - distance_B, batch, distance=distance_B, penalty=penalty_B)
        return loss._replace(metrics={**loss.metrics, "spread": spread(made, x)})

    def slope_penalty(self, x: Tensor, made: Tensor) -> Tensor:
        """(||grad f(x^)||_2 - 1)^2 at a point of the line between each real and made row (B)."""
        eps_B = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)
        between = (eps_B * x + (1 - eps_B) * made).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1) ** 2

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """-f(G(z)): made points climb the critic."""
        score_B1 = self.critic(self.sample(len(batch)))
        return Loss(-score_B1.sum(), len(batch))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        assert c.lr is not None and c.critic_steps is not None and c.batch is not None and c.epochs is not None
        adam = Adam(c.lr, betas=(0.0, 0.9), schedule=Schedule(decay="linear"))
        critic = Descend("critic", self.critic_loss, ("critic",), adam)
        generator = Descend("generator", self.generator_loss, ("generator",), adam, every=c.critic_steps)
        play = Stage((critic, generator), feed=shuffled(c.batch), epochs=c.epochs, name="play")
        return (play,)

    card = Card(
        idea="A critic with bounded slope measures the earth mover's distance between made and real data; a generator reduces it.",
        equation="min_G max_f E[f(x)] - E[f(G(z))] - lambda E[(||grad f(x^)|| - 1)^2]",
        paper="Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, Improved Training of Wasserstein GANs, NeurIPS",
        year=2017,
        learns="unsupervised, two players by gradient",
        good_at="making points and pictures with many modes; the critic's distance says how far learning has come",
        weak_at="says nothing of how likely a given point is; fills thin gaps between modes with a few points",
        cost="a critic step is about five passes through the critic, with second-order gradients; five of them a generator step",
        processes="gradients are averaged over processes, each with noise of its own; nothing else differs",
    )
