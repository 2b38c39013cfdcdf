"""Texts from the command line: several prompts, stop words, a text that is shown while it is written, and errors in one line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from nnzoo.cli.app import app, generate
from nnzoo.cli.writing_progress import WritingWatch
from nnzoo.core.events import Wrote
from nnzoo.zoo import writing


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1, result.output
    return result.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has read one long text."""
    folder = tmp_path_factory.mktemp("prose")
    (folder / "prose.txt").write_text("the cat sat on the mat. the dog ate the rat. " * 60)
    run("train", "gru", folder / "prose.txt", "--budget", "60steps", "--set", "hidden=24", "--out", folder / "run", "--seed", "1")
    return folder / "run"


def test_prompts_come_from_the_command_and_from_a_file(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("the dog\n\nthe rat\n")
    found = json.loads(run("generate", trained, "--prompt", "a", "--prompts", tmp_path / "prompts.txt", "--tokens", "7", "--json"))
    assert found["prompts"] == ["a", "the dog", "the rat"] and found["tokens"] == [7, 7, 7] and found["n"] == 3
    assert found["made"] == [prompt + text for prompt, text in zip(found["prompts"], found["written"])]
    assert found["tokens_per_second"] == pytest.approx(21 / found["seconds"]) and found["seed"] == 0
    twice = json.loads(run("generate", trained, "--prompt", "a", "--prompt", "the dog", "--n", "2", "--tokens", "7", "--json"))
    assert twice["prompts"] == ["a", "a", "the dog", "the dog"] and twice["made"][0] == found["made"][0]
    assert run("generate", trained, "--prompt", "a", "--tokens", "7") == found["made"][0] + "\n"  # of a long text one


def test_choices_reach_the_generator(trained: Path) -> None:
    def made(*words: str) -> str:
        return json.loads(run("generate", trained, "--prompt", "the ", "--tokens", "40", "--json", *words))["made"][0]

    likeliest = made("--temperature", "0")
    assert made("--top-k", "1", "--seed", "3") == made("--top-p", "0.0001") == made("--min-p", "1") == likeliest
    assert made("--temperature", "3") != likeliest != made("--temperature", "0", "--repetition", "5")
    stopped = json.loads(
        run("generate", trained, "--prompt", "the ", "--temperature", "0", "--stop", "zz", "--stop", "t", "--json")
    )
    assert "t" in likeliest[4:] and stopped["written"] == [likeliest[4:].split("t")[0]]


def test_a_beam_finds_the_likeliest_text(trained: Path) -> None:
    greedy = run("generate", trained, "--prompt", "the ", "--tokens", "20", "--temperature", "0")
    assert run("generate", trained, "--prompt", "the ", "--tokens", "20", "--beam", "1") == greedy
    found = json.loads(run("generate", trained, "--prompt", "the ", "--prompt", "a", "--tokens", "9", "--beam", "3", "--json"))
    assert found["n"] == 2 and found["tokens"] == [9, 9]
    (text, _), last = found["written"], found["written"][0][-1]
    stopped = json.loads(run("generate", trained, "--prompt", "the ", "--tokens", "9", "--beam", "3", "--stop", last, "--json"))
    assert stopped["written"] == [text.split(last)[0]]
    assert "leave top_k out" in refused("generate", trained, "--beam", "3", "--top-k", "2")
    assert "leave n out" in refused("generate", trained, "--beam", "3", "--n", "2")
    assert "beam=0" in refused("generate", trained, "--beam", "0")


class Terminal(io.StringIO):
    """Keeps what was written piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return super().write(text)


def test_a_single_text_is_shown_while_it_is_written(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("generate", trained, "--prompt", "the ", "--tokens", "30")
    monkeypatch.setattr(writing, "EVERY", 0.0)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    generate(trained, prompt=["the "], tokens=30)
    assert terminal.getvalue() == plain
    assert len(terminal.pieces) == 31 and terminal.pieces[0].startswith("the ")
    monkeypatch.setattr(sys, "stdout", several := Terminal())
    generate(trained, prompt=["the "], tokens=30, n=2)
    assert len(several.pieces) <= 2 and several.getvalue().startswith(plain)
    monkeypatch.setattr(sys, "stdout", document := Terminal())
    generate(trained, prompt=["the "], tokens=30, json=True)
    assert json.loads(document.getvalue())["made"] == [plain[:-1]]


def test_a_bar_with_the_time_left_is_shown_for_several_texts() -> None:
    screen = io.StringIO()
    watch = WritingWatch(None, ["a", "b"], Console(file=screen, force_terminal=True, width=120))
    with watch:
        watch(Wrote(1, 2, "x", 30, 400, 75.0))
        watch.bars.refresh()
    assert "30 of 400 symbols" in screen.getvalue() and "1:1" in screen.getvalue() and "left" in screen.getvalue()


def test_what_is_odd_in_a_prompt_is_told_in_one_line(trained: Path) -> None:
    result = CliRunner().invoke(app, ["generate", str(trained), "--prompt", "the ßat", "--tokens", "4", "--json"])
    assert "'ß'" in result.stderr and result.stderr.strip().count("\n") == 0
    assert json.loads(result.stdout)["made"][0].startswith("the ßat")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--prompts", "none.txt"), "none.txt is no file"),
        (("--stop", ""), "empty stop word"),
        (("--top-k", "0"), "top_k=0"),
        (("--repetition", "0"), "repetition=0"),
        (("--tokens", "-1"), "tokens=-1"),
        (("--label", "cat"), "without labels"),
    ],
)
def test_wrong_wishes_are_refused_in_one_line(trained: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("generate", trained, *words)


def test_what_writes_no_text_has_no_stop_words(tmp_path: Path) -> None:
    songs = [[[60 + (k + t) % 5, 70] for t in range(8)] for k in range(30)]
    (tmp_path / "songs.json").write_text(json.dumps({"train": songs[:20], "valid": songs[20:25], "test": songs[25:]}))
    run("train", "tcn", tmp_path / "songs.json", "--budget", "2steps", "--out", tmp_path / "run", "--set", "hidden=4")
    assert "leave stop out" in refused("generate", tmp_path / "run", "--stop", "a", "--out", tmp_path / "a.mid")
    assert "leave repetition out" in refused("generate", tmp_path / "run", "--repetition", "1.2", "--out", tmp_path / "a.mid")
    assert "one file" in refused("generate", tmp_path / "run", "--prompt", "a", "--prompt", "b", "--out", tmp_path / "a.mid")
