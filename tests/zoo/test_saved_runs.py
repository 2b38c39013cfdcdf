"""A saved run gives the same answers in a new process, is refused when damaged, and names what does not fit."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from nnzoo.core.abilities import Predicts
from nnzoo.core.errors import ConfigError, RunError
from nnzoo.core.network import Can, Card, Network, NetworkConfig
from nnzoo.data.raw import RawTable
from nnzoo.data.table_preprocessing import TablePreprocessing
from nnzoo.networks import find
from nnzoo.tasks import find as find_task
from nnzoo.zoo import runs
from nnzoo.zoo.loaded import load
from nnzoo.zoo.runs import load_run, own_tensors, save_run

MLP, TASK = find("mlp"), find_task("tabular-classification")
CARD = Card(*(["a toy"] * 3), 2026, *(["nothing"] * 4))


def frame(n=40):
    draw = np.random.default_rng(0)
    size = draw.normal(3, 2, n)
    return pd.DataFrame({"size": size, "colour": draw.choice(["red", "blue"], n), "sort": np.where(size > 3, "big", "small")})


PREPROCESSING = TablePreprocessing.fit(RawTable("toys", frame()), np.arange(40), targets=("sort",), task=TASK.name)
SPEC = PREPROCESSING.spec(40)


def mlp(seed=0, **settings):
    torch.manual_seed(seed)
    return MLP(MLP.Config(hidden=(5, 4), **settings), SPEC, TASK).eval()


class Mean(Network):
    """The mean of its members' logits, with a temperature of its own."""

    kind = "toy_mean"
    card = CARD

    @classmethod
    def can(cls, spec, task):
        return Can((Predicts,))

    def __init__(self, config, spec, task, found={}, parts={}):
        super().__init__(config, spec, task, found, parts)
        self.temperature = nn.Parameter(torch.ones(()))
        self.register_buffer("seen", torch.zeros(found.get("width", 1), dtype=torch.long))

    def forward(self, inputs):
        (name,) = self.spec.outputs
        return {name: sum(part(inputs)[name] for part in self.parts.values()) / len(self.parts) / self.temperature}


class Tied(Network):
    """One matrix under two names, and one that belongs to a part."""

    kind = "toy_tied"
    card = CARD

    @classmethod
    def can(cls, spec, task):
        return Can((Predicts,))

    def __init__(self, config, spec, task, found={}, parts={}):
        super().__init__(config, spec, task, found, parts)
        self.there, self.back = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.back.weight = self.there.weight
        self.whole = nn.Parameter(torch.randn(6, 4))
        if parts:
            self.borrowed = parts["base"].heads

    def forward(self, inputs):
        return {}


@pytest.fixture
def run(tmp_path):
    save_run(
        tmp_path / "run",
        mlp(),
        PREPROCESSING,
        data="toys",
        settings={"budget": "20epochs", "seed": 3},
        result={"test": 0.9, "validation": 0.8, "scores": {"accuracy": 0.9, "log_loss": float("nan")}, "stopped": "budget"},
        notes=["one column is empty"],
    )
    return tmp_path / "run"


def test_a_saved_run_answers_the_same_in_a_new_process(run):
    frame().to_csv(run.parent / "toys.csv", index=False)
    code = (
        "import sys, torch; from nnzoo.zoo.loaded import load; m = load(sys.argv[1]); "
        "torch.save(m.network(m.preprocessing.open(sys.argv[2]).dataset.all().inputs), sys.argv[3])"
    )
    paths = [str(run), str(run.parent / "toys.csv"), str(run.parent / "answers.pt")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    there = torch.load(paths[2])["sort"]
    torch.set_num_threads(1)
    here = mlp()(PREPROCESSING.open(frame()).dataset.all().inputs)["sort"]
    assert torch.equal(there, here)


def test_the_manifest_says_what_the_run_is(run):
    _, _, manifest = load_run(run)
    assert (manifest.kind, manifest.task, manifest.data, manifest.seed) == ("mlp", "tabular-classification", "toys", 3)
    assert manifest.config["hidden"] == [5, 4] and manifest.config["lr"] == 1e-3  # defaults too
    assert manifest.scores == {"test": {"accuracy": 0.9, "log_loss": None}, "validation": {"accuracy": 0.8}}
    assert manifest.notes == ["one column is empty"] and manifest.result["stopped"] == "budget"
    assert manifest.spec == SPEC and manifest.preprocessing == "table" and manifest.format == runs.FORMAT
    assert json.loads((run / "config.json").read_text())["spec"]["train_size"] == 40


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "preprocessing/preprocessing.json"])
def test_a_flipped_bit_is_found_and_the_file_named(run, name):
    damaged = bytearray((run / name).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (run / name).write_bytes(damaged)
    with pytest.raises(RunError, match=name):
        load_run(run)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "digests.json"])
