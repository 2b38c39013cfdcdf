"""Latent diffusion: a codec learns a short, smooth code of the data; a denoiser learns to make codes out of noise, step by step.

Stage 1, the codec (Rombach 2022, section 3.1, the KL kind):
    q(z|x) = N(mu(x), s(x)^2 I),   L = E_q ||x - D(z)||^2 + w KL(q(z|x) || N(0, I)),   w small

Stage 2, the denoiser, on codes of the frozen codec, shifted and scaled to unit variance (Rombach 2022, section G):
    q(z_t|z_0) = N(sqrt(abar_t) z_0, (1 - abar_t) I)                                                  (Ho 2020, eq. 4)
    L = E ||eps - eps_theta(sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, t)||^2                            (Ho 2020, eq. 14)

Making a point: z_T ~ N(0, I), then back through all steps (Ho 2020, algorithm 2, sigma_t^2 = beta_t):
    z_(t-1) = (z_t - beta_t / sqrt(1 - abar_t) eps_theta(z_t, t)) / sqrt(1 - beta_t) + sigma_t eps  (no eps at t = 1),   x = D(z_0)

Shapes: B batch, D numbers of a data point, Z numbers of a code, T steps of noise, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu

from nnzoo.blocks.noise_schedules import scaled_linear_betas
from nnzoo.blocks.perceptron import perceptron
from nnzoo.blocks.positions import octaves, sinusoids
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.core.abilities import Encodes, Samples
from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.feeds import encoded, shuffled
from nnzoo.core.fields import Spec, Table
from nnzoo.core.learning import Adam, Clock, Descend, Done, Loss, Schedule, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the codec, of the noise and of the two descents."""

    latent: int = Field(2, ge=1)  # Z
    width: int = Field(128, ge=2, multiple_of=2)  # W
    codec_depth: int = Field(2, ge=1)
    depth: int = Field(3, ge=1)
    kl: float = Field(1e-6, ge=0)  # w
    steps: int = Field(100, ge=2)  # T
    beta_first: float = Field(1e-4, gt=0, lt=1)
    beta_last: float = Field(0.2, gt=0, lt=1)
    codec_lr: float = Field(2e-3, gt=0)
    lr: float = Field(5e-3, gt=0)
    ema: float = Field(0.999, ge=0, lt=1)
    batch: int = Field(256, ge=1)
    codec_epochs: int = Field(40, ge=1)
    epochs: int = Field(200, ge=1)
    search: ClassVar[Space] = {
        "latent": LogIntegers(1, 16),
        "width": Choice((64, 128, 256)),
        "depth": Integers(2, 4),
        "codec_lr": LogUniform(5e-4, 1e-2),
        "lr": LogUniform(1e-3, 2e-2),
    }


