"""A race of generators: ranked by their distance, copiers left out, what is made shown side by side, real rows as the bound."""

import numpy as np
import pytest
import torch
from torch import nn

from nnzoo.comparing.candidate import Request
from nnzoo.comparing.columns import columns_of
from nnzoo.comparing.entries import Entry
from nnzoo.comparing.intervals import SetsAndSeeds, intervals
from nnzoo.comparing.made_baselines import Gaussian, PixelsOfALabel
from nnzoo.comparing.race import compare
from nnzoo.comparing.reconstruction_baselines import PCA, components_for
from nnzoo.comparing.sharing import received, sent
from nnzoo.comparing.verdict import decide
from nnzoo.core.abilities import Samples
from nnzoo.core.fields import Classes, Image
from nnzoo.core.learning import Adam, Descend, Loss, Stage
from nnzoo.core.network import Can, Card, Network, NetworkConfig, No
from nnzoo.core.task import Evaluation
from nnzoo.data.prepare import prepare
from nnzoo.training.settings import Settings

CARD = Card("a test's own", "x + noise", "none", 2000, "unsupervised", "tests", "all else", "little")


class Config(NetworkConfig):
    noise: float = 0.0
    mixed: float = 0.0


class Recall(Network):
    """Keeps pictures as it sees them, and gives them back with noise, or mixed with another."""

    Config = Config
    card = CARD
    conditional = False

    @classmethod
    def can(cls, spec, task):
        if spec.only("outputs" if cls.conditional else "inputs", Image) is None:
            return No("recall makes pictures; use cnn")
        return Can((Samples,))

    def __init__(self, config, spec, task, found={}, parts={}):
        super().__init__(config, spec, task, found, parts)
        (image,) = (spec.outputs if self.conditional else spec.inputs).values()
        self.register_buffer("stored", torch.zeros(1000, image.channels, image.height, image.width))
        self.register_buffer("codes", torch.zeros(1000, dtype=torch.long))
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, batch, clock):
        place = (torch.arange(len(batch)) + 128 * clock.step) % 1000
        if clock.training:
            self.stored[place] = next(iter((batch.outputs if self.conditional else batch.inputs).values()))
            if self.conditional:
                self.codes[place] = next(iter(batch.inputs.values()))
        return Loss(self.weight.square().sum() * len(batch), len(batch))

    def stages(self, task):
        return (Stage((Descend("task", self.loss, optimizer=Adam(1e-3)),), epochs=8),)

    def sample(self, n, condition=None):
        rows = torch.randint(1000, (2, n))
        if self.conditional:
            codes = torch.randint(10, (n,)) if condition is None else condition
            same = (self.codes[None] == codes[:, None]).float() + 1e-9
            rows = torch.multinomial(same, 2, replacement=True).T
        x, other = self.stored[rows[0]], self.stored[rows[1]]
        return (1 - self.config.mixed) * x + self.config.mixed * other + self.config.noise * torch.randn_like(x)


class Mixer(Recall):
    """Its pictures are mixtures of two."""


class Noisy(Recall):
    """Its pictures are noisy and mixed."""


class OfLabels(Recall):
    """Makes pictures of a label."""

    conditional = True


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNZOO_CACHE", str(folder / "cache"))
        config = {"recall": {"noise": 0.05}, "mixer": {"mixed": 0.5}, "noisy": {"mixed": 0.5, "noise": 0.5}}
        kinds = [Recall, Mixer, Noisy]
        yield compare(
            "digits",
            task="unconditional-image-generation",
            kinds=kinds,
            config=config,
            budget=None,
            per_run="2epochs",
            seeds=2,
            device="cpu",
            out=folder / "report.html",
        )


def test_generators_are_ranked_by_their_distance(raced):
    assert raced.metric == "frechet_distance" and not raced.higher_is_better
    order = [entry.kind for entry in raced.entries]
    assert order.index("mixer") < order.index("noisy") < order.index("independent-pixels")
    assert {"gaussian", "independent-pixels"} <= set(order)
    mixer = raced.entry("mixer")
    assert mixer.low < mixer.mean < mixer.high and len(mixer.scores) == len(mixer.validation) == 2
    others = {"precision", "recall", "classes_found", "confidence", "label_kl", "copied", "energy_distance"}
    assert others == set(mixer.other_scores)
    assert raced.bound["frechet_distance"] < mixer.mean and raced.bound["frechet_distance"] < raced.floor
    assert "training part" not in order and "bootstrap" in raced.interval


