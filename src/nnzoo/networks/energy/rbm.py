"""Restricted Boltzmann machine: an energy over pictures and hidden causes, lowered at the data and lifted where it dreams.

    E(v, h) = -b'v - c'h - v'W h,      p(v, h) = exp(-E(v, h)) / Z,      v and h of zeros and ones        (Smolensky 1986)
    p(h_j = 1 | v) = sigmoid(c_j + W_j'v),      p(v_i = 1 | h) = sigmoid(b_i + W_i h)
    F(v) = -log sum over h of exp(-E(v, h)) = -b'v - sum over j of log(1 + exp(c_j + W_j'v))              the free energy

No unit is joined to one of its own layer, so that all of a layer is drawn at once, given the other (Gibbs sampling). The gradient
of the log likelihood is a difference of two means, one at the data and one at the model's own distribution (Hinton 2002):

    d log p(v) / dW = E[v h' | data] - E[v h' | model]

The second mean is estimated by k Gibbs steps, from the data (contrastive divergence, CD-k, Hinton 2002) or from chains that go on
from batch to batch while the weights move little (persistent, PCD-k, Tieleman 2008). Z is never known; in its place stands the
pseudo likelihood, the sum over i of log p(v_i | all others) = log sigmoid(F(v with bit i flipped) - F(v))   (Besag 1975).

Pictures in 0..1 are taken as probabilities of ones. Shapes: B rows, V visible, H hidden, G chains, M bits asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from nnzoo.blocks.probe import Probe
from nnzoo.core.abilities import Encodes, Predicts, Samples, Surprise
from nnzoo.core.dataset import Batch
from nnzoo.core.feeds import shuffled
from nnzoo.core.fields import Image, Spec
from nnzoo.core.learning import Clock, Done, Solve, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.search import LogIntegers, LogUniform, Space
from nnzoo.core.task import Task

PICTURES_AT_ONCE = 64  # for all bits of each


class Config(NetworkConfig):
    """Constants of the machine and of its learning: those of the Deep Learning Tutorials, with a lower and falling rate."""

    hidden: int = Field(500, ge=1)
    steps: int = Field(15, ge=1)  # k
    persistent: bool = True  # PCD; else CD
    lr: float = Field(0.02, gt=0)
    falling: bool = True  # the learning rate falls to zero over the stage, so that the chains catch up (Tieleman 2008)
    batch: int = Field(20, ge=1)
    epochs: int = Field(15, ge=1)
    sampling: int = Field(200, ge=1)  # Gibbs steps from noise to a sample
    search: ClassVar[Space] = {
        "hidden": LogIntegers(50, 1000),
        "steps": LogIntegers(1, 30),
        "lr": LogUniform(2e-3, 0.1),
    }


class RBM(Network):
    """Weights W (V H), visible biases b (V) and hidden biases c (H)."""

    @classmethod
    def can(cls, spec: Spec, task: Task) -> Can | No:
        if spec.only("inputs", Image) is None:
            return No("rbm learns pictures of one size, their pixels taken as ones and zeros; for points use wgan_gp")
        if spec.outputs:
            return No("rbm learns pictures without labels or numbers beside them; leave the target out, or use cnn to predict it")
        if task.name != "unconditional-image-generation":
            return No(f"rbm makes pictures, which is not {task.name}; ask for unconditional-image-generation")
        return Can((Predicts, Samples, Encodes, Surprise))

    def __init__(self, config: Config, spec: Spec, task: Task, found: dict[str, Any] = {}, parts: dict[str, Network] = {}):
        super().__init__(config, spec, task, found, parts)
        (self.name,) = spec.inputs
        image = spec.inputs[self.name]
        assert isinstance(image, Image)
        self.image, V, H = image, image.size, config.hidden
        bound = 4 * (6 / (V + H)) ** 0.5  # Glorot & Bengio 2010, for sigmoids
        self.W = nn.Parameter(torch.empty(V, H).uniform_(-bound, bound))
        self.b, self.c = nn.Parameter(torch.zeros(V)), nn.Parameter(torch.zeros(H))
        self.hidden, self.reconstruction = Probe(), Probe()

    def forward(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """Reconstructions: the pictures expected from the hidden units that the given ones switch on, standardised (B C H W)."""
        h_BH = self.hidden(self.hidden_given(self.visible(inputs)))
        return {self.name: self.picture(self.reconstruction(self.visible_given(h_BH)))}

    def visible(self, inputs: dict[str, Any]) -> Tensor:
        """Standardised pictures as probabilities of ones (B V)."""
        x_BCHW = inputs[self.name]
        shape = (self.image.channels, self.image.height, self.image.width)
        assert x_BCHW.shape[1:] == shape, f"pictures of {tuple(x_BCHW.shape[1:])}, expected {shape}"
        return self.image.restore(x_BCHW).clamp(0, 1).flatten(1)

    def picture(self, v_BV: Tensor) -> Tensor:
        """Visible units as standardised pictures (B C H W)."""
        x_BCHW = v_BV.unflatten(1, (self.image.channels, self.image.height, self.image.width))
        mean, std = (x_BCHW.new_tensor(values).view(-1, 1, 1) for values in (self.image.mean, self.image.std))
        return (x_BCHW - mean) / std

    def hidden_given(self, v_BV: Tensor) -> Tensor:
        """p(h_j = 1 | v) (B H)."""
        return torch.sigmoid(torch.addmm(self.c, v_BV, self.W))

    def visible_given(self, h_BH: Tensor) -> Tensor:
        """p(v_i = 1 | h) (B V)."""
        return torch.sigmoid(torch.addmm(self.b, h_BH, self.W.T))

    def free_energy(self, v_BV: Tensor) -> Tensor:
        """F(v) (B), in nats; log p(v) = -F(v) - log Z."""
        return -(v_BV @ self.b) - F.softplus(torch.addmm(self.c, v_BV, self.W)).sum(1)

    def stages(self, task: Task) -> tuple[Stage, ...]:
        c = self.config
        move = Solve("contrast", self.learn, sees="batch")
        # the last weights are kept: those of the best pseudo likelihood on other pictures dream worse (measured)
        return (Stage((move,), feed=shuffled(c.batch), epochs=c.epochs),)

    def memory(self, rows: int) -> dict[str, Tensor]:
        """The persistent chains: hidden units (G H), all off at first."""
        return {"chains": torch.zeros(rows, self.config.hidden, device=self.device)} if self.config.persistent else {}

    def learn(self, batch: Batch, clock: Clock) -> Iterator[Done]:
        """One step up the estimated gradient of the log likelihood."""
        v_BV = self.visible(batch.inputs)
        p_BH = self.hidden_given(v_BV)
        h_GH = clock.memory["chains"] if self.config.persistent else torch.bernoulli(p_BH)
        for _ in range(self.config.steps):
            dream_GV = torch.bernoulli(self.visible_given(h_GH))
            q_GH = self.hidden_given(dream_GV)
            h_GH = torch.bernoulli(q_GH)
        if self.config.persistent:
            clock.memory = {"chains": h_GH}
        share_B1 = torch.full_like(p_BH[:, :1], 1 / len(batch))
        if batch.weight is not None:
            share_B1 = (batch.weight / batch.weight.sum())[:, None]
        bit_B1 = torch.full((len(batch), 1), clock.step % len(self.b), device=v_BV.device)
        pseudo_B = self.pseudo_log_likelihood(v_BV, bit_B1)
        lr, G = self.config.lr, len(dream_GV)
        if self.config.falling:
            lr *= 1 - clock.step / clock.steps
        self.W.add_(lr * ((share_B1 * v_BV).T @ p_BH - dream_GV.T @ q_GH / G))  # E[v h' | data] - E[v h' | model]
        self.b.add_(lr * ((share_B1 * v_BV).sum(0) - dream_GV.mean(0)))
        self.c.add_(lr * ((share_B1 * p_BH).sum(0) - q_GH.mean(0)))
        yield Done(metrics={"pseudo_log_likelihood": pseudo_B.mean()})

    def pseudo_log_likelihood(self, v_BV: Tensor, bits_BM: Tensor | None = None) -> Tensor:
        """Sum over i of log p(v_i | all others) (B) in nats, pictures rounded to ones and zeros; estimated from the bits given for
        each picture (V times their mean), or exact over all bits."""
        if bits_BM is None:
            every = torch.arange(len(self.b), device=v_BV.device)
            parts = v_BV.split(PICTURES_AT_ONCE)
            return torch.cat([self.pseudo_log_likelihood(part, every.expand(len(part), -1)) for part in parts])
        v_BV = v_BV.round()
        a_BH = torch.addmm(self.c, v_BV, self.W)
        total_B = torch.zeros_like(v_BV[:, 0])
        for bit_B in bits_BM.unbind(1):
            flip_B = 1 - 2 * v_BV.gather(1, bit_B[:, None])[:, 0]
            flipped_BH = a_BH + flip_B[:, None] * self.W[bit_B]
            rise_B = -flip_B * self.b[bit_B] - (F.softplus(flipped_BH) - F.softplus(a_BH)).sum(1)  # F(flipped) - F(v)
            total_B = total_B + F.logsigmoid(rise_B)
        return total_B * (len(self.b) / bits_BM.shape[1])

    @torch.no_grad()
    def sample(self, n: int, condition: Any = None) -> Tensor:
        """`n` pictures (n C H W): expected pixels at the end of Gibbs chains that begin with each pixel drawn by its bias alone."""
        v_nV = torch.bernoulli(torch.sigmoid(self.b).expand(n, -1))
        for _ in range(self.config.sampling):
            p_nV = self.visible_given(torch.bernoulli(self.hidden_given(v_nV)))
            v_nV = torch.bernoulli(p_nV)
        return self.picture(p_nV)

    def encode(self, inputs: dict[str, Any]) -> Tensor:
        """Probabilities of the hidden units (B H)."""
        return self.hidden_given(self.visible(inputs))

    def decode(self, codes: Tensor) -> Tensor:
        """Expected pictures, standardised (B C H W), of hidden units (B H)."""
        return self.picture(self.visible_given(codes))

    def surprise(self, inputs: dict[str, Any]) -> Tensor:
        """The free energy (B): -log p(v) up to one constant for all pictures."""
        return self.free_energy(self.visible(inputs))

    card = Card(
        idea="An energy over pictures and hidden causes, lowered at the data and lifted where the machine dreams.",
        equation="dW = E[v h' | data] - E[v h' | model], the model's mean from persistent Gibbs chains",
        paper="Hinton, Training products of experts by minimizing contrastive divergence, Neural Computation 14",
        year=2002,
        learns="unsupervised, by contrast of data with Gibbs samples; persistent chains after Tieleman (2008)",
        good_at="black-and-white pictures: codes, samples, and an energy that tells how unusual one is",
        weak_at="shades and colours, large pictures, long learning (chains mix ever more slowly); no exact likelihood",
        cost="2 k + 2 products of (batch x visible) by (visible x hidden) a step",
        processes="not divided: a rule over batches runs on the first process and is handed to the others",
    )
