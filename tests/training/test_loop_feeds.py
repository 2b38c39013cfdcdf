"""Where batches come from: any batch by number, every row or symbol once, the same for data on the host and on the device."""

from itertools import pairwise

import torch
from toys import ROWS, Reader, Smooth, Staged, differing, new, run, table, text, weights

from nnzoo.core.dataset import Dataset, Parts
from nnzoo.core.feeds import encoded, shuffled, whole, windows
from nnzoo.core.fields import Spec, Tokens
from nnzoo.core.learning import Descend, Stage
from nnzoo.training.settings import Settings

TWENTY = shuffled(20)


def opened(feed=TWENTY, seed=3, stage=0, part=None):
    return feed.open(table().train if part is None else part, new(Smooth), seed, stage)


def rows(batch):
    return batch["y"].flatten().tolist()


def test_an_epoch_holds_every_row_once_and_the_next_another_order():
    stream = opened()
    epochs = [[row for k in range(3) for row in rows(stream.at(3 * epoch + k))] for epoch in range(2)]
    everything = sorted(rows(table().train.all()))
    assert stream.length == 3 and [len(stream.at(k)) for k in range(3)] == [20, 20, 8]
    assert sorted(epochs[0]) == sorted(epochs[1]) == everything
    assert epochs[0] != epochs[1]


def test_batch_k_is_a_function_of_seed_stage_and_k_alone():
    stream = opened()
    for k in (7, 0, 4, 11, 3):  # in no order
        torch.rand(k)
        assert rows(stream.at(k)) == rows(opened().at(k))
    assert rows(opened(seed=4).at(0)) != rows(opened().at(0)) != rows(opened(stage=1).at(0))


def test_texts_of_a_batch_are_alike_where_that_is_asked_and_none_is_lost():
    lengths = torch.randint(1, 60, (203,), generator=torch.Generator().manual_seed(2))
    stored = {"values": torch.repeat_interleave(torch.arange(203), lengths)}
    stored["offsets"] = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    lines = Dataset(Spec(inputs={"x": Tokens(vocabulary=203, longest=60)}, train_size=203), {"x": stored})
    part = lines.part(torch.arange(1, 203))
    padded = {}
    for alike in (False, True):
        stream = opened(shuffled(8, alike=alike), part=part)
        batches = [stream.at(k).inputs["x"] for k in range(2 * stream.length)]
        for epoch in (batches[: stream.length], batches[stream.length :]):
            assert sorted(int(row) for one in epoch for row in one.tokens_BT[:, 0]) == list(range(1, 203))
            assert [len(one.lengths_B) for one in epoch] == [8] * 25 + [2]
        assert [one.tokens_BT.tolist() for one in batches[:26]] != [one.tokens_BT.tolist() for one in batches[26:]]
        padded[alike] = sum(one.tokens_BT.numel() - int(one.lengths_B.sum()) for one in batches)
        longest = [one.tokens_BT.shape[1] for one in batches[:25]]
        assert longest != sorted(longest)
    assert padded[True] < 0.2 * padded[False]


def test_validation_and_whole_come_in_order():
    stream = opened(shuffled(20).validation())
    assert rows(stream.at(0)) == rows(table().train.all()) == rows(opened(whole()).at(5))


def test_windows_read_every_symbol_once_and_say_where_state_begins_anew():
    data = text(121).train
    stream = windows(window=7, lanes=4).open(data, new(Reader), 0, 0)
    batches = [stream.at(k)["text"].tokens_BT for k in range(stream.length)]
    for one, after in pairwise(batches):
        assert torch.equal(one[:, -1], after[:, 0])  # neighbours share the symbol that is target, then input
    lanes = torch.cat([batches[0][:, :1], *(batch[:, 1:] for batch in batches)], dim=1)
    values = data.columns["text"]["values"]
    assert torch.equal(lanes[:, 1:].flatten(), values[1:].long())  # each symbol but the first is predicted exactly once
    assert [stream.at(k).fresh for k in range(stream.length + 2)] == [True] + [False] * (stream.length - 1) + [True, False]


