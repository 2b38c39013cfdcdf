"""What goes wrong between two players, or with a loss, is said once with a remedy; healthy learning is left in peace."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from nnzoo.core.errors import NnzooError
from nnzoo.core.events import Event, Warned
from nnzoo.core.learning import Descend, Stage
from nnzoo.core.network import Network
from nnzoo.data.prepare import Prepared, prepare
from nnzoo.training.journal import read_journal
from nnzoo.training.loop import train
from nnzoo.training.settings import Settings
from nnzoo.training.watching import news
from nnzoo.zoo.fitting import build


def looks(count: int, **values: Any) -> list[dict[str, Any]]:
    return [{"step": 100 * (k + 1), "train": 1.0, **values} for k in range(count)]


HEALTHY = {"real": 0.7, "made": 0.3, "spread": 0.9, "generator": 1.5}


def said(history: list[dict[str, Any]], planned: int = 20, first: float | None = 1.4) -> list[str]:
    """All sentences of a stage, from look to look."""
    return [text for k in range(1, len(history) + 1) for text in news(history[:k], planned, first)]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"spread": 0.1}, "mode collapse"),
        ({"real": 0.49, "made": 0.5}, "dead discriminator"),
        ({"real": 0.4, "made": 0.7}, "dead discriminator"),
        ({"real": 0.9, "made": 0.01}, "always wins"),
        ({"train": 5e3}, "diverges"),
        ({"train": -5e3}, "diverges"),
        ({"real": None, "made": None, "distance": -0.01}, "dead discriminator"),
    ],
)
def test_each_fault_is_said_once_with_what_to_do(wrong: dict[str, Any], what: str) -> None:
    (sentence,) = said(looks(20, **{**HEALTHY, **wrong}))
    assert what in sentence and ";" in sentence and "\n" not in sentence
    assert any(word in sentence for word in ("lower", "raise")), sentence


def test_healthy_players_and_losses_without_players_are_left_in_peace() -> None:
    assert said(looks(40, **HEALTHY)) == []
    assert said(looks(40)) == []
    assert said(looks(40, real=0.51, made=0.5, spread=1.0)[:3] + looks(40, real=0.6, made=0.5, spread=1.0)) == []
    assert said([{"step": 50, "train": None}] * 9, first=None) == []


def test_a_bad_beginning_is_no_alarm_and_a_bad_end_is_one() -> None:
    bad = {**HEALTHY, "spread": 0.05, "made": 0.001}
    assert said(looks(6, **bad) + looks(14, **HEALTHY)) == []  # a third of 20 looks is 7
    assert len(said(looks(13, **HEALTHY) + looks(7, **bad))) == 2


def test_a_judge_that_has_learned_may_be_deceived_in_the_end_but_not_answer_always_the_same() -> None:
    begun = looks(3, **HEALTHY)
    assert said(begun + looks(17, **{**HEALTHY, "real": 0.505, "made": 0.5})) == []
    (sentence,) = said(begun + looks(17, **{**HEALTHY, "real": 0.5, "made": 0.5}))
    assert "dead discriminator" in sentence


@pytest.mark.parametrize("middle", [0.003, 0.0, -0.003])
def test_a_judge_that_a_penalty_holds_flat_is_left_in_peace(middle: float) -> None:
    around = 4 * [0.002, 0.004, -0.004, -0.002, 0.0]
    flat = [{**look, "made": 0.5, "real": 0.5 + middle + gap} for look, gap in zip(looks(20, **HEALTHY), around)]
    assert said(flat) == []
    assert len(said([{**look, "real": look["real"] - middle - 0.006} for look in flat])) == 1


def test_a_loss_is_measured_by_where_it_began() -> None:
    assert said(looks(9, train=5e3), first=550.0) == []
    assert len(said(looks(9, train=6e4), first=550.0)) == 1


# ---- planted in real learning


def learned(network: Network, prepared: Prepared, budget: str, folder: Path | None = None, **more: Any) -> list[str]:
    """The warnings of a run, its end included if it broke off."""
    heard: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Warned):
            heard.append(event.text)

    try:
        train(network, prepared.parts, Settings(budget=budget, device="cpu"), folder, (listen,), **more)
    except NnzooError as error:
        heard.append(str(error))
    return heard


def ring(**config: Any) -> tuple[Network, Prepared]:
    prepared = prepare("ring8")
    return build("gan", {"width": 32, "depth": 2, "batch": 64, **config}, prepared, 0), prepared


def with_rate(network: Network, player: str, times: float) -> Network:
    """The same network, one of whose players learns so many times as fast."""
    stages = network.stages(network.task)

    def changed(move: Any) -> Any:
        if not isinstance(move, Descend) or move.name != player:
            return move
        return dataclasses.replace(move, optimizer=dataclasses.replace(move.optimizer, lr=move.optimizer.lr * times))

    planted: tuple[Stage, ...] = tuple(dataclasses.replace(s, moves=tuple(map(changed, s.moves))) for s in stages)
    network.stages = lambda task: planted  # type: ignore[method-assign]
    return network


def test_a_generator_whose_noise_is_cut_off_is_noticed(tmp_path: Path) -> None:
    network, prepared = ring()
    rows = network.noise_like  # type: ignore[operator]
    network.noise_like = lambda n: {"noise": 0 * rows(n)["noise"]}  # type: ignore[assignment]
    (sentence,) = [text for text in learned(network, prepared, "400steps", tmp_path) if "mode collapse" in text]
    lines = [line for line in read_journal(tmp_path) if line["event"] == "warned"]
    assert [line["text"] for line in lines if "collapse" in line["text"]] == [sentence]


def test_a_discriminator_that_does_not_learn_is_noticed() -> None:
    network, prepared = ring()
    heard = learned(with_rate(network, "discriminator", 1e-9), prepared, "400steps")
    assert any("dead discriminator" in text for text in heard), heard


def test_a_discriminator_that_always_wins_is_noticed() -> None:
    network, prepared = ring(lr=5e-3, width=256, penalty=0.0)  # the penalty keeps it from winning
    heard = learned(with_rate(network, "generator", 1e-9), prepared, "800steps")
    assert any("always wins" in text for text in heard), heard


def test_a_rate_that_is_far_too_high_is_noticed() -> None:
    network, prepared = ring(lr=3.0)
    heard = learned(network, prepared, "400steps")
    assert any("diverges" in text for text in heard), heard


@pytest.mark.parametrize("kind", ["gan", "wgan_gp"])
def test_healthy_players_on_points_are_left_in_peace(kind: str) -> None:
    prepared = prepare("ring8")
    assert learned(build(kind, {"width": 64, "batch": 64}, prepared, 0), prepared, "500steps") == []


def test_healthy_players_on_pictures_are_left_in_peace() -> None:
    prepared = prepare("digits", task="unconditional-image-generation")
    assert learned(build("dcgan", {"width": 16}, prepared, 0), prepared, "300steps") == []
