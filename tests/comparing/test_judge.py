"""A saved generator judged on its own: the scores are those of a comparison, on the parts that training made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nnzoo
from nnzoo.cli.app import app
from nnzoo.comparing.judging.handing import with_judge
from nnzoo.core.errors import ConfigError
from nnzoo.data.prepare import prepare


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A VAE of digits that has learned for a moment, and an empty cache."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNZOO_CACHE", str(folder / "cache"))
        nnzoo.train("vae", "digits", budget="60steps", seed=3, out=folder / "vae", task="unconditional-image-generation")
        yield folder / "vae"


def test_a_run_gets_the_scores_that_a_comparison_gives(made: Path) -> None:
    found = nnzoo.judge(made, "digits", seed=1)
    assert next(iter(found)) == "frechet_distance" and found["frechet_low"] < found["frechet_distance"] < found["frechet_high"]
    prepared = prepare("digits", task="unconditional-image-generation", seed=3)
    task = with_judge(prepared)
    assert task.judge is not None and prepared.parts.test is not None
    task.judge.learn("cpu")
    wanted = task.evaluate(nnzoo.load(made).network, prepared.parts.test, 1, prepared.parts.train).scores
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_on_the_command_line_it_says_who_judges(made: Path) -> None:
    done = CliRunner().invoke(app, ["judge", str(made), "digits", "--json"])
    document = json.loads(done.stdout)
    assert document["metric"] == "frechet_distance" and 0 < document["scores"]["confidence"] <= 1
    assert "judged by a classifier trained here on" in " ".join(done.stderr.split())


def test_points_are_judged_by_their_modes(tmp_path: Path) -> None:
    nnzoo.train("vae", "ring8", budget="20steps", out=tmp_path / "ring")
    assert "modes" in nnzoo.judge(tmp_path / "ring", "ring8")


def test_what_makes_nothing_is_refused(tmp_path: Path) -> None:
    nnzoo.train("mlp", "iris", budget="5steps", out=tmp_path / "mlp")
    with pytest.raises(ConfigError, match="mlp was trained for tabular-classification and makes no pictures or points"):
        nnzoo.judge(tmp_path / "mlp", "iris")
