"""Where foreign models come from and what goes to others: the hub's cache, several files, older files, and runs of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("transformers", reason="transformers is not installed; it comes with the test extra")

from foreign_models import TEXTS, saved
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import nnzoo
from nnzoo.cli.app import app
from nnzoo.core.errors import ConfigError, RunError
from nnzoo.zoo.runs import load_run, read_manifest

GPT2 = {"n_positions": 32, "n_embd": 16, "n_layer": 1, "n_head": 2}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("theirs") / "tiny"
    saved(folder, "gpt2", "bytes", **GPT2)
    return folder


@pytest.fixture
def cache(theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with one repository in it, and no way to the hub."""
    from huggingface_hub import constants

    home = tmp_path / "hub"
    folder = home / "models--somebody--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots").mkdir()
    (folder / "snapshots" / COMMIT).symlink_to(theirs, target_is_directory=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return home


def same(one: Path, other: Path) -> bool:
    mine, theirs = (load_run(run)[0].state_dict() for run in (one, other))
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_name_is_found_in_the_cache_without_the_hub(cache: Path, theirs: Path, tmp_path: Path) -> None:
    nnzoo.import_model(theirs, out=tmp_path / "a")
    for revision in (None, "main", COMMIT):
        made = nnzoo.import_model("somebody/tiny", out=tmp_path / f"of-{revision}", revision=revision)
        assert made.source == "somebody/tiny" and same(tmp_path / "a", tmp_path / f"of-{revision}")
    origin = read_manifest(tmp_path / "of-main").training["imported"]
    assert origin["snapshot"] == COMMIT and origin["revision"] == "main"
    for name, revision in (("somebody/other", None), ("somebody/tiny", "v9")):
        with pytest.raises(RunError, match=r"there is no folder .*, and the hub cannot be reached, nor is it in the cache") as said:
            nnzoo.import_model(name, revision=revision, out=tmp_path / "no")
        assert "\n" not in str(said.value)


def test_what_is_fetched_is_pinned_and_no_pickle(theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **ways: asked.append({"name": name, **ways}) or theirs)
    nnzoo.import_model("somebody/tiny", revision="v1", out=tmp_path / "a")
    nnzoo.import_model("somebody/tiny", allow_pickle=True, out=tmp_path / "b")
    assert asked[0] == {"name": "somebody/tiny", "revision": "v1", "allow_patterns": ["*.json", "*.safetensors"]}
    assert "*.bin" in asked[1]["allow_patterns"]


def test_shards_and_allowed_pickles_give_the_same_run(theirs: Path, tmp_path: Path) -> None:
    every = load_file(theirs / "model.safetensors")
    for name in ("shards", "pickle"):
        (tmp_path / name).mkdir()
        for path in theirs.glob("*.json"):
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    places = {name: f"model-0000{1 + k % 2}-of-00002.safetensors" for k, name in enumerate(every)}
    for file in set(places.values()):
        save_file({name: every[name] for name, place in places.items() if place == file}, tmp_path / "shards" / file)
    (tmp_path / "shards" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    older = {name.removeprefix("transformer."): tensor for name, tensor in every.items()}  # as GPT-2 itself is published
    older |= {"h.0.attn.bias": torch.ones(1, 1, 32, 32).tril().bool(), "lm_head.weight": every["transformer.wte.weight"]}
    torch.save(older, tmp_path / "pickle" / "pytorch_model.bin")
    nnzoo.import_model(theirs, out=tmp_path / "a")
    nnzoo.import_model(tmp_path / "shards", out=tmp_path / "b")
    nnzoo.import_model(tmp_path / "pickle", out=tmp_path / "c", allow_pickle=True)
    assert same(tmp_path / "a", tmp_path / "b") and same(tmp_path / "a", tmp_path / "c")


def test_half_precision_is_kept_as_single_and_said(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    for path in theirs.glob("*.json"):
        (tmp_path / "half" / path.name).write_bytes(path.read_bytes())
    save_file(
        {name: tensor.bfloat16() for name, tensor in load_file(theirs / "model.safetensors").items()},
        tmp_path / "half" / "model.safetensors",
    )
    made = nnzoo.import_model(tmp_path / "half", out=tmp_path / "run")
    assert made.notes == ["weights of bfloat16 are kept as float32"]
    assert {tensor.dtype for tensor in load_run(tmp_path / "run")[0].state_dict().values()} == {torch.float32}


def test_the_command_line_imports_and_exports(theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["import", str(theirs), "--out", "run", "--json"])
    assert said.exit_code == 0 and json.loads(said.stdout)["kind"] == "gpt" and json.loads(said.stdout)["vocabulary"] == 320
    said = CliRunner().invoke(app, ["export", "run", "--to", "huggingface", "--out", "back"])
    assert said.exit_code == 0 and "GPT2LMHeadModel" in said.stdout
    assert (Path("back") / "model.safetensors").is_file()
    said = CliRunner().invoke(app, ["import", str(theirs)])
    assert said.exit_code == 0 and Path("runs/gpt-tiny-1").is_dir()


@pytest.mark.parametrize("units", ["characters", "words", "bpe:60"])
def test_a_run_of_ours_goes_to_transformers_with_its_units(units: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    text = "The quick brown fox,\n\tjumps over  the lazy dog: naïve café 3.14! " * 40
    (tmp_path / "a.txt").write_text(text)
    sizes = {"width": 16, "heads": 2, "layers": 1, "context": 64}
    nnzoo.train("llama", tmp_path / "a.txt", units=units, config=sizes, budget="2steps", out=tmp_path / "run")
    nnzoo.export_model(tmp_path / "run", out=tmp_path / "out")
    ours, words = nnzoo.load(tmp_path / "run"), AutoTokenizer.from_pretrained(tmp_path / "out")
    for one in [*TEXTS, text]:
        codes = ours.preprocessing.symbols(one).tolist()
        assert words(one)["input_ids"] == codes, one
        known = [code for code in codes if code != 3]
        assert words.decode(known) == ours.preprocessing.restore("text", known)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    codes_BT = ours.preprocessing.symbols(text)[None, :60]
    torch.testing.assert_close(theirs(codes_BT).logits, ours.network.logits(ours.network.states(codes_BT)), atol=1e-4, rtol=0)
    nnzoo.import_model(tmp_path / "out", out=tmp_path / "again")
    again = nnzoo.load(tmp_path / "again")
    assert again.preprocessing.symbols(text).tolist() == ours.preprocessing.symbols(text).tolist() and same(
        tmp_path / "run", tmp_path / "again"
    )


def test_a_bert_of_ours_goes_to_transformers_with_its_own_mask(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    (tmp_path / "a.txt").write_text("the cat sat\nthe dog ran\na cat ran\n" * 30)
    nnzoo.train("bert", tmp_path / "a.txt", config={"width": 16, "heads": 2, "layers": 1}, budget="2steps", out=tmp_path / "run")
    nnzoo.export_model(tmp_path / "run", out=tmp_path / "out")
    ours, words = nnzoo.load(tmp_path / "run"), AutoTokenizer.from_pretrained(tmp_path / "out")
    sequence = ours.preprocessing.open(["the dog sat"]).dataset.all().inputs["text"]
    assert words("the dog sat")["input_ids"] == sequence.tokens_BT[0].tolist()
    wanted = AutoModelForMaskedLM.from_pretrained(tmp_path / "out").eval()(sequence.tokens_BT).logits
    size = ours.preprocessing.vocabulary
    torch.testing.assert_close(wanted[..., :size], ours.network({"text": sequence})["text"], atol=1e-4, rtol=0)
    assert not wanted.argmax(2).eq(size).any() and words.mask_token_id == size
    nnzoo.import_model(tmp_path / "out", out=tmp_path / "again")
    gap = ["the [MASK] sat"]
    mine, theirs = nnzoo.predict(tmp_path / "run", gap), nnzoo.predict(tmp_path / "again", gap)
    assert list(mine["symbol"]) == list(theirs["symbol"])
    np.testing.assert_allclose(mine["probability"], theirs["probability"], rtol=1e-5)


def test_what_has_no_counterpart_is_not_exported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc " * 200)
    nnzoo.train("lstm", tmp_path / "a.txt", config={"hidden": 4}, budget="1steps", out=tmp_path / "run")
    with pytest.raises(ConfigError, match="lstm has no layout of Hugging Face's; those that have: gpt, llama, bert, t5"):
        nnzoo.export_model(tmp_path / "run")
