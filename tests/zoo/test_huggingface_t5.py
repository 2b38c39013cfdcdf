"""T5 from transformers and back: the same codes, logits, answers and tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="transformers is not installed; it comes with the test extra")

from foreign_models import LINES, TEXTS, saved
from safetensors.torch import load_file

import nnzoo
from nnzoo.core.fields import Sequences
from nnzoo.tasks._beam import search
from nnzoo.zoo.runs import load_run

SIZES = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
MODELS: dict[str, dict[str, Any]] = {
    "original: tied, without a gate": SIZES,
    "1.1: a matrix of its own, gated": {**SIZES, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "narrow heads, few buckets, more layers that write": {
        **SIZES,
        "d_kv": 4,
        "num_decoder_layers": 3,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 20,
    },
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Path]:
    """Theirs, its folder, and the run that it became."""
    home = tmp_path_factory.mktemp("model")
    theirs = saved(home / "theirs", "t5", "unigram", **MODELS[request.param])
    if "1.1" in request.param:
        theirs.lm_head.weight = torch.nn.Parameter(torch.randn_like(theirs.lm_head.weight) * 0.3)
        theirs.config.tie_word_embeddings = False
        theirs.save_pretrained(home / "theirs")
        assert "lm_head.weight" in load_file(home / "theirs" / "model.safetensors")
    nnzoo.import_model(home / "theirs", out=home / "run")
    return theirs, home / "theirs", home / "run"


def tokenizer_in(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def test_codes_and_logits_agree(model: tuple[Any, Path, Path]) -> None:
    theirs, folder, run = model
    ours, words = nnzoo.load(run), tokenizer_in(folder)
    batch = words(TEXTS, padding=True, return_tensors="pt")
    source = ours.preprocessing.open(TEXTS).dataset.all().inputs["source"]
    assert torch.equal(source.tokens_BT, batch["input_ids"])
    for text, codes in zip(TEXTS, batch["input_ids"].tolist()):
        assert ours.preprocessing.restore("target", codes) == words.decode(codes, skip_special_tokens=True), text
    written_BT = torch.randint(0, len(words), (len(TEXTS), 40), generator=torch.Generator().manual_seed(1))
    wanted = theirs(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], decoder_input_ids=written_BT).logits
    assert wanted.std() > 0.1
    logits_BTV, _ = ours.network.step(ours.network.read_source({"source": source}), written_BT)
    torch.testing.assert_close(logits_BTV, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("beam", [1, 4])
def test_the_same_answers_are_written(beam: int, model: tuple[Any, Path, Path]) -> None:
    theirs, folder, run = model
    network, words = load_run(run)[0], tokenizer_in(folder)
    for line in LINES[:2]:
        codes = torch.tensor([words(line)["input_ids"]])
        ways = {"max_new_tokens": 100, "num_beams": beam, "do_sample": False, "length_penalty": 0.0, "early_stopping": True}
        ways["use_cache"] = theirs.config.num_decoder_layers == theirs.config.num_layers  # else its cache has too few layers
        wanted = theirs.generate(codes, attention_mask=torch.ones_like(codes), **ways)[0].tolist()[1:]
        source = {"source": Sequences(codes, torch.tensor([codes.shape[1]]))}
        (said,) = search(network, source, beam, 100, alpha=0.0)
        assert said == (wanted[: wanted.index(1)] if 1 in wanted else wanted)


@torch.no_grad()
def test_there_and_back_changes_no_bit(model: tuple[Any, Path, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM

    theirs, folder, run = model
    nnzoo.export_model(run, out=tmp_path / "out")
    again = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "out").eval()
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    codes = tokenizer_in(tmp_path / "out")(LINES[0], return_tensors="pt")["input_ids"]
    given = {"input_ids": codes, "decoder_input_ids": codes}
    assert torch.equal(again(**given).logits, theirs(**given).logits)
    nnzoo.import_model(tmp_path / "out", out=tmp_path / "run")
    (mine, pairs, said), (other, brought, says) = load_run(run), load_run(tmp_path / "run")
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in mine.state_dict().items())
    assert pairs.facts() == brought.facts() and said.spec == says.spec and said.config == says.config


def test_an_imported_model_answers_and_learns_pairs(tmp_path: Path) -> None:
    saved(tmp_path / "theirs", "t5", "unigram", **SIZES)
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "run")
    assert isinstance(nnzoo.predict(tmp_path / "run", LINES[2]).attrs["answer"], str)
    (tmp_path / "a.tsv").write_text("source\ttarget\n" + "the cat sat\tthe dog\nthe dog sat\tthe cat\n" * 40)
    ways = {"task": "translation", "out": tmp_path / "tuned", "budget": "60steps", "config": {"lr": 3e-3, "batch": 16}}
    tuned = nnzoo.train("t5", tmp_path / "a.tsv", from_run=tmp_path / "run", **ways)
    assert tuned.scores["exact_match"] == 1.0
    assert nnzoo.predict(tmp_path / "tuned", "the cat sat").attrs["answer"] == "the dog"
