"""What a classifier of the same data says of planted generators of digits, whose fault is known."""

import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nnzoo.comparing.judging.classifier import learn
from nnzoo.comparing.judging.handing import TrainingRows, bound, with_judge
from nnzoo.comparing.judging.pictures import judge_of
from nnzoo.data.prepare import prepare


class Makes:
    """A generator that is a function of how many and of which label."""

    device = torch.device("cpu")

    def __init__(self, make):
        self.make = make

    def sample(self, n, condition=None):
        return self.make(n) if condition is None else self.make(n, condition)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("NNZOO_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def digits(cache):
    prepared = prepare("digits", task="unconditional-image-generation")
    task = with_judge(prepared)
    task.judge.learn("cpu")
    return prepared, task


@pytest.fixture(scope="module")
def labelled(cache):
    prepared = prepare("digits", task="class-conditional-image-generation")
    task = with_judge(prepared)
    task.judge.learn("cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnzoo.comparing.judging.pictures.TAUGHT_STEPS", 150)
        yield prepared, task


def blurred(x, share=0.5):
    return (1 - share) * x + share * F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def test_planted_generators_come_in_the_right_order(digits):
    prepared, task = digits
    assert task.metric == "frechet_distance" and not task.higher_is_better
    held = TrainingRows(prepared.parts.valid)
    generators = {
        "real": held,
        "blurred": Makes(lambda n: blurred(held.sample(n))),
        "noise": Makes(lambda n: torch.randn(n, 1, 8, 8)),
        "one": Makes(lambda n: prepared.parts.valid.take(torch.tensor([3])).inputs["image"].expand(n, -1, -1, -1)),
    }
    found = {name: task.evaluate(maker, prepared.parts.test, seed=0) for name, maker in generators.items()}
    distance = {name: evaluation.scores["frechet_distance"] for name, evaluation in found.items()}
    assert distance["real"] < 6 < 10 < distance["blurred"] < distance["noise"] < distance["one"]
    real, one = found["real"].scores, found["one"].scores
    assert real["classes_found"] == 10 and real["confidence"] > 0.95 and abs(real["label_kl"]) < 0.05
    assert min(real["precision"], real["recall"]) > 0.8
    assert one["classes_found"] == 1 and one["precision"] in (0, 1) and one["recall"] < 0.1 and one["label_kl"] > 1.5
    assert found["noise"].scores["recall"] < 0.2  # its precision says nothing here: so small a judge sees noise among its digits
    assert not any(found[name].extra["copies"] for name in generators)
    assert task.floor(prepared.parts.train, prepared.parts.test) > distance["blurred"]


def test_copies_are_flagged_and_the_bound_is_near_nothing(digits):
    prepared, task = digits
    train = TrainingRows(prepared.parts.train)
    noisy = task.evaluate(Makes(lambda n: train.sample(n) + 0.1 * torch.randn(n, 1, 8, 8)), prepared.parts.test)
    assert noisy.extra["copies"] and noisy.scores["copied"] > 0.9
    best = bound(task, prepared.parts.train, prepared.parts.test, 0)
    assert best.scores["frechet_distance"] < 6 and best.scores["copied"] == 1
    assert best.extra["draws"]["frechet_distance"].std() > 0


def test_a_judge_is_learned_once_and_travels_to_other_processes(digits, cache):
    prepared, task = digits
    assert len(list((cache / "judges").iterdir())) >= 1
    fresh = with_judge(prepared)
    fresh.judge.learn("cpu")
    kept, found = task.judge.classifier, fresh.judge.classifier
    assert kept is not found and kept.accuracy == found.accuracy > 0.9
    x = prepared.parts.test.all().inputs["image"]
    sent = pickle.loads(pickle.dumps(kept))
    for other in (found, sent):
        assert all(torch.equal(a, b) for a, b in zip(kept.read(x), other.read(x)))
    features, shares = kept.read(x)
    assert features.shape == (len(x), 32) and torch.allclose(shares.sum(1), torch.ones(len(x)), atol=1e-5)


def test_the_judge_learns_from_the_training_part_alone(digits):
    prepared, task = digits
    assert len(task.judge.train) == len(prepared.parts.train)
    labels = [str(prepared.labels[row]) for row in prepared.rows["train"]]
    codes = task.judge.train.stored("label", "codes").numpy()
    names = task.judge.train.spec.outputs["label"].labels
    assert [names[code] for code in codes] == labels
    pixels = task.judge.train.stored("image", "pixels")
    assert torch.equal(pixels, prepared.parts.train.stored("image", "pixels"))


def test_pictures_without_labels_are_compared_by_their_pixels():
    rng = np.random.default_rng(0)
    prepared = prepare(rng.integers(0, 255, (60, 8, 8), dtype=np.uint8), task="unconditional-image-generation")
    assert "no labels" in judge_of(prepared)
    said = []
    assert with_judge(prepared, [said.append]).metric == "energy_distance" and "pixels" in said[0].text


def conditional(prepared, wrong):
    """Held-out pictures of the label asked for, or of the one that `wrong` (codes -> codes) names."""
    held = TrainingRows(prepared.parts.valid)
    return Makes(lambda n, codes: held.sample(n, wrong(codes)))


def test_wrong_labels_are_seen_by_both_accuracies(labelled):
    prepared, task = labelled
    assert task.metric == "gan_train"
    test = prepared.parts.test
    right = task.evaluate(conditional(prepared, lambda codes: codes), test)
    assert right.scores["gan_test"] > 0.95 and right.scores["gan_train"] > 0.85
    assert right.rows.mean() == right.score and set(np.unique(right.rows)) <= {0, 1}
    three = torch.tensor([1, 2, 0, *range(3, 10)])  # three labels in ten exchanged
    moved = task.evaluate(conditional(prepared, lambda codes: three[codes]), test)
    assert abs(moved.scores["gan_test"] - 0.7) < 0.06 and abs(moved.scores["gan_train"] - 0.7) < 0.08
    draws = torch.Generator().manual_seed(0)

    def by_chance(codes):
        other = (codes + torch.randint(1, 10, codes.shape, generator=draws)) % 10
        return torch.where(torch.rand(codes.shape, generator=draws) < 0.3, other, codes)

    noisy = task.evaluate(conditional(prepared, by_chance), test)
    assert abs(noisy.scores["gan_test"] - 0.7) < 0.08
    assert noisy.scores["gan_train"] > 0.75  # a classifier sees through labels that are wrong by chance


def test_a_student_of_noise_knows_nothing(labelled):
    prepared, task = labelled
    found = task.evaluate(Makes(lambda n, codes: torch.randn(n, 1, 8, 8)), prepared.parts.test)
    assert found.scores["gan_train"] < 0.35 and found.scores["gan_test"] < 0.25


def test_labels_that_are_missing_are_left_out(digits):
    _, task = digits
    data = task.judge.train.replaced({"label": {"codes": task.judge.train.columns["label"]["codes"].clone()}})
    data.columns["label"]["codes"][::2] = -1
    few = learn(data, steps=20, cached=False)
    assert few.accuracy is not None and few.accuracy > 0.2
