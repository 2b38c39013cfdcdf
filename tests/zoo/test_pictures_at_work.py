"""Pictures from saved runs: made by label and by seed, given back, made into others; files that say that they are made; what is
unusual, and how well that is told; and the task that is taken where none is named."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import nnzoo
from nnzoo.core.errors import ConfigError, DataError
from nnzoo.data.known import digits
from nnzoo.data.picture_changes import changed
from nnzoo.data.raw import RawImages, RawTable
from nnzoo.zoo.loaded import load

KINDS = Path(__file__).parent / "kinds"
SQUEEZE, STAMP = str(KINDS / "squeeze.py"), str(KINDS / "stamp.py")
QUICK = {"device": "cpu", "budget": "150steps"}


def opened(folder, kind):
    return load(folder, {Path(kind).stem: kind})


@pytest.fixture(scope="module")
def stamp(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stamp") / "run"
    trained = nnzoo.train(STAMP, "digits", out=folder, device="cpu")
    assert trained.task == "class-conditional-image-generation"
    return opened(folder, STAMP)


@pytest.fixture(scope="module")
def given_back(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squeeze") / "run"
    trained = nnzoo.train(SQUEEZE, "digits", out=folder, **QUICK)
    assert trained.task == "reconstruction" and trained.test > 0.5
    return opened(folder, SQUEEZE)


def means():
    raw = digits()
    return np.stack([raw.pixels[raw.labels == str(k)].mean(0) for k in range(10)])


def test_each_label_is_made_in_turn_and_one_where_it_is_named(stamp):
    made = stamp.generate(n=23, seed=2)
    assert made.shape == (23, 8, 8, 1) and made.dtype == np.uint8
    assert made.labels == [str(k % 10) for k in range(23)]
    nearest = np.abs(made[:, None].astype(float) - means()[None]).mean((2, 3, 4)).argmin(1)
    assert (nearest == np.arange(23) % 10).all()
    three = stamp.generate(n=5, label="3")
    assert three.labels == ["3"] * 5
    assert (np.abs(three[:, None].astype(float) - means()[None]).mean((2, 3, 4)).argmin(1) == 3).all()
    assert (stamp.generate(n=5, seed=1) == stamp.generate(n=5, seed=1)).all()
    assert (stamp.generate(n=5, seed=1) != stamp.generate(n=5, seed=2)).any()


def test_settings_of_sampling_reach_the_kind_and_unknown_ones_are_refused(stamp, given_back):
    plain, still = stamp.generate(n=20, label="0"), stamp.generate(n=20, label="0", steps=1000)
    assert still.std(0).max() < 1 < plain.std(0).max()
    assert stamp.generate(n=20, label="0", guidance=5.0).std(0).mean() > 2 * plain.std(0).mean()
    with pytest.raises(ConfigError, match="no setting 'sampler' of sampling; it has steps, guidance; leave sampler out"):
        stamp.generate(sampler="ddim")
    with pytest.raises(ConfigError, match="steps=0"):
        stamp.generate(steps=0)
    with pytest.raises(ConfigError, match="no label 'ten'; labels are: 0, 1"):
        stamp.generate(label="ten")
    with pytest.raises(ConfigError, match="makes no data"):
        given_back.generate()
    with pytest.raises(DataError, match="use generate"):
        stamp.predict("digits")


def test_single_files_say_what_they_are_and_lie_in_a_folder_of_their_own(stamp, tmp_path):
    made = nnzoo.generate(stamp, n=12, seed=4, out=tmp_path / "made")
    files = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert files == [*(f"{k:04d}.png" for k in range(1, 13)), "labels.csv", "origin.json"]
    table = pd.read_csv(tmp_path / "made" / "labels.csv", dtype=str)
    assert table["file"].tolist() == files[:12] and table["label"].tolist() == made.labels
    picture = Image.open(tmp_path / "made" / "0004.png")
    assert (np.asarray(picture) == made[3, :, :, 0]).all()
    about = json.loads(picture.text["nnzoo"])
    assert about["synthetic"] and about["seed"] == 4 and about["label"] == "3" and about["run"] == stamp.run
    assert json.loads((tmp_path / "made" / "origin.json").read_text())["kind"] == "stamp"
    with pytest.raises(ConfigError, match="holds files already"):
        nnzoo.generate(stamp, n=2, out=tmp_path / "made")
    nnzoo.generate(stamp, n=3, out=tmp_path / "made.npz")
    with np.load(tmp_path / "made.npz") as held:
        assert held["images"].shape == (3, 8, 8, 1) and held["labels"].tolist() == ["0", "1", "2"]
    nnzoo.generate(stamp, n=3, out=tmp_path / "grid.png")
    assert json.loads(Image.open(tmp_path / "grid.png").text["nnzoo"])["synthetic"]
    with pytest.raises(ConfigError, match="no folder"):
        nnzoo.generate(stamp, n=3, out=tmp_path / "nowhere" / "grid.png")


def test_scores_of_a_run_by_label_and_a_second_training_on_top_of_it(stamp, tmp_path):
    assert stamp.evaluate("digits")["energy_distance"] > 0
    raw = digits()
    with pytest.raises(DataError, match="no labels"):
        stamp.evaluate(RawImages("bare", raw.pixels))
    again = nnzoo.train(STAMP, "digits", from_run=None, task="unconditional-image-generation", out=tmp_path / "one", device="cpu")
    assert again.task == "unconditional-image-generation"
    assert opened(tmp_path / "one", STAMP).generate(n=2).labels is None
    with pytest.raises(ConfigError, match="without labels"):
        opened(tmp_path / "one", STAMP).generate(label="3")


def test_pictures_are_given_back_and_written(given_back, tmp_path):
    raw = digits()
    Image.fromarray(raw.pixels[5, :, :, 0]).save(tmp_path / "five.png")
    frame = nnzoo.predict(given_back, tmp_path / "five.png", out=tmp_path / "back.png")
    back = frame["image"][0]
    assert back.shape == (8, 8, 1) and np.abs(back.astype(int) - raw.pixels[5]).mean() < 40 < raw.pixels[5].std()
    assert (np.asarray(Image.open(tmp_path / "back.png")) == back[..., 0]).all()
    (tmp_path / "several").mkdir()
    for name in ("x", "y"):
        Image.fromarray(raw.pixels[ord(name), :, :, 0]).save(tmp_path / "several" / f"{name}.png")
    nnzoo.predict(given_back, tmp_path / "several", out=tmp_path / "answers")
    assert sorted(path.name for path in (tmp_path / "answers").iterdir()) == ["origin.json", "x.png", "y.png"]


def test_codes_come_back_as_pictures_and_lie_between_two(given_back):
    raw = digits()
    codes = given_back.encode(raw.pixels[:4])
    assert codes.shape == (4, 8)
    assert (given_back.decode(codes) == np.stack(given_back.predict(raw.pixels[:4])["image"].tolist())).all()
    between = given_back.interpolate(raw.pixels[:1], raw.pixels[1:2], n=3)
    assert between.shape == (3, 8, 8, 1)
    middle = given_back.decode(codes[:2].mean(0, keepdims=True))[0]
    assert np.abs(between[1].astype(int) - middle).max() <= 1 < np.abs(between[0].astype(int) - middle).max()
    with pytest.raises(ConfigError, match="n=0"):
        given_back.interpolate(raw.pixels[:1], raw.pixels[1:2], n=0)


def test_what_was_not_learned_stands_out_and_labels_say_how_well(tmp_path):
    raw = digits()
    learned, others = (
        RawImages("some", raw.pixels[:1200], raw.labels[:1200]),
        RawImages("more", raw.pixels[1200:], raw.labels[1200:]),
    )
    nnzoo.train(SQUEEZE, learned, normal="0", out=tmp_path / "run", **QUICK)
    model = opened(tmp_path / "run", SQUEEZE)
    found = nnzoo.anomalies(model, others, normal="0", share=0.1, out=tmp_path / "rows.csv")
    assert found.auroc > 0.9 and found.flagged_others > 0.5 > 0.3 > found.flagged_normal
    frame = pd.read_csv(tmp_path / "rows.csv", dtype={"label": str})
    assert list(frame) == ["row", "label", "score", "flagged"] and len(frame) == 597
    zero = frame["label"] == "0"
    ranks = frame["score"].rank()
    u = ranks[~zero].sum() - (~zero).sum() * ((~zero).sum() + 1) / 2
    assert found.auroc == pytest.approx(u / (zero.sum() * (~zero).sum()))
    assert (frame["flagged"] == (frame["score"] > found.threshold)).all()
    assert found.to_json()["flagged"] == frame["flagged"].sum()
    assert found.strangest(3)["score"].is_monotonic_decreasing
    whole = nnzoo.anomalies(model, others, usual=RawImages("zeros", raw.pixels[raw.labels == "0"]), share=0.05)
    assert whole.auroc is None and whole.share == 0.05
    with pytest.raises(DataError, match="no label 'ten', only 0, 1"):
        nnzoo.anomalies(model, others, normal="ten")
    with pytest.raises(DataError, match="no other label than 0"):
        nnzoo.anomalies(model, RawImages("zeros", raw.pixels[raw.labels == "0"], raw.labels[raw.labels == "0"]), normal="0")
    with pytest.raises(ConfigError, match="two ways"):
        nnzoo.anomalies(model, others, share=0.1, threshold=1.0)


def test_of_a_set_with_an_official_test_part_only_that_is_scored(tmp_path, given_back):
    raw = digits()
    part = np.array(["train"] * 1700 + ["test"] * 97, dtype=object)
    found = given_back.anomalies(RawImages("parted", raw.pixels, raw.labels, part=part))
    assert len(found.frame) == 97 and found.frame["row"].iloc[0] == 1701 and "test part" in found.notes[0]


def table(n=300):
    draw = np.random.default_rng(3)
    a = draw.normal(size=n)
    odd = np.arange(n) % 10 == 0
    frame = pd.DataFrame({"a": a, "b": np.where(odd, -a, a) + draw.normal(size=n) * 0.05, "c": 2 * a + draw.normal(size=n) * 0.05})
    return frame.assign(state=np.where(odd, "broken", "fine"))


def test_rows_of_a_table_are_scored_by_a_column_of_labels(tmp_path):
    frame = table()
    trained = nnzoo.train(SQUEEZE, frame, target=("state",), normal="fine", config={"code": 1}, out=tmp_path / "run", **QUICK)
    assert trained.task == "reconstruction"
    model = opened(tmp_path / "run", SQUEEZE)
    assert model.anomalies(frame, normal="fine", target="state").auroc > 0.9
    back = model.predict(frame.drop(columns="state"))
    assert list(back) == ["a", "b", "c", "predicted_a", "predicted_b", "predicted_c"]
    assert np.corrcoef(back["a"], back["predicted_a"])[0, 1] > 0.95
    assert model.anomalies(frame).frame.columns.tolist() == ["row", "score", "flagged"]
    with pytest.raises(DataError, match="no label 'gone', only broken, fine"):
        model.anomalies(frame, normal="gone", target="state")


def test_a_table_whose_target_was_a_guess_is_given_back_as_a_whole(tmp_path):
    trained = nnzoo.train(SQUEEZE, table().drop(columns="state"), config={"code": 1}, out=tmp_path / "run", **QUICK)
    assert trained.task == "reconstruction" and trained.test > 0.5
    assert any("since squeeze does no tabular-regression" in note for note in opened(tmp_path / "run", SQUEEZE).manifest.notes)


def test_pairs_that_were_made_are_made_alike_for_scores_and_inputs_are_taken_as_they_are(tmp_path):
    trained = nnzoo.train(SQUEEZE, "digits", pairs="noisy", config={"code": 24}, out=tmp_path / "run", **QUICK)
    assert trained.task == "image-to-image" and trained.test > 0.5
    model, raw = opened(tmp_path / "run", SQUEEZE), digits()
    noisy = changed(raw.pixels[:50], "noisy")
    clean = np.stack(model.predict(noisy)["target"].tolist()).astype(float)
    lost = ((clean - raw.pixels[:50]) ** 2).mean() / raw.pixels[:50].astype(float).var(0).mean()
    assert 1 - lost == pytest.approx(model.evaluate(raw.pixels[:50])["r2"], abs=0.1)  # clipped and rounded, so a little better
    both = model.evaluate((noisy, raw.pixels[:50]))
    assert both["r2"] == pytest.approx(model.evaluate(raw.pixels[:50])["r2"], abs=1e-6)
    Image.fromarray(noisy[0, :, :, 0]).resize((16, 16), Image.Resampling.NEAREST).save(tmp_path / "one.png")
    nnzoo.predict(model, tmp_path / "one.png", out=tmp_path / "clean.png")
    assert Image.open(tmp_path / "clean.png").size == (8, 8)


def test_rbm_takes_labelled_pictures_without_their_labels():
    from nnzoo.data.prepare import prepare
    from nnzoo.zoo.suiting import suiting

    prepared = prepare("digits")
    again = suiting("rbm", prepared, lambda task: prepare(prepared.raw, task=task))
    assert again.task.name == "unconditional-image-generation" and not again.spec.outputs
    assert "since rbm does no image-classification" in again.notes[-1]
    assert suiting("mlp", prepared, lambda task: prepare(prepared.raw, task=task)) is prepared
    bare = prepare(RawTable("numbers", table().drop(columns="state")))
    assert suiting("rbm", bare, lambda task: prepare(bare.raw, task=task)) is bare
