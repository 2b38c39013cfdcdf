"""One network trained by several processes: shares of the same batches, sums over all, one that writes."""

from dataclasses import replace

import pytest
import torch
from processes_harness import group, ready, results
from torch import nn
from toys import HOST, Chains, Reader, Smooth, Staged, differing, history, new, run, table, text, weights

from nnzoo.core.dataset import Batch, Parts
from nnzoo.core.errors import ConfigError
from nnzoo.core.events import Saved, Validated
from nnzoo.core.feeds import Stream, shuffled, windows
from nnzoo.core.fields import Values
from nnzoo.core.learning import Adam, AdamW, Descend, Loss, Solve, Stage
from nnzoo.training.checkpoints import Checkpoints
from nnzoo.training.journal import read_journal
from nnzoo.training.settings import Settings

WEIGHT = torch.arange(64).remainder(5).float()  # so that shares weigh differently, and some rows nothing


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """Processes are forks of this one."""
    ready()


def plain(every=1, batch=16, epochs=6, **more):
    """Stages without random numbers: no dropout, no batch normalisation."""

    def plan(network):
        network.norm, network.drop = nn.Identity(), nn.Identity()
        move = Descend("task", network.task_loss, optimizer=AdamW(lr=0.03), every=every)
        return (Stage((move,), feed=shuffled(batch), epochs=epochs, validate=network.task_loss, **more),)

    return plan


def away(one, other):
    """The largest relative distance between tensors of the same name."""
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name]).norm() / (1e-6 + other[name].double().norm())) for name in one)


# ---- shares


@pytest.mark.parametrize("world", [2, 3, 5])
def test_shares_are_the_batch_and_no_process_has_a_single_row(world):
    stream = shuffled(11).open(table().train, None, 0, 0)  # 48 rows: the last batch has 4
    shares = [shuffled(11).open(table().train, None, 0, 0).divided(rank, world) for rank in range(world)]
    for drawn in range(7):
        whole, mine = stream.at(drawn), [share.at(drawn) for share in shares]
        assert 1 not in [len(batch) for batch in mine]
        rows = torch.cat([batch["y"] for batch in mine if len(batch)])
        assert torch.equal(rows.sort(0).values, whole["y"].sort(0).values)
    assert sum(share.rows for share in shares) == stream.rows


def test_of_a_text_each_process_reads_lanes_of_its_own():
    feed = windows(window=7, lanes=5)
    whole = feed.open(text().train, None, 0, 0)
    shares = [feed.open(text().train, None, 0, 0).divided(rank, 2) for rank in range(2)]
    assert [share.rows for share in shares] == [3, 2]
    for drawn in range(whole.length + 2):
        lanes = whole.at(drawn)["text"].tokens_BT
        assert torch.equal(shares[0].at(drawn)["text"].tokens_BT, lanes[0::2])
        assert torch.equal(shares[1].at(drawn)["text"].tokens_BT, lanes[1::2])
        assert shares[1].at(drawn).fresh == whole.at(drawn).fresh


def test_a_stream_that_cannot_be_divided_gives_every_process_the_whole_batch():
    class Same(Stream):
        length, rows = 1, 4

        def at(self, drawn: int) -> Batch:
            return Batch({}, {}, 4)

    assert len(Same().divided(1, 2).at(0)) == 4


# ---- sums


@pytest.mark.parametrize(
    ("stages", "settings", "world"),
    [
        (plain(), HOST, 2),
        (plain(), HOST, 3),
        (plain(batch=23), HOST, 2),  # the last batch has two rows: the second process none
        (plain(every=2), replace(HOST, accumulate=2), 2),
        (plain(ema=0.7, patience=2), HOST, 2),
    ],
    ids=["two", "three", "one without rows", "accumulated", "averaged weights"],
)
def test_shares_of_unequal_weight_give_the_training_of_one_process(stages, settings, world):
    alone = run(new(Smooth, stages), settings=settings, parts=table(WEIGHT))

    def work(processes):
        outcome = run(new(Smooth, stages), settings=settings, parts=table(WEIGHT), processes=processes)
        return weights(outcome.network), history(outcome), outcome.stopped

    first, *others = results(work, world)
    assert all(differing(first[0], other[0]) == [] and first[1:] == other[1:] for other in others)
    assert away(first[0], weights(alone.network)) < 1e-5
    assert [line["step"] for line in first[1]] == [line["step"] for line in history(alone)]
    assert first[1][-1]["train"] == pytest.approx(history(alone)[-1]["train"], rel=1e-5)
    assert first[1][-1]["valid"] == pytest.approx(history(alone)[-1]["valid"], rel=1e-5)
    assert first[2] == alone.stopped


def test_missing_targets_are_counted_where_they_are():
    parts = table()
    numbers = parts.train.columns["y"]["numbers"].clone()
    numbers[:40:2] = torch.nan

    class Known(Smooth):
        def known_loss(self, batch, clock):
            known = ~batch["y"].isnan()
            return Loss((self(batch.inputs)["y"] - batch["y"])[known].square().sum(), known.sum())

    def stages(network):
        network.norm, network.drop = nn.Identity(), nn.Identity()
        return (Stage((Descend("known", network.known_loss, optimizer=AdamW(lr=0.03)),), feed=shuffled(8), epochs=6),)

    data = Parts(parts.train.replaced({"y": {"numbers": numbers}}), None, None)
    assert isinstance(data.train.spec.outputs["y"], Values)
    alone = weights(run(new(Known, stages), parts=data).network)
    first, second = results(lambda processes: weights(run(new(Known, stages), parts=data, processes=processes).network))
    assert differing(first, second) == [] and away(first, alone) < 1e-5


