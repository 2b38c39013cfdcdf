"""Classification, regression and pictures from conditions: scores agree with scikit-learn, losses count what is known."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from nnzoo.core.dataset import Dataset
from nnzoo.core.fields import Classes, Graph, Image, Spec, Table, Tokens, Values
from nnzoo.tasks import find, names

TABLE = Table(numeric=("a", "b"), mean=(0.0, 0.0), std=(1.0, 1.0))


class Answers:
    """A network that answers from a table of answers by the number in its first column."""

    def __init__(self, name, answers):
        self.name, self.answers = name, answers

    def __call__(self, inputs):
        return {self.name: self.answers[inputs["x"].numeric_BF[:, 0].long()]}


def tabular(field, stored, weight=None, n=60):
    numbers = torch.arange(n, dtype=torch.float32)[:, None].expand(n, 2).contiguous()
    columns = {"x": {"numeric": numbers, "codes": torch.zeros(n, 0, dtype=torch.long)}, "y": stored}
    return Dataset(Spec(inputs={"x": TABLE}, outputs={"y": field}, train_size=n), columns, weight=weight)


def test_tasks_are_found_by_file_name():
    assert {
        "tabular-classification",
        "image-classification",
        "text-classification",
        "node-classification",
        "tabular-regression",
        "image-regression",
        "tabular-to-image",
        "text-generation",
        "unconditional-generation",
        "unconditional-image-generation",
    } <= set(names())
    for name in names():
        task = find(name)
        assert task.name == name and task.metric in task.higher


@pytest.mark.parametrize("weighted", [False, True])
def test_classification_scores_agree_with_scikit_learn(weighted):
    draw = np.random.default_rng(0)
    codes, weight = draw.integers(0, 3, 60), draw.uniform(0.1, 2, 60)
    codes[codes == 2] = 0
    codes[3] = 2  # a rare label; label 3 is answered but never right
    logits = torch.from_numpy(draw.normal(size=(60, 4))).float()
    data = tabular(
        Classes(labels=tuple("abcd")), {"codes": torch.from_numpy(codes)}, torch.from_numpy(weight).float() if weighted else None
    )
    evaluation = find("tabular-classification").evaluate(Answers("y", logits), data)
    answer, w = logits.argmax(1).numpy(), weight.astype(np.float32) if weighted else None
    probability = logits.double().softmax(1).numpy()
    expected = {
        "accuracy": metrics.accuracy_score(codes, answer, sample_weight=w),
        "balanced_accuracy": metrics.recall_score(codes, answer, labels=[0, 1, 2], average="macro", sample_weight=w),
        "macro_f1": metrics.f1_score(codes, answer, average="macro", sample_weight=w),
        "log_loss": metrics.log_loss(codes, probability, labels=[0, 1, 2, 3], sample_weight=w),
    }
    assert evaluation.scores == pytest.approx(expected)
    assert evaluation.rows.mean() == pytest.approx(evaluation.score)


def test_missing_labels_count_neither_in_scores_nor_in_the_floor():
    codes = torch.tensor([0] * 10 + [1] * 20 + [-1] * 30)
    data = tabular(Classes(labels=("a", "b")), {"codes": codes})
    task = find("tabular-classification")
    assert task.floor(data, data) == pytest.approx(20 / 30)
    logits = torch.zeros(60, 2)
    logits[:, 1] = 1.0
    assert task.evaluate(Answers("y", logits), data).score == pytest.approx(20 / 30)
    loss = task.loss({"y": logits}, data.all())
    assert float(loss.weight) == 30


def regression(n=60, targets=2, weighted=False, missing=0):
    draw = np.random.default_rng(1)
    truth = (draw.normal(size=(n, targets)) * [5.0, 300.0][:targets] + [2.0, -100.0][:targets]).astype(np.float32)
    truth[:missing, 0] = np.nan
    field = Values(names=("u", "v")[:targets], mean=(2.0, -100.0)[:targets], std=(5.0, 300.0)[:targets])
    weight = torch.from_numpy(draw.uniform(0.1, 2, n)).float() if weighted else None
    data = tabular(field, {"numbers": torch.from_numpy(truth)}, weight, n)
    answer = torch.from_numpy(draw.normal(size=(n, targets))).float() * 0.3
    return data, truth, answer, field


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_scores_agree_with_scikit_learn_in_original_units(weighted):
    data, truth, answer, field = regression(weighted=weighted)
    evaluation = find("tabular-regression").evaluate(Answers("y", answer), data)
    said, w = field.restore(answer).numpy(), None if data.weight is None else data.weight.numpy()
    expected = {
        "r2": metrics.r2_score(truth, said, sample_weight=w),
        "rmse": metrics.root_mean_squared_error(truth, said, sample_weight=w),
        "mae": metrics.mean_absolute_error(truth, said, sample_weight=w),
    }
    assert evaluation.scores == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_rows_average_to_r2(weighted):
    data, truth, answer, field = regression(targets=1, weighted=weighted, missing=7)
    evaluation = find("tabular-regression").evaluate(Answers("y", answer), data)
    assert len(evaluation.rows) == 53
    assert evaluation.rows.mean() == pytest.approx(evaluation.score)
    squared = (truth[7:, 0] - field.restore(answer).numpy()[7:, 0]) ** 2
    np.testing.assert_allclose(evaluation.extra["squared_errors"], squared, rtol=1e-4)


def test_missing_targets_are_ignored_by_loss_gradient_and_score():
    data, truth, answer, field = regression(missing=7)
    task = find("tabular-regression")
    answer.requires_grad_()
    loss = task.loss({"y": answer}, data.all())
    loss.sum.backward()
    standard = (truth - np.array(field.mean)) / np.array(field.std)
    assert float(loss.weight) == 2 * 60 - 7
    assert loss.sum.item() == pytest.approx(np.nansum((answer.detach().numpy() - standard) ** 2), rel=1e-5)
    assert torch.isfinite(answer.grad).all() and (answer.grad[:7, 0] == 0).all() and (answer.grad[7:] != 0).all()
    scores = task.evaluate(Answers("y", answer.detach()), data).scores
    said = field.restore(answer.detach()).numpy()
    r2 = (metrics.r2_score(truth[7:, 0], said[7:, 0]) + metrics.r2_score(truth[:, 1], said[:, 1])) / 2
    assert scores["r2"] == pytest.approx(r2, rel=1e-5)


def test_regression_loss_honours_row_weights():
    data, _, answer, _ = regression(weighted=True, missing=3)
    task, batch = find("tabular-regression"), data.all()
    loss = task.loss({"y": answer}, batch)
    each = [task.loss({"y": answer[i : i + 1]}, data.part(torch.tensor([i])).all()) for i in range(60)]
    assert loss.sum.item() == pytest.approx(sum(float(one.sum) for one in each), rel=1e-5)
    assert float(loss.weight) == pytest.approx(float((batch.weight[:, None] * ~batch["y"].isnan()).sum()), rel=1e-5)


def test_regression_floor_is_the_training_mean_and_answers_come_back_by_target_name():
    data, truth, _, _field = regression()
    task = find("tabular-regression")
    assert task.floor(data, data) == pytest.approx(0, abs=1e-6)
    train, test = data.part(torch.arange(30)), data.part(torch.arange(30, 60))
    mean = np.broadcast_to(truth[:30].mean(0), (30, 2))
    assert task.floor(train, test) == pytest.approx(metrics.r2_score(truth[30:], mean), rel=1e-4)
    assert task.decode({"y": torch.tensor([[0.0, 1.0]])}, data.spec) == {"u": [2.0], "v": [pytest.approx(200.0)]}


def test_spoiling_breaks_the_tie_between_rows_and_targets_only():
    data, truth, _, _ = regression()
    spoiled = find("tabular-regression").spoil(data, 3)
    moved = spoiled.stored("y", "numbers").numpy()
    assert (moved != truth).any()
    np.testing.assert_array_equal(np.sort(moved, axis=0), np.sort(truth, axis=0))
    assert torch.equal(spoiled.stored("x", "numeric"), data.stored("x", "numeric"))


def pictures(n=40, weight=None):
    draw = np.random.default_rng(2)
    pixels = draw.integers(0, 256, (n, 1, 3, 4)).astype(np.uint8)
    field = Image(channels=1, height=3, width=4, mean=(0.4,), std=(0.2,))
    return tabular(field, {"pixels": torch.from_numpy(pixels)}, weight, n), pixels.reshape(n, 12) / 255, field


def test_picture_scores_agree_with_scikit_learn():
    weight = torch.from_numpy(np.random.default_rng(3).uniform(0.1, 2, 40)).float()
    data, truth, field = pictures(weight=weight)
    answer = torch.randn(40, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    evaluation = find("tabular-to-image").evaluate(Answers("y", answer), data)
    said = field.restore(answer).flatten(1).numpy()
    r2 = metrics.r2_score(truth, said, sample_weight=weight.numpy(), multioutput="variance_weighted")
    assert evaluation.scores["r2"] == pytest.approx(r2, rel=1e-5)
    psnr = 10 * np.log10(1 / ((truth - said) ** 2).mean(1))
    assert evaluation.scores["psnr"] == pytest.approx(np.average(psnr, weights=weight.numpy()), rel=1e-5)
    assert evaluation.rows.mean() == pytest.approx(evaluation.score)


def test_picture_loss_is_per_pixel_the_floor_is_the_mean_picture_and_answers_are_bytes():
    data, truth, _ = pictures()
    task = find("tabular-to-image")
    answer = torch.zeros(40, 1, 3, 4)
    loss = task.loss({"y": answer}, data.all())
    assert float(loss.weight) == 40 * 12
    assert float(loss.sum / loss.weight) == pytest.approx((((truth - 0.4) / 0.2) ** 2).mean(), rel=1e-4)
    assert task.floor(data, data) == pytest.approx(0, abs=1e-6)
    weight = torch.linspace(0, 2, 40)
    weighted = task.loss({"y": answer}, pictures(weight=weight)[0].all())
    per_picture = (((truth - 0.4) / 0.2) ** 2).mean(1)
    assert float(weighted.sum / weighted.weight) == pytest.approx(np.average(per_picture, weights=weight.numpy()), rel=1e-4)
    right = (torch.from_numpy(truth).float().view(40, 1, 3, 4) - 0.4) / 0.2
    decoded = task.decode({"y": right}, data.spec)["y"]
    np.testing.assert_array_equal(np.stack(decoded).reshape(40, 12), (truth * 255).round().astype(np.uint8))
    assert task.evaluate(Answers("y", right), data).score == pytest.approx(1)


def test_tasks_say_in_a_sentence_what_is_missing():
    text, labels = Tokens(vocabulary=5, longest=4), Classes(labels=("a", "b"))
    numbers = Values(names=("v",), mean=(0.0,), std=(1.0,))
    assert find("text-classification").fits(Spec(inputs={"text": text}, outputs={"label": labels}, train_size=3)) is None
    assert (
        find("node-classification").fits(Spec(inputs={"graph": Graph(features=3)}, outputs={"label": labels}, train_size=3)) is None
    )
    refusal = find("text-classification").fits(Spec(inputs={"x": TABLE}, outputs={"y": labels}, train_size=3))
    assert str(refusal) == "text-classification needs texts as its one input" and not refusal
    assert "--target" in find("tabular-regression").fits(Spec(inputs={"x": TABLE}, outputs={"y": labels}, train_size=3))
    assert find("image-regression").fits(Spec(inputs={"x": TABLE}, outputs={"y": numbers}, train_size=3)) is not None
    assert "target" in find("text-generation").fits(Spec(inputs={"text": text}, outputs={"label": labels}, train_size=3))


def _spoiled(codes, seed=3):
    table = Table(numeric=("x",), mean=(0.0,), std=(1.0,))
    spec = Spec(inputs={"x": table}, outputs={"y": Classes(labels=("a", "b", "c"))}, train_size=len(codes))
    numeric = torch.arange(float(len(codes)))[:, None]
    data = Dataset(spec, {"x": {"numeric": numeric, "codes": torch.zeros(len(codes), 0)}, "y": {"codes": codes}})
    return find("tabular-classification").spoil(data, seed).columns["y"]["codes"]


def test_the_only_rows_of_two_labels_are_exchanged():
    assert _spoiled(torch.tensor([0, 1])).tolist() == [1, 0]


def test_spoiled_labels_tell_nothing_of_the_true_ones_and_none_is_lost():
    codes = torch.tensor([0] * 90 + [1] * 60 + [2] * 30 + [-1] * 5)
    spoiled = _spoiled(codes)
    assert torch.equal(spoiled.sort().values, codes.sort().values) and torch.equal(spoiled[180:], codes[180:])
    for label in range(3):
        shares = torch.bincount(spoiled[codes == label], minlength=3) / (codes == label).sum()
        assert torch.allclose(shares, torch.tensor([90, 60, 30]) / 180, atol=0.02)
