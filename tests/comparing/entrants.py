"""Small kinds of network for tests of the race, and data that they learn in a moment."""

from __future__ import annotations

import os
import signal
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import nn

from nnzoo.core.abilities import Predicts
from nnzoo.core.fields import Classes, Table
from nnzoo.core.learning import Adam, Descend, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import LogUniform, Space

CARD = Card("a test's own", "y = W x", "none", 2000, "supervised", "tests", "all else", "little")


class Config(NetworkConfig):
    lr: float = 0.05


class Linear(Network):
    """One layer, trained by descent."""

    Config = Config
    card = CARD

    @classmethod
    def can(cls, spec, task):
        if spec.only("inputs", Table) is None or spec.only("outputs", Classes) is None:
            return No("linear reads tables only; use cnn")
        return Can((Predicts,))

    def __init__(self, config, spec, task, found={}, parts={}):
        super().__init__(config, spec, task, found, parts)
        ((self.name, field),), ((self.output, labels),) = spec.inputs.items(), spec.outputs.items()
        self.layer = nn.Linear(len(field.numeric), labels.size)

    def forward(self, inputs):
        return {self.output: self.layer(inputs[self.name].numeric_BF)}

    def stages(self, task):
        return (Stage((Descend("task", self.task_loss, optimizer=Adam(self.config.lr)),), epochs=3, validate=self.task_loss),)


class HopelessConfig(NetworkConfig):
    lr: float = 1e-7
    search: ClassVar[Space] = {"lr": LogUniform(1e-5, 1.0)}


class Searched(Linear):
    """Learns nothing at its default learning rate, and well at another that its search space holds."""

    Config = HopelessConfig


class KilledConfig(NetworkConfig):
    lr: float = 0.05
    alive: int = 0  # the process that lives on


class Killed(Linear):
    """Its process is ended from outside while it learns, unless it is the one that shall live."""

    Config = KilledConfig

    def task_loss(self, batch, clock):
        if os.getpid() != self.config.alive:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().task_loss(batch, clock)


class Guesser(Linear):
    """Answers by chance: its first weights, never changed, see the input scattered."""

    def forward(self, inputs):
        x = inputs[self.name].numeric_BF
        return {self.output: self.layer(torch.sin(1e4 * x))}

    def stages(self, task):
        return (Stage((Descend("task", self.task_loss, optimizer=Adam(0.0)),), epochs=1),)


class Exploder(Linear):
    """Its loss is never finite."""

    def task_loss(self, batch, clock):
        loss = super().task_loss(batch, clock)
        return loss._replace(sum=loss.sum * float("nan"))


class Refuser(Linear):
    @classmethod
    def can(cls, spec, task):
        return No("refuser never can; use linear")


def flowers(rows: int = 300) -> pd.DataFrame:
    """Three kinds of flower, told apart by two lengths."""
    rng = np.random.default_rng(0)
    kind = np.arange(rows) % 3
    return pd.DataFrame(
        {
            "petal": kind + rng.normal(0, 0.35, rows),
            "sepal": (kind == 1) + rng.normal(0, 0.35, rows),
            "flower": np.array(["<b>rose</b>", "lily", "tulip & co"])[kind],
        }
    )
