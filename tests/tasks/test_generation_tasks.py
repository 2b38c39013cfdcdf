"""Made data: energy distance is its formula, without bias; floors and spoiled data keep single columns; modes are counted."""

import math

import numpy as np
import pytest
import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.events import Reading, hearing
from nnzoo.core.fields import Category, Image, Spec, Table
from nnzoo.tasks import find
from nnzoo.tasks._generation import draw, energy_distance, modes


def points(x_ND):
    field = Table(numeric=tuple("abcdefgh"[: x_ND.shape[1]]), mean=(0.0,) * x_ND.shape[1], std=(1.0,) * x_ND.shape[1])
    stored = {"numeric": x_ND.float(), "codes": torch.zeros(len(x_ND), 0, dtype=torch.long)}
    return Dataset(Spec(inputs={"x": field}, train_size=len(x_ND)), {"x": stored})


def pictures(n, seed=0):
    base = torch.randint(0, 200, (n, 1, 1, 1), generator=torch.Generator().manual_seed(seed))
    pixels = base + torch.arange(12).view(1, 1, 3, 4)
    field = Image(channels=1, height=3, width=4, mean=(0.4,), std=(0.2,))
    return Dataset(Spec(inputs={"picture": field}, train_size=n), {"picture": {"pixels": pixels.to(torch.uint8)}})


class Copies:
    """Samples rows of a list, from torch's default generator."""

    def __init__(self, rows):
        self.rows = rows

    def sample(self, n, condition=None):
        return self.rows[torch.randint(len(self.rows), (n,))]


@pytest.mark.parametrize("width", [2, 40])
def test_energy_distance_is_its_formula_over_all_pairs(width):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(23, width, generator=generator), torch.randn(31, width, generator=generator) * 2 + 1
    between = np.mean([np.linalg.norm(a - b) for a in x.numpy() for b in y.numpy()])
    within_x = np.mean([np.linalg.norm(x[i] - x[j]) for i in range(23) for j in range(23) if i != j])
    within_y = np.mean([np.linalg.norm(y[i] - y[j]) for i in range(31) for j in range(31) if i != j])
    assert energy_distance(x, y) == pytest.approx(2 * between - within_x - within_y, rel=1e-5)
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x))


def test_energy_distance_of_one_distribution_is_zero_on_average():
    generator = torch.Generator().manual_seed(1)
    found = [energy_distance(torch.randn(20, 2, generator=generator), torch.randn(20, 2, generator=generator)) for _ in range(400)]
    standard_error = np.std(found) / 20
    assert abs(np.mean(found)) < 4 * standard_error < 0.02  # the biased form would be about 0.18
    assert min(found) < 0


def test_energy_distance_is_the_same_in_chunks():
    x, y = torch.randn(2500, 2), torch.randn(1100, 2)
    at_once = 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).sum() / (2500 * 2499) - torch.cdist(y, y).sum() / (1100 * 1099)
    assert energy_distance(x, y) == pytest.approx(float(at_once), abs=1e-4)
    with pytest.raises(DataError, match="two rows"):
        energy_distance(x[:1], y)


def test_evaluation_repeats_by_seed_and_leaves_the_generator_alone():
    generator = torch.Generator().manual_seed(2)
    data, task = points(torch.randn(500, 2, generator=generator)), find("unconditional-generation")
    network = Copies(torch.randn(700, 2, generator=generator))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = task.evaluate(network, data, seed=3)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(3)
    again = task.evaluate(network, data, seed=3)
    assert again.scores == first.scores != task.evaluate(network, data, seed=4).scores
    assert first.predictions.shape == (500, 2) and first.extra["samples"] == 500
    assert task.evaluate(Copies(network.rows + 2), data).score > 1 > 0.05 > abs(first.score)


def test_at_most_five_thousand_rows_are_compared():
    data = points(torch.randn(5300, 1))
    assert find("unconditional-generation").evaluate(Copies(torch.randn(50, 1)), data).extra["samples"] == 5000


def test_conditions_are_handed_out_with_their_samples():
    class Echo:
        def sample(self, n, condition=None):
            assert len(condition) == n
            return condition[:, None].float()

    condition = torch.arange(2300)
    assert torch.equal(draw(Echo(), 2300, 0, condition)[:, 0], condition.float())