def test_a_truncated_or_missing_file_is_named(run, name):
    (run / name).write_bytes((run / name).read_bytes()[:-20])
    with pytest.raises(RunError, match=name):
        load_run(run)
    (run / name).unlink()
    with pytest.raises(RunError, match="not complete" if name == "digests.json" else name):
        load_run(run)


def test_files_that_the_digests_do_not_know_are_not_read(run):
    digests = json.loads((run / "digests.json").read_text())
    del digests["model.safetensors"]
    (run / "digests.json").write_text(json.dumps(digests))
    with pytest.raises(RunError, match=r"model\.safetensors"):
        load_run(run)


def test_the_card_may_be_edited_and_the_journal_may_grow(run):
    (run / "README.md").write_text("my own words")
    (run / "journal.jsonl").write_text("{}\n")
    load_run(run)


def test_a_run_is_complete_only_when_everything_is_written(run, monkeypatch):
    from nnzoo.training import durable

    write, order = durable.write_bytes, []

    def cut_short(path, data):
        order.append(path.name)
        assert not (run / "digests.json").exists() or path.name == "digests.json"
        if path.name == "digests.json":
            raise RunError("power cut")
        write(path, data)

    monkeypatch.setattr(durable, "write_bytes", cut_short)
    with pytest.raises(RunError, match="power cut"):
        save_run(run, mlp(1), PREPROCESSING)
    assert order[-1] == "digests.json" and {"model.safetensors", "config.json", "preprocessing.json"} <= set(order)
    with pytest.raises(RunError, match="not complete"):
        load_run(run)


def committee():
    inner = Mean(NetworkConfig(), SPEC, TASK, {}, {"deep": mlp(5)})
    return Mean(NetworkConfig(), SPEC, TASK, {"width": 7}, {"a": mlp(1), "b": mlp(2, nonlinearity="tanh"), "inner": inner}).eval()


def test_parts_come_back_from_runs_within_the_run(tmp_path):
    network = committee()
    network.temperature.data.fill_(1.7)
    network.seen += 3
    save_run(tmp_path, network, PREPROCESSING)
    assert set(network.state_dict()) > {"temperature", "seen"}
    again, _, manifest = load_run(tmp_path, {"toy_mean": Mean})
    inputs = PREPROCESSING.open(frame()).dataset.all().inputs
    assert torch.equal(again(inputs)["sort"], network(inputs)["sort"])
    assert manifest.parts == {"a": "mlp", "b": "mlp", "inner": "toy_mean"}
    assert again.parts["b"].config.nonlinearity == "tanh" and again.found == {"width": 7} and again.seen.tolist() == [3] * 7
    assert (tmp_path / "parts/inner/parts/deep/model.safetensors").is_file()
    from safetensors import safe_open

    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert set(file.keys()) == {"temperature", "seen"}


def test_a_damaged_part_is_named(tmp_path):
    save_run(tmp_path, committee(), PREPROCESSING)
    path = tmp_path / "parts/inner/parts/deep/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(RunError, match="parts/inner/parts/deep/model"):
        load_run(tmp_path, {"toy_mean": Mean})


def test_a_kind_of_ones_own_is_refused_unless_passed(tmp_path):
    save_run(tmp_path, committee(), PREPROCESSING)
    with pytest.raises(RunError, match=r"'toy_mean'.*give its file"):
        load_run(tmp_path)


