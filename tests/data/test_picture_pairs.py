"""Pairs of pictures: opened from two folders, side by side or made of single ones; labels as inputs; rows of one label."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from nnzoo.core.errors import ConfigError, DataError
from nnzoo.core.fields import Classes
from nnzoo.core.fields import Image as ImageField
from nnzoo.data.image_preprocessing import ImagePreprocessing
from nnzoo.data.known import digits
from nnzoo.data.picture_changes import HOLE, changed, edges, grey
from nnzoo.data.prepare import infer_task, open_like, prepare, sorts
from nnzoo.data.preprocessing import load_preprocessing
from nnzoo.data.raw import RawImages, RawPicturePairs


def colours(n=12, seed=0, size=(6, 8)):
    return np.random.default_rng(seed).integers(0, 256, (n, *size, 3)).astype(np.uint8)


def write(folder, pictures, names=None):
    folder.mkdir(parents=True, exist_ok=True)
    for k, picture in enumerate(pictures):
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(folder / f"{names[k] if names else k:02}.png")


@pytest.mark.parametrize("sides", [("a", "b"), ("input", "target")])
def test_two_folders_with_equal_names_are_pairs(tmp_path, sides):
    targets = colours(20)
    sources = grey(targets)
    for side, pictures in zip(sides, (sources, targets)):
        write(tmp_path / side, pictures)
    prepared = prepare(str(tmp_path), task="image-to-image")
    assert prepared.task.name == "image-to-image" and isinstance(prepared.raw, RawPicturePairs)
    field, other = prepared.spec.inputs["image"], prepared.spec.outputs["target"]
    assert (field.channels, other.channels, other.height, other.width) == (1, 3, 6, 8)
    assert (prepared.raw.source == sources).all() and (prepared.raw.target == targets).all()
    train = targets[prepared.rows["train"]] / 255
    np.testing.assert_allclose(other.mean, train.mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(other.std, train.std((0, 1, 2)), atol=1e-5)
    batch = prepared.parts.test.all()
    row = prepared.rows["test"][0]
    np.testing.assert_allclose(other.restore(batch.outputs["target"])[0].permute(1, 2, 0), targets[row] / 255, atol=1e-5)
    np.testing.assert_allclose(field.restore(batch.inputs["image"])[0, 0], sources[row, :, :, 0] / 255, atol=1e-5)


def test_folders_called_input_and_target_need_no_task_and_a_and_b_are_labels_without_one(tmp_path):
    pictures = colours(20)
    for side in ("input", "target"):
        write(tmp_path / "pairs" / side, pictures)
    assert prepare(str(tmp_path / "pairs")).task.name == "image-to-image"
    for side in ("a", "b"):
        write(tmp_path / "labels" / side, pictures)
    assert prepare(str(tmp_path / "labels")).task.name == "image-classification"


def test_parts_of_pairs_are_official_above_or_below_the_sides(tmp_path):
    pictures = colours(20)
    for part, some in (("train", pictures[:14]), ("test", pictures[14:])):
        for side in ("input", "target"):
            write(tmp_path / "above" / part / side, some)
            write(tmp_path / "below" / side / part, some)
    for way in ("above", "below"):
        prepared = prepare(str(tmp_path / way), task="image-to-image")
        assert (prepared.raw.part == "test").sum() == 6
        found = prepared.raw.target[prepared.rows["test"]]
        assert {one.tobytes() for one in found} == {one.tobytes() for one in pictures[14:]}


def test_names_without_a_partner_and_sizes_that_differ_are_errors(tmp_path):
    write(tmp_path / "one" / "input", colours(4))
    write(tmp_path / "one" / "target", colours(3))
    with pytest.raises(DataError, match=r"input/03.png has no partner in target"):
        prepare(str(tmp_path / "one"))
    write(tmp_path / "two" / "input", colours(4))
    write(tmp_path / "two" / "target", [*colours(3), *colours(1, size=(6, 9))])
    with pytest.raises(DataError, match=r"input/03.png has 8 x 6 pixels and target/03.png 9 x 6"):
        prepare(str(tmp_path / "two"))
    (tmp_path / "three" / "input").mkdir(parents=True)
    write(tmp_path / "three" / "target", colours(4))
    with pytest.raises(DataError, match="input has no pictures"):
        prepare(str(tmp_path / "three"))
    write(tmp_path / "four", colours(4))
    with pytest.raises(DataError, match="holds single pictures; put pairs into two folders"):
        prepare(str(tmp_path / "four"), task="image-to-image")


def test_pictures_side_by_side_are_halved_left_to_right(tmp_path):
    left, right = colours(9, 1), colours(9, 2)
    write(tmp_path / "p", np.concatenate([left, right], 2))
    prepared = prepare(str(tmp_path / "p"), pairs="side-by-side")
    assert (prepared.raw.source == left).all() and (prepared.raw.target == right).all()
    learned = prepared.preprocessing
    Image.fromarray(left[0]).save(tmp_path / "left.png")
    for asked in (tmp_path / "left.png", tmp_path / "p"):  # an input as it is, and pairs of which the inputs are taken
        opened = open_like(learned, str(asked), to_answer=True)
        assert list(opened.dataset.columns) == ["image"]
        assert (opened.dataset.columns["image"]["pixels"][0].permute(1, 2, 0).numpy() == left[0]).all()
    scored = open_like(learned, str(tmp_path / "p"))
    assert (scored.dataset.columns["target"]["pixels"][3].permute(1, 2, 0).numpy() == right[3]).all()
    with pytest.raises(DataError, match="7 pixels wide cannot be halved"):
        prepare(colours(9, size=(6, 7)), pairs="side-by-side")


def test_edges_are_thin_lines_where_grey_values_change():
    picture = np.zeros((1, 10, 12, 3), np.uint8)
    picture[:, 3:7, 4:9] = 200
    found = edges(picture)[0, :, :, 0]
    assert set(np.unique(found)) == {0, 255}
    assert (found[5] > 0).sum() == 2 and (found[:, 6] > 0).sum() == 2  # one pixel for each side that a line crosses
    assert not found[5, 6] and not found[0].any() and not found[:, 0].any()
    assert not edges(np.full((1, 6, 6, 1), 77, np.uint8)).any()
    soft = np.broadcast_to((np.arange(20) * 5).astype(np.uint8)[None, None, :, None], (1, 8, 20, 1))
    assert not edges(soft).any()  # shading is no edge


def test_what_is_taken_from_pictures_is_what_is_said():
    x = colours(6, size=(16, 20))
    assert (changed(x, "grey")[..., 0] == np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in x])).all()
    holes = changed(x, "masked")
    gone = (holes != x).any(3)
    for one, hole in zip(gone, holes):
        rows, columns = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
        assert (len(rows), len(columns)) == (8, 10) and np.ptp(rows) == 7 and np.ptp(columns) == 9
        assert (hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == HOLE).all()
    assert len({tuple(np.argwhere(one)[0]) for one in gone}) > 1
    noise = changed(np.full((4, 40, 40, 1), 128, np.uint8), "noisy").astype(float) - 128
    assert noise.std() == pytest.approx(50, abs=2.5) and abs(noise.mean()) < 2.5
    assert (changed(x, "noisy") == np.concatenate([changed(x[3:], "noisy"), changed(x[:3], "noisy")])[[3, 4, 5, 0, 1, 2]]).all()
    small = Image.fromarray(x[0]).resize((10, 8), Image.Resampling.BILINEAR)
    assert (changed(x, "downscaled")[0] == np.asarray(small.resize((20, 16), Image.Resampling.BILINEAR))).all()


@pytest.mark.parametrize("how", ["edges", "grey", "masked", "downscaled", "noisy"])
def test_pairs_are_made_again_for_scores_and_inputs_are_taken_as_they_are(tmp_path, how):
    x = colours(30, size=(8, 8))
    prepared = prepare(x, pairs=how)
    assert (prepared.raw.target == x).all() and (prepared.raw.source == changed(x, how)).all() and prepared.raw.made == how
    prepared.preprocessing.save(tmp_path)
    learned = load_preprocessing(tmp_path, sorts())
    assert learned.spec(9) == prepared.preprocessing.spec(9)
    scored = open_like(learned, x[:4]).dataset
    assert (scored.columns["image"]["pixels"].permute(0, 2, 3, 1).numpy() == changed(x[:4], how)).all()
    given = changed(x[:4], how)
    asked = open_like(learned, given, to_answer=True).dataset
    assert list(asked.columns) == ["image"]
    assert (asked.columns["image"]["pixels"].permute(0, 2, 3, 1).numpy() == given).all()


def test_a_small_picture_is_opened_as_downscaled_ones_were_made():
    x = colours(20, size=(12, 16))
    learned = prepare(x, pairs="downscaled").preprocessing
    small = Image.fromarray(x[0]).resize((8, 6), Image.Resampling.BILINEAR)
    asked = open_like(learned, small, to_answer=True).dataset
    assert (asked.columns["image"]["pixels"][0].permute(1, 2, 0).numpy() == changed(x[:1], "downscaled")[0]).all()


def test_ways_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="--pairs sideways is not known; write edges, grey"):
        prepare("digits", pairs="sideways")
    with pytest.raises(ConfigError, match="makes pairs for image-to-image, not for reconstruction"):
        prepare("digits", pairs="edges", task="reconstruction")
    with pytest.raises(DataError, match="grey already"):
        prepare("digits", pairs="grey")
    with pytest.raises(DataError, match="holds no pictures"):
        prepare("iris", pairs="edges")
    with pytest.raises(ConfigError, match="holds pairs already"):
        prepare(RawPicturePairs("two", colours(9), colours(9)), pairs="edges")
    with pytest.raises(DataError, match=r"5 x 6 x 8 inputs and 4 x 6 x 8 targets"):
        prepare((colours(5), colours(4)), task="image-to-image")


def test_labels_go_in_and_pictures_come_out(tmp_path):
    prepared = prepare("digits", task="class-conditional-image-generation")
    assert isinstance(prepared.spec.inputs["label"], Classes) and isinstance(prepared.spec.outputs["image"], ImageField)
    raw = digits()
    batch = prepared.parts.test.all()
    assert [str(code) for code in batch.inputs["label"].tolist()] == raw.labels[prepared.rows["test"]].tolist()
    pixels = prepared.spec.outputs["image"].restore(batch.outputs["image"])[:, 0]
    np.testing.assert_allclose(pixels, raw.pixels[prepared.rows["test"], :, :, 0] / 255, atol=1e-5)
    counts = torch.bincount(batch.inputs["label"])
    assert counts.max() - counts.min() <= 2  # each label has the same share of every part
    prepared.preprocessing.save(tmp_path)
    learned = load_preprocessing(tmp_path, sorts())
    assert learned.conditional and learned.spec(5) == prepared.preprocessing.spec(5)
    with pytest.raises(DataError, match="no labels"):
        open_like(learned, raw.pixels[:4])
    with pytest.raises(DataError, match="no labels to make pictures of"):
        prepare(raw.pixels, task="class-conditional-image-generation")


def test_facts_of_runs_from_before_still_load(tmp_path):
    learned = prepare("digits").preprocessing
    learned.save(tmp_path)
    facts = json.loads((tmp_path / "preprocessing.json").read_text())
    assert facts.pop("conditional") is False
    (tmp_path / "preprocessing.json").write_text(json.dumps(facts))
    loaded = load_preprocessing(tmp_path, sorts())
    assert isinstance(loaded, ImagePreprocessing) and not loaded.conditional and loaded.spec(3) == learned.spec(3)


def test_rows_of_one_label_alone_are_learned_from():
    raw = digits()
    prepared = prepare("digits", task="reconstruction", normal="4", valid=RawImages("v", raw.pixels[:300], raw.labels[:300]))
    assert not prepared.spec.outputs and prepared.notes[-1].startswith("181 of 1,797 rows have the label '4'")
    for part in ("train", "test"):
        assert set(raw.labels[prepared.rows[part]]) == {"4"}
    assert len(prepared.parts.valid) == (raw.labels[:300] == "4").sum()
    assert infer_task(RawImages("bare", raw.pixels)) == prepare("digits", normal="4").task.name
    with pytest.raises(DataError, match="no label 'x'; labels are: 0, 1"):
        prepare("digits", task="reconstruction", normal="x")
    with pytest.raises(ConfigError, match="learns without labels"):
        prepare("digits", task="image-classification", normal="4")
    with pytest.raises(DataError, match="has no labels"):
        prepare(raw.pixels, normal="4")
