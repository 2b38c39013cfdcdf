"""T5: buckets of distances, the logits of transformers' T5, hidden spans, tasks told apart by a prefix."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from nnzoo import tasks
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.core.learning import Clock
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawPairs
from nnzoo.networks.transformer.t5 import MARKS, T5, Bias, Config, bucket, hidden_spans
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.zoo.fitting import build

TEXT = Tokens(vocabulary=20, longest=12)


def network(source: Tokens = TEXT, answer: Tokens = TEXT, **config: Any) -> T5:
    torch.manual_seed(8)
    small = {"width": 16, "heads": 2, "layers": 2, "dropout": 0.0, **config}
    spec = Spec(inputs={"source": source}, outputs={"target": answer}, train_size=4)
    return T5(Config(**small), spec, tasks.find("translation")).eval()


def symbols(rows: int, length: int, seed: int = 0) -> Sequences:
    tokens = torch.randint(4, 20, (rows, length), generator=torch.Generator().manual_seed(seed))
    return Sequences(tokens, torch.tensor([length, *[length - 3] * (rows - 1)]))


def test_buckets_are_narrow_when_near_and_wide_when_far() -> None:
    before = -torch.tensor([0, 1, 7, 8, 11, 12, 15, 16, 127, 128, 5000])
    near = torch.arange(16)
    assert torch.equal(bucket(-near, 32, 128, both=False), near)  # to 15 one each
    assert bucket(-torch.tensor([16, 18, 19, 127, 128, 9999]), 32, 128, both=False).tolist() == [16, 16, 17, 31, 31, 31]
    assert bucket(torch.tensor([1, 50]), 32, 128, both=False).tolist() == [0, 0]  # what comes after is not told apart
    both = [0, 1, 7, 8, 8, 9, 9, 10, 15, 15, 15]  # 8 narrow ones, then 8 ln(d / 8) / ln 16 more
    assert bucket(before, 32, 128, both=True).tolist() == both
    assert bucket(-before[1:], 32, 128, both=True).tolist() == [16 + each for each in both[1:]]
    for d in (9, 30, 77, 126):
        assert int(bucket(torch.tensor([-d]), 32, 128, both=True)) == 8 + int(8 * math.log(d / 8) / math.log(16))


def test_a_bias_depends_on_distance_alone_and_the_last_stand_last() -> None:
    bias = Bias(Config(heads=3), both=True)
    whole_1HSS = bias(9, 9)
    assert whole_1HSS.shape == (1, 3, 9, 9) and torch.equal(bias(2, 9), whole_1HSS[:, :, 7:])
    assert torch.equal(whole_1HSS[0, :, 2, 5], whole_1HSS[0, :, 4, 7])
    assert (whole_1HSS[0, :, 2, 5] - whole_1HSS[0, :, 5, 2]).abs().min() > 0


@torch.no_grad()
@pytest.mark.parametrize(("gated", "tied"), [(True, False), (False, True)])
def test_logits_are_those_of_transformers(gated: bool, tied: bool) -> None:
    theirs = pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers.models.t5.modeling_t5 import T5Attention

    for both in (True, False):
        distance = torch.arange(-300, 300)[None]
        wanted = T5Attention._relative_position_bucket(distance, bidirectional=both, num_buckets=32, max_distance=128)
        assert torch.equal(bucket(distance, 32, 128, both), wanted)
    sizes = {"vocab_size": 20, "d_model": 16, "d_kv": 6, "d_ff": 24, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 2}
    form = {"feed_forward_proj": "gated-gelu" if gated else "relu", "tie_word_embeddings": tied}
    torch.manual_seed(1)
    other = theirs.T5ForConditionalGeneration(theirs.T5Config(**sizes, **form, dropout_rate=0.0)).eval()
    net = network(size=6, inner=24, decoder_layers=3, gated=gated, tied=tied)
    copy_weights(net, other)
    source, answer = symbols(3, 40), symbols(3, 30, seed=1).tokens_BT
    mask = (torch.arange(40) < source.lengths_B[:, None]).long()
    wanted = other(input_ids=source.tokens_BT, attention_mask=mask, decoder_input_ids=answer).logits
    found, _ = net.step(net.read_source({"source": source}), answer)
    assert (found - wanted).abs().max() < 1e-4 and wanted.std() > 0.1


def copy_weights(net: T5, other: Any) -> None:
    """Theirs into ours, place by place."""

    def attention(ours: Any, theirs: Any) -> None:
        for name in "qkvo":
            getattr(ours, name).weight.copy_(getattr(theirs, name).weight.normal_(std=0.4))

    def rest(ours: Any, norm: str, part: Any, theirs: Any) -> None:
        getattr(ours, norm).weight.copy_(theirs.layer_norm.weight.normal_(1, 0.2))
        if part is not None:
            dense = theirs.DenseReluDense
            names = {"gate": "wi_0", "up": "wi_1", "down": "wo"} if part.gate is not None else {"up": "wi", "down": "wo"}
            for mine, name in names.items():
                getattr(part, mine).weight.copy_(getattr(dense, name).weight)

    net.embed.weight.copy_(other.shared.weight)
    if not net.config.tied:
        net.next.weight.copy_(other.lm_head.weight)
    for ours, theirs, bias, norm in (
        (net.encoder, other.encoder, net.encoder_bias, net.encoder_norm),
        (net.decoder, other.decoder, net.decoder_bias, net.decoder_norm),
    ):
        table = theirs.block[0].layer[0].SelfAttention.relative_attention_bias
        bias.table.weight.copy_(table.weight.normal_())
        norm.weight.copy_(theirs.final_layer_norm.weight.normal_(1, 0.2))
        for mine, block in zip(ours, theirs.block, strict=True):
            attention(mine.sees, block.layer[0].SelfAttention)
            rest(mine, "norm1", None, block.layer[0])
            if len(block.layer) == 3:
                attention(mine.looks, block.layer[1].EncDecAttention)
                rest(mine, "norm2", None, block.layer[1])
            rest(mine, f"norm{len(block.layer)}", mine.feed, block.layer[-1])


def test_hidden_spans_put_back_are_the_text() -> None:
    torch.manual_seed(0)
    lengths: list[int] = []
    for n in [2, 3, 7, *[40] * 60]:
        text = list(range(4, 4 + n))
        seen, wanted = hidden_spans(text, 100)
        marks = [code for code in seen if code >= 100]
        assert marks == [99 + MARKS - k for k in range(len(marks))] and wanted[-1] == 99 + MARKS - len(marks)
        spans = [list(span) for mark, span in itertools.groupby(wanted, lambda code: code >= 100) if not mark]
        assert len(spans) == len(marks) and sum(map(len, spans)) == max(1, round(0.15 * n))
        back = [code for each in seen for code in (spans[marks.index(each)] if each >= 100 else [each])]
        assert back == text
        lengths += [len(span) for span in spans if n == 40]
    assert len(lengths) == 60 * 2 and len(set(lengths)) == 5  # six of forty in two spans: 1 and 5, 2 and 4, 3 and 3
    assert hidden_spans([7], 100) == ([7], [99 + MARKS])


def test_it_learns_first_from_the_sources_alone_and_never_writes_a_mark() -> None:
    words = ["".join("abcdef"[(k + j) % 6] for j in range(9)) for k in range(6)] * 60
    ready = prepare(RawPairs("rounds", words, words, ("text", "text")))
    config = {"width": 24, "heads": 2, "layers": 1, "dropout": 0.0, "lr": 1e-2, "pretrain": 0.9}
    net = build("t5", config, ready, 0)
    first, second = net.stages(ready.task)
    assert (first.name, first.share, second.share) == ("pretrain", 0.9, pytest.approx(0.1)) and second.validate is not None
    batch = ready.parts.train.take(torch.arange(64))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(150):
        loss = net.span_loss(batch, Clock())
        assert float(loss.weight) == 64 * (1 + 1 + 2)  # mark, symbol, mark and end: one of nine is hidden
        (loss.sum / loss.weight).backward()
        optimiser.step()
        optimiser.zero_grad()
    nats = net.span_loss(batch, Clock()).sum.item() / 64
    assert nats < 0.5 * math.log(6), f"{nats:.2f} nats a hidden symbol, which follows from its neighbours"
    taught = train(net, ready.parts, Settings(budget="20steps", device="cpu")).network
    assert taught.taught(batch).shape[1] == ready.spec.outputs["target"].vocabulary
    assert int(taught(batch.inputs)["target"].max()) < ready.spec.outputs["target"].vocabulary
    with pytest.raises(ConfigError, match="pretrain needs both sides in the same units"):
        network(answer=Tokens(vocabulary=21, longest=12), pretrain=0.5)


def test_one_network_does_what_the_prefix_says() -> None:
    draw = torch.Generator().manual_seed(2)
    texts = ["".join("abcdef"[k] for k in torch.randint(6, (int(n),), generator=draw)) for n in torch.randint(1, 5, (1500,))]
    asks = ["=" + text if k % 2 else "~" + text for k, text in enumerate(texts)]
    ready = prepare(RawPairs("two", asks, [ask[1:] if ask[0] == "=" else ask[:0:-1] for ask in asks], ("text", "text")))
    config = {"width": 32, "layers": 1, "dropout": 0.0, "lr": 8e-3}
    net = train(build("t5", config, ready, 0), ready.parts, Settings(budget="250steps", device="cpu")).network
    score = ready.task.evaluate(net, ready.parts.test).score
    assert score > 0.9, f"{score:.3f} of the answers are right"  # a third at most without the prefix


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="farthest=16 has to be more than half of buckets=32"):
        network(farthest=16)


def test_a_row_of_one_symbol_has_a_loss_too() -> None:
    net = network(pretrain=0.5)
    one = Sequences(torch.tensor([[1, 5, 2, 0], [1, 6, 7, 2]]), torch.tensor([3, 4]))
    loss = net.span_loss(Batch({"source": one}, {}, 2), Clock())
    assert torch.isfinite(loss.sum) and float(loss.weight) == 2 + 4
