"""Sequences and music from the command line: train, score, answer, play into a MIDI file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nnzoo.cli.app import app


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rolls in a file, and a run that has learned a little from them."""
    folder = tmp_path_factory.mktemp("music")
    song = [[[60 + (k + t) % 5, 70] for t in range(8)] for k in range(30)]
    (folder / "songs.json").write_text(json.dumps({"train": song[:20], "valid": song[20:25], "test": song[25:]}))
    run("train", "tcn", folder / "songs.json", "--budget", "20steps", "--out", folder / "run", "--set", "hidden=8")
    return folder / "run", folder / "songs.json"


def test_a_run_on_rolls_plays_into_midi_and_json(played: tuple[Path, Path], tmp_path: Path) -> None:
    trained, songs = played
    run("generate", trained, "--n", "2", "--tokens", "6", "--out", tmp_path / "song.mid")
    assert (tmp_path / "song.mid").read_bytes()[:14] == b"MThd\0\0\0\6\0\0\0\1\1\xe0"
    run("generate", trained, "--n", "2", "--tokens", "6", "--out", tmp_path / "song.json", "--seed", "4")
    pieces = json.loads((tmp_path / "song.json").read_text())
    assert [len(piece) for piece in pieces] == [7, 7]
    assert all(piece[0][-1] == 70 and len(piece[0]) == 2 for piece in pieces), "a piece begins as a training piece does"
    made = json.loads(run("generate", trained, "--n", "2", "--tokens", "6", "--seed", "4", "--json"))
    assert made["made"] == pieces and made["n"] == 2
    goes_on = json.loads(run("generate", trained, "--n", "1", "--tokens", "3", "--prompt", songs, "--json"))["made"][0]
    assert goes_on[:8] == [[60 + t % 5, 70] for t in range(8)] and len(goes_on) == 11
    assert json.loads(run("evaluate", trained, songs, "--json"))["metric"] == "nats_per_step"


def test_music_without_a_place_for_it_is_refused(played: tuple[Path, Path], tmp_path: Path) -> None:
    trained, songs = played
    assert "--out FILE.mid" in refused("generate", trained)
    assert ".mid" in refused("generate", trained, "--out", tmp_path / "song.png")
    assert "use generate" in refused("predict", trained, songs)


def test_a_made_problem_is_learned_and_answered(tmp_path: Path) -> None:
    run("train", "tcn", "adding:5", "--budget", "5steps", "--out", tmp_path / "run", "--set", "hidden=4", "--set", "levels=1")
    answers = json.loads(run("predict", tmp_path / "run", "adding:6", "--json"))
    assert answers["rows"] == 10_000 and set(answers["predictions"][0]) == {"sum"}
    run("train", "tcn", "copy-memory:2", "--budget", "5steps", "--out", tmp_path / "copies", "--set", "hidden=4")
    answers = json.loads(run("predict", tmp_path / "copies", "copy-memory:3", "--json"))
    assert len(answers["predictions"][0]["symbol"].split()) == 23


@pytest.mark.parametrize("data", ["adding:4", "copy-memory:1", "songs"])
def test_sequences_are_raced_for(played: tuple[Path, Path], tmp_path: Path, data: str) -> None:
    source = played[1] if data == "songs" else data
    run("compare", source, "--kinds", "tcn", "--budget", "2steps", "--seeds", "1", "--out", tmp_path / "race.html")
    report = (tmp_path / "race.html").read_text()
    assert "tcn" in report
    if data == "adding:4":
        assert "marker" in report and "<th scope=col>steps" in report
