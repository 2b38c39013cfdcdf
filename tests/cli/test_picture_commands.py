"""Pictures on the command line: made in files of their own, given back, and the strange ones listed; a task that nobody named."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from nnzoo.cli.app import app
from nnzoo.data.known import digits

KINDS = Path(__file__).parents[1] / "zoo" / "kinds"
SQUEEZE, STAMP = KINDS / "squeeze.py", KINDS / "stamp.py"


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    raw = digits()
    for k in range(400):
        path = folder / "p" / raw.labels[k] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(raw.pixels[k, :, :, 0]).save(path)
    done = run("train", STAMP, folder / "p", "--out", folder / "stamp", "--device", "cpu")
    assert done.exit_code == 0 and "since stamp does no image-classification" in " ".join(done.stderr.split()), done.stderr
    quick = ("--budget", "100steps", "--device", "cpu")
    done = run("train", SQUEEZE, folder / "p", "--normal", "0", "--out", folder / "squeeze", *quick)
    assert done.exit_code == 0 and "rows have the label '0'; only these are learned from" in " ".join(done.stderr.split())
    return folder


def test_pictures_are_made_into_a_folder_and_into_one_file(folder):
    made = folder / "made"
    done = run("generate", folder / "stamp", "--kind", STAMP, "--n", 11, "--steps", 3, "--guidance", 2, "--out", made)
    assert done.exit_code == 0 and f"11 written to {made}" in done.stdout
    origin = json.loads((made / "origin.json").read_text())
    assert origin["steps"] == 3 and origin["guidance"] == 2 and origin["synthetic"] and origin["seed"] == 0
    assert pd.read_csv(made / "labels.csv", dtype=str)["label"].tolist() == [*"0123456789", "0"]
    told = json.loads(run("generate", folder / "stamp", "--kind", STAMP, "--n", 3, "--label", 7, "--json").stdout)
    assert told["labels"] == ["7"] * 3 and np.shape(told["made"]) == (3, 8, 8, 1)
    refused = run("generate", folder / "stamp", "--kind", STAMP, "--n", 3)
    assert refused.exit_code == 2 and "--out FILE.png" in refused.stderr


def test_strange_pictures_are_listed_with_how_well_they_are_told(folder):
    told = run("anomalies", folder / "squeeze", folder / "p", "--kind", SQUEEZE, "--normal", "0", "--share", 0.2)
    assert told.exit_code == 0 and "rows score above" in told.stdout and "AUROC" in told.stdout and ".png" in told.stdout
    found = json.loads(run("anomalies", folder / "squeeze", folder / "p", "--kind", SQUEEZE, "--normal", 0, "--json").stdout)
    assert found["auroc"] > 0.9 and len(found["rows"]) == found["count"] == 400 and set(found["rows"][0]) >= {"file", "label"}
    table = folder / "rows.csv"
    assert run("anomalies", folder / "squeeze", folder / "p", "--kind", SQUEEZE, "--out", table).exit_code == 0
    assert len(pd.read_csv(table)) == 400
    refused = run("anomalies", folder / "squeeze", folder / "p", "--kind", SQUEEZE, "--out", folder / "rows.png")
    assert refused.exit_code == 2 and ".csv" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_picture_is_given_back(folder):
    back = folder / "back.png"
    some = next((folder / "p" / "0").iterdir())
    done = run("predict", folder / "squeeze", some, "--kind", SQUEEZE, "--out", back)
    assert done.exit_code == 0 and Image.open(back).size == (8, 8)
    assert json.loads(Image.open(back).text["nnzoo"])["from"] == str(some)


def test_pairs_are_understood_and_points_say_where_they_come_from(folder, tmp_path):
    told = json.loads(run("data", folder / "p", "--pairs", "edges", "--json").stdout)
    assert told["task"] == "image-to-image" and "can" in told["kinds"]["mlp"]
    assert [(field["name"], field["role"]) for field in told["fields"]] == [("image", "input"), ("target", "target")]
    told = json.loads(run("data", folder / "p", "--task", "class-conditional-image-generation", "--json").stdout)
    assert {field["name"]: field["role"] for field in told["fields"]} == {"image": "target", "label": "input"}
    told = json.loads(run("data", folder / "p", "--task", "unconditional-image-generation", "--json").stdout)
    assert "Surprise" in told["kinds"]["rbm"]["can"]
    done = run("train", "wgan_gp", "ring8", "--budget", "5steps", "--out", tmp_path / "run", "--device", "cpu")
    assert done.exit_code == 0
    assert run("generate", tmp_path / "run", "--n", 5, "--out", tmp_path / "made.csv").exit_code == 0
    assert json.loads((tmp_path / "made.csv.origin.json").read_text())["kind"] == "wgan_gp"
