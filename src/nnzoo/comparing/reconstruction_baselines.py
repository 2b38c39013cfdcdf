"""Principal components: the linear answer to giving back what went in by way of a code of C numbers (Hotelling 1933).

    f(x) = xbar + W W' (x - xbar),      W the C leading eigenvectors of the covariance of the training part

No linear code of that size has a smaller squared error on the training part. F numbers of a row, C of a code, B rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nnzoo.comparing.baselines import Baseline
from nnzoo.core.dataset import Parts
from nnzoo.core.fields import Image, Rows, Spec, Table
from nnzoo.core.network import Network
from nnzoo.core.task import Task

MOST_FEATURES = 4096  # of which the whole covariance is decomposed; of more, a random part of the rows is


@dataclass(frozen=True)
class PCA:
    """Makes the baseline with a code of so many numbers."""

    code: int

    @property
    def kind(self) -> str:
        """The entrant's name."""
        return f"pca-{self.code}"

    def __call__(self, spec: Spec, seed: int = 0, seconds: float = 30.0) -> PrincipalComponents:
        """The baseline, not fitted."""
        return PrincipalComponents(spec, seed, seconds, self.code)


class PrincipalComponents(Baseline):
    """Gives back what the leading components of a row hold."""

    kind = "pca"

    def __init__(self, spec: Spec, seed: int = 0, seconds: float = 30.0, code: int = 1):
        super().__init__(spec, seed, seconds)
        self.code = code

    def fit(self, parts: Parts) -> None:
        (self.name,) = self.spec.inputs
        total_F, squares_FF, rows = torch.zeros(()), torch.zeros(()), 0
        pieces = []
        for batch in parts.train.batches(1024):
            x_BF = self._numbers(batch.inputs[self.name]).double()
            total_F, rows = total_F + x_BF.sum(0), rows + len(x_BF)
            if x_BF.shape[1] <= MOST_FEATURES:
                squares_FF = squares_FF + x_BF.T @ x_BF
            else:
                pieces.append(x_BF.float())
        self.mean_F = total_F / rows
        if pieces:
            x_NF = torch.cat(pieces)[self._some_rows(rows, 5000)] - self.mean_F.float()
            _, _, axes_FC = torch.pca_lowrank(x_NF, min(self.code, *x_NF.shape), center=False, niter=4)
            self.axes_FC = axes_FC.double()
        else:
            covariance_FF = squares_FF / rows - self.mean_F[:, None] * self.mean_F
            self.axes_FC = torch.linalg.eigh(covariance_FF).eigenvectors.flip(1)[:, : self.code]

    def __call__(self, inputs: dict[str, Any]) -> dict[str, Tensor]:
        """{input's name: what is given back, standardised, in the input's shape}."""
        value = inputs[self.name]
        x_BF = self._numbers(value).double() - self.mean_F
        back_BF = (self.mean_F + x_BF @ self.axes_FC @ self.axes_FC.T).float()
        return {self.name: back_BF if isinstance(value, Rows) else back_BF.view(value.shape)}

    def _numbers(self, value: Any) -> Tensor:
        return (value.numeric_BF if isinstance(value, Rows) else value).flatten(1).cpu()

    @property
    def parameters(self) -> int:
        return self.mean_F.numel() + self.axes_FC.numel()

    def learned(self) -> Any:
        return self.mean_F.float().numpy(), self.axes_FC.float().numpy()


def components_for(spec: Spec, judge: Task, networks: Mapping[str, tuple[type[Network], Mapping[str, Any]]]) -> list[PCA]:
    """Principal components of as many numbers as the codes of the networks (class and settings by name) have, once each."""
    sizes = set()
    for name, (make, config) in networks.items():
        network = make(make.Config.read(config, name), spec, judge).eval()
        if hasattr(network, "encode"):
            with torch.no_grad():
                sizes.add(network.encode(_one_row(spec)).flatten(1).shape[1])  # type: ignore[operator]
    return [PCA(size) for size in sorted(sizes)]


def _one_row(spec: Spec) -> dict[str, Any]:
    """Inputs of one row of zeros."""
    ((name, field),) = spec.inputs.items()
    if isinstance(field, Image):
        return {name: torch.zeros(1, field.channels, field.height, field.width)}
    assert isinstance(field, Table)
    return {name: Rows(torch.zeros(1, len(field.numeric)), torch.zeros(1, 0, dtype=torch.long))}
