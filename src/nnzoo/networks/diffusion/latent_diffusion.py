"""Latent diffusion: a codec learns a short, smooth code of the data; a denoiser learns to make codes out of noise, step by step.

Stage 1, the codec (Rombach 2022, section 3.1, the KL kind; convolutions for pictures):
    q(z|x) = N(mu(x), s(x)^2 I),   L = E_q ||x - D(z)||^2 + w KL(q(z|x) || N(0, I)),   w small

Stage 2, the denoiser, on codes of the frozen codec, shifted and scaled to unit variance (Rombach 2022, section G):
    q(z_t|z_0) = N(sqrt(abar_t) z_0, (1 - abar_t) I)                                                  (Ho 2020, eq. 4)
    L = E ||eps - eps_theta(sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, t)||^2                            (Ho 2020, eq. 14)

Making data: z_T ~ N(0, I), then back to z_0 by a sampler of `blocks/samplers.py`, x = D(z_0). Points go through all steps of the
random walk (Ho 2020, algorithm 2, sigma_t^2 = beta_t), pictures by SDE-DPM-Solver++. Labels, where there are any, guide the
denoiser (Ho & Salimans 2022) and are none of the codec's business. Of pictures the steps of a batch are spread over where most is
to be learned, the U-Net tells the noise as a velocity (`NoiseProcess`), and its matrices learn by momentum made orthogonal
(`Muon`).

Shapes: B batch, D numbers of a point, C H W picture, Z numbers of a code (of pictures: channels of h w places), T steps, W width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from nnzoo.blocks.gaussian_code import divergence, drawn, moments
from nnzoo.blocks.made_things import what_is_made
from nnzoo.blocks.noise_process import NoiseProcess
from nnzoo.blocks.noise_schedules import scaled_linear_betas
from nnzoo.blocks.perceptron import perceptron
from nnzoo.blocks.picture_codec import PictureCodec
from nnzoo.blocks.picture_denoiser import PictureDenoiser
from nnzoo.blocks.point_denoiser import PointDenoiser
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.samplers import Even, SamplerName, ancestral, certain, from_velocity, sampler_named, times_of
from nnzoo.blocks.unet import MULTIPLE
from nnzoo.core.abilities import Encodes, Samples
from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import encoded, shuffled
from nnzoo.core.fields import Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Done, Loss, Muon, Schedule, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, Integers, LogIntegers, LogUniform, Space
from nnzoo.core.task import Task


class Config(NetworkConfig):
    """Constants of the codec, of the noise and of the two descents; first what points have, then what pictures have."""

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
    channels: int = Field(4, ge=1)  # Z of a picture's code
    codec_widths: tuple[int, ...] = Field((16, 32), min_length=1)  # channels before each halving
    widths: tuple[int, ...] = Field((32, 64), min_length=1)  # of the U-Net's levels
    blocks: int = Field(1, ge=1)
    attends: int = Field(1, ge=0)
    bfloat16: bool = True  # convolutions; weights are float32
    drop: float = Field(0.1, ge=0, le=1)  # p
    guidance: float = Field(2.0, ge=0)  # g
    picture_steps: int = Field(1000, ge=2)  # T
    sampler: SamplerName = "sde_dpm_solver"
    even: Even = "lambda"  # over what the steps of a way back are evenly spread
    sampling_steps: int = Field(25, ge=1)
    picture_lr: float = Field(2e-3, gt=0)
    picture_ema: float = Field(0.995, ge=0, lt=1)
    picture_batch: int = Field(64, ge=1)
    picture_epochs: int = Field(40, ge=1)
    before: ClassVar[Mapping[str, Any]] = {"even": "root"}
    search: ClassVar[Space] = {
        "latent": LogIntegers(1, 16),
        "width": Choice((64, 128, 256)),
        "depth": Integers(2, 4),
        "codec_lr": LogUniform(5e-4, 1e-2),
        "lr": LogUniform(1e-3, 2e-2),
        "channels": LogIntegers(2, 16),
        "picture_lr": LogUniform(5e-4, 1e-2),
    }

    @field_validator("widths", "codec_widths")
    @classmethod
    def in_groups(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        """Channels are normalised in groups of equal size."""
        if any(width % MULTIPLE for width in widths):
            raise ValueError(f"must be multiples of {MULTIPLE}, since channels are normalised in groups")
        return widths


class Codec(nn.Module):
    """Points to the mean and log variance of a code, and codes back to points."""

    def __init__(self, features: int, latent: int, width: int, depth: int):
        super().__init__()
        self.encoder = perceptron(features, width, 2 * latent, depth, nn.SiLU)
        self.decoder = perceptron(latent, width, features, depth, nn.SiLU)
        self.shape = (latent,)

    def q(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), (B Z) each."""
        return moments(self.encoder(x_BD))

    def decode(self, z_BZ: Tensor) -> Tensor:
        """Points (B D) of codes."""
        return self.decoder(z_BZ)