def test_ragged_rows_are_taken_with_their_own_lengths():
    spec = Spec(inputs={"word": Tokens(vocabulary=9, longest=4)}, train_size=4)
    values, offsets = torch.tensor([5, 6, 7, 8, 5, 6, 3], dtype=torch.uint8), torch.tensor([0, 2, 2, 6, 7])
    data = Dataset(spec, {"word": {"values": values, "offsets": offsets}})
    taken = data.take(torch.tensor([2, 1, 3, 0]))["word"]
    assert taken.tokens_BT.tolist() == [[7, 8, 5, 6], [0, 0, 0, 0], [3, 0, 0, 0], [5, 6, 0, 0]]
    assert taken.lengths_B.tolist() == [4, 0, 1, 2] and len(data) == 4
    assert data.part(torch.tensor([3, 0])).take(torch.tensor([1]))["word"].tokens_BT.tolist() == [[5, 6]]


def test_an_encoded_feed_gives_each_row_its_own_code():
    network = new(Staged)
    network.encode = lambda batch: batch["x"].numeric_BF * 2
    stream = encoded("encode", inner=shuffled(10)).open(table().train, network, 0, 0)
    for k in range(stream.length):
        batch = stream.at(k)
        assert torch.equal(batch["latent"], batch["x"].numeric_BF * 2)
    ordered = encoded("encode").validation().open(table().valid, network, 0, 0).at(0)
    assert torch.equal(ordered["latent"], table().valid.all()["x"].numeric_BF * 2)


def test_encoding_happens_in_eval_mode_and_restores_modes():
    network, modes = new(Staged), []
    network.train()
    network.denoiser.eval()

    def encode(batch):
        modes.append(network.codec[1].training)
        return batch["x"].numeric_BF

    network.encode = encode
    encoded("encode").open(table().train, network, 0, 0)
    assert modes == [False] and network.codec[1].training and not network.denoiser.training


def left_on_host(parts):
    host = parts.to("cpu", resident=False)
    assert not host.train.resident
    return host


def test_data_left_on_the_host_give_the_same_weights():
    for kind, parts in ((Smooth, table()), (Staged, table()), (Reader, text())):
        one, other = run(new(kind), parts=parts), run(new(kind), parts=left_on_host(parts))
        assert differing(weights(one.network), weights(other.network)) == [], kind.__name__


def test_parts_share_storage_after_moving():
    parts = table().to("cpu", resident=True)
    assert parts.train.columns["x"]["numeric"] is parts.valid.columns["x"]["numeric"]
    assert len(parts.train) == ROWS and rows(parts.train.all()) == rows(table().train.all())


def test_weights_of_rows_travel_with_them():
    weight = torch.arange(64.0)
    batch = opened(part=table(weight).train).at(1)
    numbers = table().train.columns["y"]["numbers"].flatten().tolist()
    assert batch.weight.tolist() == [float(numbers.index(y)) for y in rows(batch)]


def test_an_epoch_counts_batches_not_steps():
    seen = []

    def plan(network):
        def loss(batch, clock):
            seen.append((clock.step, clock.epoch))
            return network.task_loss(batch, clock)

        return (Stage((Descend("task", loss),), feed=shuffled(16)),)

    outcome = run(new(Smooth, plan), settings=Settings(device="cpu", budget="4steps", accumulate=2))
    assert seen == [(0, 0), (0, 0), (1, 0), (1, 0), (2, 1), (2, 1), (3, 2), (3, 2)]
    assert outcome.epochs == 3


def test_a_set_without_validation_part_learns_to_the_planned_end():
    parts = table()
    outcome = run(new(Smooth), parts=Parts(parts.train, None, None))
    assert outcome.validation is None and outcome.steps == 24
