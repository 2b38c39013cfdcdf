"""The arithmetic of a descent: optimisers, schedules, clipping, averages, accumulation and weights."""

import math

import pytest
import torch
from torch import nn
from toys import SPEC, Heard, Players, Smooth, differing, new, run, table, weights

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.events import Validated
from nnzoo.core.feeds import shuffled, whole
from nnzoo.core.learning import SGD, Adam, AdamW, Descend, Loss, Schedule, Stage
from nnzoo.training.optimisers import Optimiser, factor
from nnzoo.training.settings import Settings


class Line(Smooth):
    """One linear layer, so that a hand can compute what comes out."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        del self.before, self.norm, self.drop
        self.after = nn.Linear(4, 1)

    def forward(self, inputs):
        return {"y": self.after(inputs["x"].numeric_BF)}


WHOLE = whole()


def plan_of(optimizer, feed=WHOLE, clip=None, **stage):
    def plan(network):
        move = Descend("task", network.task_loss, optimizer=optimizer, clip=clip)
        return (Stage((move,), feed=feed, **stage),)

    return plan


def by_hand(steps, optimizer, data=None, lr=lambda step: None, clip=None, after=lambda network: None):
    """Plain PyTorch on the whole training part."""
    network = new(Line)
    batch = (table() if data is None else data).train.all()
    parameters = list(network.parameters())
    descent = optimizer(parameters)
    for step in range(steps):
        loss = network.task_loss(batch, None)
        (loss.sum / loss.weight).backward()
        if clip:
            nn.utils.clip_grad_norm_(parameters, clip)
        if lr(step) is not None:
            descent.param_groups[0]["lr"] = lr(step)
        descent.step()
        descent.zero_grad()
        after(network)
    return network


def close(one, other):
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name], rtol=1e-5, atol=1e-6)
    return True


STEPS = Settings(device="cpu", budget="6steps")


def test_adam_adamw_and_sgd_are_torchs():
    pairs = [
        (AdamW(lr=0.05, weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1)),
        (Adam(lr=0.05, betas=(0.5, 0.9)), lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.5, 0.9))),
        (
            SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
            lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        ),
    ]
    for ours, theirs in pairs:
        assert close(run(new(Line, plan_of(ours)), settings=STEPS).network, by_hand(6, theirs))


def test_a_schedule_warms_up_and_decays_over_the_stage():
    schedule = Schedule(warmup=0.5, decay="cosine", floor=0.1)
    rates = [factor(schedule, step, 6) for step in range(6)]
    assert rates[:3] == [1 / 4, 2 / 4, 3 / 4]
    assert rates[3] == 1.0 and rates[3] > rates[4] > rates[5] > 0.1
    assert rates[4] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 3)) / 2)
    assert factor(Schedule(decay="linear"), 3, 4) == pytest.approx(0.25)
    assert factor(Schedule(), 3, 4) == 1.0
    trained = run(new(Line, plan_of(SGD(lr=0.1, schedule=schedule))), settings=STEPS).network
    assert close(trained, by_hand(6, lambda p: torch.optim.SGD(p, lr=0.1), lr=lambda step: 0.1 * rates[step]))


def test_a_gradient_is_clipped_to_its_norm():
    trained = run(new(Line, plan_of(SGD(lr=0.1), clip=0.05)), settings=STEPS).network
    by = by_hand(6, lambda p: torch.optim.SGD(p, lr=0.1), clip=0.05)
    assert close(trained, by)
    first = by_hand(1, lambda p: torch.optim.SGD(p, lr=0.1), clip=0.05)
    moved = torch.cat([(a - b).detach().flatten() for a, b in zip(new(Line).parameters(), first.parameters())])
    assert float(moved.norm()) == pytest.approx(0.1 * 0.05, rel=1e-3)  # the clip did bite


def test_the_average_of_weights_is_what_validates_and_what_remains():
    ema = 0.7
    average = {name: tensor.clone() for name, tensor in new(Line).named_parameters()}

    def lerp(network):
        for name, parameter in network.named_parameters():
            average[name] = ema * average[name] + (1 - ema) * parameter.detach()

    by_hand(6, lambda p: torch.optim.SGD(p, lr=0.1), after=lerp)
    valid, seen = table().valid.all(), []

    def plan(network):
        def validate(batch, clock):
            seen.append(network.task_loss(batch, clock))
            return seen[-1]

        move = Descend("task", network.task_loss, optimizer=SGD(lr=0.1))
        return (Stage((move,), feed=whole(), ema=ema, validate=validate, patience=0),)

    for validate in (True, False):
        made = plan if validate else plan_of(SGD(lr=0.1), ema=ema)
        trained = run(new(Line, made), settings=STEPS).network
        for name, tensor in trained.named_parameters():
            torch.testing.assert_close(tensor, average[name], rtol=1e-5, atol=1e-6)
    expected = trained.task_loss(valid, None)
    torch.testing.assert_close(seen[-1].sum, expected.sum, rtol=1e-5, atol=1e-5)


def test_the_best_weights_remain_not_the_last():
    heard = Heard(Validated)
    plan = plan_of(SGD(lr=0.9, momentum=0.9), validate=None)

    def validated(network):
        return (Stage(plan(network)[0].moves, feed=whole(), validate=network.task_loss, patience=0),)

    outcome = run(new(Line, validated), settings=Settings(device="cpu", budget="20steps"), listen=[heard])
    values = [event.valid for event in heard.events]
    assert min(values) < values[-1]
    loss = outcome.network.task_loss(table().valid.all(), None)
    assert outcome.validation == min(values) == pytest.approx(float((loss.sum / loss.weight).detach()), rel=1e-6)
    assert [event.valid for event in heard.events if event.best][-1] == min(values)


def test_early_stopping_counts_looks_without_a_better_one():
    def plan(network):
        def worse(batch, clock):
            return Loss(torch.tensor(float(clock.step)), 1.0)

        return (Stage((Descend("task", network.task_loss),), feed=shuffled(16), validate=worse, patience=3),)

    outcome = run(new(Line, plan), settings=Settings(device="cpu", budget="30steps"))
    assert outcome.steps == 4 and "3 looks" in outcome.stopped
    assert run(new(Line, plan), settings=Settings(device="cpu", budget="30steps", patience=0)).steps == 30


def weighted(values):
    weight = torch.ones(64)
    weight[: len(values)] = torch.tensor(values)
    return table(weight)


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1), Adam(lr=0.05)])
def test_accumulated_batches_of_unequal_weight_are_one_big_batch(optimizer):
    data = weighted([0.0] * 12 + [3.0] * 12 + [0.5] * 12)  # in batches of twelve: weights 0, 36, 6, 12

    class ordered_rows(shuffled):
        def open(self, dataset, network, seed, stage):
            return type(whole().open(dataset, network, seed, stage))(dataset, self.batch, None, None)

    big = run(new(Line, plan_of(optimizer)), settings=Settings(device="cpu", budget="3steps"), parts=data)
    small = run(
        new(Line, plan_of(optimizer, ordered_rows(12))), settings=Settings(device="cpu", budget="3steps", accumulate=4), parts=data
    )
    assert big.steps == small.steps == 3 and big.epochs == small.epochs == 3
    assert close(big.network, small.network)
    assert [line["train"] for line in big.history] == pytest.approx([line["train"] for line in small.history], rel=1e-5)


def test_a_batch_without_weight_gives_no_nan_and_no_gradient():
    data = weighted([0.0] * 64)
    before = new(Line)
    for accumulate in (1, 2):
        trained = run(
            new(Line, plan_of(SGD(lr=0.5), shuffled(16))),
            settings=Settings(device="cpu", budget="3steps", accumulate=accumulate),
            parts=data,
        )
        assert differing(weights(before), weights(trained.network)) == []


def test_padding_does_not_dilute_the_loss():
    """Means are over weights: rows of weight 0 beside the others change neither gradient nor history."""
    x, y = table().train.all()["x"], table().train.all()["y"]
    columns = {
        "x": {"numeric": torch.cat([x.numeric_BF, 100 * torch.ones(16, 4)]), "codes": torch.zeros(64, 0, dtype=torch.long)},
        "y": {"numbers": torch.cat([y, -100 * torch.ones(16, 1)])},
    }
    padded = Dataset(SPEC, columns, weight=torch.cat([torch.ones(48), torch.zeros(16)]))
    one = run(new(Line, plan_of(Adam(lr=0.05))), settings=STEPS)
    other = run(new(Line, plan_of(Adam(lr=0.05))), settings=STEPS, parts=Parts(padded, table().valid, None))
    assert close(one.network, other.network)
    assert [line["train"] for line in one.history] == pytest.approx([line["train"] for line in other.history], rel=1e-5)


def test_a_validation_part_without_known_targets_chooses_nothing():
    weight = torch.ones(64)
    weight[48:] = 0
    plan = new(Smooth).own_stages()[0]
    outcome = run(new(Smooth), parts=table(weight))
    assert outcome.validation is None and all(line["valid"] is None for line in outcome.history)
    assert outcome.steps == plan.epochs * 3


def test_moves_of_one_optimiser_name_share_its_state():
    """Two moves over the same weights: shared momentum makes them one descent over the union of their steps."""

    def plan(name):
        def made(network):
            optimizer = SGD(lr=0.05, momentum=0.9, name=name)
            first = Descend("first", network.task_loss, optimizer=optimizer)
            return (Stage((first, Descend("second", network.task_loss, optimizer=optimizer)), feed=whole()),)

        return made

    shared = run(new(Line, plan("both")), settings=Settings(device="cpu", budget="3steps")).network
    assert close(shared, by_hand(6, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)))
    apart = run(new(Line, plan("")), settings=Settings(device="cpu", budget="3steps")).network
    assert differing(weights(shared), weights(apart))


def test_a_shared_optimiser_moves_the_parameters_of_all_its_moves():
    def plan(network):
        optimizer = SGD(lr=0.05, momentum=0.9, name="both")
        first = Descend("first", network.task_loss, params=("after.bias",), optimizer=optimizer)
        return (Stage((first, Descend("second", network.task_loss, params=("after.weight",), optimizer=optimizer)), feed=whole()),)

    trained = run(new(Line, plan), settings=STEPS).network
    assert differing(weights(new(Line)), weights(trained)) == ["after.bias", "after.weight"]


def test_a_gradient_within_the_clip_is_not_stretched():
    clipped = run(new(Line, plan_of(SGD(lr=0.1), clip=1e4)), settings=STEPS).network
    assert differing(weights(clipped), weights(run(new(Line, plan_of(SGD(lr=0.1))), settings=STEPS).network)) == []


def test_a_shared_optimiser_leaves_parameters_without_gradient_alone():
    network = new(Players)
    optimiser = Optimiser(Adam(lr=0.1), list(network.named_parameters()), 10)
    before = weights(network)
    network.critic(torch.randn(4, 4)).sum().backward()
    optimiser.step(0, torch.zeros(()))
    assert all(name.startswith("critic.") for name in differing(before, weights(network)))


def test_bfloat16_learns_with_weights_in_float32():
    trained = run(new(Line, plan_of(SGD(lr=0.1))), settings=Settings(device="cpu", budget="6steps", precision="bfloat16")).network
    exact = by_hand(6, lambda p: torch.optim.SGD(p, lr=0.1))
    assert trained.after.weight.dtype == torch.float32 and differing(weights(trained), weights(exact))
    torch.testing.assert_close(trained.after.weight, exact.after.weight, rtol=0.05, atol=0.02)