def test_a_copier_is_flagged_and_cannot_win(raced):
    recall = raced.entry("recall")
    assert recall.copies and not raced.entry("mixer").copies
    assert recall.mean < raced.entry("mixer").mean  # it would have won
    assert raced.verdict.text.startswith("recall copies training rows")
    assert raced.verdict.recommended != "recall" and "recall" not in raced.verdict.tied
    facts = raced.to_json()
    assert facts["bound"]["copied"] == 1 and "classifier trained here" in facts["judged_by"]
    assert {entry["kind"]: entry["copies"] for entry in facts["entries"]}["recall"] is True


def test_the_report_shows_what_each_has_made_and_the_judge(raced):
    with open(raced.report, encoding="utf-8") as file:
        page = file.read()
    for kind in ("recall", "mixer", "noisy", "gaussian", "independent-pixels"):
        assert f"Made by {kind}" in page
    assert "Real ones, of the test part" in page and "training rows themselves" in page
    assert "Frechet distance (own classifier)" in page and "compares with no FID" in page
    assert page.count('alt="made picture"') == 5 * 20


def test_pictures_of_labels_are_ranked_by_what_a_classifier_learns_from_them(tmp_path, monkeypatch):
    monkeypatch.setenv("NNZOO_CACHE", str(tmp_path))
    monkeypatch.setattr("nnzoo.comparing.judging.pictures.TAUGHT_STEPS", 100)
    raced = compare(
        "digits",
        task="class-conditional-image-generation",
        kinds=[OfLabels],
        config={"oflabels": {"mixed": 0.3}},
        budget=None,
        per_run="2epochs",
        seeds=1,
        device="cpu",
        out=tmp_path / "report.html",
    )
    assert raced.metric == "gan_train" and raced.higher_is_better
    made, plain = raced.entry("oflabels"), raced.entry("independent-pixels")
    assert made.mean > 0.75 and made.other_scores["gan_test"] > 0.85 and 0 < made.low < made.mean
    assert made.other_scores["frechet_distance"] < plain.other_scores["frechet_distance"]
    assert raced.bound["gan_train"] > 0.8
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Made by oflabels" in page and "GAN-train accuracy" in page


def test_what_codes_give_back_is_compared_with_principal_components(tmp_path):
    raced = compare(
        "digits",
        task="reconstruction",
        kinds=["autoencoder"],
        config={"autoencoder": {"code": 8}},
        budget=None,
        per_run="2epochs",
        seeds=1,
        device="cpu",
        out=tmp_path / "report.html",
    )
    assert raced.metric == "r2" and {"autoencoder", "pca-8"} == {entry.kind for entry in raced.entries}
    assert 0.5 < raced.entry("pca-8").mean < 0.9
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Given back by pca-8" in page and page.count('alt="rebuilt picture"') == 2 * 20


def test_points_have_modes_where_the_truth_is_known():
    raced = compare("ring8", kinds=["wgan_gp"], budget=None, per_run="20steps", seeds=1, device="cpu", out=None)
    assert raced.metric == "energy_distance"
    plain = raced.entry("gaussian").other_scores
    assert set(plain) == {"modes", "modes_kl", "share_within_3_sigma"} and plain["share_within_3_sigma"] < 0.1
    assert raced.bound["modes"] == 8 and raced.bound["modes_kl"] < 0.01 and abs(raced.bound["energy_distance"]) < 0.01
    assert raced.bound["share_within_3_sigma"] > 0.98


def evaluation(score, draws, copies=False):
    extra = {"draws": {"frechet_distance": np.asarray(draws)}, "samples": 100, "copies": copies}
    return Evaluation("frechet_distance", {"frechet_distance": score}, extra=extra)


def test_intervals_hold_the_variance_of_pictures_and_of_seeds():
    rng = np.random.default_rng(0)
    real = rng.normal(0, 1.0, 4000)  # shared by both
    first = [evaluation(10 + s, 10 + s + real + rng.normal(0, 0.5, 4000)) for s in (-2.0, 0.0, 2.0)]
    second = [evaluation(20 + s, 20 + s + real + rng.normal(0, 0.5, 4000)) for s in (-2.0, 0.0, 2.0)]
    sure = intervals({"a": first, "b": second}, "frechet_distance")
    assert isinstance(sure, SetsAndSeeds) and sure.rows == 100
    one, two = sure._estimate({"a": 1.0}), sure.estimate("b", "a")
    assert one.value == pytest.approx(10) and two.value == pytest.approx(10)
    assert one.rows == pytest.approx(1 + 0.25 / 3, rel=0.1) and one.seeds == pytest.approx((4 - 0.25) / 3, rel=0.05)
    assert two.rows == pytest.approx(2 * 0.25 / 3, rel=0.15)  # the real pictures are the same for both
    without = intervals({"a": [Evaluation("energy_distance", {"energy_distance": s}) for s in (1.0, 2.0)]}, "energy_distance")
    assert not isinstance(without, SetsAndSeeds)


