"""GPT-2 and Llama from transformers and back: the same codes, logits, texts and tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="transformers is not installed; it comes with the test extra")

from foreign_models import LINES, TEXTS, saved
from safetensors.torch import load_file

import nnzoo
from nnzoo.zoo.runs import load_run

GPT2 = {"n_positions": 160, "n_embd": 32, "n_layer": 2, "n_head": 4}
LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 160,
}
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("gpt2", "bytes", GPT2),
    "gpt2 of one wide layer": ("gpt2", "bytes", {**GPT2, "n_embd": 48, "n_layer": 1, "n_head": 3}),
    "llama untied": ("llama", "start", {**LLAMA, "num_key_value_heads": 4, "tie_word_embeddings": False}),
    "llama tied, grouped": (
        "llama",
        "start",
        {**LLAMA, "num_key_value_heads": 2, "tie_word_embeddings": True, "rms_norm_eps": 1e-5},
    ),
    "llama with bytes, one key, theta": (
        "llama",
        "bytes",
        {**LLAMA, "num_key_value_heads": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Path]:
    """Theirs, its folder, and the run that it became."""
    sort, words, settings = MODELS[request.param]
    home = tmp_path_factory.mktemp("model")
    theirs = saved(home / "theirs", sort, words, **settings)
    nnzoo.import_model(home / "theirs", out=home / "run")
    return theirs, home / "theirs", home / "run"


def tokenizer_in(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_codes_and_texts_are_those_of_their_tokenizer(model: tuple[Any, Path, Path]) -> None:
    _, folder, run = model
    theirs, ours = tokenizer_in(folder), nnzoo.load(run).preprocessing
    for text in TEXTS:
        codes = theirs(text)["input_ids"]
        assert ours.symbols(text).tolist() == codes, text
        assert ours.restore("text", codes) == theirs.decode(codes, skip_special_tokens=True), text


@torch.no_grad()
def test_logits_agree(model: tuple[Any, Path, Path]) -> None:
    theirs, _, run = model
    ours = nnzoo.load(run).network
    codes_BT = torch.randint(0, theirs.config.vocab_size, (3, 150), generator=torch.Generator().manual_seed(1))
    wanted_BTV = theirs(codes_BT).logits
    assert wanted_BTV.std() > 0.3
    torch.testing.assert_close(ours.logits(ours.states(codes_BT)), wanted_BTV, atol=1e-4, rtol=0)
    state = ours.start(3)
    for piece_BT in codes_BT.split(50, 1):  # with the cache as well
        logits_BTV, state = ours.step(state, piece_BT)
    torch.testing.assert_close(logits_BTV, wanted_BTV[:, 100:], atol=1e-4, rtol=0)


def test_the_likeliest_hundred_symbols_are_the_same(model: tuple[Any, Path, Path]) -> None:
    theirs, folder, run = model
    words = tokenizer_in(folder)
    for line in LINES:
        codes = torch.tensor([words(line)["input_ids"]])
        wanted = theirs.generate(codes, max_new_tokens=100, do_sample=False, attention_mask=torch.ones_like(codes))[0]
        made = nnzoo.load(run).generate(prompt=line, tokens=100, temperature=0.0)
        assert made.tokens == [len(wanted) - codes.shape[1]]
        assert (
            made.written[0]
            == words.decode(wanted, skip_special_tokens=True)[len(words.decode(codes[0], skip_special_tokens=True)) :]
        )


@torch.no_grad()
def test_what_is_exported_is_theirs_again(model: tuple[Any, Path, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    theirs, folder, run = model
    made = nnzoo.export_model(run, out=tmp_path / "back")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "back").eval()
    assert type(again) is type(theirs) and made.architecture == type(theirs).__name__
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "back" / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    codes_BT = torch.arange(60)[None] * 5 % theirs.config.vocab_size
    assert torch.equal(again(codes_BT).logits, theirs(codes_BT).logits)
    words, brought = tokenizer_in(tmp_path / "back"), tokenizer_in(folder)
    assert [words(text)["input_ids"] for text in TEXTS] == [brought(text)["input_ids"] for text in TEXTS]
    assert (words.eos_token_id, words.bos_token_id) == (brought.eos_token_id, brought.bos_token_id)


def test_there_and_back_changes_no_bit(model: tuple[Any, Path, Path], tmp_path: Path) -> None:
    _, _, run = model
    nnzoo.export_model(run, out=tmp_path / "out")
    nnzoo.import_model(tmp_path / "out", out=tmp_path / "run")
    (before, words, said), (after, other, says) = load_run(run), load_run(tmp_path / "run")
    mine, theirs = before.state_dict(), after.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert words.facts() == other.facts() and says.config == said.config and says.spec == said.spec


def test_writing_ends_where_their_model_ends(tmp_path: Path) -> None:
    """The last norm gives one state to every symbol, whose likeliest next is the end."""
    theirs = saved(tmp_path / "theirs", "gpt2", "bytes", **GPT2)
    with torch.no_grad():
        theirs.transformer.ln_f.weight.zero_()
        theirs.transformer.ln_f.bias.copy_(theirs.transformer.wte.weight[0] * 9)
    theirs.save_pretrained(tmp_path / "theirs")
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "run")
    made = nnzoo.load(tmp_path / "run").generate(prompt="the cat", tokens=20, temperature=0.0)
    assert made.written == [""] and made.tokens == [1]


def test_an_imported_model_is_tuned_further_on_a_text(tmp_path: Path) -> None:
    saved(tmp_path / "theirs", "gpt2", "bytes", **GPT2)
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "run")
    (tmp_path / "a.txt").write_text(LINES[2] * 80)
    ways = {"out": tmp_path / "tuned", "budget": "30steps", "config": {"lr": 3e-3, "context": 160, "batch": 4}}
    tuned = nnzoo.train("gpt", tmp_path / "a.txt", from_run=tmp_path / "run", **ways)
    before = nnzoo.evaluate(tmp_path / "run", tmp_path / "a.txt")["nats_per_token"]
    after = nnzoo.evaluate(tmp_path / "tuned", tmp_path / "a.txt")["nats_per_token"]
    assert tuned.task == "text-generation" and after < before / 2
    nnzoo.export_model(tmp_path / "tuned", out=tmp_path / "back")
    assert (
        tokenizer_in(tmp_path / "back")("the cat")["input_ids"]
        == nnzoo.load(tmp_path / "tuned").preprocessing.symbols("the cat").tolist()
    )


def test_a_model_whose_start_is_its_end_learns_where_lines_end(tmp_path: Path) -> None:
    saved(tmp_path / "theirs", "gpt2", "bytes", **GPT2)
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "run")
    (tmp_path / "a.txt").write_text("cat dog\n" * 60)
    ways = {"budget": "40steps", "config": {"lr": 1e-2, "batch": 16}, "out": tmp_path / "tuned"}
    nnzoo.train("gpt", tmp_path / "a.txt", from_run=tmp_path / "run", **ways)
    assert nnzoo.load(tmp_path / "tuned").spec.inputs["text"].lines
    assert nnzoo.load(tmp_path / "tuned").generate(n=2, temperature=0.0) == ["cat dog", "cat dog"]


def test_an_adapter_on_an_imported_model_is_exported_within_its_matrices(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    saved(tmp_path / "theirs", "llama", "start", **LLAMA)
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "run")
    (tmp_path / "a.txt").write_text(LINES[2] * 80)
    ways = {"budget": "5steps", "config": {"lr": 1e-2, "batch": 4}, "out": tmp_path / "tuned", "adapter": "lora", "rank": 4}
    nnzoo.train("llama", tmp_path / "a.txt", from_run=tmp_path / "run", **ways)
    nnzoo.export_model(tmp_path / "tuned", out=tmp_path / "back")
    ours, theirs = nnzoo.load(tmp_path / "tuned").network, AutoModelForCausalLM.from_pretrained(tmp_path / "back").eval()
    codes_BT = torch.arange(50)[None]
    with torch.no_grad():
        torch.testing.assert_close(theirs(codes_BT).logits, ours.logits(ours.states(codes_BT)), atol=1e-4, rtol=0)
        assert not torch.allclose(nnzoo.load(tmp_path / "run").network.states(codes_BT), ours.states(codes_BT), atol=1e-2)
