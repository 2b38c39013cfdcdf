"""WGAN-GP: a critic estimates how far made data are from real data; a generator walks that distance down.

    W(P_r, P_g) = sup over 1-Lipschitz f of  E_{x~P_r}[f(x)] - E_{x~P_g}[f(x)]                        (Arjovsky 2017, eq. 2)
    L_critic    = E[f(x~)] - E[f(x)] + lambda E[(||grad f(x^)||_2 - 1)^2],  x^ = eps x + (1-eps) x~   (Gulrajani 2017, eq. 3)
    L_generator = -E[f(G(z))],  z ~ N(0, I)

The slope of f between real and made points is pulled to 1, which keeps f nearly 1-Lipschitz where the two players meet. The
generator moves once in every `critic_steps` steps of the critic, so that the distance is well estimated when it is walked down.
Both learning rates fall to zero over the stage: two players at a constant rate circle around their equilibrium.

Shapes: B batch, Z noise, D features of a data point.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from nnzoo.blocks.perceptron import perceptron
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Spec, Table
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Integers, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the two players. The penalty is that of the authors' code for points in the plane (10 for pictures)."""

    noise: int = Field(2, ge=1)  # Z
    width: int = Field(128, ge=1)
    depth: int = Field(3, ge=1)
    penalty: float = Field(0.1, ge=0)  # lambda
    critic_steps: int = Field(5, ge=1)  # n_critic
    lr: float = Field(2e-3, gt=0)
    batch: int = Field(256, ge=1)
    epochs: int = Field(450, ge=1)
    search: ClassVar[Space] = {
        "noise": LogIntegers(2, 32),
        "width": LogIntegers(32, 512),
        "depth": Integers(2, 4),
        "penalty": LogUniform(0.03, 10),
        "lr": LogUniform(2e-4, 1e-2),
    }


class WGANGP(Network):
    """Two networks that learn from each other; no batch normalisation in the critic, since the penalty is per point."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Table)
        field = spec.inputs[name] if name is not None else None
        if not isinstance(field, Table) or field.categories or not field.numeric:
            return No("wgan_gp makes points out of numbers; give a table of numeric columns only")
        if spec.outputs:
            return No("wgan_gp makes new points and predicts nothing; leave the target out, or use mlp to predict it")
        if task.name != "unconditional-generation":
            return No(f"wgan_gp makes new points and cannot do {task.name}; use the task unconditional-generation")
        return Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        field = spec.inputs[self.name]
        assert isinstance(field, Table)
        self.features = len(field.numeric)
        self.generator = perceptron(config.noise, config.width, self.features, config.depth)
        self.critic = perceptron(self.features, config.width, 1, config.depth)
        self.made = Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Points (B D) from {"noise": (B Z)}."""
        z_BZ = inputs["noise"]
        assert z_BZ.ndim == 2 and z_BZ.shape[1] == self.config.noise
        return {self.name: self.made(self.generator(z_BZ))}  # G(z)

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many points of."""
        return {"noise": torch.randn(rows, self.config.noise, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new points (n D), standardised."""
        return self(self.noise_like(n))[self.name]

    def critic_loss(self, batch: Batch, clock: Clock) -> Loss:
        """What the critic minimises: minus the distance it sees, and the penalty on its slope."""
        x_BD = batch.inputs[self.name].numeric_BF
        with torch.no_grad():
            made_BD = self.sample(len(batch))
        real_B, made_B = self.critic(torch.cat((x_BD, made_BD)))[:, 0].chunk(2)
        distance_B = real_B - made_B  # its mean estimates W
        penalty_B = self.slope_penalty(x_BD, made_BD)
        return summed(self.config.penalty * penalty_B - distance_B, batch, distance=distance_B, penalty=penalty_B)

    def slope_penalty(self, x_BD: Tensor, made_BD: Tensor) -> Tensor:
        """(||grad f(x^)||_2 - 1)^2 at a point of the line between each real and made point (B)."""
        eps_B1 = torch.rand_like(x_BD[:, :1])
        between_BD = (eps_B1 * x_BD + (1 - eps_B1) * made_BD).requires_grad_()
        (slope_BD,) = torch.autograd.grad(self.critic(between_BD).sum(), between_BD, create_graph=True)
        return (slope_BD.norm(dim=1) - 1) ** 2

    def generator_loss(self, batch: Batch, clock: Clock) -> Loss:
        """-f(G(z)): made points climb the critic."""
        return Loss(-self.critic(self.sample(len(batch))).sum(), len(batch))

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        adam = Adam(c.lr, betas=(0.0, 0.9), schedule=Schedule(decay="linear"))
        critic = Descend("critic", self.critic_loss, ("critic",), adam)
        generator = Descend("generator", self.generator_loss, ("generator",), adam, every=c.critic_steps)
        return (Stage((critic, generator), feed=shuffled(c.batch), epochs=c.epochs, name="play"),)

    card = Card(
        idea="A critic with bounded slope measures the earth mover's distance between made and real data; a generator reduces it.",
        equation="min_G max_f E[f(x)] - E[f(G(z))] - lambda E[(||grad f(x^)|| - 1)^2]",
        paper="Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville, Improved Training of Wasserstein GANs, NeurIPS",
        year=2017,
        learns="unsupervised, two players by gradient",
        good_at="making data with many modes; the critic's distance says how far learning has come",
        weak_at="says nothing of how likely a given point is; fills thin gaps between modes with a few points",
        cost="a critic step is about five passes through the critic, with second-order gradients; five of them a generator step",
        processes="gradients are averaged over processes, each with noise of its own; nothing else differs",
    )
