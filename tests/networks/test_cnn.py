"""cnn: what its units see, what it learns where a place-bound network cannot, and the movement of its pictures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from nnzoo import tasks
from nnzoo.blocks.augment import ShiftFlip, moved
from nnzoo.blocks.probe import Probe
from nnzoo.core.dataset import Batch, Dataset, Parts
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import AnyField, Classes, Image, Spec, Table, Values
from nnzoo.networks.convolutional.cnn import CNN, Config
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings

LABELS = Classes(labels=("a", "b", "c"))
TASK = tasks.find("image-classification")


def build(side: int | tuple[int, int] = 28, colours: int = 1, output: AnyField = LABELS, task: Any = TASK, **settings: Any) -> CNN:
    height, width = (side, side) if isinstance(side, int) else side
    image = Image(channels=colours, height=height, width=width)
    torch.manual_seed(0)
    return CNN(Config(**settings), Spec(inputs={"image": image}, outputs={"y": output}, train_size=100), task)


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, (4, 10)),
        ({"convolutions": 2}, (6, 16)),
        ({"kernel": 5, "channels": (4, 6, 8)}, (6, 16, 36)),
        ({"stride": 2, "channels": (4, 6)}, (5, 21)),
    ],
)
def test_a_unit_sees_as_many_pixels_as_its_receptive_field_says(settings: dict[str, Any], fields: tuple[int, ...]):
    network = build(64, normalise=False, pooling="average", **settings).eval()
    assert network.receptive_fields == fields
    for parameter in network.parameters():  # all positive, so that no ReLU is off and no two paths cancel
        parameter.data.fill_(0.01)
    x = torch.rand(1, 1, 64, 64, requires_grad=True)
    a = x
    for block, field in zip(network.blocks, fields):
        a = block(a)
        middle = a.shape[-1] // 2
        (slope,) = torch.autograd.grad(a[0, 0, middle, middle], x, retain_graph=True)
        assert [int((slope[0, 0].abs().sum(axis) > 0).sum()) for axis in (0, 1)] == [field, field]


def test_pooling_is_by_maximum_or_mean():
    x = torch.rand(2, 1, 8, 8)
    for pooling, reduce in (("max", torch.amax), ("average", torch.mean)):
        block = build(8, pooling=pooling, channels=(3,), normalise=False).blocks[0]
        before = x
        for layer in list(block.layers)[:-1]:  # type: ignore[arg-type]
            before = layer(before)
        torch.testing.assert_close(block(x), reduce(before.unflatten(3, (4, 2)).unflatten(2, (4, 2)), (3, 5)))


def test_a_thing_is_found_at_places_where_it_was_never_shown():
    """Crosses and rings lie in the left half in training and in the right half in the test; shared windows see no difference."""
    cross = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])
    ring = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
    rows, columns, codes = torch.meshgrid(torch.arange(9), torch.arange(9), torch.arange(2), indexing="ij")
    pixels = torch.zeros(162, 1, 12, 12)
    for n, (row, column, code) in enumerate(zip(rows.flatten(), columns.flatten(), codes.flatten())):
        pixels[n, 0, row : row + 3, column : column + 3] = (cross, ring)[code]
    image, labels = Image(channels=1, height=12, width=12), Classes(labels=("cross", "ring"))
    spec = Spec(inputs={"image": image}, outputs={"y": labels}, train_size=90)
    full = Dataset(spec, {"image": {"pixels": pixels}, "y": {"codes": codes.flatten()}})
    left = columns.flatten() <= 4
    parts = Parts(full.part(left.nonzero()[:, 0]), None, full.part((~left).nonzero()[:, 0]))
    torch.manual_seed(0)
    settings = Config(channels=(8, 16), hidden=32, shift=1, batch=30, epochs=40, dropout=0.1)
    network = train(CNN(settings, spec, TASK), parts, Settings(device="cpu")).network
    assert parts.test is not None
    assert TASK.evaluate(network, parts.train).score == 1.0
    assert TASK.evaluate(network, parts.test).score > 0.8  # a perceptron on the pixels answers by chance there


def test_digits_are_learned_to_983_of_1000():
    pixels, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    image = Image(channels=1, height=8, width=8, mean=(0.305,), std=(0.376,))
    spec = Spec(inputs={"image": image}, outputs={"digit": Classes(labels=tuple("0123456789"))}, train_size=1300)
    columns = {
        "image": {"pixels": torch.tensor(pixels / 16, dtype=torch.float32).view(-1, 1, 8, 8)},
        "digit": {"codes": torch.tensor(labels)},
    }
    full = Dataset(spec, columns)
    parts = Parts(full.part(order[:1300]), None, full.part(order[1300:]))
    torch.manual_seed(0)
    network = train(CNN(Config(epochs=10), spec, TASK), parts, Settings(device="cpu")).network
    assert parts.test is not None
    assert TASK.evaluate(network, parts.test).score > 0.983


def test_numbers_are_learned_from_pictures():
    """Where a bright spot lies, in pixels: within a fifth of a pixel."""
    draws = torch.Generator().manual_seed(1)
    where = 1 + 9 * torch.rand(700, 2, generator=draws)
    grid = torch.arange(12.0)
    bell = torch.exp(-((grid - where[:, :, None]) ** 2) / 2)
    pixels = (bell[:, 0, :, None] * bell[:, 1, None, :])[:, None]
    values = Values(names=("row", "column"), mean=(5.5, 5.5), std=(2.6, 2.6))
    spec = Spec(inputs={"image": Image(channels=1, height=12, width=12)}, outputs={"where": values}, train_size=500)
    full = Dataset(spec, {"image": {"pixels": pixels}, "where": {"numbers": where}})
    parts = Parts(full.part(torch.arange(500)), None, full.part(torch.arange(500, 700)))
    task = tasks.find("image-regression")
    torch.manual_seed(0)
    settings = Config(channels=(8, 16), shift=0, dropout=0.0, batch=50, epochs=40)
    network = train(CNN(settings, spec, task), parts, Settings(device="cpu")).network
    assert parts.test is not None
    assert task.evaluate(network, parts.test).scores["rmse"] < 0.2


@pytest.mark.parametrize(
    ("side", "colours", "settings"),
    [
        (4, 1, {"channels": (4, 4, 4, 4)}),
        ((5, 9), 3, {"stride": 2, "pooling": "average", "normalise": False}),
        (28, 1, {"convolutions": 2, "kernel": 5}),
    ],
)
def test_pictures_of_any_size_pass_and_the_predict_path_traces(side: Any, colours: int, settings: dict[str, Any]):
    network = build(side, colours, hidden=16, **settings).eval()
    shape = (side, side) if isinstance(side, int) else side
    inputs = {"image": torch.rand(3, colours, *shape)}
    out = network(inputs)["y"]
    assert out.shape == (3, 3)
    torch.testing.assert_close(torch.export.export(network, (inputs,)).module()(inputs)["y"], out)


def test_there_is_a_probe_after_every_nonlinearity_and_pictures_lie_channels_last():
    network = build(convolutions=2)
    modules = list(network.modules())
    after = [following for module, following in pairwise(modules) if isinstance(module, nn.ReLU)]
    assert len(after) == 5 and all(isinstance(module, Probe) for module in after)
    seen: list[Tensor] = []
    network.blocks[0].register_forward_hook(lambda module, args, out: seen.append(out))
    network({"image": torch.rand(2, 1, 28, 28)})
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_pictures_move_each_by_its_own_way_and_repeat_their_edge():
    x = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    out = moved(x, torch.tensor([1, -2]), torch.tensor([0, 1]), torch.tensor([False, True]))
    torch.testing.assert_close(out[0], torch.cat([x[0, :, :1], x[0, :, :-1]], 1))
    mirrored = x[1].flip(2)
    down = torch.cat([mirrored[:, 2:], mirrored[:, -1:], mirrored[:, -1:]], 1)
    torch.testing.assert_close(out[1], torch.cat([down[:, :, :1], down[:, :, :-1]], 2))


def test_augmentation_moves_by_at_most_the_shift_both_ways_and_follows_the_seed():
    x = torch.zeros(600, 1, 9, 9)
    x[:, 0, 4, 3] = 1
    batch = Batch({"image": x}, {"y": torch.zeros(600)}, 600)
    torch.manual_seed(1)
    out = ShiftFlip("image", shift=2, flip=True)(batch)
    torch.manual_seed(1)
    assert torch.equal(out["image"], ShiftFlip("image", shift=2, flip=True)(batch)["image"])
    assert torch.equal(batch["image"], x) and out["y"] is batch["y"]
    places = out["image"][:, 0].flatten(1).argmax(1)
    assert set((places // 9).tolist()) == {2, 3, 4, 5, 6}
    assert set((places % 9).tolist()) == {1, 2, 3, 4, 5, 6, 7}  # 3 moved by -2..2, or its mirror place 5
    unmoved = ShiftFlip("image", shift=0, flip=False)(batch)
    assert torch.equal(unmoved["image"], x)


def test_small_pictures_move_less_and_no_movement_costs_nothing():
    assert build(28).stages(TASK)[0].feed.augment == ShiftFlip("image", 2, False)  # type: ignore[union-attr]
    assert build(12).stages(TASK)[0].feed.augment == ShiftFlip("image", 1, False)  # type: ignore[union-attr]
    assert build(8).stages(TASK)[0].feed.augment is None  # type: ignore[union-attr]
    assert build(28, shift=0).stages(TASK)[0].feed.augment is None  # type: ignore[union-attr]


def test_it_says_why_not_and_what_to_do():
    small = Spec(inputs={"image": Image(channels=1, height=3, width=9)}, outputs={"y": LABELS}, train_size=9)
    assert not CNN.can(small, TASK) and "3 x 9" in str(CNN.can(small, TASK)) and "mlp" in str(CNN.can(small, TASK))
    table = Spec(inputs={"x": Table(numeric=("a",), mean=(0.0,), std=(1.0,))}, outputs={"y": LABELS}, train_size=9)
    assert not CNN.can(table, TASK) and "mlp" in str(CNN.can(table, TASK))
    bare = Spec(inputs={"image": Image(channels=1, height=8, width=8)}, train_size=9)
    assert not CNN.can(bare, TASK) and "label" in str(CNN.can(bare, TASK))
    with pytest.raises(ConfigError, match="odd"):
        Config.read({"kernel": 4}, "cnn")
