"""Text CNN: the strongest finding by hand, padding counts nowhere, order within a phrase matters and its place does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nnzoo import tasks
from nnzoo.core.fields import Classes, Image, Sequences, Spec, Tokens
from nnzoo.core.network import No
from nnzoo.networks.convolutional.text_cnn import Config, TextCNN

JUDGE = tasks.find("text-classification")
LABELS: dict[str, Any] = {"label": Classes(labels=("a", "b"))}


def network(**config: Any) -> TextCNN:
    torch.manual_seed(5)
    spec = Spec(inputs={"text": Tokens(vocabulary=12, longest=9)}, outputs=LABELS, train_size=4)
    return TextCNN(Config(**{"width": 6, "detectors": 3, "widths": (2, 3), **config}), spec, JUDGE).eval()


def said(made: TextCNN, *rows: list[int]) -> torch.Tensor:
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return made({"text": Sequences(tokens, torch.tensor([len(row) for row in rows]))})["label"]


def test_each_detector_gives_its_strongest_finding_over_all_places() -> None:
    made, text = network(), [4, 5, 6, 7]
    x_TD = made.embed(torch.tensor(text))
    strongest = []
    for h in (2, 3):
        detector = made.detect[f"of{h}"]
        zeros = torch.zeros(h - 1, 6)
        padded = torch.cat([zeros, x_TD, zeros])
        found = [
            torch.relu((detector.weight * padded[i : i + h].T).sum((1, 2)) + detector.bias) for i in range(len(padded) - h + 1)
        ]
        strongest.append(torch.stack(found).max(0).values)
    by_hand = made.heads.linear["to_label"](torch.cat(strongest)[None])
    torch.testing.assert_close(said(made, text), by_hand)


def test_padding_and_neighbours_in_a_batch_change_nothing() -> None:
    made = network()
    with torch.no_grad():
        for detector in made.detect.values():
            detector.bias += 1.0  # so that padding would be found strongest
    rows = [[4, 5, 6, 7, 8, 9, 10], [4, 5], [11]]
    together = said(made, *rows)
    for k, row in enumerate(rows):
        torch.testing.assert_close(together[k : k + 1], said(made, row))


def test_the_place_of_a_phrase_does_not_matter_and_its_order_does() -> None:
    made = network(widths=(2,))
    with torch.no_grad():
        made.embed.weight[4] = -made.embed.weight[4].abs()
    here, there, turned = [3, 3, 5, 6, 3, 3, 3], [3, 3, 3, 3, 5, 6, 3], [3, 3, 6, 5, 3, 3, 3]
    torch.testing.assert_close(said(made, here), said(made, there))
    assert (said(made, here) - said(made, turned)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("inputs", "outputs", "task"),
    [
        ({"x": Image(channels=1, height=8, width=8)}, LABELS, "image-classification"),
        ({"text": Tokens(vocabulary=9, longest=5, lines=False)}, {}, "text-generation"),
        ({"text": Tokens(vocabulary=9, longest=5)}, {}, "text-generation"),
    ],
)
def test_what_it_cannot_judge_is_said_in_a_sentence(inputs: Any, outputs: Any, task: str) -> None:
    answer = TextCNN.can(Spec(inputs=inputs, outputs=outputs, train_size=3), tasks.find(task))
    assert isinstance(answer, No) and "text_cnn" in answer and len(answer) > 30
