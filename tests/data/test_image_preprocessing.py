"""Pictures for networks: facts of the training rows, the way there and back, new pictures of any size."""

import numpy as np
import pytest
import torch
from PIL import Image

from nnzoo.core.errors import DataError
from nnzoo.core.fields import Classes, Values
from nnzoo.data.image_arrays import images_from_arrays
from nnzoo.data.image_preprocessing import ImagePreprocessing
from nnzoo.data.raw import RawImages


def labelled(pixels: np.ndarray, labels: list) -> RawImages:
    return RawImages("made", pixels, np.array(labels, dtype=object))


def test_moments_and_labels_come_from_the_training_rows_only():
    pixels = np.zeros((4, 2, 2, 3), np.uint8)
    pixels[0, ..., 1], pixels[3] = 255, 255
    preprocessing = ImagePreprocessing.fit(labelled(pixels, ["10", "9", "9", "8"]), np.array([0, 1]))
    assert preprocessing.mean == (0.0, 0.5, 0.0) and preprocessing.std == (1.0, 0.5, 1.0)
    assert preprocessing.labels == ("9", "10")  # as numbers
    with pytest.raises(DataError, match=r"'8' \(row 4\)"):
        preprocessing.encode(labelled(pixels, ["10", "9", "9", "8"]))


def test_encode_take_restore_is_the_identity_on_pixels_and_survives_facts(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 4, 3, 3), dtype=np.uint8)
    raw = labelled(pixels, ["a", "b", None, "a", "b"])
    first = ImagePreprocessing.fit(raw, np.arange(5))
    second = ImagePreprocessing.from_facts(first.facts())
    assert second.spec(5) == first.spec(5) and isinstance(first.spec(5).outputs["label"], Classes)
    columns = second.encode(raw)
    assert columns["image"]["pixels"].shape == (5, 3, 4, 3) and columns["label"]["codes"].tolist() == [0, 1, -1, 0, 1]
    taken = second.field().take(columns["image"], torch.arange(5))
    assert abs(taken.mean()) < 1e-5
    assert np.array_equal(second.restore("image", taken), pixels)


def test_new_pictures_of_other_size_and_mode_do_not_depend_on_their_company(tmp_path):
    preprocessing = ImagePreprocessing.fit(labelled(np.zeros((2, 8, 8, 1), np.uint8), ["a", "b"]), np.arange(2))
    colour = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8))
    alone = tmp_path / "a.png"
    colour.save(alone)
    others = [tmp_path / f"{i}.png" for i in range(3)]
    for path in others:
        Image.new("L", (9, 9), 3).save(path)
    together = preprocessing.encode(preprocessing.read([alone, *others]))["image"]["pixels"]
    single = preprocessing.encode(preprocessing.read(str(alone)))["image"]["pixels"]
    assert single.shape == (1, 1, 8, 8) and torch.equal(together[0], single[0])
    from_array = preprocessing.encode(images_from_arrays(np.asarray(colour)[None]))["image"]["pixels"]
    assert torch.equal(from_array, single) and torch.equal(
        preprocessing.encode(preprocessing.read(colour))["image"]["pixels"], single
    )


def test_numbers_as_labels_for_regression():
    raw = labelled(np.zeros((3, 2, 2, 1), np.uint8), ["1.5", "2.5", None])
    preprocessing = ImagePreprocessing.fit(raw, np.arange(3), task="image-regression")
    field = preprocessing.spec(3).outputs["label"]
    assert isinstance(field, Values) and field.mean == (2.0,) and field.std == (0.5,)
    numbers = preprocessing.encode(raw)["label"]["numbers"]
    assert numbers[:2, 0].tolist() == [1.5, 2.5] and numbers[2].isnan()
    assert ImagePreprocessing.from_facts(preprocessing.facts()).spec(3) == preprocessing.spec(3)
    with pytest.raises(DataError, match="no number"):
        ImagePreprocessing.fit(labelled(raw.pixels, ["1", "x", "2"]), np.arange(3), task="image-regression")


def test_a_wrong_target_is_refused():
    with pytest.raises(DataError, match=r"'price'.*'label'"):
        ImagePreprocessing.fit(labelled(np.zeros((1, 2, 2, 1), np.uint8), ["a"]), np.arange(1), targets=("price",))
