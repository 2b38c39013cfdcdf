"""Baselines: right answers on data whose answer is known, the same calls as a network, fitted on the training part only."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

from nnzoo.comparing.baselines import baselines_for
from nnzoo.comparing.linear_baselines import LogisticRegression, RidgeRegression
from nnzoo.comparing.made_baselines import Gaussian, IndependentPixels
from nnzoo.comparing.plain_baselines import LabelPropagation, Majority, Mean
from nnzoo.comparing.sequence_baselines import NGram, Unigram, WeightedNGrams
from nnzoo.comparing.tree_baselines import BoostedClassification, BoostedRegression
from nnzoo.core.dataset import Parts
from nnzoo.core.fields import Sequences
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawGraph, RawImages, RawTexts


def fitted(kind, prepared, **options):
    baseline = kind(prepared.spec, **options)
    baseline.fit(prepared.parts)
    return baseline


def score(baseline, prepared, part="test"):
    return prepared.task.evaluate(baseline, getattr(prepared.parts, part), reference=prepared.parts.train).score


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 600), "town": rng.choice(["Bern", "Lima", "Oslo"], 600)})
    frame["buys"] = np.where((frame.town == "Lima") ^ (rng.random(600) < 0.05), "yes", "no")
    frame["spends"] = 3 * frame.age + 20 * (frame.town == "Oslo") + rng.normal(0, 1, 600)
    return frame


@pytest.fixture(scope="module")
def buyers(people):
    return prepare(people.drop(columns="spends"), targets=("buys",))


@pytest.fixture(scope="module")
def spenders(people):
    return prepare(people.drop(columns="buys"), targets=("spends",))


def test_majority_answers_the_training_shares(buyers):
    baseline = fitted(Majority, buyers)
    (name,) = buyers.spec.outputs
    codes = buyers.parts.train.stored(name, "codes")
    (logits,) = baseline(buyers.parts.test.all().inputs).values()
    assert logits.shape == (len(buyers.parts.test), 2)
    assert logits.exp()[0, 1].item() == pytest.approx((codes == 1).float().mean().item(), abs=1e-6)
    assert score(baseline, buyers) == pytest.approx(buyers.task.floor(buyers.parts.train, buyers.parts.test))


@pytest.mark.parametrize("kind", [LogisticRegression, BoostedClassification])
def test_classifiers_read_categories(kind, buyers):
    assert score(fitted(kind, buyers), buyers) > 0.85  # town alone tells, but for one in twenty; the majority scores 0.66


@pytest.mark.parametrize("kind", [RidgeRegression, BoostedRegression])
def test_regressors_read_numbers_and_categories(kind, spenders):
    assert score(fitted(kind, spenders), spenders) > 0.95


def test_mean_scores_the_floor(spenders):
    floor = spenders.task.floor(spenders.parts.train, spenders.parts.test)
    assert score(fitted(Mean, spenders), spenders) == pytest.approx(floor, abs=1e-5)


def test_missing_targets_are_left_out_target_by_target(people):
    frame = people.drop(columns="buys")
    frame["other"] = -frame.spends
    frame.loc[frame.index[::3], "other"] = np.nan
    prepared = prepare(frame, targets=("spends", "other"))
    for kind in (Mean, RidgeRegression, BoostedRegression):
        (answer,) = fitted(kind, prepared)(prepared.parts.test.all().inputs).values()
        assert answer.shape == (len(prepared.parts.test), 2) and answer.isfinite().all()
    assert score(fitted(RidgeRegression, prepared), prepared) > 0.95


def test_a_label_that_training_lacks_gets_a_column_of_its_own(buyers):
    (name,) = buyers.spec.outputs
    only_yes = torch.nonzero(buyers.parts.train.stored(name, "codes") == 1).flatten()
    for kind in (Majority, LogisticRegression):
        baseline = kind(buyers.spec)
        baseline.fit(Parts(buyers.parts.train.part(only_yes), buyers.parts.valid, None))
        (logits,) = baseline(buyers.parts.test.all().inputs).values()
        assert logits.shape[1] == 2 and (logits.argmax(1) == 1).all()


def test_digits_scores_are_those_of_scikit_learn():
    prepared = prepare("digits")
    kinds = {kind.kind: kind for kind in baselines_for(prepared.spec)}
    assert list(kinds) == ["majority", "logistic-regression", "gradient-boosting"]
    assert 0.93 < score(fitted(kinds["logistic-regression"], prepared), prepared) < 0.99


def test_a_small_budget_bounds_rows_and_rounds_and_says_so():
    x, y = load_digits(return_X_y=True)
    prepared = prepare((x.reshape(-1, 8, 8, 1).astype(np.uint8) * 15, y.astype(str)))
    baseline = fitted(BoostedClassification, prepared, seconds=0.02)
    assert "rows" in baseline.note and "20 rounds" in baseline.note
    assert baseline.models[0].n_iter_ == 20 and score(baseline, prepared) > 0.5
    assert fitted(Majority, prepared, seconds=0.02).note == ""


def test_the_test_part_is_never_looked_at(buyers):
    (name,) = buyers.spec.outputs
    codes = buyers.parts.test.columns[name]["codes"].clone()
    codes[buyers.parts.test.index] = 1 - codes[buyers.parts.test.index]
    changed = Parts(buyers.parts.train.replaced({name: {"codes": codes}}), buyers.parts.valid, None)
    for kind in (Majority, LogisticRegression, BoostedClassification):
        first, second = kind(buyers.spec), kind(buyers.spec)
        first.fit(buyers.parts)
        second.fit(changed)  # the same storage with other labels in the test rows
        inputs = buyers.parts.test.all().inputs
        assert torch.equal(next(iter(first(inputs).values())), next(iter(second(inputs).values())))


def test_labels_flow_along_edges():
    """Two rings joined by one edge, one label in each."""
    ring = [(i, (i + 1) % 8) for i in range(8)]
    edges = np.array([*ring, *[(a + 8, b + 8) for a, b in ring], (0, 8)]).T
    labels = np.array(["a"] * 8 + ["b"] * 8)
    part = np.array(["test"] * 16, dtype=object)
    part[[3, 12]] = "train"
    raw = RawGraph("rings", np.eye(16, dtype=np.float32), np.concatenate([edges, edges[::-1]], 1), labels, part=part)
    prepared = prepare(raw)
    assert LabelPropagation in baselines_for(prepared.spec)
    assert score(fitted(LabelPropagation, prepared), prepared) == 1.0
    assert score(fitted(LogisticRegression, prepared), prepared) < 1.0  # the nodes' own features say nothing


@pytest.fixture(scope="module")
def lines():
    rng = np.random.default_rng(1)
    return [
        "".join("ab"[(i + start) % 2] if rng.random() < 0.95 else "c" for i in range(n))
        for n, start in rng.integers(1, 12, (300, 2))
    ]


@pytest.fixture(scope="module")
def written(lines):
    return prepare(RawTexts("lines", lines))


@pytest.mark.parametrize("kind", [Unigram, NGram])
def test_written_symbols_have_probabilities_that_sum_to_one(kind, written):
    (logits,) = fitted(kind, written)(written.parts.test.all().inputs).values()
    assert torch.allclose(logits.exp().sum(-1), torch.ones(logits.shape[:2]), atol=1e-4)


def test_unigram_answers_how_often_symbols_are_predicted(written):
    train = written.parts.train.all().inputs["text"]
    symbols = torch.cat([row[1:n] for row, n in zip(train.tokens_BT, train.lengths_B)])  # the first is never predicted
    counts = torch.bincount(symbols, minlength=written.spec.inputs["text"].vocabulary).double()
    found = fitted(Unigram, written).log_table.exp().double()
    assert torch.allclose(found, counts / counts.sum(), atol=0.01)


def test_symbols_before_it_help_the_n_gram_model(written):
    assert score(fitted(NGram, written), written) < score(fitted(Unigram, written), written) - 0.2


def test_reading_in_pieces_gives_the_same_as_reading_at_once(written):
    baseline = fitted(NGram, written)
    symbols = torch.tensor([[1, 4, 5, 4, 5, 6, 4]])
    whole, _ = baseline.step(baseline.start(1), symbols)
    state, pieces = baseline.start(1), []
    for piece in symbols.split([1, 1, 3, 2], dim=1):
        logits, state = baseline.step(state, piece)
        pieces.append(logits)
    assert torch.equal(whole, torch.cat(pieces, 1))


def test_texts_are_told_apart_by_their_n_grams():
    rng = np.random.default_rng(2)
    texts = ["".join(rng.choice(list(letters), 12)) for letters in ("abcd", "cdef") for _ in range(100)]
    prepared = prepare(RawTexts("texts", texts, labels=np.array(["first"] * 100 + ["second"] * 100)))
    assert baselines_for(prepared.spec) == [Majority, WeightedNGrams]
    assert score(fitted(WeightedNGrams, prepared), prepared) > 0.9


def test_padding_is_no_symbol_for_n_grams():
    prepared = prepare(RawTexts("texts", ["ab", "baab"] * 30, labels=np.array(["x", "y"] * 30)))
    baseline = fitted(WeightedNGrams, prepared)
    short = torch.tensor([[1, 4, 5, 2]])
    padded = torch.nn.functional.pad(short, (0, 5))
    answers = [next(iter(baseline({"text": Sequences(t, torch.tensor([4]))}).values())) for t in (short, padded)]
    assert torch.equal(*answers)


def test_made_points_have_the_mean_and_covariance_of_the_training_part():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.multivariate_normal([1, -2], [[2, 1.5], [1.5, 2]], 2000), columns=["x", "y"])
    prepared = prepare(frame, task="unconditional-generation")
    (field,) = prepared.spec.inputs.values()
    torch.manual_seed(0)
    made = field.restore(fitted(Gaussian, prepared).sample(20000)).numpy()
    assert made.mean(0) == pytest.approx([1, -2], abs=0.15)
    assert np.cov(made.T) == pytest.approx(np.array([[2, 1.5], [1.5, 2]]), abs=0.2)


def test_made_pictures_have_the_pixels_means_and_spreads():
    rng = np.random.default_rng(4)
    pixels = rng.normal(100, 20, (400, 4, 4, 1)).clip(0, 255).astype(np.uint8)
    pixels[:, 0, 0] = 7
    prepared = prepare(RawImages("noise", pixels))
    torch.manual_seed(0)
    made = fitted(IndependentPixels, prepared).sample(3000)
    assert made.shape == (3000, 1, 4, 4)
    restored = prepared.preprocessing.field().restore(made) * 255
    assert restored[:, 0, 0, 0].std() < 0.1 and restored[:, 0, 0, 0].mean().item() == pytest.approx(7, abs=0.1)
    assert restored[:, 0, 2, 2].std().item() == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("kind", [Majority, LogisticRegression, BoostedClassification])
def test_size_and_parameters_are_known(kind, buyers):
    baseline = fitted(kind, buyers)
    assert baseline.bytes() > 0 and baseline.parameters > 0 and baseline.eval() is baseline


def test_a_long_text_is_counted_in_pieces_as_at_once(monkeypatch):
    prepared = prepare("python-docs")
    whole = fitted(NGram, prepared)
    monkeypatch.setattr("nnzoo.comparing.sequence_baselines.COUNTED", 1009)
    pieces = fitted(NGram, prepared)
    assert pieces.parameters == whole.parameters and (pieces.learned() == whole.learned()).all()
