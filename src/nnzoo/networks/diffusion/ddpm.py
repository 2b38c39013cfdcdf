"""Denoising diffusion: data turn into noise in many small steps, and a network learns what noise was added, which leads back.

    q(x_t|x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I)                                                  (Ho 2020, eq. 4)
    L = E ||eps - eps_theta(sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, t)||^2                            (Ho 2020, eq. 14)

With labels c, which are dropped with probability p while learning, so that both noises are known:
    eps = eps_theta(x_t, t, none) + g (eps_theta(x_t, t, c) - eps_theta(x_t, t, none))                 (Ho & Salimans 2022, eq. 6)

Ways back from x_T ~ N(0, I) stand in `blocks/samplers.py`: Ho's random walk through all steps, DDIM, and DPM-Solver++, which needs
about 20 of them, with chance (the usual one) or without. What noise is in pictures a U-Net says, what is in points a perceptron.
The picture that is seen through the noise at a step is kept within what pixels can be.

Ours, beside the paper's: the steps of a batch are spread evenly over all, those of pictures over where most is to be learned, and
the U-Net tells the noise as a velocity, with the loss divided by abar_t (`NoiseProcess`; Salimans & Ho 2022; Karras 2022). Its
matrices learn by momentum made orthogonal (`Muon`): after 1,400 steps the Frechet distance of pictures was 54, and 88 by Adam.

Shapes: B batch, C H W picture, D numbers of a point, T steps of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from nnzoo.blocks.made_things import what_is_made
from nnzoo.blocks.noise_process import NoiseProcess
from nnzoo.blocks.noise_schedules import cosine_betas, linear_betas
from nnzoo.blocks.picture_denoiser import PictureDenoiser
from nnzoo.blocks.point_denoiser import PointDenoiser
from nnzoo.blocks.probe import Probe
from nnzoo.blocks.rows import summed
from nnzoo.blocks.samplers import Even, SamplerName, certain, from_velocity, sampler_named, times_of, within
from nnzoo.blocks.unet import MULTIPLE
from nnzoo.core.abilities import Samples
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec
from nnzoo.core.learning import Adam, Clock, Descend, Loss, Muon, Schedule, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import Choice, LogUniform, Space, Uniform
from nnzoo.core.task import Task

LARGE = 24  # pixels a side
SCHEDULES: dict[str, Callable[[int], Tensor]] = {"linear": linear_betas, "cosine": cosine_betas}


class Config(NetworkConfig):
    """Constants of the noise, of the two sorts of network, of the way back, and of the descent."""

    steps: int = Field(1000, ge=2)  # T
    schedule: Literal["linear", "cosine"] = "linear"  # Ho 2020, Nichol & Dhariwal 2021
    widths: tuple[int, ...] = Field((32, 64), min_length=1)  # channels of each level of the U-Net
    blocks: int = Field(1, ge=1)  # of each level
    attends: int = Field(1, ge=0)  # how many of the lowest levels
    patch: int = Field(0, ge=0)  # pixels a side of a square that is read as one place; 0: 2 where pictures have 24 pixels a side
    dropout: float = Field(0.0, ge=0, lt=1)
    bfloat16: bool = True  # convolutions; weights are float32
    width: int = Field(128, ge=2, multiple_of=2)  # of the perceptron for points
    depth: int = Field(3, ge=1)
    drop: float = Field(0.1, ge=0, le=1)  # p
    guidance: float = Field(2.0, ge=0)  # g
    sampler: SamplerName = "sde_dpm_solver"
    even: Even = "lambda"  # over what the steps of a way back are evenly spread
    sampling_steps: int = Field(25, ge=1)
    lr: float = Field(3e-3, gt=0)
    point_lr: float = Field(5e-3, gt=0)
    ema: float = Field(0.99, ge=0, lt=1)
    batch: int = Field(32, ge=1)
    point_batch: int = Field(64, ge=1)
    epochs: int = Field(40, ge=1)
    point_epochs: int = Field(200, ge=1)
    before: ClassVar[Mapping[str, Any]] = {"even": "root"}
    search: ClassVar[Space] = {
        "schedule": Choice(("linear", "cosine")),
        "widths": Choice(((32, 64), (64, 64), (32, 64, 64), (64, 128))),
        "width": Choice((64, 128, 256)),
        "dropout": Uniform(0, 0.3),
        "lr": LogUniform(1e-3, 1e-2),
        "point_lr": LogUniform(1e-3, 2e-2),
    }

    @field_validator("widths")
    @classmethod
    def in_groups(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        """Channels are normalised in groups of equal size."""
        if any(width % MULTIPLE for width in widths):
            raise ValueError(f"must be multiples of {MULTIPLE}, since channels are normalised in groups")
        return widths


class DDPM(Network):
    """One network that says what noise is in data of any step."""

    sampling: ClassVar[tuple[str, ...]] = ("steps", "guidance", "sampler")

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        made = what_is_made("ddpm", spec, task)
        return made if isinstance(made, No) else Can((Samples,))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        made = what_is_made("ddpm", spec, task)
        assert not isinstance(made, No)
        c, field = config, made.field
        self.made, self.walk = made, NoiseProcess(SCHEDULES[c.schedule](c.steps))
        self.picture = field if isinstance(field, Image) else None
        if isinstance(field, Image):
            patch = c.patch or (2 if min(field.height, field.width) >= LARGE else 1)
            self.shape: tuple[int, ...] = (field.channels, field.height, field.width)
            self.denoiser: PictureDenoiser | PointDenoiser = PictureDenoiser(
                field.channels, made.labels, c.widths, c.blocks, c.attends, c.dropout, c.bfloat16, patch
            )
        else:
            self.shape = (len(field.numeric),)
            self.denoiser = PointDenoiser(len(field.numeric), c.width, c.depth)
        self.seen = Probe()

    # ---- making data

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Data from {"noise": x_T}, of labels (B, long) where it learned with labels, by a way back without chance."""
        return {self.made.name: self.seen(self.way(inputs, sampler=certain(self.config.sampler)))}

    def way(
        self, inputs: dict[str, Any], steps: int | None = None, guidance: float | None = None, sampler: str | None = None
    ) -> Tensor:
        """x_0 from x_T by any way back; what is None is as the config says (of the random walk: all steps). Raises ConfigError."""
        c, x = self.config, inputs["noise"]
        assert x.shape[1:] == self.shape
        name = c.sampler if sampler is None else sampler
        if guidance is not None and not self.made.labels:
            raise ConfigError("it learned without labels, so that there is nothing to guide by; leave guidance out")
        kept = self.walk.kept
        times = times_of(name, kept, steps, c.sampling_steps, c.even)
        if isinstance(self.denoiser, PointDenoiser):
            eps = self.denoiser.eps(times)
        else:
            assert self.picture is not None
            codes_B = inputs[self.made.label] if self.made.labels else None
            mean_C11, std_C11 = (x.new_tensor(by_channel).view(-1, 1, 1) for by_channel in (self.picture.mean, self.picture.std))
            black_C11, white_C11 = -mean_C11 / std_C11, (1 - mean_C11) / std_C11
            v = self.denoiser.eps(times, codes_B, c.guidance if guidance is None else guidance)
            eps = within(from_velocity(v, kept), kept, black_C11, white_C11)
        return sampler_named(name)(eps, kept, x, times)

    def noise_like(self, rows: int) -> dict[str, Tensor]:
        """What `forward` makes so many of: x_T, and labels drawn evenly where it learned with labels."""
        labels = {}
        if self.made.labels:
            labels = {self.made.label: torch.randint(self.made.labels, (rows,), device=self.device)}
        return {**labels, "noise": torch.randn(rows, *self.shape, device=self.device)}

    def sample(self, n: int, condition: Tensor | None = None, **how: Any) -> Tensor:
        """`n` new points or pictures, standardised, of labels `condition` (n, long; None: any). `how` says `steps`, `guidance` and
        `sampler` (sde_dpm_solver, dpm_solver, ddim, ancestral)."""
        inputs = self.noise_like(n)
        if condition is not None:
            inputs[self.made.label] = condition
        return self.way(inputs, **how)

    # ---- learning

    def noise_loss(self, batch: Batch, clock: Clock) -> Loss:
        """||eps - eps_theta(x_t, t, c)||^2, of pictures divided by abar_t; steps spread over the batch, labels dropped."""
        denoiser, value = self.denoiser, batch[self.made.name]
        if isinstance(denoiser, PointDenoiser):
            t_B = self.walk.spread_steps(len(batch))
            return summed(self.walk.error(lambda x, t: denoiser(x, denoiser.times(t)), value.numeric_BF, t_B), batch)
        t_B = self.walk.middle_steps(len(batch))
        codes_B = denoiser.dropped(batch[self.made.label], self.config.drop) if self.made.labels else None
        return summed(self.walk.velocity_error(lambda x, t: denoiser(x, t, codes_B), value, t_B), batch)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c, points, schedule = self.config, self.picture is None, Schedule(warmup=0.05, decay="cosine")
        adam = Adam(c.point_lr, schedule=schedule)
        muon = Muon(c.lr, weight_decay=0.0, schedule=schedule, spared=("labels",))
        move = Descend("noise", self.noise_loss, ("denoiser",), adam if points else muon, clip=1.0)
        epochs = c.point_epochs if points else c.epochs
        feed = shuffled(c.point_batch if points else c.batch)
        return (Stage((move,), feed=feed, epochs=epochs, name="denoise", ema=c.ema),)

    card = Card(
        idea="Noise becomes data in many small steps, each of which takes away a little of the noise that a network sees.",
        equation="min E ||eps - eps_theta(sqrt(abar_t) x + sqrt(1 - abar_t) eps, t)||^2",
        paper="Ho, Jain & Abbeel, Denoising Diffusion Probabilistic Models, NeurIPS",
        year=2020,
        learns="unsupervised, or with labels, by gradient: one loss, nothing to balance",
        good_at="pictures with all their variety, every mode in its right share; learning that does not fail",
        weak_at="slow at making data: the network runs once for each of 20 steps or more; says not how likely a given row is",
        cost="a training step is one pass through the U-Net and back; a made batch is one pass for each step, two with guidance",
        processes="gradients are averaged over processes, each with noise and evenly spread steps of its own",
    )
