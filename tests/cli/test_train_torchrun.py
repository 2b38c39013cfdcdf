"""`torchrun -m nnzoo train`: one network on two processes, from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file
from typer.testing import CliRunner

import nnzoo
from nnzoo.cli.app import app

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "nnzoo"]
LIMIT = 240


@pytest.fixture
def table(tmp_path):
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(draw.normal(size=(400, 4)), columns=list("abcd"))
    frame["y"] = np.tanh(frame.a * frame.b) + frame.c + 0.1 * draw.normal(size=400)
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def torchrun(table: Path, out: Path, *more: str) -> subprocess.Popen:
    command = [*TORCHRUN, "train", "mlp", str(table), "--target", "y", "--set", "dropout=0", "--out", str(out), "--json", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line.startswith("nnzoo:")]


def test_two_processes_learn_what_one_does_and_answer_once(table, tmp_path):
    process = torchrun(table, tmp_path / "two", "--budget", "20epochs")
    answer, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, errors
    together = json.loads(answer)
    alone = nnzoo.train("mlp", table, target=["y"], config={"dropout": 0}, budget="20epochs", out=tmp_path / "one")
    assert together["steps"] == alone.steps and together["test"] == pytest.approx(alone.test, rel=1e-5)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert max(float((one[name] - two[name]).norm() / one[name].norm()) for name in one) < 1e-5
    assert not (tmp_path / "two" / "checkpoints").exists() and said(errors) == []
    assert sum(line.startswith("learn:") for line in errors.splitlines()) == 2  # as one process says it: begun, ended


def test_other_commands_say_that_one_process_is_enough(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    refused = CliRunner().invoke(app, ["kinds"])
    assert refused.exit_code == 2
    assert (
        refused.stderr == "nnzoo: nnzoo kinds does its work in one process; start it without torchrun, which is for nnzoo train\n"
    )
    monkeypatch.setenv("RANK", "1")
    assert CliRunner().invoke(app, ["kinds"]).stderr == ""


@pytest.mark.slow
def test_after_kill_9_of_one_the_run_ends_soon_and_resume_gives_the_bits_of_an_unbroken_one(table, tmp_path):
    length = ("--budget", "4000steps", "--patience", "0")
    process = torchrun(table, tmp_path / "broken", *length)
    journal = tmp_path / "broken" / "journal.jsonl"
    deadline = time.monotonic() + LIMIT
    while '"look"' not in (journal.read_text() if journal.exists() else "") and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(_worker(process.pid, rank=1), signal.SIGKILL)
    killed = time.monotonic()
    _, errors = process.communicate(timeout=LIMIT)
    assert time.monotonic() - killed < 30 and process.returncode != 0
    assert said(errors) == [
        f"nnzoo: another of the 2 processes has ended; the same command with --out {tmp_path / 'broken'} --resume goes on"
    ]
    for out, more in (("broken", ("--resume",)), ("whole", ())):
        process = torchrun(table, tmp_path / out, *length, *more)
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == 0, errors
    assert (tmp_path / "broken/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


def _worker(agent: int, rank: int) -> int:
    """The process number of a worker that this torchrun has started."""
    for number in Path(f"/proc/{agent}/task/{agent}/children").read_text().split():
        if f"\0RANK={rank}\0" in Path(f"/proc/{number}/environ").read_text():
            return int(number)
    raise AssertionError("torchrun has started no such process")
