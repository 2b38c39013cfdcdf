"""Pictures from labels and from pictures, and rows given back: scores are their formulas, floors are ignorant, spoiled data teach
nothing that counts."""

import numpy as np
import pytest
import torch

from nnzoo.core.dataset import Dataset
from nnzoo.core.errors import DataError
from nnzoo.core.fields import Category, Classes, Image, Spec, Table
from nnzoo.core.network import No
from nnzoo.core.seeds import generator
from nnzoo.data.known import digits
from nnzoo.tasks import find
from nnzoo.tasks._generation import energy_distance

GREY = Image(channels=1, height=8, width=8, mean=(0.3,), std=(0.4,))


def of_digits(rows=slice(None)):
    """Digits with their labels as inputs."""
    raw = digits()
    pixels = torch.from_numpy(raw.pixels[rows]).permute(0, 3, 1, 2)
    codes = torch.from_numpy(raw.labels[rows].astype(np.int64))
    spec = Spec(inputs={"label": Classes(labels=tuple("0123456789"))}, outputs={"image": GREY}, train_size=len(codes))
    return Dataset(spec, {"label": {"codes": codes}, "image": {"pixels": pixels}})


TRAIN, TEST = of_digits(slice(0, 1300)), of_digits(slice(1300, None))


class OfLabels:
    """Makes principal-component pictures of each label with normal coefficients, as an able network would."""

    def __init__(self, train, rank=8):
        codes, x = train.all().inputs["label"], train.all().outputs["image"].flatten(1)
        self.parts = []
        for code in range(10):
            own = x[codes == code]
            _, s_R, v_RP = torch.linalg.svd(own - own.mean(0), full_matrices=False)
            self.parts.append((own.mean(0), s_R[:rank, None] * v_RP[:rank] / len(own) ** 0.5))

    def sample(self, n, condition):
        z = torch.randn(n, 8)
        rows = [mean + z[k] @ axes for k, (mean, axes) in enumerate(self.parts[int(code)] for code in condition)]
        return torch.stack(rows).unflatten(1, (1, 8, 8))


def test_class_conditional_image_generation_scores_each_label_by_its_own_pictures():
    task = find("class-conditional-image-generation")
    network = OfLabels(TRAIN)
    found = task.evaluate(network, TEST, seed=3)
    codes, real = TEST.all().inputs["label"], TEST.all().outputs["image"].flatten(1)
    torch.manual_seed(0)
    made = network.sample(len(codes), codes).flatten(1)
    expected = sum(energy_distance(made[codes == k], real[codes == k]) * float((codes == k).float().mean()) for k in range(10))
    assert found.score == pytest.approx(expected, abs=0.04)  # other draws; labels that are mixed up would be about 2 away
    by_label = found.extra["by_label"]
    shares = {str(k): float((codes == k).float().mean()) for k in range(10)}
    assert found.score == pytest.approx(sum(by_label[k] * shares[k] for k in by_label))
    assert found.predictions.shape == (64, 1, 8, 8) and found.extra["labels"] == [str(k) for k in codes[:64].tolist()]


def test_class_conditional_image_generation_tells_who_heeds_labels_from_who_does_not():
    task = find("class-conditional-image-generation")
    must, floor = task.must_reach(TRAIN, TEST), task.floor(TRAIN, TEST)
    assert task.evaluate(OfLabels(TRAIN), TEST).score < 0.6 * must
    assert task.evaluate(OfLabels(task.spoil(TRAIN, 1)), TEST).score > 2 * must
    assert 0 < floor < must


def test_class_conditional_floor_keeps_the_margins_of_each_label():
    from nnzoo.tasks.class_conditional_image_generation import ignorant

    codes = torch.arange(10).repeat_interleave(400)
    made = ignorant(TRAIN, codes)
    own = TRAIN.all().outputs["image"].flatten(1)
    for k in (0, 7):
        real = own[TRAIN.all().inputs["label"] == k]
        assert torch.allclose(made[codes == k].mean(0), real.mean(0), atol=0.2)
        correlation = np.corrcoef(made[codes == k][:, real.std(0) > 0.3].T.numpy())
        assert np.abs(correlation - np.eye(len(correlation))).mean() < 0.06  # of the real ones it is about 0.2