class LatentDiffusion(Network):
    """A codec learned first, then frozen; a denoiser of its codes."""

    sampling: ClassVar[tuple[str, ...]] = ("steps", "guidance", "sampler")
    mean_Z: Tensor
    std_Z: Tensor

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        made = what_is_made("latent_diffusion", spec, task)
        if isinstance(made, No):
            return made
        return Can((Samples,) if made.labels else (Samples, Encodes))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        made = what_is_made("latent_diffusion", spec, task)
        assert not isinstance(made, No)
        self.made, c, f = made, config, made.field
        self.picture = f if isinstance(f, Image) else None
        if isinstance(f, Image):
            self.codec: Codec | PictureCodec = PictureCodec(f.channels, f.height, f.width, c.channels, c.codec_widths, c.bfloat16)
            self.denoiser: PointDenoiser | PictureDenoiser = PictureDenoiser(
                c.channels, made.labels, c.widths, c.blocks, c.attends, bfloat16=c.bfloat16
            )
            beta_T = scaled_linear_betas(c.picture_steps)
        else:
            self.codec = Codec(len(f.numeric), c.latent, c.width, c.codec_depth)
            self.denoiser = PointDenoiser(c.latent, c.width, c.depth)
            beta_T = scaled_linear_betas(c.steps, c.beta_first, c.beta_last)
        self.walk, self.shape = NoiseProcess(beta_T), self.codec.shape
        self.code = Probe()
        self.register_buffer("mean_Z", torch.zeros(self.shape[0]))
        self.register_buffer("std_Z", torch.ones(self.shape[0]))

    # ---- making data

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Points (B D) from {"noise": (B T Z)}: z_T, then what is added back at steps T to 2; pictures (B C H W) from {"noise": z_T
        (B Z h w)} and labels (B) where it learned with labels, by a way back without chance."""
        if isinstance(self.denoiser, PictureDenoiser):
            return {self.made.name: self.way(inputs, sampler=certain(self.config.sampler))}
        noise_BTZ = inputs["noise"]
        assert noise_BTZ.shape[1:] == (self.config.steps, *self.shape)
        z_BZ, *added = noise_BTZ.unbind(1)
        times = tuple(range(self.config.steps, -1, -1))
        z_BZ = ancestral(self.denoiser.eps(times), self.walk.kept, z_BZ, times, lambda k: added[k])
        return {self.made.name: self.decode(self.code(z_BZ))}

    def way(
        self, inputs: dict[str, Any], steps: int | None = None, guidance: float | None = None, sampler: str | None = None
    ) -> Tensor:
        """Data from z_T by any way back; what is None is as the config says (of the random walk: all steps). Raises ConfigError."""
        c, z, kept = self.config, inputs["noise"], self.walk.kept
        assert z.shape[1:] == self.shape
        name = c.sampler if sampler is None else sampler
        if guidance is not None and not self.made.labels:
            raise ConfigError("it learned without labels, so that there is nothing to guide by; leave guidance out")
        times = times_of(name, kept, steps, c.sampling_steps, c.even)
        if isinstance(self.denoiser, PointDenoiser):
            eps = self.denoiser.eps(times)
        else:
            codes_B = inputs[self.made.label] if self.made.labels else None
            eps = from_velocity(self.denoiser.eps(times, codes_B, c.guidance if guidance is None else guidance), kept)
        return self.decode(self.code(sampler_named(name)(eps, kept, z, times)))

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes that many of."""
        if self.picture is None:
            return {"noise": torch.randn(rows, self.config.steps, *self.shape, device=self.device)}
        return self._start(rows)

    def _start(self, rows: int) -> dict[str, Tensor]:
        """z_T, and labels drawn evenly where it learned with labels."""
        labels = {}
        if self.made.labels:
            labels = {self.made.label: torch.randint(self.made.labels, (rows,), device=self.device)}
        return {**labels, "noise": torch.randn(rows, *self.shape, device=self.device)}

    def sample(self, n: int, condition: Tensor | None = None, **how: Any) -> Tensor:
        """`n` new points or pictures, standardised, of labels `condition` (n, long; None: any). `how` says `steps`, `guidance` and
        `sampler` (sde_dpm_solver, dpm_solver, ddim, ancestral); points are made by the random walk through all steps unless it says
        otherwise."""
        if self.picture is None and not how:
            return self(self.noise_like(n))[self.made.name]
        inputs = self._start(n)
        if condition is not None:
            inputs[self.made.label] = condition
        return self.way(inputs, **how)

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """Scaled codes (B Z ...): the means of q(z|x)."""
        mean, _ = self.codec.q(self._value(inputs[self.made.name]))
        return (mean - self._each(self.mean_Z)) / self._each(self.std_Z)

    def decode(self, codes: Tensor) -> Tensor:
        """Data from scaled codes (B Z ...)."""
        return self.codec.decode(codes * self._each(self.std_Z) + self._each(self.mean_Z))

    def _value(self, value: Any) -> Tensor:
        return value.numeric_BF if self.picture is None else value

    def _each(self, numbers_Z: Tensor) -> Tensor:
        """One number for each channel of a code, beside codes."""
        return numbers_Z.view(-1, *[1] * (len(self.shape) - 1))

    # ---- learning

    def codec_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||x - D(z)||^2 + w KL(q(z|x) || N(0, I))."""
        x = self._value(batch[self.made.name])
        mean, log_variance = self.codec.q(x)
        error_B = ((x - self.codec.decode(drawn(mean, log_variance))) ** 2).flatten(1).sum(1)
        kl_B = divergence(mean, log_variance)
        return summed(error_B + self.config.kl * kl_B, batch, error=error_B, kl=kl_B)

    def scale(self, parts: Parts, clock: Clock) -> Iterator[Done]:
        """Measure mean and standard deviation of codes over the training part."""
        found = [self.codec.q(self._value(batch[self.made.name])) for batch in parts.train.batches(1024)]
        mean, variance = torch.cat([m for m, _ in found]), torch.cat([v for _, v in found]).exp()
        over = [d for d in range(mean.ndim) if d != 1]
        self.mean_Z.copy_(mean.mean(over))
        self.std_Z.copy_((mean.var(over, correction=0) + variance.mean(over)).sqrt().clamp(min=1e-6))
        yield Done(1.0)

    def latents(self, batch: Batch) -> Tensor:
        """q(z|x) of a batch in scaled units, mean and standard deviation side by side (B 2Z ...)."""
        mean, log_variance = self.codec.q(self._value(batch[self.made.name]))
        std = self._each(self.std_Z)
        return torch.cat(((mean - self._each(self.mean_Z)) / std, (0.5 * log_variance).exp() / std), dim=1)

    def denoiser_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||eps - eps_theta(sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps, t)||^2 at a random step for each row."""
        mean, std = batch["latent"].chunk(2, dim=1)
        z, denoiser = mean + std * torch.randn_like(mean), self.denoiser
        if isinstance(denoiser, PictureDenoiser):
            codes_B = denoiser.dropped(batch[self.made.label], self.config.drop) if self.made.labels else None
            t_B = self.walk.middle_steps(len(batch))
            return summed(self.walk.velocity_error(lambda x, t: denoiser(x, t, codes_B), z, t_B), batch)
        t_B = self.walk.any_steps(len(batch))
        return summed(self.walk.error(lambda x, t: denoiser(x, denoiser.times(t)), z, t_B), batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c, falling, points = self.config, Schedule(warmup=0.02, decay="cosine"), self.picture is None
        ema, feed, clip = c.ema, shuffled(c.batch), None
        codec_epochs, epochs, share = c.codec_epochs, c.epochs, 0.2
        descent = Adam(c.lr, schedule=falling)
        if not points:
            descent = Muon(c.picture_lr, weight_decay=0.0, schedule=falling, spared=("labels",))
            ema, feed, clip = c.picture_ema, shuffled(c.picture_batch), 1.0
            codec_epochs, epochs, share = max(1, c.picture_epochs // 4), c.picture_epochs, 0.3
        codec = Descend("codec", self.codec_loss, ("codec",), Adam(c.codec_lr, schedule=falling), clip=clip)
        denoiser = Descend("denoiser", self.denoiser_loss, ("denoiser",), descent, clip=clip)
        codes, look = encoded(by="latents", name="latent", inner=feed), self.denoiser_loss
        return (
            Stage((codec,), ("codec",), feed, share, name="codec", epochs=codec_epochs, validate=self.codec_loss),
            Stage((Solve("scale", self.scale),), (), name="scale", epochs=1),
            Stage((denoiser,), ("denoiser",), codes, 1 - share, name="denoiser", epochs=epochs, validate=look, ema=ema),
        )

    card = Card(
        idea="Noise becomes data in many small steps, each of which takes a little noise away, on short codes of the data.",
        equation="min E ||eps - eps_theta(sqrt(abar_t) z + sqrt(1 - abar_t) eps, t)||^2,  z = codec(x)",
        paper="Rombach, Blattmann, Lorenz, Esser & Ommer, High-Resolution Image Synthesis with Latent Diffusion Models, CVPR",
        year=2022,
        learns="unsupervised, by gradient: first the codec, then the denoiser on frozen codes",
        good_at="making data with many modes, every mode in its right share; stable learning",
        weak_at="slow at making data: the denoiser runs once for each of many steps; what the codec does not keep is lost",
        cost="a training step is one pass through the denoiser; a made batch is as many passes as there are steps of noise",
        processes="gradients are averaged over processes, each with noise of its own; the codes' scale is measured by the first",
    )