@pytest.mark.parametrize("kind", ["os", "../mlp", "./own.py", "nnzoo.networks.feedforward.mlp"])
def test_nothing_is_imported_by_a_name_found_in_a_file(run, kind, tmp_path, monkeypatch):
    canary = tmp_path / "canary"
    (tmp_path / "own.py").write_text(f"open({str(canary)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    _rewrite(run, kind=kind)
    with pytest.raises(RunError, match="neither nnzoo's"):
        load_run(run)
    assert not canary.exists()


def test_a_part_may_not_lead_out_of_the_run(run):
    _rewrite(run, parts={"../../run": "mlp"})
    with pytest.raises(RunError, match="a part may be named"):
        load_run(run)


def _rewrite(run, **changes):
    """Change config.json and its digest, as one who means harm would."""
    from nnzoo.training.durable import sha256_of

    (run / "config.json").write_text(json.dumps({**json.loads((run / "config.json").read_text()), **changes}))
    digests = json.loads((run / "digests.json").read_text())
    (run / "digests.json").write_text(json.dumps({**digests, "config.json": sha256_of(run / "config.json")}))


def test_tied_tensors_are_stored_once_and_come_back_tied(tmp_path):
    network = Tied(NetworkConfig(), SPEC, TASK)
    own, tied = own_tensors(network)
    assert set(own) == {"there.weight", "whole"} and tied == {"back.weight": "there.weight"}
    save_run(tmp_path, network, PREPROCESSING)
    again, _, _ = load_run(tmp_path, {"toy_tied": Tied})
    assert again.back.weight is again.there.weight
    assert torch.equal(again.there.weight, network.there.weight) and torch.equal(again.whole, network.whole)


def test_tensors_of_a_part_under_another_name_are_stored_with_the_part(tmp_path):
    network = Tied(NetworkConfig(), SPEC, TASK, {}, {"base": mlp(4)})
    assert not any("borrowed" in name for name in own_tensors(network)[0])
    save_run(tmp_path, network, PREPROCESSING)
    again, _, _ = load_run(tmp_path, {"toy_tied": Tied})
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


@pytest.mark.parametrize("hidden, words", [((5,), "unknown tensors"), ((5, 4, 3), "lacks tensors"), ((5, 9), "misshapen tensors")])
def test_tensors_that_do_not_fit_are_named(run, hidden, words):
    config = {**json.loads((run / "config.json").read_text())["config"], "hidden": hidden}
    _rewrite(run, config=config)
    with pytest.raises(RunError, match=rf"{words}: .*(layers|heads)"):
        load_run(run)


def test_a_newer_format_is_refused_and_an_older_one_migrated(run, monkeypatch):
    _rewrite(run, format=runs.FORMAT + 1)
    with pytest.raises(RunError, match="newer nnzoo"):
        load_run(run)
    with pytest.raises(RunError, match="no longer reads"):
        _rewrite(run, format=0)
        load_run(run)

    def renamed(facts, tensors):
        kind = {"kind": facts.pop("type")}
        return {**facts, **kind}, {name.removeprefix("old."): tensor for name, tensor in tensors.items()}

    facts = json.loads((run / "config.json").read_text())
    _rewrite(run, type=facts["kind"], kind=None)
    monkeypatch.setitem(runs.MIGRATIONS, 0, renamed)
    network, _, manifest = load_run(run)
    assert manifest.format == runs.FORMAT and torch.equal(
        network.heads.linear["to_sort"].weight, mlp().heads.linear["to_sort"].weight
    )


def test_a_config_that_is_no_config_is_refused_with_the_field(run):
    _rewrite(run, spec={"inputs": {"x": {"type": "nonsense"}}, "train_size": 3})
    with pytest.raises(RunError, match=r"config\.json is not what nnzoo writes: 'spec"):
        load_run(run)
    _rewrite(run, spec=SPEC.model_dump(mode="json"), config={"hiden": [3]})
    with pytest.raises(RunError, match="no setting 'hiden'"):
        load_run(run)


def test_a_missing_run_and_a_kind_without_a_name_are_told(tmp_path):
    with pytest.raises(RunError, match="there is no run"):
        load(tmp_path / "nowhere")

    class Nameless(Tied):
        kind = ""

    with pytest.raises(ConfigError, match="Nameless has no name"):
        save_run(tmp_path / "run", Nameless(NetworkConfig(), SPEC, TASK), PREPROCESSING)


def test_what_was_found_comes_back_to_the_last_digit_and_must_be_json(tmp_path):
    found = {"width": 1, "error": 0.1 + 0.2, "tiny": 5e-324, "best": float("inf"), "pairs": [[1, 2], [3, 4]]}
    save_run(tmp_path, Mean(NetworkConfig(), SPEC, TASK, found, {"a": mlp()}), PREPROCESSING)
    assert load_run(tmp_path, {"toy_mean": Mean})[0].found == found
    with pytest.raises(RunError, match="cannot be saved as JSON"):
        save_run(tmp_path, Mean(NetworkConfig(), SPEC, TASK, {"width": 1, "rule": object()}, {"a": mlp()}), PREPROCESSING)


def test_the_metric_that_was_chosen_comes_back(tmp_path):
    task = type(TASK)()
    task.metric = "log_loss"
    save_run(tmp_path, MLP(MLP.Config(hidden=(3,)), SPEC, task), PREPROCESSING)
    again = load_run(tmp_path)[0].task
    assert again.metric == "log_loss" and not again.higher_is_better and TASK.metric == "accuracy"


def test_a_run_may_be_moved(run):
    shutil.move(run, run.parent / "elsewhere")
    load(run.parent / "elsewhere")