def test_class_conditional_leaves_out_missing_labels_and_single_pictures():
    task = find("class-conditional-image-generation")
    few = TEST.part(torch.arange(40))
    codes = few.all().inputs["label"].clone()
    codes[5:] = -1
    codes[:5] = torch.tensor([0, 0, 0, 1, 2])
    stored = TEST.columns["label"]["codes"].clone()
    stored[:40] = codes
    part = TEST.replaced({"label": {"codes": stored}}).part(torch.arange(40))
    assert set(task.evaluate(OfLabels(TRAIN), part).extra["by_label"]) == {"0"}
    with pytest.raises(DataError, match="no label has two"):
        task.evaluate(OfLabels(TRAIN), part.part(torch.tensor([3, 4, 9])))


class Answers:
    """Gives fixed outputs, row by row in order."""

    def __init__(self, name, values):
        self.name, self.values, self.at = name, values, 0

    def __call__(self, inputs):
        size = len(next(iter(inputs.values())))
        self.at += size
        return {self.name: self.values[self.at - size : self.at]}


def pairs(n=40):
    draw = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (n, 3, 4, 5), generator=draw).to(torch.uint8)
    colour = Image(channels=3, height=4, width=5, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    grey = Image(channels=1, height=4, width=5, mean=(0.4,), std=(0.3,))
    spec = Spec(inputs={"image": grey}, outputs={"target": colour}, train_size=n)
    return Dataset(spec, {"image": {"pixels": pixels[:, :1].contiguous()}, "target": {"pixels": pixels}})


def test_image_to_image_scores_are_their_formulas_in_pixels():
    task, data = find("image-to-image"), pairs()
    truth = data.columns["target"]["pixels"].double() / 255
    answer = truth + 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    field = data.spec.outputs["target"]
    std, mean = torch.tensor(field.std).view(3, 1, 1), torch.tensor(field.mean).view(3, 1, 1)
    found = task.evaluate(Answers("target", ((answer - mean) / std).float()), data)
    squares = ((answer - truth) ** 2).flatten(1)
    assert found.scores["r2"] == pytest.approx(float(1 - squares.mean() / truth.flatten(1).var(0, correction=0).mean()), abs=1e-5)
    assert found.scores["psnr"] == pytest.approx(float((-10 * squares.mean(1).log10()).mean()), abs=1e-4)
    assert found.rows.mean() == pytest.approx(found.scores["r2"])
    assert task.floor(data, data) == pytest.approx(0, abs=1e-6)


def test_image_to_image_refuses_sizes_that_differ_and_data_without_pairs():
    task, spec = find("image-to-image"), pairs().spec
    assert task.fits(spec) is None
    other = spec.model_copy(update={"inputs": {"image": Image(channels=1, height=4, width=6)}})
    assert isinstance(task.fits(other), No) and "4 x 6" in str(task.fits(other))
    assert isinstance(task.fits(spec.model_copy(update={"outputs": {}})), No)
    decoded = task.decode({"target": torch.zeros(2, 3, 4, 5)}, spec)["target"]
    assert decoded[0].shape == (4, 5, 3) and decoded[0].dtype == np.uint8
    assert decoded[0][0, 0].tolist() == [128, 102, 76]  # the means


def rows_of_factors(n=600, seed=0):
    """Twelve columns of which two hidden numbers say nearly all."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=draw) @ torch.randn(2, 12, generator=torch.Generator().manual_seed(9))
    x = x + 0.2 * torch.randn(n, 12, generator=draw)
    x = (x - x.mean(0)) / x.std(0)
    field = Table(numeric=tuple("abcdefghijkl"), mean=(1.0,) * 12, std=(2.0,) * 12)
    spec = Spec(inputs={"x": field}, train_size=n)
    return Dataset(spec, {"x": {"numeric": x, "codes": torch.zeros(n, 0, dtype=torch.long)}})


class Components:
    """The principal components of a training part, the linear code of that width."""

    def __init__(self, train, width):
        (self.name,) = train.spec.inputs
        x = self.rows(train.all().inputs[self.name])
        self.mean = x.mean(0)
        self.axes = torch.linalg.svd(x - self.mean, full_matrices=False).Vh[:width]

    def rows(self, value):
        return (value if torch.is_tensor(value) else value.numeric_BF).flatten(1)

    def __call__(self, inputs):
        value = inputs[self.name]
        x = self.rows(value) - self.mean
        back = self.mean + x @ self.axes.T @ self.axes
        return {self.name: back.view_as(value) if torch.is_tensor(value) else back}


def unlabelled_digits(rows):
    spec = Spec(inputs={"image": GREY}, train_size=len(range(*rows.indices(1797))))
    return Dataset(spec, {"image": of_digits(rows).columns["image"]})


@pytest.mark.parametrize(
    ("train", "test", "width"),
    [
        (rows_of_factors(seed=0), rows_of_factors(seed=1), 3),
        (unlabelled_digits(slice(0, 1300)), unlabelled_digits(slice(1300, None)), 10),
    ],
    ids=["table", "pictures"],
)
def test_reconstruction_tells_codes_of_what_hangs_together_from_codes_of_what_does_not(train, test, width):
    task = find("reconstruction")
    assert task.floor(train, test) == 0
    must = task.must_reach(train, test)
    found = task.evaluate(Components(train, width), test)
    assert found.score > must + 0.1
    (value,) = test.all().inputs.values()
    x = Components(train, width).rows(value).double()
    back = Components(train, width)(test.all().inputs)
    error = (next(iter(back.values())).flatten(1).double() - x).square()
    assert found.score == pytest.approx(float(1 - error.mean() / x.var(0, correction=0).mean()), abs=1e-5)
    assert found.scores["rmse"] == pytest.approx(float(error.mean().sqrt()), abs=1e-5)
    spoiled = task.spoil(train, 1)
    assert task.evaluate(Components(spoiled, width), test).score < must - 0.1
    (name,) = train.spec.inputs
    before, after = (Components(one, 1).rows(one.all().inputs[name]) for one in (train, spoiled))
    assert torch.equal(before.sort(0).values, after.sort(0).values) and not torch.equal(before, after)


def test_reconstruction_weighs_rows_and_takes_loss_by_number():
    task, data = find("reconstruction"), rows_of_factors(n=20)
    weight = torch.rand(20, generator=generator(4))
    weighed = Dataset(data.spec, data.columns, weight=weight)
    batch = weighed.all()
    answer = torch.zeros(20, 12)
    x = batch.inputs["x"].numeric_BF
    loss = task.loss({"x": answer}, batch)
    assert float(loss.sum / loss.weight) == pytest.approx(float((x.square().mean(1) * weight).sum() / weight.sum()), rel=1e-5)
    found = task.evaluate(Answers("x", answer), _as_tensor(weighed))
    mean = (weight[:, None] * x).sum(0) / weight.sum()
    ratio = (weight[:, None] * x.square()).sum() / (weight[:, None] * (x - mean).square()).sum()
    assert found.score == pytest.approx(float(1 - ratio), abs=1e-5)


def _as_tensor(dataset):
    """The same numbers as pictures of height 1, whose value has a length."""
    field = Image(channels=1, height=1, width=12, mean=(0.0,), std=(1.0,))
    spec = Spec(inputs={"x": field}, train_size=len(dataset))
    return Dataset(spec, {"x": {"pixels": dataset.columns["x"]["numeric"].view(-1, 1, 1, 12)}}, weight=dataset.weight)


def test_reconstruction_refuses_categories_and_targets_and_decodes_in_original_units():
    task, spec = find("reconstruction"), rows_of_factors(n=20).spec
    coloured = spec.inputs["x"].model_copy(update={"categories": (Category(name="colour", size=3),)})
    assert "colour" in str(task.fits(Spec(inputs={"x": coloured}, train_size=9)))
    assert "target" in str(task.fits(pairs().spec))
    columns = task.decode({"x": torch.zeros(2, 12)}, spec)
    assert list(columns) == list("abcdefghijkl") and columns["a"] == [1.0, 1.0]