class Codec(nn.Module):
    """Data to the mean and log variance of a code, and codes back to data."""

    def __init__(self, features: int, latent: int, width: int, depth: int):
        super().__init__()
        self.encoder = perceptron(features, width, 2 * latent, depth, nn.SiLU)
        self.decoder = perceptron(latent, width, features, depth, nn.SiLU)

    def q(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), (B Z) each."""
        mean_BZ, log_variance_BZ = self.encoder(x_BD).chunk(2, dim=1)
        return mean_BZ, log_variance_BZ.clamp(-30, 20)


class Denoiser(nn.Module):
    """eps_theta(z_t, t): a perceptron on waves of the code, each of whose layers is scaled by the time."""

    WAVES = 5  # the shortest is as long as a sixteenth of the longest: modes are much thinner than the whole

    def __init__(self, latent: int, width: int, depth: int):
        super().__init__()
        self.time = nn.Linear(width, depth * width)
        self.enter = nn.Linear(latent * (1 + 2 * self.WAVES), width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.leave = nn.Linear(width, latent)
        self.hidden, self.noise = Probe(), Probe()

    def times(self, t_B: Tensor) -> Tensor:
        """What each layer is told of steps t (B, 1 to T): (B depth W)."""
        return self.time(sinusoids(t_B, self.enter.out_features)).unflatten(1, (len(self.layers), -1))

    def forward(self, z_BZ: Tensor, time_BLW: Tensor) -> Tensor:
        """The noise (B Z) in noisy codes (B Z) at the times told (B, or 1 for all)."""
        h_BW = self.enter(octaves(z_BZ, self.WAVES))
        for layer, time_BW in zip(self.layers, time_BLW.unbind(1)):
            h_BW = silu(layer(h_BW) * (1 + time_BW))
        return self.noise(self.leave(self.hidden(h_BW)))


class LatentDiffusion(Network):
    """A codec learned first, then frozen; a denoiser of its codes."""

    mean_Z: Tensor
    std_Z: Tensor
    kept_T: Tensor

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        name = spec.only("inputs", Table)
        field = spec.inputs[name] if name is not None else None
        if not isinstance(field, Table) or field.categories or not field.numeric:
            return No("latent_diffusion makes points out of numbers; give a table of numeric columns only")
        if spec.outputs:
            return No("latent_diffusion makes new points and predicts nothing; leave the target out, or use mlp to predict it")
        if task.name != "unconditional-generation":
            return No(f"latent_diffusion makes new points and cannot do {task.name}; use the task unconditional-generation")
        return Can((Samples, Encodes))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        field = spec.inputs[self.name]
        assert isinstance(field, Table)
        self.features = len(field.numeric)
        self.codec = Codec(self.features, config.latent, config.width, config.codec_depth)
        self.denoiser = Denoiser(config.latent, config.width, config.depth)
        self.code = Probe()
        self.register_buffer("mean_Z", torch.zeros(config.latent))
        self.register_buffer("std_Z", torch.ones(config.latent))
        beta_T = scaled_linear_betas(config.steps, config.beta_first, config.beta_last)
        kept_T = (1 - beta_T).cumprod(0)  # abar_t
        self.register_buffer("kept_T", kept_T.float(), persistent=False)
        # of each step back: 1 / sqrt(1 - beta_t), beta_t / sqrt(1 - abar_t), sigma_t
        self.back = list(zip((1 - beta_T).rsqrt().tolist(), (beta_T / (1 - kept_T).sqrt()).tolist(), beta_T.sqrt().tolist()))

    # ---- making data

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Points (B D) from {"noise": (B T Z)}: z_T, then what is added back at steps T to 2."""
        noise_BTZ = inputs["noise"]
        assert noise_BTZ.ndim == 3 and noise_BTZ.shape[1:] == (self.config.steps, self.config.latent)
        z_BZ, *added = noise_BTZ.unbind(1)
        times = self.denoiser.times(torch.arange(self.config.steps, 0, -1, device=z_BZ.device)).split(1)
        for step, (time_1LW, (grow, share, sigma)) in enumerate(zip(times, reversed(self.back))):
            z_BZ = grow * (z_BZ - share * self.denoiser(z_BZ, time_1LW))  # mean of p(z_(t-1)|z_t)
            if step < len(added):
                z_BZ = z_BZ + sigma * added[step]
        return {self.name: self.decode(self.code(z_BZ))}

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many points of."""
        return {"noise": torch.randn(rows, self.config.steps, self.config.latent, device=self.device)}

    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` new points (n D), standardised."""
        return self(self.noise_like(n))[self.name]

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """Scaled codes (B Z): the means of q(z|x)."""
        mean_BZ, _ = self.codec.q(inputs[self.name].numeric_BF)
        return (mean_BZ - self.mean_Z) / self.std_Z

    def decode(self, codes: Tensor) -> Tensor:
        """Points (B D) from scaled codes (B Z)."""
        return self.codec.decoder(codes * self.std_Z + self.mean_Z)

    # ---- learning

    def codec_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||x - D(z)||^2 + w KL(q(z|x) || N(0, I))."""
        x_BD = batch.inputs[self.name].numeric_BF
        mean_BZ, log_variance_BZ = self.codec.q(x_BD)
        z_BZ = mean_BZ + (0.5 * log_variance_BZ).exp() * torch.randn_like(mean_BZ)
        error_B = ((x_BD - self.codec.decoder(z_BZ)) ** 2).sum(1)
        kl_B = 0.5 * (mean_BZ**2 + log_variance_BZ.exp() - 1 - log_variance_BZ).sum(1)
        return summed(error_B + self.config.kl * kl_B, batch, error=error_B, kl=kl_B)

    def scale(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Measure mean and standard deviation of codes over the training part."""
        moments = [self.codec.q(batch.inputs[self.name].numeric_BF) for batch in parts.train.batches(1024)]
        mean_NZ, variance_NZ = torch.cat([m for m, _ in moments]), torch.cat([v for _, v in moments]).exp()
        self.mean_Z.copy_(mean_NZ.mean(0))
        self.std_Z.copy_((mean_NZ.var(0, correction=0) + variance_NZ.mean(0)).sqrt().clamp(min=1e-6))
        yield Done(1.0)

    def latents(self, batch: Batch) -> Tensor:
        """q(z|x) of a batch in scaled units, mean and standard deviation side by side (B 2Z)."""
        mean_BZ, log_variance_BZ = self.codec.q(batch.inputs[self.name].numeric_BF)
        return torch.cat(((mean_BZ - self.mean_Z) / self.std_Z, (0.5 * log_variance_BZ).exp() / self.std_Z), dim=1)

    def denoiser_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||eps - eps_theta(sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, t)||^2 at a random step for each row."""
        mean_BZ, std_BZ = batch["latent"].chunk(2, dim=1)
        z_BZ = mean_BZ + std_BZ * torch.randn_like(mean_BZ)
        t_B = torch.randint(1, self.config.steps + 1, (len(batch),), device=z_BZ.device)
        kept_B1, eps_BZ = self.kept_T[t_B - 1, None], torch.randn_like(z_BZ)
        noisy_BZ = kept_B1.sqrt() * z_BZ + (1 - kept_B1).sqrt() * eps_BZ
        return summed(((eps_BZ - self.denoiser(noisy_BZ, self.denoiser.times(t_B))) ** 2).mean(1), batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c, falling = self.config, Schedule(warmup=0.02, decay="cosine")
        codec = Descend("codec", self.codec_loss, ("codec",), Adam(c.codec_lr, schedule=falling))
        denoiser = Descend("denoiser", self.denoiser_loss, ("denoiser",), Adam(c.lr, schedule=falling))
        codes = encoded(by="latents", name="latent", inner=shuffled(c.batch))
        return (
            Stage((codec,), ("codec",), shuffled(c.batch), 0.2, name="codec", epochs=c.codec_epochs, validate=self.codec_loss),
            Stage((Solve("scale", self.scale),), (), name="scale", epochs=1),
            Stage((denoiser,), ("denoiser",), codes, 0.8, name="denoiser", epochs=c.epochs, validate=self.denoiser_loss, ema=c.ema),
        )

    card = Card(
        idea="Noise becomes data in many small steps, each of which takes a little noise away, on short codes of the data.",
        equation="min E ||eps - eps_theta(sqrt(abar_t) z + sqrt(1 - abar_t) eps, t)||^2,  z = codec(x)",
        paper="Rombach, Blattmann, Lorenz, Esser & Ommer, High-Resolution Image Synthesis with Latent Diffusion Models, CVPR",
        year=2022,
        learns="unsupervised, by gradient: first the codec, then the denoiser on frozen codes",
        good_at="making data with many modes, every mode in its right share; stable learning",
        weak_at="slow at making data: the denoiser runs once for each of many steps; says nothing of how likely a given point is",
        cost="a training step is one pass through the denoiser; a made batch is as many passes as there are steps of noise",
        processes="gradients are averaged over processes, each with noise of its own; the codes' scale is measured by the first",
    )
