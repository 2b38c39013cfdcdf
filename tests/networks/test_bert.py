"""BERT: both sides are seen and padding is not, hidden symbols alone are guessed, alike with transformers, able to learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from nnzoo import tasks
from nnzoo.blocks.heads import OUTSIDE
from nnzoo.blocks.masking import hide
from nnzoo.core.dataset import Batch
from nnzoo.core.errors import ConfigError
from nnzoo.core.fields import AnyField, Classes, Sequences, Span, Spec, Tags, Tokens, Values
from nnzoo.core.learning import Clock, Descend
from nnzoo.core.network import Can, No
from nnzoo.networks.transformer.bert import Bert, Config

V = 12
NAMES = {Tags: "sequence-tagging", Span: "extractive-question-answering"}


def network(output: AnyField | None = None, lines: bool = False, loud: bool = True, **config: Any) -> Bert:
    """A small network, with weights so large that nothing is too small to be seen."""
    torch.manual_seed(3)
    outputs = {} if output is None else {"y": output}
    task = "fill-mask" if output is None else NAMES.get(type(output), "text-classification")
    spec = Spec(inputs={"x": Tokens(vocabulary=V, longest=12, lines=lines)}, outputs=outputs, train_size=4)
    small = {"context": 12, "width": 16, "heads": 4, "layers": 2, "dropout": 0.0, **config}
    net = Bert(Config(**small), spec, tasks.find(task)).eval()
    for parameter in net.parameters() if loud else ():
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def symbols(rows: int, length: int) -> Sequences:
    tokens_BT = torch.randint(4, V, (rows, length), generator=torch.Generator().manual_seed(0))
    return Sequences(tokens_BT, torch.full((rows,), length))


def test_every_symbol_sees_all_others_on_both_sides() -> None:
    net, sequence = network(), symbols(2, 9)
    for place in (0, 4, 8):
        changed = sequence.tokens_BT.clone()
        changed[:, place] = 4 + (changed[:, place] - 3) % (V - 4)
        one, other = net({"x": sequence})["x"], net({"x": Sequences(changed, sequence.lengths_B)})["x"]
        assert (one - other).abs().amax((0, 2)).min() > 1e-4


def test_padding_changes_no_answer_whatever_stands_there() -> None:
    sequence = symbols(3, 6)
    filled = Sequences(F.pad(sequence.tokens_BT, (0, 4), value=7), sequence.lengths_B)
    judge, guesser = network(Classes(labels=("a", "b"))), network(lines=True)
    assert torch.allclose(judge({"x": sequence})["y"], judge({"x": filled})["y"], atol=1e-5)
    assert torch.allclose(guesser({"x": sequence})["x"], guesser({"x": filled})["x"][:, :6], atol=1e-5)
    for pooling in ("mean", "first"):
        one, other = (guesser.vectors({"x": some}, pooling) for some in (sequence, filled))
        assert one.shape == (3, 16) and torch.allclose(one, other, atol=1e-5)
    empty = Sequences(sequence.tokens_BT, torch.tensor([0, 6, 6]))
    assert torch.isfinite(judge({"x": empty})["y"]).all()


def test_long_texts_are_cut_to_be_judged_and_read_in_blocks_to_be_filled() -> None:
    sequence = symbols(2, 12)
    judge = network(Classes(labels=("a", "b")), context=5)
    cut = Sequences(sequence.tokens_BT[:, :5], torch.full((2,), 5))
    assert torch.equal(judge({"x": sequence})["y"], judge({"x": cut})["y"])
    guesser, ragged = network(lines=True, context=5), Sequences(sequence.tokens_BT, torch.tensor([12, 7]))
    found = guesser({"x": ragged})["x"]
    for first, last, row in ((0, 5, 0), (5, 10, 0), (10, 12, 0), (5, 7, 1)):
        block = ragged.tokens_BT[row : row + 1, first:last]
        alone = guesser({"x": Sequences(block, torch.tensor([last - first]))})["x"]
        assert torch.allclose(found[row, first:last], alone[0], atol=1e-5)
    tagger = network(Tags(labels=("a", "b")), context=5)
    assert tagger({"x": sequence})["y"].shape == (2, 12, 2)


def test_a_guess_is_made_and_counted_at_hidden_places_alone() -> None:
    net, sequence = network(lines=True), symbols(5, 10)
    places_BT = torch.zeros(5, 10, dtype=torch.bool)
    places_BT[1, 3] = places_BT[1, 7] = places_BT[4, 0] = True
    whole = net({"x": sequence})["x"]
    found = net.fill({"x": sequence}, places_BT)
    assert torch.allclose(found, torch.stack([whole[1, 3], whole[1, 7], whole[4, 0]]), atol=1e-5)
    torch.manual_seed(8)
    with torch.no_grad():
        nats, weight, metrics = net.mask_loss(Batch({"x": sequence}, {}, 5), Clock())
    torch.manual_seed(8)
    hidden = hide(sequence, net.field, net.mask)
    logits_BTV = net({"x": hidden.sequence})["x"]
    by_hand = -logits_BTV.log_softmax(2).gather(2, sequence.tokens_BT[:, :, None])[:, :, 0][hidden.places_BT]
    assert weight == hidden.places_BT.sum() == 5 * 2 and torch.allclose(nats, by_hand.sum(), atol=1e-4)
    assert 0 <= float(metrics["accuracy"]) <= 1


def test_the_mask_is_a_row_of_its_own_unless_the_vocabulary_has_one() -> None:
    net = network()
    assert net.mask == V and net.embed.weight.shape[0] == V + 1 and net({"x": symbols(1, 4)})["x"].shape == (1, 4, V)
    given = network(mask=3)
    assert given.mask == 3 and given.embed.weight.shape[0] == V
    with pytest.raises(ConfigError, match="mask=12"):
        network(mask=V)


def test_between_both_neighbours_it_learns_what_neither_tells_alone() -> None:
    """A symbol is the higher one of its neighbours: it takes both to know."""
    net = network(width=32, heads=2, context=3, layers=1, loud=False).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    random = torch.Generator().manual_seed(1)
    middle_BT = torch.tensor([[False, True, False]]).expand(64, 3)

    def batch() -> tuple[Sequences, torch.Tensor]:
        left_B, right_B = torch.randint(0, 6, (2, 64), generator=random)
        tokens_BT = torch.stack([left_B + 4, torch.full_like(left_B, net.mask), right_B + 4], 1)
        return Sequences(tokens_BT, torch.full((64,), 3)), torch.maximum(left_B, right_B) + 4

    for _ in range(250):
        sequence, truth_B = batch()
        loss = F.cross_entropy(net.fill({"x": sequence}, middle_BT), truth_B)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sequence, truth_B = batch()
    assert (net.eval().fill({"x": sequence}, middle_BT).argmax(1) == truth_B).float().mean() > 0.95
    one_sided = sequence.tokens_BT.clone()
    one_sided[:, 2] = net.mask
    guesses_B = net.fill({"x": Sequences(one_sided, sequence.lengths_B)}, middle_BT).argmax(1)
    assert (guesses_B == truth_B).float().mean() < 0.8


def test_pre_training_comes_first_with_its_share_and_leaves_the_judging_parts_alone() -> None:
    label = Classes(labels=("a", "b"))
    (only,) = network(label).stages(tasks.find("text-classification"))
    assert only.share == 1 and "pool" in only.trains and not hasattr(network(label), "guess")
    net = network(label, pretrain=0.75, epochs=4)
    first, then = net.stages(tasks.find("text-classification"))
    assert (first.name, first.share, then.share, first.epochs, then.epochs) == ("pre-train", 0.75, 0.25, 12, 4)
    assert not {"pool", "heads"} & set(first.trains) and not {"guess", "bias"} & set(then.trains)
    names = {name.partition(".")[0] for name, _ in net.named_parameters()}
    assert names == set(first.trains) | set(then.trains)
    move = first.moves[0]
    assert isinstance(move, Descend) and move.loss == net.mask_loss


def test_logits_are_those_of_transformers_with_the_same_weights() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
    theirs = transformers.BertForMaskedLM(
        transformers.BertConfig(vocab_size=V, max_position_embeddings=10, attn_implementation="eager", **sizes)
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = network(lines=True, context=10, width=24, heads=3, inner=40, mask=3)
    ours.load_state_dict(renamed(theirs.state_dict(), layers=2))
    tokens_BT, lengths_B = symbols(3, 10).tokens_BT, torch.tensor([10, 6, 1])
    seen_BT = (torch.arange(10) < lengths_B[:, None]).long()
    with torch.no_grad():
        wanted_BTV = theirs(input_ids=tokens_BT, attention_mask=seen_BT).logits
        found_BTV = ours({"x": Sequences(tokens_BT, lengths_B)})["x"]
    there_BT = seen_BT.bool()
    assert (found_BTV[there_BT] - wanted_BTV[there_BT]).abs().max() < 1e-4 and wanted_BTV.abs().max() > 1
    segments_BT = (torch.arange(10) > 4).long().expand(3, 10)
    with torch.no_grad():
        wanted_BTD = theirs.bert(input_ids=tokens_BT, token_type_ids=segments_BT).last_hidden_state
        found_BTD = ours.states(tokens_BT, torch.full((3,), 10), segments_BT)
    assert (found_BTD - wanted_BTD).abs().max() < 1e-4


def renamed(state: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """The tensors of a BertForMaskedLM under our names."""
    names = {"embed": "word_embeddings", "place": "position_embeddings", "segment": "token_type_embeddings"}
    found = {f"{ours}.weight": state[f"bert.embeddings.{theirs}.weight"] for ours, theirs in names.items()}
    pairs = {"norm": "bert.embeddings.LayerNorm", "guess": "cls.predictions.transform.dense"}
    pairs |= {"guess_norm": "cls.predictions.transform.LayerNorm"}
    inside = {"proj": "attention.output.dense", "norm1": "attention.output.LayerNorm", "up": "intermediate.dense"}
    inside |= {"down": "output.dense", "norm2": "output.LayerNorm"}
    for l in range(layers):
        theirs = f"bert.encoder.layer.{l}"
        pairs |= {f"layers.{l}.{ours}": f"{theirs}.{name}" for ours, name in inside.items()}
        for end in ("weight", "bias"):
            parts = [state[f"{theirs}.attention.self.{one}.{end}"] for one in ("query", "key", "value")]
            found[f"layers.{l}.qkv.{end}"] = torch.cat(parts)
    found |= {f"{ours}.{end}": state[f"{theirs}.{end}"] for ours, theirs in pairs.items() for end in ("weight", "bias")}
    return {**found, "bias": state["cls.predictions.bias"]}


def test_a_question_and_its_context_are_told_apart_and_the_answer_lies_in_the_context() -> None:
    field = Span(separator=2, longest=3)
    net = network(field, context=8)
    torch.nn.init.normal_(net.segment.weight, std=5)
    sequence = symbols(2, 10)
    sequence.tokens_BT[:, 3] = sequence.tokens_BT[:, 9] = 2  # start, two symbols, separator, context, end
    sequence.lengths_B[1] = 7
    sequence.tokens_BT[1, 6] = 2
    found = net({"x": sequence})["y"]
    assert found.shape == (2, 10, 2)
    inside_BT = (found > OUTSIDE / 2).all(2)
    assert [torch.nonzero(row)[:, 0].tolist() for row in inside_BT] == [[4, 5, 6, 7], [4, 5]]  # 8 is not seen
    segments_BT = (torch.arange(8) > 3).long().expand(2, 8)
    states_BTD = net.states(sequence.tokens_BT[:, :8], sequence.lengths_B.clamp(max=8), segments_BT)
    by_hand = net.heads.linear["to_y"](states_BTD)
    assert torch.allclose(found[:, :8][inside_BT[:, :8]], by_hand[inside_BT[:, :8]], atol=1e-5)
    one = net.states(sequence.tokens_BT[:, :8], sequence.lengths_B.clamp(max=8))
    assert (states_BTD - one)[0].abs().max() > 1e-2, "the segment of the context makes a difference"
    alone = Bert(Config(context=8, width=16, heads=4, layers=1, segments=1), net.spec, net.task)
    assert alone({"x": sequence})["y"].shape == (2, 10, 2)


def test_what_it_does_and_what_it_refuses() -> None:
    text, label = Tokens(vocabulary=V, longest=9), Classes(labels=("a", "b"))
    number = Values(names=("y",), mean=(0.0,), std=(1.0,))

    def able(task: str, **outputs: AnyField) -> Can | No:
        return Bert.can(Spec(inputs={"x": text}, outputs=outputs, train_size=1), tasks.find(task))

    assert isinstance(able("fill-mask"), Can) and isinstance(able("text-classification", y=label), Can)
    assert isinstance(able("text-classification", y=number), Can)
    assert isinstance(able("extractive-question-answering", y=Span(separator=2, longest=3)), Can)
    assert "--task extractive-question-answering" in str(able("question-answering", y=text))
    assert "cannot write" in str(able("text-generation")) and "leave the target out" in str(able("fill-mask", y=label))
    with pytest.raises(ConfigError, match="no pooling 'last'"):
        network().vectors({"x": symbols(1, 3)}, "last")