def test_how_far_it_is_is_told_to_who_hears_where_many_are_made():
    heard: list[Reading] = []
    draw(Copies(torch.randn(50, 1)), 2300, 0)
    with hearing([heard.append]):  # type: ignore[list-item]
        draw(Copies(torch.randn(50, 1)), 900, 0)
        assert not heard
        draw(Copies(torch.randn(50, 1)), 2300, 0)
    draw(Copies(torch.randn(50, 1)), 2300, 0)
    assert [(one.done, one.total) for one in heard] == [(0, 2300), (1000, 2300), (2000, 2300)]
    assert heard[0].left is None and all(one.left is not None and one.left > 0 for one in heard[1:])


def test_the_floor_of_points_knows_mean_and_covariance():
    generator = torch.Generator().manual_seed(3)
    mixed = torch.randn(4000, 2, generator=generator) @ torch.tensor([[2.0, 1.5], [0.0, 0.3]]) + torch.tensor([5.0, -3.0])
    task = find("unconditional-generation")
    assert abs(task.floor(points(mixed[:2000]), points(mixed[2000:]))) < 0.02  # normal data: the floor is as good as can be
    ring = torch.rand(4000, generator=generator) * 2 * torch.pi
    circle = torch.stack([ring.cos(), ring.sin()], 1)
    assert task.floor(points(circle[:2000]), points(circle[2000:])) > 0.03
    flat = torch.cat([mixed[:, :1], mixed[:, :1]], 1)  # a singular covariance
    assert abs(task.floor(points(flat[:2000]), points(flat[2000:]))) < 0.05


def test_the_floor_of_pictures_has_right_pixels_and_wrong_pictures():
    task, train, test = find("unconditional-image-generation"), pictures(600), pictures(400, 1)
    made = task.ignorant(train, 600) * 0.2 * 255 + 0.4 * 255
    assert torch.allclose(made.mean(0), train.stored("picture", "pixels").flatten(1).float().mean(0), atol=12)
    assert abs(float(torch.corrcoef(made.T)[0, 1])) < 0.15
    copies = Copies(torch.cat([batch.inputs["picture"] for batch in train.batches()]))
    evaluation = task.evaluate(copies, test)
    assert evaluation.score < 0.1 < 0.5 < task.floor(train, test)
    assert evaluation.predictions.shape == (64, 1, 3, 4)


@pytest.mark.parametrize(
    "name, data, key",
    [
        ("unconditional-generation", points(torch.randn(300, 1).expand(300, 3)), "numeric"),
        ("unconditional-image-generation", pictures(300), "pixels"),
    ],
)
def test_spoiled_data_keep_their_columns_and_lose_their_rows(name, data, key):
    spoiled = find(name).spoil(data, 0)
    (field,) = data.spec.inputs
    before, after = (d.stored(field, key).flatten(1).float() for d in (data, spoiled))
    assert torch.equal(before.sort(dim=0).values, after.sort(dim=0).values)
    assert float(torch.corrcoef(before.T)[0, 1]) > 0.99 and abs(float(torch.corrcoef(after.T)[0, 1])) < 0.3


def test_points_with_categories_or_targets_are_refused():
    task = find("unconditional-generation")
    field = Table(numeric=("a",), mean=(0.0,), std=(1.0,), categories=(Category(name="colour", size=3),))
    assert "'colour'" in task.fits(Spec(inputs={"x": field}, train_size=1))
    assert task.fits(points(torch.randn(3, 2)).spec) is None


def test_a_mode_is_hit_by_one_point_within_three_sigma():
    centres = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    some = [[0.0, 0.29], [0.01, 0.0], [1.0, 0.31], [0.0, 1.1], [0.5, 0.5]]
    found = modes(np.array(some), centres, 0.1)
    uneven = pytest.approx(2 / 3 * math.log(8 / 3) + 1 / 3 * math.log(4 / 3))  # two good points at one mode, one at another
    assert found == {"modes_kl": uneven, "modes": 2, "of": 4, "share_within_3_sigma": pytest.approx(3 / 5), "rarest": 0.0}
    even = {"modes_kl": 0.0, "modes": 4, "of": 4, "share_within_3_sigma": 1.0, "rarest": 0.25}
    assert modes(torch.tensor(centres), centres, 0.1) == even
