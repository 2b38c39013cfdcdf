"""Results: targets are judged as stated, written with all that is needed to believe them, and go stale with their code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnzoo.core.errors import ConfigError
from nnzoo.networks import files
from nnzoo.reproductions import digests, find, names, running, table
from nnzoo.reproductions.running import Reproduction, reproduce

FIELDS = [
    "kind",
    "data",
    "metric",
    "scores",
    "mean",
    "spread",
    "target",
    "met",
    "published",
    "source",
    "minutes",
    "threads",
    "load",
    "machine",
    "versions",
    "commit",
    "code",
    "date",
]


def reproduction(scores: list[float], **more) -> Reproduction:
    known = {"data": "made", "metric": "accuracy", "target": 0.9, "better": "higher", "published": "-", "source": "-", **more}
    return Reproduction(run=lambda seed, listen: {"score": scores[seed]}, seeds=tuple(range(len(scores))), **known)


@pytest.mark.parametrize(
    ("scores", "more", "met"),
    [
        ([0.89, 0.93], {}, True),
        ([0.85, 0.93], {}, False),
        ([0.89, 0.99], {"judged_by": "each"}, False),
        ([0.95, 0.85], {"better": "lower"}, True),
        ([0.95, 0.90], {"better": "lower"}, False),
        ([0.1], {"target": None}, None),
    ],
)
def test_a_target_is_judged_by_the_mean_or_by_each(scores, more, met):
    assert reproduction(scores, **more).met(scores) is met


def test_a_result_holds_every_field_and_is_written_as_soon_as_it_is_there(tmp_path: Path, monkeypatch):
    seen = []

    def second(seed, listen):
        seen.append(json.loads((tmp_path / "mlp.json").read_text()))
        return {"score": 0.5, "also": 2.0}

    pair = (reproduction([0.9, 0.94]), Reproduction("other", "loss", second, None, "lower", "-", "-", (3,)))
    monkeypatch.setattr("nnzoo.reproductions.find", lambda kind: pair)
    results = reproduce("mlp", folder=tmp_path)
    assert len(seen) == 1 and len(seen[0]) == 1, "the first result must be on disk before the second run begins"
    assert json.loads((tmp_path / "mlp.json").read_text()) == results
    assert all(field in result for result in results for field in FIELDS)
    assert results[0]["mean"] == pytest.approx(0.92) and results[0]["spread"] == pytest.approx(0.0282842712) and results[0]["met"]
    assert results[1]["spread"] is None and results[1]["more"] == {"also": [2.0]} and results[1]["seeds"] == [3]


def test_a_digest_is_of_what_can_change_a_result():
    source = (digests.ROOT / "networks/feedforward/mlp.py").read_text()
    same = source.replace("    card = Card(", "    # a remark\n\n    card = Card(").replace('idea="Stacked', 'idea="Piled')
    same = same.replace("from itertools import pairwise", "from itertools import chain, pairwise").replace('"""Fully', '"""Densely')
    assert same.count("remark") == same.count("Piled") == same.count("chain") == same.count("Densely") == 1
    assert digests.digest(same) == digests.digest(source)
    assert digests.digest(source.replace("lr: float = Field(1e-3", "lr: float = Field(2e-3")) != digests.digest(source)
    assert digests.digest(source.replace("h_BD = layer(h_BD)", "h_BD = h_BD + layer(h_BD)")) != digests.digest(source)


def test_digests_follow_the_file_and_its_blocks(tmp_path: Path, monkeypatch):
    before = digests.code_digests("mlp")
    assert set(before) >= {"networks/feedforward/mlp.py", "blocks/heads.py", "blocks/stems.py"}
    assert not any("tasks" in name or "training" in name for name in before)
    changed = tmp_path / "mlp.py"
    changed.write_text(files()["mlp"].read_text() + "\nANOTHER = 1\n")
    monkeypatch.setattr(digests, "ROOT", tmp_path)
    monkeypatch.setattr(digests, "files", lambda: {"mlp": changed})
    assert digests.code_digests("mlp")["mlp.py"] != before["networks/feedforward/mlp.py"]


def test_a_result_of_other_code_is_stale_and_the_table_says_so(tmp_path: Path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(table, "HERE", tmp_path)
    pair = (reproduction([0.5]),)
    monkeypatch.setattr("nnzoo.reproductions.find", lambda kind: pair)
    (result,) = reproduce("pnn", folder=tmp_path / "results")
    assert not table.results()[0]["stale"]
    (tmp_path / "results" / "pnn.json").write_text(json.dumps([{**result, "code": {"networks/kernel/pnn.py": "0" * 64}}]))
    text = table.write_table()
    assert table.results()[0]["stale"] and "stale" in text and "**missed**" in text
    assert "| mlp | made | accuracy | not yet run | ≥ 0.9 |" in text
    assert "| pnn | made | accuracy | not yet run" not in text


def test_what_needs_a_gpu_is_passed_over_without_one_and_its_result_stays(tmp_path: Path, monkeypatch):
    pair = (reproduction([0.9]), reproduction([0.8], data="large", needs_gpu=True))
    monkeypatch.setattr("nnzoo.reproductions.find", lambda kind: pair)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "none")
    there = reproduce("mlp", folder=tmp_path)
    assert [result["data"] for result in there] == ["made", "large"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    told = []
    again = reproduce("mlp", listen=(told.append,), folder=tmp_path)
    assert {result["data"]: result["minutes"] >= 0 for result in again} == {"made": True, "large": True}
    assert any("needs a GPU" in getattr(event, "text", str(event)) for event in told)
    (tmp_path / "mlp.json").unlink()
    assert [result["data"] for result in reproduce("mlp", folder=tmp_path)] == ["made"]


def test_every_kind_is_held_to_something():
    assert set(files()) <= set(names())
    for kind in files():
        assert find(kind), kind
        for item in find(kind):
            assert item.source and item.published and item.metric and item.seeds, (kind, item.data)
    with pytest.raises(ConfigError):
        find("nothing")
    assert running.results_folder().name in ("results", "reproductions")


def test_a_stale_result_is_confirmed_by_the_same_score_and_by_no_other(tmp_path: Path, monkeypatch):
    scores = {"score": [0.95, 0.96]}
    made = Reproduction("made", "accuracy", lambda seed, listen: {"score": scores["score"][seed]}, 0.9, "higher", "-", "-", (0, 1))
    monkeypatch.setattr("nnzoo.reproductions.find", lambda kind: (made,))
    reproduce("mlp", folder=tmp_path)
    path = tmp_path / "mlp.json"
    assert running.confirm("mlp", folder=tmp_path) == []  # nothing is stale
    stale = json.loads(path.read_text())
    stale[0]["code"] = {"networks/feedforward/mlp.py": "older"}
    path.write_text(json.dumps(stale))
    scores["score"][0] = 0.95 + 1e-6
    (looked_at,) = running.confirm("mlp", folder=tmp_path)
    assert looked_at["again"] == 0.95 + 1e-6 and "confirmed" not in looked_at
    assert json.loads(path.read_text())[0]["code"] == stale[0]["code"]
    scores["score"][0] = 0.95
    running.confirm("mlp", folder=tmp_path)
    (now,) = json.loads(path.read_text())
    assert now["code"] == digests.code_digests("mlp") and now["confirmed"]["score"] == 0.95 and now["scores"] == [0.95, 0.96]