def test_a_parameter_that_one_process_uses_moves_in_all_and_one_that_none_uses_stays():
    class Parted(Smooth):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            self.seldom, self.never = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

        def parted_loss(self, batch, clock):
            loss = self.task.loss({"y": batch["x"].numeric_BF @ self.before.weight.mean(0)[:, None]}, batch)
            if (batch["y"] == highest).any():
                loss = loss._replace(sum=loss.sum + (self.seldom - 3).square().sum())
            return loss

    highest = table().train.all()["y"].max()

    def stages(network):
        move = Descend("parted", network.parted_loss, optimizer=AdamW(lr=0.1, weight_decay=0.5))
        return (Stage((move,), feed=shuffled(16), epochs=4),)

    alone = weights(run(new(Parted, stages)).network)
    first, second = results(lambda processes: weights(run(new(Parted, stages), processes=processes).network))
    assert differing(first, second) == [] and away(first, alone) < 1e-5
    assert first["never"] == 1 != first["seldom"]


def test_weights_of_each_process_begin_as_those_of_the_first():
    stages = plain()
    alone = weights(run(new(Smooth, stages, seed=0)).network)
    first, second = results(lambda processes: weights(run(new(Smooth, stages, seed=processes.rank), processes=processes).network))
    assert differing(first, second) == [] and away(first, alone) < 1e-5


def test_running_statistics_are_those_of_the_shares_averaged():
    class Normal(Smooth):
        def still_loss(self, batch, clock):
            self.norm(batch["x"].numeric_BF @ torch.eye(4, 8))
            return Loss(0 * self.after.bias.sum(), len(batch))

    def stages(network):
        return (Stage((Descend("still", network.still_loss),), feed=shuffled(48), epochs=1),)

    first, second = results(lambda processes: weights(run(new(Normal, stages), processes=processes).network))
    stream = shuffled(48).open(table().train, None, 0, 0)
    shares = [stream.divided(rank, 2).at(0)["x"].numeric_BF for rank in range(2)]
    assert differing(first, second) == []
    mean, variance = (sum(figures) / 2 for figures in ([x.mean(0) for x in shares], [x.var(0) for x in shares]))
    torch.testing.assert_close(first["norm.running_mean"][:4], 0.1 * mean)
    torch.testing.assert_close(first["norm.running_var"][:4], 0.9 + 0.1 * variance)
    assert first["norm.num_batches_tracked"] == 1


# ---- what is not divided


def test_a_stage_that_solves_is_the_first_process_s_alone_even_where_it_also_descends():
    def stages(network):
        contrast = Solve("contrast", network.contrast, sees="batch")
        descent = Descend("rebuild", network.rebuild_loss, optimizer=Adam(0.01))
        return (Stage((contrast, descent), feed=shuffled(16), epochs=3),)

    alone = weights(run(new(Chains, stages)).network)
    first, second = results(lambda processes: weights(run(new(Chains, stages), processes=processes).network))
    assert differing(first, alone) == [] and differing(second, alone) == []


def test_stages_after_one_another_all_end_alike():
    first, second = results(lambda processes: weights(run(new(Staged), processes=processes).network))
    assert differing(first, second) == []
    assert differing(first, weights(new(Staged))) != []


# ---- one that writes


def test_the_first_process_alone_writes_listens_and_looks_at_validation_data(tmp_path):
    def work(processes):
        heard = []
        own = tmp_path / "run"
        outcome = run(new(Reader), own, replace(HOST, checkpoint_seconds=0), listen=[heard.append], processes=processes)
        return [type(event).__name__ for event in heard], outcome.validation

    first, second = results(work)
    assert Saved.__name__ in first[0] and Validated.__name__ in first[0] and second[0] == []
    assert first[1] == second[1] is not None
    journal = read_journal(tmp_path / "run")
    assert [line["event"] for line in journal if line["event"] in ("begin", "stage ended")] == ["begin", "stage ended"]
    checkpoint, warnings = Checkpoints(tmp_path / "run").load()
    assert checkpoint.facts["processes"] == 2 and warnings == []


def test_a_time_budget_is_measured_by_the_first_and_holds_for_all(tmp_path):
    def work(processes):
        outcome = run(new(Smooth), tmp_path / "run", Settings(device="cpu", budget="1s", patience=0), processes=processes)
        return outcome.steps, outcome.seconds, weights(outcome.network)

    first, second = results(work)
    assert first[0] == second[0] > 10 and first[1] < 10
    assert differing(first[2], second[2]) == []
    plans = [line["steps"] for line in read_journal(tmp_path / "run") if line["event"] == "planned"]
    assert plans[-1] == first[0]


def test_an_error_in_one_process_ends_all_and_is_said_once():
    def work(processes):
        network = new(Smooth)

        def loss(batch, clock):
            if processes.rank == 1 and clock.step == 3:
                raise ConfigError("the second process cannot go on")
            return network.task_loss(batch, clock)

        type(network).plan = lambda self: (Stage((Descend("task", loss),), feed=shuffled(16)),)
        return run(network, processes=processes)

    first, second = group(work)
    assert (first.code, second.code) == (2, 2)
    assert second.said == "nnzoo: the second process cannot go on\n" and first.said == ""
