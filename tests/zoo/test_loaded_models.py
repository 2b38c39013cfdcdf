"""A loaded model answers in the shape of what it was given, makes data by seed, and shows what goes on inside."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Picture
from torch import nn

from nnzoo.core.abilities import Encodes, Samples, Steps, Surprise
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.network import Can, Card, Network
from nnzoo.data.image_preprocessing import ImagePreprocessing
from nnzoo.data.raw import RawImages, RawTable, RawTexts
from nnzoo.data.table_preprocessing import TablePreprocessing
from nnzoo.data.text_preprocessing import TextPreprocessing
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.zoo.loaded import Loaded, load
from nnzoo.zoo.made import save_generated
from nnzoo.zoo.runs import Manifest, save_run

MLP = find("mlp")
CARD = Card(*(["a toy"] * 3), 2026, *(["nothing"] * 4))


class Toy(Network):
    """Can everything, badly: samples noise around 0, writes the symbol that follows in the vocabulary."""

    kind = "toy"
    context = None
    card = CARD

    @classmethod
    def can(cls, spec, task):
        return Can((Steps,) if "text" in spec.inputs else (Samples, Encodes, Surprise))

    def __init__(self, config, spec, task, found={}, parts={}):
        super().__init__(config, spec, task, found, parts)
        self.scale = nn.Parameter(torch.tensor(0.5))

    def sample(self, n, condition=None):
        (field,) = self.spec.inputs.values()
        shape = (field.channels, field.height, field.width) if field.type == "image" else (len(field.numeric),)
        shift = 0 if condition is None else condition.view(-1, *[1] * len(shape)) * 100
        return torch.randn(n, *shape) * self.scale + shift

    def encode(self, inputs):
        return inputs["x"].numeric_BF * 2

    def surprise(self, inputs):
        return inputs["x"].numeric_BF.abs().sum(1)

    def start(self, rows, room=None):
        return (torch.zeros(rows),)

    def step(self, state, symbols_BT):
        V = self.spec.inputs["text"].vocabulary
        return nn.functional.one_hot((symbols_BT + 1) % V, V).float() * 50 * self.scale, state

    def select(self, state, rows):
        return (state[0][rows],)


def loaded(kind, preprocessing, task, **settings):
    spec, task = preprocessing.spec(20), find_task(task)
    torch.manual_seed(0)
    network = kind(kind.Config(**settings), spec, task)
    return Loaded(network, preprocessing, Manifest(format=1, nnzoo="", kind=kind.kind, config={}, spec=spec, task=task.name))


def toys(n=30):
    draw = np.random.default_rng(0)
    return pd.DataFrame({"size": draw.normal(3, 2, n), "colour": draw.choice(["red", "blue"], n), "price": draw.normal(9, 4, n)})


def table(targets, task, data=None):
    data = toys() if data is None else data
    return TablePreprocessing.fit(RawTable("toys", data), np.arange(len(data)), targets=targets, task=task)


def test_a_table_in_gives_a_table_out():
    model = loaded(MLP, table(("price",), "tabular-regression"), "tabular-regression", hidden=(4,))
    given = toys().set_index(pd.Index(range(100, 130)))
    out = model.predict(given)
    assert list(out.columns) == ["size", "colour", "price", "predicted_price"] and list(out.index) == list(given.index)
    pd.testing.assert_frame_equal(out[given.columns], given)
    standard = model.network(model.preprocessing.open(given).dataset.all().inputs)["price"][:, 0].detach().numpy()
    np.testing.assert_allclose(out["predicted_price"], standard * given["price"].std(ddof=0) + given["price"].mean(), rtol=1e-4)
    pd.testing.assert_frame_equal(model.predict(given, batch=7), out, check_exact=False)
    assert list(model.predict(given.drop(columns="price")).columns) == ["size", "colour", "predicted_price"]


def test_classes_come_with_their_probability(tmp_path):
    model = loaded(MLP, table(("colour",), "tabular-classification"), "tabular-classification", hidden=(4,))
    toys().to_csv(tmp_path / "toys.csv", index=False)
    out = model.predict(str(tmp_path / "toys.csv"))
    assert set(out["predicted_colour"]) <= {"red", "blue"} and out["predicted_probability"].between(0.5, 1).all()
    assert model.evaluate(toys())["accuracy"] == pytest.approx((out["predicted_colour"] == toys()["colour"]).mean())
    with pytest.raises(DataError, match="no 'colour'"):
        model.evaluate(toys().drop(columns="colour"))


def images(label=True):
    pixels = np.random.default_rng(1).integers(0, 256, (20, 5, 6, 1)).astype(np.uint8)
    labels = np.array(["cat", "dog"] * 10, dtype=object) if label else None
    return RawImages("pets", pixels, labels, [f"{i}.png" for i in range(20)])


def test_pictures_give_file_label_and_probability():
    raw = images()
    preprocessing = ImagePreprocessing.fit(raw, np.arange(20), task="image-classification")
    model = loaded(MLP, preprocessing, "image-classification", hidden=(4,))
    out = model.predict(raw)
    assert list(out.columns) == ["file", "label", "probability"] and list(out["file"]) == raw.files
    assert list(model.predict(raw.pixels).columns) == ["label", "probability"]
    inside = model.probe(raw.pixels[:3])
    assert list(inside) == ["layers.0.2"] and inside["layers.0.2"].shape == (3, 4)
    values = preprocessing.open(raw.pixels[:3]).dataset.all().inputs
    assert torch.equal(model.probe(values)["layers.0.2"], inside["layers.0.2"])
    assert not any(module._forward_hooks for module in model.network.modules())
    with pytest.raises(ConfigError, match="makes no data"):
        model.generate()


def test_points_are_made_in_original_units_and_by_seed(tmp_path):
    data = toys()[["size", "price"]]
    model = loaded(Toy, table((), "unconditional-generation", data), "unconditional-generation")
    made = model.generate(n=400, seed=1)
    assert list(made.columns) == ["size", "price"] and len(made) == 400
    assert made["price"].mean() == pytest.approx(data["price"].mean(), abs=0.5)
    assert made["price"].std() == pytest.approx(data["price"].std() / 2, rel=0.2)
    pd.testing.assert_frame_equal(made, model.generate(n=400, seed=1))
    assert not made.equals(model.generate(n=400, seed=2))
    save_generated(made, tmp_path / "made.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "made.csv"), made)
    with pytest.raises(DataError, match="use generate"):
        model.predict(data)
    with pytest.raises(ConfigError, match="prompt"):
        model.generate(prompt="a")
    with pytest.raises(ConfigError, match="without labels"):
        model.generate(label="cat")


def test_codes_and_surprise_come_row_by_row():
    data = toys(300)[["size", "price"]]
    model = loaded(Toy, table((), "unconditional-generation", data), "unconditional-generation")
    standard = ((data - data.mean()) / data.std(ddof=0)).to_numpy()
    np.testing.assert_allclose(model.encode(data), standard * 2, atol=1e-4)
    np.testing.assert_allclose(model.surprise(data), np.abs(standard).sum(1), atol=1e-4)


def test_pictures_are_made_as_bytes_by_label_and_written_as_one_grid(tmp_path):
    raw = images()
    model = loaded(Toy, ImagePreprocessing.fit(raw, np.arange(20), task="image-classification"), "image-classification")
    made = model.generate(n=7, label="dog")
    assert made.shape == (7, 5, 6, 1) and made.dtype == np.uint8 and made.min() == 255  # label 1 is shifted far up
    assert model.generate(n=7, label="cat").min() < 255
    with pytest.raises(ConfigError, match="no label 'cow'; labels are: cat, dog"):
        model.generate(label="cow")
    save_generated(model.generate(n=7), tmp_path / "made.png")
    grid = np.asarray(Picture.open(tmp_path / "made.png"))
    assert grid.shape == (3 * 6 - 1, 3 * 7 - 1) and (grid[5] == 255).all()
    np.testing.assert_array_equal(grid[6:11, 7:13], model.generate(n=7)[4, :, :, 0])
    with pytest.raises(ConfigError, match=r"\.png or \.npz"):
        save_generated(made, tmp_path / "made.txt")


def writer(texts, lines):
    raw = RawTexts("letters", texts, lines=lines)
    return loaded(Toy, TextPreprocessing.fit(raw, np.arange(len(texts))), "text-generation")


def test_strings_begin_with_their_prompt_and_lines_end(tmp_path):
    model = writer(["abcdef", "fed"], lines=True)
    assert model.generate(n=2, prompt="ab", tokens=3, temperature=0) == ["abcde", "abcde"]
    assert model.generate(n=1, prompt=["c", "ab"], tokens=2, temperature=0) == ["cde", "abcd"]
    assert model.generate(n=1, prompt="x", tokens=2, temperature=0) == ["xab"]  # unknown is read, never written
    made = model.generate(n=3, tokens=5, seed=1)
    assert len(made) == 3 and made == model.generate(n=3, tokens=5, seed=1) and not set("".join(made)) - set("abcdef")
    save_generated(made, tmp_path / "made.txt")
    assert (tmp_path / "made.txt").read_text() == "".join(f"{one}\n" for one in made)
    with pytest.raises(ConfigError, match="label"):
        model.generate(label="a")
    with pytest.raises(ConfigError, match="n=0"):
        model.generate(n=0)


@pytest.mark.parametrize("lines", [True, False])
def test_only_characters_of_the_vocabulary_are_written(lines):
    made = writer(["abc"], lines).generate(n=50, prompt="a", tokens=20, temperature=1e6)  # every symbol is as likely
    assert set("".join(made)) == set("abc")
    assert ({len(text) for text in made} == {21}) != lines


def test_an_empty_prompt_of_a_long_text_begins_as_after_a_new_line():
    assert writer(["\nabc"], lines=False).generate(n=1, tokens=3, temperature=0) == ["abc"]
    assert writer(["cab"], lines=False).generate(n=1, tokens=2, temperature=0) == ["bc"]


def test_what_a_run_is_loaded_as_equals_what_was_saved(tmp_path):
    model = loaded(MLP, table(("price",), "tabular-regression"), "tabular-regression", hidden=(4,))
    save_run(tmp_path, model.network, model.preprocessing, data="toys")
    again = load(tmp_path)
    assert again.task is model.task and again.spec == model.spec
    pd.testing.assert_frame_equal(again.predict(toys()), model.predict(toys()), check_exact=True)
