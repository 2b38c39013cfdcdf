"""A BERT from elsewhere learns to point at answers: question and context become the codes and segments that transformers gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="transformers is not installed; it comes with the test extra")

from foreign_models import saved

import nnzoo
from nnzoo.blocks.heads import OUTSIDE
from nnzoo.data.questions import TASK
from nnzoo.zoo.runs import load_run

SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
ROWS = [
    {"question": f"Where does {name} live?", "context": f"{name} lives in {place}, they say.", "answer": place}
    for name in ("Anna", "Ben", "Clara", "David")
    for place in ("New York", "Oslo", "Rome")
]


def test_codes_segments_and_states_are_those_of_transformers_and_answers_are_the_context_itself(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    theirs = saved(tmp_path / "theirs", "bert", "wordpiece", max_position_embeddings=64, **SIZES)
    nnzoo.import_model(tmp_path / "theirs", out=tmp_path / "base")
    still: dict[str, Any] = {"config": {"lr": 1e-12, "dropout": 0.0, "weight_decay": 0.0}, "budget": "1steps", "device": "cpu"}
    nnzoo.train("bert", ROWS, task=TASK, from_run=tmp_path / "base", out=tmp_path / "run", **still)
    network, preprocessing, _ = load_run(tmp_path / "run")
    assert preprocessing is not None
    opened = preprocessing.open(ROWS)
    batch = opened.dataset.all()
    asked = [[row[side] for row in ROWS] for side in ("question", "context")]
    given = AutoTokenizer.from_pretrained(tmp_path / "theirs")(
        *asked, padding=True, return_tensors="pt", return_token_type_ids=True
    )
    assert torch.equal(batch.inputs["text"].tokens_BT, given["input_ids"])
    with torch.no_grad():
        h_BTD = theirs.bert(**given).last_hidden_state
        wanted_BT2 = network.heads.linear["to_answer"](h_BTD)  # type: ignore[index, operator, union-attr]
        found_BT2 = network.eval()(batch.inputs)["answer"]
    inside_BT = (found_BT2 > OUTSIDE / 2).all(2)
    assert (inside_BT.sum(1) == (given["token_type_ids"].sum(1) - 1)).all(), "all of the second segment but its last symbol"
    assert (found_BT2[inside_BT] - wanted_BT2[inside_BT]).abs().max() < 1e-4
    assert preprocessing.answers(opened.raw, batch.outputs["answer"].tolist()) == [row["answer"] for row in ROWS]  # type: ignore[attr-defined]
