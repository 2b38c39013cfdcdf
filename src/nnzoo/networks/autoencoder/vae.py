"""Variational autoencoder: a code that is a distribution, so that new data come from codes drawn out of N(0, I).

    z ~ N(0, I),   x ~ p(x|z)                                      how the model says that data come about
    q(z|x) = N(mu(x), diag s(x)^2)                                 the encoder's guess where a datum came from
    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || N(0, I))            the evidence lower bound (Kingma & Welling 2014, eq. 3)
    z = mu + s eps,  eps ~ N(0, I)                                 through which the gradient passes (section 2.4)

p(x|z) is Bernoulli for pixels (appendix C.1), or normal for numbers (C.2; with one learned variance for each column or channel).
The bound lies below log p(x) by KL(q(z|x) || p(z|x)); an estimate that ends at log p(x) averages the weights of many draws (Burda
et al. 2016, eq. 8):

    log p(x) = lim over K of  log 1/K sum over k of  p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x)

Shapes: B batch, D numbers of a row, Z numbers of a code, S draws.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from nnzoo.blocks.flat_codec import Flat, funnel, numbers_only
from nnzoo.blocks.gaussian_code import divergence, drawn, importance_sampled, moments
from nnzoo.blocks.likelihoods import Bernoulli, Normal
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.core.abilities import Encodes, FromNoise, Predicts, Samples, Surprise
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec, Table
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogIntegers, LogUniform, Space
from nnzoo.core.seeds import generator
from nnzoo.core.task import Task

GENERATION = ("unconditional-image-generation", "unconditional-generation")
DRAWS = 8  # of the bound by which a row is judged, the same for every row


class Config(NetworkConfig):
    """Constants of the model and of the descent. Rows of numbers are normal, whatever `pixels` says."""

    latent: int = Field(20, ge=1)  # Z
    hidden: tuple[int, ...] = (512, 256)  # widths on the way to the code; the way back mirrors them
    pixels: Literal["bernoulli", "gaussian"] = "bernoulli"
    binarise: bool = False  # learn from pixels drawn as ones with their brightness as probability, anew each time
    warmup: float = Field(0.05, ge=0, le=1)  # share of the steps over which the divergence comes to count fully
    lr: float = Field(2e-3, gt=0)
    batch: int = Field(256, ge=1)
    epochs: int = Field(60, ge=1)
    search: ClassVar[Space] = {
        "latent": LogIntegers(2, 64),
        "hidden": Choice(((256,), (512, 256), (512, 512))),
        "lr": LogUniform(3e-4, 6e-3),
    }


class VAE(Network):
    """An encoder q(z|x) and a decoder p(x|z), learned together by one bound."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Image, Table)
        if name is None or not numbers_only(spec.inputs[name]):
            return No("vae models pictures or rows of numbers; leave categories out, and for text use gpt")
        if spec.outputs:
            return No("vae learns from its input alone; leave the target out, or use conditional_vae for pictures with labels")
        if task.name == "reconstruction":
            return Can((Predicts, Encodes, Surprise))
        if task.name not in GENERATION or task.fits(spec) is not None:
            return No(f"vae makes and rebuilds pictures or points and cannot do {task.name}; use mlp to predict something of them")
        return Can((Samples, FromNoise, Encodes, Surprise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        self.flat = Flat(spec.inputs[self.name])
        drawn_pixels = self.flat.picture is not None and config.pixels == "bernoulli"
        self.likelihood: Bernoulli | Normal = Bernoulli(self.flat) if drawn_pixels else Normal(self.flat)
        self.encoder = funnel((self.flat.size, *config.hidden, 2 * config.latent))
        self.decoder = funnel((config.latent, *reversed(config.hidden), self.flat.size))
        self.code, self.made = Probe(), Probe()

    # ---- making and rebuilding

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """New rows from {"noise": (B Z)}, of numbers (B Z + D); or rows rebuilt from the means of their codes. Standardised."""
        if "noise" not in inputs:
            return {self.name: self.decode(self.encode(inputs))}
        Z, noise = self.config.latent, inputs["noise"]
        assert noise.ndim == 2 and noise.shape[1] == Z + self.spread
        told_BD = self.decoder(self.code(noise[:, :Z]))
        if self.flat.picture is not None:
            return {self.name: self.flat.shaped(self.made(self.likelihood.mean(told_BD)))}
        assert isinstance(self.likelihood, Normal)
        return {self.name: self.made(self.likelihood.drawn(told_BD, noise[:, Z:]))}

    @property
    def spread(self) -> int:
        """Numbers of noise beyond the code: of points, which are drawn; of pictures the mean is shown."""
        return 0 if self.flat.picture is not None else self.flat.size

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many rows of."""
        return {"noise": torch.randn(rows, self.config.latent + self.spread, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new rows, standardised: points drawn from p(x|z), pictures as its mean; z ~ N(0, I)."""
        return self(self.noise_like(n))[self.name]

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """The means of q(z|x) (B Z)."""
        mean_BZ, _ = self.q(self.flat.vector(inputs[self.name]))
        return self.code(mean_BZ)

    def decode(self, codes: Tensor) -> Tensor:
        """The mean of p(x|z), standardised: pictures (B C H W), or numbers (B D)."""
        return self.flat.shaped(self.made(self.likelihood.mean(self.decoder(codes))))

    # ---- how likely data are

    def q(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), (B Z) each, of standardised rows."""
        return moments(self.encoder(x_BD))

    def evidence_lower_bound(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        """E_q[log p(x|z)] by one draw and KL(q(z|x) || N(0, I)), (B) each, in nats; the bound is their difference."""
        mean_BZ, log_variance_BZ = self.q(x_BD)
        told_BD = self.decoder(drawn(mean_BZ, log_variance_BZ))
        return self.likelihood.log_prob(self.likelihood.data(x_BD), told_BD), divergence(mean_BZ, log_variance_BZ)

    def log_likelihood(self, inputs: dict[str, Any], samples: int = 200) -> Tensor:
        """log p(x) (B) in nats from so many importance samples a row, a few at a time in memory; too low on average, ever less with
        more of them. Of numbers it is a density in standardised units."""
        x_BD = self.flat.vector(inputs[self.name])
        data_BD = self.likelihood.data(x_BD)
        return importance_sampled(lambda z_KBZ: self.likelihood.log_prob(data_BD, self.decoder(z_KBZ)), *self.q(x_BD), samples)

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        """The negative bound (B) in nats, the mean of a few draws that are the same for all rows and every time."""
        x_BD = self.flat.vector(inputs[self.name])
        mean_BZ, log_variance_BZ = self.q(x_BD)
        eps_S1Z = torch.randn(DRAWS, 1, self.config.latent, generator=generator(0)).to(x_BD.device)
        told_SBD = self.decoder(mean_BZ + (0.5 * log_variance_BZ).exp() * eps_S1Z)
        return divergence(mean_BZ, log_variance_BZ) - self.likelihood.log_prob(self.likelihood.data(x_BD), told_SBD).mean(0)

    # ---- learning

    def bound_loss(self, batch: Batch, clock: Clock) -> Loss:
        """The negative evidence lower bound of each row, in nats."""
        x_BD = self.flat.vector(batch.inputs[self.name])
        if self.config.binarise and self.flat.picture is not None:
            x_BD = self.flat.standardised(torch.bernoulli(self.flat.shades(x_BD)))
        log_likelihood_B, kl_B = self.evidence_lower_bound(x_BD)
        done = clock.step / max(1, clock.steps)
        weight = min(1.0, done / self.config.warmup) if clock.training and self.config.warmup else 1.0
        return summed(weight * kl_B - log_likelihood_B, batch, error=-log_likelihood_B, kl=kl_B)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Descend("bound", self.bound_loss, optimizer=Adam(c.lr, schedule=Schedule(warmup=0.05, decay="cosine")))
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs, patience=0, validate=self.bound_loss),)

    card = Card(
        idea="Each datum is coded as a distribution near N(0, I), so that codes drawn from N(0, I) become new data.",
        equation="max E_q[log p(x|z)] - KL(q(z|x) || N(0, I)),  z = mu(x) + s(x) eps",
        paper="Kingma & Welling, Auto-Encoding Variational Bayes, ICLR",
        year=2014,
        learns="unsupervised, by gradient up a lower bound of the log likelihood",
        good_at="smooth codes, quick and stable learning, new data in one pass, and a likelihood that tells how unusual a row is",
        weak_at="sharp pictures (what it is unsure of becomes a blur); gaps between thin modes are bridged by a few points",
        cost="a training step is one pass through encoder and decoder; a made batch is one pass through the decoder",
        processes="gradients are averaged over processes, each with noise of its own; nothing else differs",
    )
