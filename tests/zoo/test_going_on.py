"""A run that goes on from another: what was learned of texts without labels stays, and helps where labels are few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnzoo
from nnzoo.core.errors import ConfigError
from nnzoo.core.events import Event, Warned
from nnzoo.data.prepare import prepare
from nnzoo.data.raw import RawTexts
from nnzoo.zoo.runs import load_run

WORDS = np.array([f"{a}{b}{c}" for a in "bdfg" for b in "aeiou" for c in "lmnrs"])
TOPICS = (WORDS[0::2], WORDS[1::2])  # 50 words each


def sentences(n: int, seed: int, part: str = "") -> RawTexts:
    """Sentences of five words that all belong to one of two topics; the topic is the label."""
    draw = np.random.default_rng(seed)
    topics = draw.integers(0, 2, n)
    texts = [" ".join(draw.choice(TOPICS[topic], 5)) for topic in topics]
    raw = RawTexts(f"sentences{seed}", texts, labels=np.array(["odd", "even"], dtype=object)[topics])
    raw.part = np.array([part] * n, dtype=object) if part else None
    return raw


def unlabelled(n: int) -> RawTexts:
    raw = sentences(n, seed=1)
    raw.labels = None
    return raw


def few(n: int) -> dict[str, Any]:
    """So many labelled sentences to learn from, and many to test."""
    return {"data": sentences(n, seed=2, part="train"), "valid": sentences(60, seed=3), "test": sentences(300, seed=4)}


SMALL = {"width": 32, "layers": 1, "heads": 2, "context": 16, "batch": 128, "dropout": 0.0, "lr": 3e-3}


@pytest.mark.parametrize(("kind", "steps"), [("bert", 450), ("gpt", 150)])
def test_few_labels_suffice_after_much_text_without_labels(kind: str, steps: int, tmp_path: Path) -> None:
    quick: dict[str, Any] = {"config": SMALL, "device": "cpu", "patience": 0}
    base = nnzoo.train(kind, unlabelled(1500), units="words", budget=f"{steps}steps", out=tmp_path / "base", **quick)
    assert base.task == {"bert": "fill-mask", "gpt": "text-generation"}[kind]
    again = few(12)
    scratch = nnzoo.train(kind, **again, units="words", budget="80steps", out=tmp_path / "scratch", **quick)
    heard: list[Event] = []
    tuned = nnzoo.train(
        kind, **again, budget="80steps", out=tmp_path / "tuned", from_run=tmp_path / "base", listen=[heard.append], **quick
    )
    assert scratch.task == tuned.task == "text-classification"
    assert scratch.test is not None and tuned.test is not None
    assert tuned.test > 0.85 and tuned.test - scratch.test > 0.1, f"{kind}: {scratch.test} alone, {tuned.test} after other texts"
    (new,) = [event.text for event in heard if isinstance(event, Warned) and "new here" in event.text]
    assert "heads.linear" in new and "embed" not in new and "layers" not in new


def test_units_stay_and_labels_come_from_the_data() -> None:
    base = prepare(unlabelled(300), task="fill-mask", units="words").preprocessing
    raw = sentences(80, seed=5)
    ready = prepare(raw, inherit=base)
    field = ready.spec.inputs["text"]
    assert field.vocabulary == base.spec(1).inputs["text"].vocabulary and field.longest == 7
    assert ready.spec.outputs["label"].labels == ("even", "odd") and ready.task.name == "text-classification"
    assert prepare(sentences(80, seed=6), inherit=ready.preprocessing).preprocessing is ready.preprocessing
    other = sentences(80, seed=6)
    other.labels = np.array(["new" if label == "odd" else "even" for label in other.labels], dtype=object)
    assert prepare(other, inherit=ready.preprocessing).spec.outputs["label"].labels == ("even", "new")
    writes = prepare(unlabelled(80), inherit=ready.preprocessing)
    assert writes.task.name == "text-generation" and not writes.spec.outputs
    text = prepare(RawTexts("long", [" ".join(unlabelled(200).texts)], lines=False), inherit=base)
    assert not text.spec.inputs["text"].lines and text.spec.inputs["text"].vocabulary == field.vocabulary
    with pytest.raises(ConfigError, match="leave it out"):
        prepare(raw, inherit=base, units="characters")


def test_a_read_out_of_other_labels_is_not_taken(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"config": SMALL, "device": "cpu", "budget": "2steps"}
    nnzoo.train("bert", sentences(60, seed=5), out=tmp_path / "one", **quick)
    other = sentences(60, seed=6)
    other.labels = np.array(["red" if label == "odd" else "blue" for label in other.labels], dtype=object)
    heard: list[str] = []

    def hear(event: Event) -> None:
        heard.append(getattr(event, "text", ""))

    nnzoo.train("bert", other, from_run=tmp_path / "one", out=tmp_path / "two", listen=[hear], **quick)
    assert any("heads.linear.to_label.weight" in text for text in heard)
    heard.clear()
    nnzoo.train("bert", sentences(60, seed=7), from_run=tmp_path / "one", out=tmp_path / "three", listen=[hear], **quick)
    assert not any("new here" in text for text in heard)
    _, preprocessing, manifest = load_run(tmp_path / "two")
    assert manifest.spec.outputs["label"].labels == ("blue", "red") and preprocessing is not None


def test_what_a_recurrent_kind_learned_by_writing_stays_as_well(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"config": {"width": 8, "hidden": 8}, "device": "cpu", "budget": "2steps"}
    nnzoo.train("lstm", unlabelled(60), units="words", out=tmp_path / "base", **quick)
    heard: list[str] = []
    nnzoo.train(
        "lstm",
        sentences(60, seed=5),
        from_run=tmp_path / "base",
        out=tmp_path / "tuned",
        listen=[lambda event: heard.append(getattr(event, "text", ""))],
        **quick,
    )
    (new,) = [text for text in heard if "new here" in text]
    assert new.endswith("heads.linear.to_label.weight, heads.linear.to_label.bias")


def test_the_task_is_another_where_the_kind_cannot_do_the_usual_one(tmp_path: Path) -> None:
    heard: list[Event] = []
    quick: dict[str, Any] = {"device": "cpu", "budget": "2steps", "listen": [heard.append]}
    done = nnzoo.train("bert", unlabelled(60), out=tmp_path / "run", config=SMALL, **quick)
    assert done.task == "fill-mask"
    assert any("the task is fill-mask, since bert does no text-generation" in getattr(event, "text", "") for event in heard)
    with pytest.raises(nnzoo.NnzooError, match="text_cnn judges texts"):
        nnzoo.train("text_cnn", unlabelled(60), out=tmp_path / "none", **quick)
    with pytest.raises(nnzoo.NnzooError, match="cannot write"):
        nnzoo.train("bert", unlabelled(60), task="text-generation", out=tmp_path / "none", **quick)
