"""Every kind that writes text follows the same rules: the generator writes what reading all again for each symbol gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nnzoo import tasks
from nnzoo.core.abilities import Steps
from nnzoo.core.fields import Sequences, Spec, Tokens
from nnzoo.core.network import No
from nnzoo.networks import find, names
from nnzoo.tasks._writing import write

V, CONTEXT = 11, 12
TASK = tasks.find("text-generation")
SPEC = Spec(inputs={"text": Tokens(vocabulary=V, longest=40, lines=False)}, train_size=9)
WRITERS = [kind for kind in names() if not isinstance(able := find(kind).can(SPEC, TASK), No) and Steps in able]


def writer(kind: str) -> Any:
    cls = find(kind)
    fields = cls.Config.model_fields
    config = {"dropout": 0.0, **({"context": CONTEXT} if "context" in fields else {})}
    torch.manual_seed(3)
    network = cls(cls.Config.read(config, kind), SPEC, TASK).eval()
    for parameter in network.parameters():  # so that what is likeliest changes with what was read
        parameter.data *= 3
    return network


def test_the_kinds_are_found() -> None:
    assert {"rnn", "lstm", "gru", "tcn", "gpt"} <= set(WRITERS)


@pytest.mark.parametrize("kind", WRITERS)
@torch.no_grad()
def test_writing_is_reading_everything_again_for_each_symbol(kind: str) -> None:
    network = writer(kind)
    prompts = [[3], [4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 4] * 3]
    for prompt, written in zip(prompts, write(network, prompts, tokens=30, temperature=0)):
        context = network.context
        held = prompt if context is None else prompt[-context:]
        for symbol in written:
            read = Sequences(torch.tensor([held]), torch.tensor([len(held)]))
            logits_V = network({"text": read})["text"][0, -1]
            logits_V[0] = -torch.inf
            assert logits_V.max() - logits_V[symbol] < 1e-4
            held = [*held, symbol] if context is None or len(held) < context else [*held, symbol][-(context // 2) :]
    sampled = write(network, prompts, tokens=30, seed=2)
    assert sampled[:2] == write(network, prompts[:2], tokens=30, seed=2)
