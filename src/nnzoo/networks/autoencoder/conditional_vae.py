"""Conditional variational autoencoder: encoder and decoder are told the label, so that the code holds everything but it.

    z ~ N(0, I),   x ~ p(x|z, y)                                             pictures x of a given label y
    log p(x|y) >= E_q[log p(x|z, y)] - KL(q(z|x, y) || N(0, I))              (Sohn, Lee & Yan 2015, eq. 4)
    q(z|x, y) = N(mu(x, y), diag s(x, y)^2),   z = mu + s eps

The label goes in as an indicator beside the picture and beside the code. What codes are drawn from does not depend on the label, as
in Kingma et al. (2014, the M2 model) and in Sohn's relaxed form: what a code means (how wide, how dark) is alike under every label,
so that one code makes a row of ten pictures that belong together. A picture whose label is unknown has an indicator of zeros.

Shapes: B batch, D pixels of a picture, Y labels, Z numbers of a code.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from nnzoo.blocks.flat_codec import Flat, funnel
from nnzoo.blocks.gaussian_code import divergence, drawn, importance_sampled, moments
from nnzoo.blocks.likelihoods import Bernoulli, Normal
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.core.abilities import FromNoise, Samples
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Classes, Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the model and of the descent."""

    latent: int = Field(20, ge=1)  # Z
    hidden: tuple[int, ...] = (512, 256)  # widths on the way to the code; the way back mirrors them
    pixels: Literal["bernoulli", "gaussian"] = "bernoulli"
    lr: float = Field(2e-3, gt=0)
    batch: int = Field(256, ge=1)
    epochs: int = Field(60, ge=1)
    search: ClassVar[Space] = {
        "latent": LogIntegers(2, 64),
        "hidden": Choice(((256,), (512, 256), (512, 512))),
        "lr": LogUniform(3e-4, 6e-3),
    }


class ConditionalVAE(Network):
    """An encoder q(z|x, y) and a decoder p(x|z, y), learned together by one bound."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Classes) is None or spec.only("outputs", Image) is None:
            return No("conditional_vae makes pictures of a given label; give pictures with labels, or use vae for pictures alone")
        if task.name != "class-conditional-image-generation":
            return No(f"conditional_vae cannot do {task.name}; use the task class-conditional-image-generation")
        return Can((Samples, FromNoise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.label,), (self.picture,) = spec.inputs, spec.outputs
        labels = spec.inputs[self.label]
        assert isinstance(labels, Classes)
        self.labels = labels.size
        self.flat = Flat(spec.outputs[self.picture])
        self.likelihood = Bernoulli(self.flat) if config.pixels == "bernoulli" else Normal(self.flat)
        self.encoder = funnel((self.flat.size + self.labels, *config.hidden, 2 * config.latent))
        self.decoder = funnel((config.latent + self.labels, *reversed(config.hidden), self.flat.size))
        self.code, self.made = Probe(), Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Pictures (B C H W), standardised, from {label: codes (B), "noise": (B Z)}: the mean of p(x|z, y)."""
        return {self.picture: self.decode(self.code(inputs["noise"]), inputs[self.label])}

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many pictures of: labels drawn evenly, and codes."""
        y_B = torch.randint(self.labels, (rows,), device=self.device)
        return {self.label: y_B, "noise": torch.randn(rows, self.config.latent, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new pictures (n C H W), standardised, of labels (n, long) or of such as are drawn evenly."""
        inputs = self.noise_like(n)
        if condition is not None:
            inputs[self.label] = torch.as_tensor(condition, device=self.device)
        return self(inputs)[self.picture]

    def decode(self, z_BZ: Tensor, y_B: Tensor) -> Tensor:
        """The mean of p(x|z, y), standardised (B C H W)."""
        told_BD = self.told(z_BZ, self.indicator(y_B))
        return self.flat.shaped(self.made(self.likelihood.mean(told_BD)))

    def told(self, z: Tensor, y_BY: Tensor) -> Tensor:
        """Parameters of p(x|z, y) (... B D) from codes (... B Z) and indicators of labels."""
        return self.decoder(torch.cat((z, y_BY.expand(*z.shape[:-1], -1)), dim=-1))

    def indicator(self, y_B: Tensor) -> Tensor:
        """Labels (B, -1 unknown) as indicators (B Y)."""
        assert y_B.ndim == 1
        return one_hot(y_B.clamp(min=0), self.labels) * (y_B >= 0).float()[:, None]

    def q(self, x_BD: Tensor, y_BY: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x, y), (B Z) each."""
        return moments(self.encoder(torch.cat((x_BD, y_BY), dim=1)))

    def evidence_lower_bound(self, x_BD: Tensor, y_BY: Tensor) -> tuple[Tensor, Tensor]:
        """E_q[log p(x|z, y)] by one draw and KL(q(z|x, y) || N(0, I)), (B) each, in nats; the bound is their difference."""
        mean_BZ, log_variance_BZ = self.q(x_BD, y_BY)
        told_BD = self.told(drawn(mean_BZ, log_variance_BZ), y_BY)
        return self.likelihood.log_prob(self.likelihood.data(x_BD), told_BD), divergence(mean_BZ, log_variance_BZ)

    def log_likelihood(self, x_BCHW: Tensor, y_B: Tensor, samples: int = 200) -> Tensor:
        """log p(x|y) (B) in nats from so many importance samples a picture; see `vae`."""
        x_BD, y_BY = self.flat.vector(x_BCHW), self.indicator(y_B)
        data_BD, q = self.likelihood.data(x_BD), self.q(x_BD, y_BY)
        return importance_sampled(lambda z_KBZ: self.likelihood.log_prob(data_BD, self.told(z_KBZ, y_BY)), *q, samples)

    def bound_loss(self, batch: Batch, clock: Clock) -> Loss:
        """The negative evidence lower bound of each picture, in nats."""
        x_BD, y_BY = self.flat.vector(batch.outputs[self.picture]), self.indicator(batch.inputs[self.label])
        log_likelihood_B, kl_B = self.evidence_lower_bound(x_BD, y_BY)
        return summed(kl_B - log_likelihood_B, batch, error=-log_likelihood_B, kl=kl_B)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Descend("bound", self.bound_loss, optimizer=Adam(c.lr, schedule=Schedule(warmup=0.05, decay="cosine")))
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, patience=0, validate=self.bound_loss),)

    card = Card(
        idea="A variational autoencoder whose encoder and decoder are told the label, so that it makes pictures of a given label.",
        equation="max E_q[log p(x|z, y)] - KL(q(z|x, y) || N(0, I))",
        paper="Sohn, Lee & Yan, Learning Structured Output Representation using Deep Conditional Generative Models, NeurIPS",
        year=2015,
        learns="supervised by labels on the input side, by gradient up a lower bound of the log likelihood",
        good_at="new pictures of a given label, quickly and surely; one code under every label gives pictures that belong together",
        weak_at="sharp pictures (what it is unsure of becomes a blur); labels that pictures hardly show",
        cost="a training step is one pass through encoder and decoder; a made batch is one pass through the decoder",
        processes="gradients are averaged over processes, each with noise of its own; nothing else differs",
    )
