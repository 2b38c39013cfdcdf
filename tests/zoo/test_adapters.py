"""Fine-tuning with low-rank adapters: the base stays, the run is small, merging changes no answer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import nnzoo
from nnzoo.core.errors import ConfigError, Interrupted, RunError
from nnzoo.core.events import Progress
from nnzoo.zoo.adapters import put_adapter
from nnzoo.zoo.runs import load_run

WIDE = {"width": 64, "layers": 2, "heads": 4, "context": 32, "dropout": 0.0, "batch": 8}
FIRST, SECOND = "abcdefgh " * 150, "ab dc fe hg " * 120


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT that has learned one text, beside another text."""
    home = tmp_path_factory.mktemp("base")
    (home / "first.txt").write_text(FIRST)
    (home / "second.txt").write_text(SECOND)
    nnzoo.train("gpt", home / "first.txt", config={**WIDE, "lr": 3e-3}, budget="40steps", out=home / "run")
    return home / "run"


def tuned(base: Path, out: Path, budget: str = "60steps", **more: Any) -> Any:
    ways = {"config": {"lr": 1e-2}, "budget": budget, "out": out, "rank": 4, **more}
    return nnzoo.train("gpt", base.parent / "second.txt", from_run=base, adapter="lora", **ways)


@pytest.fixture(scope="module")
def run(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base with an adapter that has learned the other text."""
    folder = tmp_path_factory.mktemp("tuned") / "run"
    tuned(base, folder)
    return folder


def logits(network: Any) -> torch.Tensor:
    codes_BT = torch.arange(4, 12)[None].expand(3, -1)
    return network.logits(network.states(codes_BT))


@torch.no_grad()
def test_at_first_nothing_is_changed(base: Path) -> None:
    network, other = load_run(base)[0], load_run(base)[0]
    put_adapter(other, [], base, 4, seed=0)
    assert torch.equal(logits(network), logits(other))
    assert sum(name.endswith("low_B") for name in other.state_dict()) == 8  # four matrices in each of two layers


def test_it_learns_while_the_base_does_not_change_by_a_bit(base: Path, run: Path) -> None:
    before, after = load_run(base)[0].state_dict(), load_run(run)[0].state_dict()
    added = after.keys() - before.keys()
    assert added and all(name.endswith(("low_A", "low_B")) for name in added)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(bool(after[name].any()) for name in added)
    text = base.parent / "second.txt"
    assert nnzoo.evaluate(run, text)["nats_per_token"] < 0.5 * nnzoo.evaluate(base, text)["nats_per_token"]


def test_the_run_holds_what_was_learned_alone(base: Path, run: Path) -> None:
    from safetensors.torch import load_file

    held = load_file(run / "model.safetensors")
    assert held and all(name.endswith(("low_A", "low_B")) for name in held)
    assert (run / "model.safetensors").stat().st_size < 0.12 * (base / "model.safetensors").stat().st_size


@torch.no_grad()
def test_merged_it_answers_the_same_and_needs_no_base(run: Path, tmp_path: Path) -> None:
    nnzoo.export_model(run, to="nnzoo", out=tmp_path / "whole")
    network, (whole, _, manifest) = load_run(run)[0], load_run(tmp_path / "whole")
    torch.testing.assert_close(logits(whole), logits(network), atol=1e-5, rtol=1e-6)
    assert not manifest.adapter and not whole.kept
    assert not any("low_" in name for name in whole.state_dict())
    again = nnzoo.load(run).generate(prompt="ab ", tokens=20, temperature=0.0)
    assert nnzoo.load(tmp_path / "whole").generate(prompt="ab ", tokens=20, temperature=0.0) == again


def test_the_base_is_found_where_both_were_moved_and_missed_where_it_is_not(base: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    shutil.copytree(base, tmp_path / "a" / "base")
    shutil.copy(base.parent / "second.txt", tmp_path / "a")
    tuned(tmp_path / "a" / "base", tmp_path / "a" / "run", "1steps")
    (tmp_path / "a").rename(tmp_path / "b")
    nnzoo.load(tmp_path / "b" / "run")
    shutil.rmtree(tmp_path / "b" / "base")
    with pytest.raises(RunError, match=r"adapter of the run at .*base, which is not there"):
        nnzoo.load(tmp_path / "b" / "run")
    nnzoo.train("gpt", base.parent / "first.txt", config=WIDE, budget="1steps", out=tmp_path / "b" / "base")
    with pytest.raises(RunError, match="whose tensors are others by now"):
        nnzoo.load(tmp_path / "b" / "run")


def test_broken_off_and_taken_up_again_it_ends_with_the_same_bits(base: Path, tmp_path: Path) -> None:
    import os
    import signal

    def stop(event: Any) -> None:
        if isinstance(event, Progress):
            os.kill(os.getpid(), signal.SIGTERM)

    tuned(base, tmp_path / "through", "20steps")
    with pytest.raises(Interrupted):
        tuned(base, tmp_path / "broken", "20steps", listen=(stop,))
    tuned(base, tmp_path / "broken", "20steps", resume=True)
    through, broken = (load_run(tmp_path / name)[0].state_dict() for name in ("through", "broken"))
    assert all(torch.equal(through[name], broken[name]) for name in through)


def test_other_heads_learn_whole(tmp_path: Path) -> None:
    rows = [f"on day {k} of the year the {one} sat on the mat,{one}" for one in ("cat", "dog") for k in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows]))
    sizes = {"width": 32, "heads": 2, "layers": 1, "lr": 1e-2}
    (tmp_path / "a.txt").write_text("the cat sat on the mat, the dog on day one of the year " * 30)
    nnzoo.train("bert", tmp_path / "a.txt", units="words", config=sizes, budget="5steps", out=tmp_path / "base")
    ways = {"target": ["label"], "from_run": tmp_path / "base", "out": tmp_path / "run", "budget": "60steps"}
    made = nnzoo.train("bert", tmp_path / "a.csv", adapter="lora", rank=2, **ways)
    assert made.scores["accuracy"] == 1.0
    network = load_run(tmp_path / "run")[0]
    assert {name.partition(".")[0] for name in network.state_dict().keys() - network.kept} == {"pool", "heads", "layers"}


def test_a_run_with_an_adapter_is_tuned_on_as_a_whole(run: Path, base: Path, tmp_path: Path) -> None:
    made = nnzoo.train("gpt", base.parent / "second.txt", from_run=run, budget="1steps", config={"lr": 1e-9}, out=tmp_path / "on")
    assert made.scores["nats_per_token"] == pytest.approx(load_run(run)[2].scores["test"]["nats_per_token"], rel=1e-3)
    assert not any("low_" in name for name in load_run(tmp_path / "on")[0].state_dict())


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ({"adapter": "lora"}, "name it with --from RUN"),
        ({"adapter": "ia3", "from_run": "x"}, "write lora"),
        ({"rank": 3}, "add --adapter lora"),
        ({"adapter": "lora", "rank": 0, "from_run": "x"}, "must be 1 or more"),
    ],
)
def test_what_cannot_be_asked_is_refused(ways: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        nnzoo.train("gpt", "nothing", **ways)


def test_a_rank_beyond_the_layers_is_refused(base: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its widest layer has 64; give a --rank below that"):
        tuned(base, tmp_path / "run", rank=64)
    with pytest.raises(ConfigError, match="merge it first"):
        put_adapter(load_run(base)[0], [], run, 4, 0)


@pytest.mark.parametrize(
    ("kind", "data", "config"),
    [
        ("mlp", "iris", {"hidden": [16, 16]}),
        ("cnn", "digits", {"channels": [16], "normalise": True}),
        ("llama", "first.txt", {**WIDE, "tied": False, "inner": 48}),
        ("transformer", "pairs.tsv", {"width": 16, "heads": 2, "layers": 1}),
    ],
)
def test_every_kind_with_linear_layers_takes_adapters(
    kind: str, data: str, config: dict[str, Any], base: Path, tmp_path: Path
) -> None:
    (base.parent / "pairs.tsv").write_text("source\ttarget\n" + "ab\tba\ncd\tdc\nef\tfe\n" * 20)
    source = base.parent / data if "." in data else data
    task = "translation" if kind == "transformer" else None
    nnzoo.train(kind, source, task=task, config=config, budget="3steps", out=tmp_path / "base")
    ways = {"from_run": tmp_path / "base", "adapter": "lora", "rank": 2, "budget": "5steps"}
    nnzoo.train(kind, source, task=task, out=tmp_path / "run", **ways)
    before, after = load_run(tmp_path / "base")[0].state_dict(), load_run(tmp_path / "run")[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)  # statistics of batches among them
    assert kind != "cnn" or any(name.endswith("running_mean") for name in before)
    added = after.keys() - before.keys()
    assert added and all(bool(after[name].any()) for name in added if name.endswith("low_B"))
