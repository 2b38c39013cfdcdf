"""FID's network has the tensors of its published file and what sets it apart from the paper's; FID is the plain formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.linalg import sqrtm
from torch import Tensor, nn

from nnzoo.comparing.judging.inception import Inception, averaged, fid, inception_from, largest
from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError, RunError
from nnzoo.core.events import Reading
from nnzoo.core.fields import Image, Spec

WITHOUT_LAST_LAYER = 21_785_568  # parameters; the published network for 1,000 labels has 2,049,000 more, 23,834,568


@pytest.fixture(scope="module")
def network() -> Inception:
    torch.manual_seed(0)
    return Inception().eval()


def test_it_is_the_published_network(network: Inception) -> None:
    assert sum(p.numel() for p in network.parameters()) == WITHOUT_LAST_LAYER
    shapes = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3) and shapes["Mixed_5d.branch_pool.conv.weight"] == (64, 288, 1, 1)
    assert shapes["Mixed_6c.branch7x7dbl_5.conv.weight"] == (192, 160, 1, 7) and shapes["Mixed_6a.branch3x3.bn.bias"] == (384,)
    assert shapes["Mixed_7a.branch7x7x3_4.conv.weight"] == (192, 192, 3, 3)
    assert shapes["Mixed_7c.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)


def test_grey_pictures_are_seen_in_three_colours_and_borders_average_what_is_there(network: Inception) -> None:
    grey = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        seen = network(grey)
        assert seen.shape == (1, 2048) and torch.allclose(seen, network(grey.expand(-1, 3, -1, -1)), atol=1e-5)
    assert torch.allclose(averaged(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4)), "zeros beyond the border are not counted"
    assert network.Mixed_7b.pool is averaged and network.Mixed_7c.pool is largest


def test_weights_come_from_a_file_and_others_are_refused(network: Inception, tmp_path: Path) -> None:
    tensors = {**network.state_dict(), "fc.weight": torch.zeros(1008, 2048)}
    save_file(tensors, tmp_path / "inception.safetensors")
    torch.save(tensors, tmp_path / "inception.pth")
    for name in ("inception.safetensors", "inception.pth"):
        again = inception_from(tmp_path / name)
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters()))
    save_file({"fc.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match=r"has no tensor Conv2d_1a_3x3\.conv\.weight of shape"):
        inception_from(tmp_path / "other.safetensors")
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("text.pth", "nowhere.safetensors"):
        with pytest.raises(RunError, match="holds no weights of Inception-v3"):
            inception_from(tmp_path / name)


class Pixels(nn.Module):
    """Stands for the network: features are pixels."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW.flatten(1)


class Makes:
    device = torch.device("cpu")

    def sample(self, n: int, condition: Tensor | None = None) -> Tensor:
        return torch.randn(n, 1, 2, 2) * 0.3


def pictures(rows: int) -> Dataset:
    spec = Spec(inputs={"x": Image(channels=1, height=2, width=2, mean=(0.5,), std=(0.25,))}, train_size=rows)
    return Dataset(spec, {"x": {"pixels": torch.rand(rows, 1, 2, 2, generator=torch.Generator().manual_seed(0))}})


def test_fid_is_the_formula_of_all_pictures_as_they_would_be_saved() -> None:
    told: list[Reading] = []
    found = fid(Makes(), pictures(120), Pixels(), seed=4, listen=[told.append])  # type: ignore[arg-type]
    real = pictures(120).columns["x"]["pixels"]
    from nnzoo.tasks._generation import draw

    made = (draw(Makes(), 120, 4) * 0.25 + 0.5).clamp(0, 1)
    a, b = ((x.flatten(1) * 255).round().double().numpy() / 255 for x in (made, real))
    gap, (c, d) = a.mean(0) - b.mean(0), (np.cov(x, rowvar=False) for x in (a, b))
    assert found == pytest.approx(gap @ gap + np.trace(c + d - 2 * sqrtm(c @ d).real), rel=1e-4)
    assert told[-1].done == told[-1].total == 240 and told[-1].left == 0


def test_fid_needs_pictures() -> None:
    with pytest.raises(DataError, match="two or more"):
        fid(Makes(), pictures(1), Pixels())  # type: ignore[arg-type]
