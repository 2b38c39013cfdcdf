"""Every command on something small: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nnzoo.cli.app import app
from nnzoo.core.errors import NotFinite

KINDS = ("mlp", "cnn", "pnn", "gmdh", "rbm", "wgan_gp", "latent_diffusion", "lstm", "gcn")
QUICK = ("--budget", "20steps", "--set", "hidden=16,", "--set", "lr=0.03")


def run(*words: str | Path) -> Any:
    """The command line in this process; an unforeseen error is raised."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def document(*words: str | Path) -> Any:
    """The JSON document that a command prints, which must be all that it prints."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an mlp on iris."""
    folder = tmp_path_factory.mktemp("flowers") / "run"
    assert run("train", "mlp", "iris", *QUICK, "--out", folder).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an lstm on made-up names."""
    folder = tmp_path_factory.mktemp("names") / "run"
    assert run("train", "lstm", "names-like", "--budget", "3steps", "--set", "hidden=8", "--out", folder).exit_code == 0
    return folder


def test_kinds_are_listed_for_all_for_a_task_and_one_in_full() -> None:
    listed = document("kinds")
    assert {"mlp", "cnn"} <= {entry["kind"] for entry in listed}
    assert all(entry["idea"] and entry["family"] for entry in listed)
    writers = document("kinds", "--task", "text-generation")
    assert "lstm" in {entry["kind"] for entry in writers} and "mlp" not in {entry["kind"] for entry in writers}
    one = document("kinds", "mlp")
    assert one["settings"]["hidden"]["default"] == [256, 128]
    assert "tabular-regression" in one["tasks"] and one["card"]["paper"]
    assert "--set" in run("kinds", "mlp").stdout


def test_data_says_what_was_understood(here: Path) -> None:
    found = document("data", "iris")
    assert (found["rows"], found["task"], found["targets"]) == (150, "tabular-classification", ["species"])
    assert "can" in found["kinds"]["mlp"] and "cannot" in found["kinds"]["gcn"]
    shown = run("data", "iris").stdout
    assert "sepal_length" in shown and "setosa (50)" in shown


def test_data_with_brackets_in_names_are_shown_as_they_are(here: Path) -> None:
    rows = "\n".join(f"{i},{i % 2}" for i in range(40))
    Path("odd.csv").write_text(f"[red]a[/red],y :smile:\n{rows}\n")
    shown = run("data", "odd.csv").stdout
    assert "[red]a[/red]" in shown and ":smile:" in shown


def test_train_prints_one_document_with_the_promised_names(here: Path) -> None:
    trained = document("train", "mlp", "iris", *QUICK)
    names = "run kind data task metric test validation scores seconds epochs steps stopped findings suspects"
    assert list(trained) == names.split()
    assert (trained["kind"], trained["data"], trained["metric"], trained["steps"]) == ("mlp", "iris", "accuracy", 20)
    assert trained["test"] == trained["scores"]["accuracy"]
    assert (here / trained["run"] / "digests.json").is_file()


def test_train_says_how_it_went_and_what_to_do_next(here: Path) -> None:
    result = run("train", "mlp", "iris", *QUICK, "--out", "mine")
    assert "test accuracy" in result.stdout and "nnzoo predict mine" in result.stdout
    assert "20 steps" in result.stderr and "\x1b" not in result.stderr


def test_train_hands_its_options_on(here: Path) -> None:
    rows = "\n".join(f"{i},{i % 7},{2 * i},{-i},{1 + i % 2}" for i in range(60))
    Path("two.csv").write_text(f"a,b,y,z,w\n{rows}\n")
    options = ("--target", "y", "--target", "z", "--weight", "w", "--split", "time:a", "--metric", "mae", "--set", "hidden=8,4")
    more = ("--seed", "3", "--accumulate", "2", "--patience", "0", "--precision", "bfloat16")
    trained = document("train", "mlp", "two.csv", "--budget", "5steps", *options, *more)
    assert (trained["task"], trained["metric"]) == ("tabular-regression", "mae")
    config = json.loads((here / trained["run"] / "config.json").read_text())
    assert config["config"]["hidden"] == [8, 4] and config["seed"] == 3
    assert (
        config["training"]["accumulate"] == 2
        and config["training"]["precision"] == "bfloat16"
        and config["training"]["patience"] == 0
    )


def test_a_run_goes_on_after_a_signal_with_resume(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nnzoo.cli.progress import Watch

    words = ("train", "mlp", "iris", "--budget", "20steps", "--set", "hidden=16,", "--out", "mine")
    with monkeypatch.context() as patch:
        patch.setattr(Watch, "_begin", lambda watch, event: signal.raise_signal(signal.SIGINT))
        stopped = run(*words)
    assert stopped.exit_code == 130 and stopped.stdout == ""
    assert "--resume" in stopped.stderr.splitlines()[-1]
    assert run(*words).exit_code == 2  # neither resumed nor begun anew by mistake
    assert document(*words, "--resume")["steps"] == 20


def test_compare_prints_entries_verdict_and_report(here: Path) -> None:
    found = document("compare", "iris", "--kinds", "mlp,gcn", "--per-run", "10steps", "--seeds", "2", "--set", "mlp.hidden=8,")
    assert {"data", "task", "metric", "higher_is_better", "entries", "verdict", "report"} <= set(found)
    (network,) = [entry for entry in found["entries"] if entry["role"] == "network"]
    promised = "kind role mean low high scores train_seconds latency_ms_1 latency_ms_256 parameters bytes"
    assert set(promised.split()) <= set(network) and len(network["scores"]) == 2
    assert sum(entry["role"] == "baseline" for entry in found["entries"]) >= 3
    assert {"text", "winner", "tied"} <= set(found["verdict"])
    assert Path(found["report"]).is_file() and Path(found["report"]).parent == here / "reports"
    assert [refused["kind"] for refused in found["refused"]] == ["gcn"]
    # the numbers of the small mlp show that --set reached it
    assert network["parameters"] < 1000


def test_compare_shows_a_table_and_the_verdict(here: Path) -> None:
    result = run("compare", "iris", "--kinds", "mlp", "--per-run", "5steps", "--seeds", "1", "--out", "mine.html")
    assert result.exit_code == 0
    assert "(majority)" in result.stdout and "mlp" in result.stdout and f"report: {here / 'mine.html'}" in result.stdout
    assert "mlp, seed 0" in result.stderr


def test_evaluate_scores_a_run(flowers: Path) -> None:
    found = document("evaluate", flowers, "iris")
    assert found["metric"] == "accuracy" and found["score"] == found["scores"]["accuracy"] > 0.5
    assert "accuracy" in run("evaluate", flowers, "iris").stdout


def test_predict_gives_a_table_for_a_table(flowers: Path, here: Path) -> None:
    Path("new.csv").write_text("sepal_length,sepal_width,petal_length,petal_width\n5,3,1,.2\n6,3,5,2\n")
    lines = run("predict", flowers, "new.csv").stdout.splitlines()
    assert len(lines) == 3 and "predicted_species" in lines[0]
    found = document("predict", flowers, "new.csv")
    assert found["rows"] == 2 and found["predictions"][0]["predicted_species"] in lines[1]
    for ending in (".csv", ".tsv", ".json", ".jsonl", ".parquet"):
        assert document("predict", flowers, "new.csv", "--out", f"out{ending}")["out"] == f"out{ending}"
        assert Path(f"out{ending}").stat().st_size > 20
    assert json.loads(Path("out.json").read_text()) == found["predictions"]
    assert Path("out.tsv").read_text().count("\t") == 3 * lines[0].count(",")
    refused = run("predict", flowers, "new.csv", "--out", "out.xls")
    assert refused.exit_code == 2 and ".csv" in refused.stderr


def test_generate_makes_texts(names: Path, here: Path) -> None:
    found = document("generate", names, "--n", "3", "--prompt", "A", "--tokens", "5")
    assert len(found["made"]) == 3 and all(text.startswith("A") for text in found["made"])
    assert run("generate", names, "--n", "3", "--prompt", "A", "--tokens", "5").stdout.splitlines() == found["made"]
    assert document("generate", names, "--n", "3", "--out", "made.txt")["out"] == "made.txt"
    assert len(Path("made.txt").read_text().splitlines()) == 3


def test_generate_refuses_what_a_run_cannot(flowers: Path) -> None:
    assert run("generate", flowers).exit_code == 2


def test_runs_are_listed(flowers: Path, here: Path) -> None:
    (found,) = document("runs", flowers.parent)
    assert found["path"] == str(flowers) and found["complete"] and found["metric"] == "accuracy" and found["test"] is not None
    assert "mlp" in run("runs", flowers.parent).stdout
    assert document("runs") == []
    assert run("runs").exit_code == 0


def test_reproduce_takes_one_kind_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"mean": 0.9, "spread": 0.01, "target": 0.895, "met": True, "published": None}
    result = {"kind": "mlp", "data": "d", "metric": "accuracy", **figures, "source": "s"}
    asked = []

    def reproduction(kind: str, listen: Any, only: str | None) -> list[dict[str, Any]]:
        asked.append((kind, only))
        print("noise")
        return [result]

    monkeypatch.setattr("nnzoo.reproductions.reproduce", reproduction)
    assert document("reproduce", "mlp") == [result]
    assert "0.895" in run("reproduce", "--all").stdout
    assert asked[0] == ("mlp", None) and {(kind, None) for kind in KINDS} <= set(asked[1:])
    run("reproduce", "mlp", "--only", "iris")
    assert asked[-1] == ("mlp", "iris")
    monkeypatch.setattr("nnzoo.reproductions.confirm", lambda kind, listen, only: [{**result, "again": 0.9}])
    assert document("reproduce", "mlp", "--confirm") == [{**result, "again": 0.9}]
    assert run("reproduce").exit_code == run("reproduce", "mlp", "--all").exit_code == 2


def test_fetch_finds_what_is_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNZOO_DATA", str(here))
    (here / "names").mkdir()
    (here / "names" / "names.txt").write_text("anna\n")
    assert document("fetch", "names") == {"name": "names", "folder": str(here / "names")}
    assert run("fetch", "no-such-set").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "mpl", "iris"), "did you mean mlp"),
        (("train", "mlp", "iris", "--set", "hiden=3"), "no setting 'hiden'"),
        (("train", "mlp", "iris", "--set", "dropout=2"), "dropout"),
        (("train", "mlp", "iris", "--set", "hidden"), "field=value"),
        (("train", "mlp", "iris", "--budget", "soon"), "60s"),
        (("train", "mlp", "nowhere.csv"), "nowhere.csv"),
        (("train", "gcn", "iris"), "gcn"),
        (("train", "mlp", "iris", "--resume"), "--out"),
        (("train", "mlp", "iris", "--metric", "beauty"), "beauty"),
        (("train", "mlp", "iris", "--device", "abacus"), "abacus"),
        (("compare", "iris", "--kinds", ","), "--kinds"),
        (("compare", "iris", "--kinds", "mlp", "--seeds", "0"), "seed"),
        (("predict", "nowhere", "iris"), "nowhere"),
        (("kinds", "mpl"), "did you mean mlp"),
        (("kinds", "--task", "singing"), "singing"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(words: tuple[str, ...], said: str, here: Path) -> None:
    result = run(*words)
    assert result.exit_code == 2 and result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("note:")]
    assert len(lines) == 1 and lines[0].startswith("nnzoo: ") and said in lines[0]
    assert not list(here.rglob("digests.json"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sing",), "sing"),
        (("train", "mlp"), "DATA"),
        (("train", "mlp", "iris", "--colour", "red"), "--colour"),
        (("train", "mlp", "iris", "--seed", "x"), "--seed"),
    ],
)
def test_an_unknown_command_or_option_is_exit_code_2(words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2 and said in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotFinite("learn", 7, "task"), 2, "step 7"),
        (KeyboardInterrupt(), 130, "stopped"),
        (OSError(28, "No space left on device", "here/x"), 2, "here/x: No space left on device"),
    ],
)
def test_what_goes_wrong_on_the_way_is_told(error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("nnzoo.zoo.fitting.train", fail)
    result = run("train", "mlp", "iris")
    assert result.exit_code == code
    assert result.stderr.startswith("nnzoo: ") and said in result.stderr and result.stderr.count("\n") == 1


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("nnzoo.zoo.fitting.train", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        run("train", "mlp", "iris")


def test_json_is_all_that_reaches_stdout_and_never_holds_nan(here: Path) -> None:
    """In a process of its own, with a kind that prints."""
    source = Path(sys.modules["nnzoo"].__file__ or "").parent / "networks" / "feedforward" / "mlp.py"
    Path("chatty.py").write_text(source.read_text() + '\nprint("hello from the kind")\n')
    words = [sys.executable, "-m", "nnzoo", "train", "./chatty.py", "iris", *QUICK, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kind"] == "chatty" and "hello from the kind" in done.stderr


def test_numbers_that_are_not_finite_become_null() -> None:
    from nnzoo.cli.output import plain

    assert plain({"a": float("nan"), "b": (float("inf"), 1), "c": Path("x")}) == {"a": None, "b": [None, 1], "c": "x"}
    with pytest.raises(TypeError):
        plain(object())