def test_a_verdict_without_copiers():
    rng = np.random.default_rng(1)

    def entry(kind, mean, copies=False, role="network"):
        each = [evaluation(mean + s, mean + s + rng.normal(0, 0.1, 300), copies) for s in (-0.1, 0.0, 0.1)]
        scores = [e.score for e in each]
        return Entry(kind, role, mean=mean, scores=scores, validation=scores, evaluations=each, latency_ms_1=1.0, bytes=10)

    entries = [entry("copy", 0.1, True), entry("good", 5), entry("bad", 9), entry("plain", 30, role="baseline")]
    sure = intervals({e.kind: e.evaluations for e in entries}, "frechet_distance")
    verdict = decide(entries, sure, "frechet_distance", False)
    assert verdict.winner == "good" and verdict.outcome == "winner" and "copy copies training rows" in verdict.text
    assert "Frechet distance (own classifier) 5" in verdict.text
    alone = decide(entries[:1], sure, "frechet_distance", False)
    assert alone.winner is None and "No entrant is left" in alone.text


def test_baselines_of_pictures():
    prepared = prepare("digits", task="unconditional-image-generation")
    x = prepared.parts.train.all().inputs["image"].flatten(1)
    gaussian = Gaussian(prepared.spec)
    gaussian.fit(prepared.parts)
    torch.manual_seed(0)
    made = gaussian.sample(20_000)
    assert made.shape == (20_000, 1, 8, 8)
    assert torch.allclose(made.flatten(1).T.cov(), x.T.cov(), atol=0.06)
    labelled = prepare("digits", task="class-conditional-image-generation")
    pixels = PixelsOfALabel(labelled.spec)
    pixels.fit(labelled.parts)
    batch = labelled.parts.train.all()
    (label,) = (name for name, field in labelled.spec.inputs.items() if isinstance(field, Classes))
    own = batch.outputs["image"][batch.inputs[label] == 4]
    made = pixels.sample(5000, torch.full((5000,), 4))
    assert torch.allclose(made.mean(0), own.mean(0), atol=0.06) and torch.allclose(made.std(0), own.std(0), atol=0.06)


class Squeeze(Network):
    """Has a code of six numbers."""

    Config = NetworkConfig
    card = CARD

    @classmethod
    def can(cls, spec, task):
        return Can(())

    def encode(self, inputs):
        return torch.zeros(len(inputs["image"]), 2, 3)


def test_principal_components_are_the_best_linear_code():
    prepared = prepare("digits", task="reconstruction")
    (made,) = components_for(prepared.spec, prepared.task, {"squeeze": (Squeeze, {}), "again": (Squeeze, {})})
    assert made == PCA(6) and made.kind == "pca-6"
    baseline = made(prepared.spec)
    baseline.fit(prepared.parts)
    x = prepared.parts.train.all().inputs["image"].flatten(1).double().numpy()
    centred = x - x.mean(0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    kept = 1 - (values[6:] ** 2).sum() / (values**2).sum()
    assert prepared.task.evaluate(baseline, prepared.parts.train).score == pytest.approx(kept, abs=1e-5)
    test = prepared.task.evaluate(baseline, prepared.parts.test)
    for metric, score in test.scores.items():
        columns = columns_of(test, metric)
        assert columns.score(columns.rows_NC.sum(0)[None])[0] == pytest.approx(score, rel=1e-5)
    answer = baseline(prepared.parts.test.all().inputs)["image"]
    t = prepared.parts.test.all().inputs["image"].flatten(1).double().numpy() - x.mean(0)
    expected = x.mean(0) + t @ axes[:6].T @ axes[:6]
    assert np.allclose(answer.flatten(1).numpy(), expected, atol=1e-4) and answer.shape[1:] == (1, 8, 8)
    request = Request("pca-6", "baseline", made, Settings(), seeds=(0,))
    assert received(sent(request)).make == made
