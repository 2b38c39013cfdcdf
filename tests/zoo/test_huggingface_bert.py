"""BERT from transformers and back: hidden symbols, labels, and vectors of sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("transformers", reason="transformers is not installed; it comes with the test extra")

from foreign_models import TEXTS, saved
from safetensors.torch import load_file

import nnzoo
from nnzoo.zoo.runs import load_run

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
LABELS = {"id2label": {0: "no", 1: "yes", 2: "maybe"}, "label2id": {"no": 0, "yes": 1, "maybe": 2}}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "masked": ("BertForMaskedLM", SIZES),
    "masked, one wide layer": ("BertForMaskedLM", {**SIZES, "hidden_size": 48, "num_hidden_layers": 1, "type_vocab_size": 1}),
    "labels": ("BertForSequenceClassification", {**SIZES, **LABELS}),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Path]:
    """Theirs, its folder, and the run that it became."""
    architecture, settings = MODELS[request.param]
    home = tmp_path_factory.mktemp("model")
    theirs = saved(home / "theirs", "bert", "wordpiece", architecture, **settings)
    nnzoo.import_model(home / "theirs", out=home / "run")
    return theirs, home / "theirs", home / "run"


def tokenizer_in(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def padded(folder: Path, longest: int = 64) -> Any:
    """All texts as transformers gives them to a model."""
    return tokenizer_in(folder)(TEXTS, padding=True, truncation=True, max_length=longest, return_tensors="pt")


@torch.no_grad()
def test_codes_and_answers_agree(model: tuple[Any, Path, Path]) -> None:
    theirs, folder, run = model
    ours, batch = nnzoo.load(run), padded(folder)
    sequence = ours.preprocessing.open(TEXTS).dataset.all().inputs["text"]
    assert torch.equal(sequence.tokens_BT, batch["input_ids"])
    assert torch.equal(sequence.lengths_B, batch["attention_mask"].sum(1))
    (answer,) = ours.network({"text": sequence}).values()
    wanted = theirs(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    read = batch["attention_mask"].bool() if wanted.ndim == 3 else slice(None)
    assert wanted.std() > 0.1
    torch.testing.assert_close(answer[read], wanted[read], atol=1e-4, rtol=0)


def test_a_long_text_keeps_its_frame(model: tuple[Any, Path, Path]) -> None:
    _, folder, run = model
    long = "the cat sat on the mat " * 20
    (codes,) = nnzoo.load(run).preprocessing.open([long]).dataset.all().inputs["text"].tokens_BT.tolist()
    assert codes == tokenizer_in(folder)(long, truncation=True, max_length=64)["input_ids"] and len(codes) == 64


@torch.no_grad()
def test_there_and_back_changes_no_bit(model: tuple[Any, Path, Path], tmp_path: Path) -> None:
    import transformers

    theirs, folder, run = model
    made = nnzoo.export_model(run, out=tmp_path / "out")
    again = getattr(transformers, made.architecture).from_pretrained(tmp_path / "out").eval()
    assert type(again) is type(theirs)
    assert again.config.id2label == theirs.config.id2label
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(again(padded(folder)["input_ids"]).logits, theirs(padded(folder)["input_ids"]).logits)
    nnzoo.import_model(tmp_path / "out", out=tmp_path / "run")
    (mine, words, said), (other, brought, says) = load_run(run), load_run(tmp_path / "run")
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in mine.state_dict().items())
    assert words.facts() == brought.facts() and said.spec == says.spec and said.config == says.config


@torch.no_grad()
def test_labels_and_gaps_are_predicted_as_theirs(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "labels", "bert", "wordpiece", "BertForSequenceClassification", **SIZES, **LABELS)
    nnzoo.import_model(tmp_path / "labels", out=tmp_path / "judge")
    batch = padded(tmp_path / "labels")
    wanted = theirs(**{name: batch[name] for name in ("input_ids", "attention_mask")}).logits.argmax(1)
    assert list(nnzoo.predict(tmp_path / "judge", TEXTS)["label"]) == [theirs.config.id2label[k] for k in wanted.tolist()]
    theirs = saved(tmp_path / "gaps", "bert", "wordpiece", **SIZES)
    nnzoo.import_model(tmp_path / "gaps", out=tmp_path / "filler")
    words = tokenizer_in(tmp_path / "gaps")
    codes = words("the cat [MASK] on the mat", return_tensors="pt")["input_ids"]
    logits = theirs(codes).logits[0, codes[0].tolist().index(words.mask_token_id)]
    logits[[words.pad_token_id, words.cls_token_id, words.sep_token_id]] = -torch.inf
    (first, *_) = nnzoo.predict(tmp_path / "filler", ["the cat [MASK] on the mat"])["symbol"]
    assert first == words.decode([int(logits.argmax())]).removeprefix("##") or first == words.decode([int(logits.argmax())])


@pytest.mark.parametrize(("mode", "unit"), [("pooling_mode_mean_tokens", True), ("pooling_mode_cls_token", False)])
@torch.no_grad()
def test_a_folder_of_sentence_transformers_brings_its_pooling(mode: str, unit: bool, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    theirs = saved(folder, "bert", "wordpiece", "BertModel", **SIZES)
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), *([("Normalize", "2_Normalize")] if unit else [])]
    listed = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (kind, path) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, mode: True, "pooling_mode_max_tokens": False})
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 20}))
    made = nnzoo.import_model(folder, out=tmp_path / "run")
    batch = padded(folder, 20)
    states = theirs(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    share = batch["attention_mask"][:, :, None] / batch["attention_mask"].sum(1)[:, None, None]
    wanted = (states * share).sum(1) if mode.endswith("mean_tokens") else states[:, 0]
    wanted = torch.nn.functional.normalize(wanted) if unit else wanted
    np.testing.assert_allclose(nnzoo.load(tmp_path / "run").embed(TEXTS), wanted.numpy(), atol=1e-5)
    assert "no head" in made.notes[0]


def test_an_imported_model_learns_new_labels(tmp_path: Path) -> None:
    saved(tmp_path / "theirs", "bert", "wordpiece", **SIZES)
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "run")
    rows = ["text,label", *(f"on day {k} of the year the {one} sat on the mat,{one}" for one in ("cat", "dog") for k in range(40))]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    ways = {
        "task": "text-classification",
        "target": ["label"],
        "out": tmp_path / "tuned",
        "budget": "40steps",
        "config": {"lr": 2e-3, "batch": 16},
    }
    tuned = nnzoo.train("bert", tmp_path / "a.csv", from_run=tmp_path / "run", **ways)
    assert tuned.task == "text-classification" and tuned.scores["accuracy"] == 1.0
    made = nnzoo.export_model(tmp_path / "tuned", out=tmp_path / "back")
    assert made.architecture == "BertForSequenceClassification"
