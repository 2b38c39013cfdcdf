"""The race: fair, repeatable, honest about refusals and failures, and the test part is used once."""

import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from entrants import Exploder, Guesser, Linear, Refuser, flowers

from nnzoo.comparing.race import compare
from nnzoo.comparing.report import render
from nnzoo.comparing.running import Finished, Racing
from nnzoo.comparing.words import shown
from nnzoo.core.errors import ConfigError, DataError, Interrupted, Unsuitable
from nnzoo.core.events import StageEnded, Validated
from nnzoo.tasks.tabular_classification import TabularClassification

ENTRY = {"kind", "role", "mean", "low", "high", "scores", "train_seconds", "latency_ms_1", "latency_ms_256", "parameters", "bytes"}


PROSE = "".join(f"{i} and {i * 7 % 13} of the foxes said {i % 7}.\n\n" for i in range(60))


def race(**options):
    return compare(flowers(), target="flower", **{"kinds": [Linear, Guesser], "budget": "40steps", "seeds": 2, **options})


@pytest.fixture(scope="module")
def result():
    return race(kinds=[Linear, Guesser, Refuser, Exploder])


def test_the_document_has_every_field_and_is_json(result):
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert {"data", "task", "metric", "higher_is_better", "entries", "verdict", "report"} <= set(document)
    assert (document["task"], document["metric"], document["higher_is_better"]) == ("tabular-classification", "accuracy", True)
    assert all(set(entry) >= ENTRY for entry in document["entries"])
    assert {"text", "winner", "tied"} <= set(document["verdict"]) and document["report"] is None


def test_the_other_scores_are_means_over_seeds_and_stand_in_the_report(result):
    entry = next(e for e in result.entries if e.kind == "linear")
    each = [evaluation.scores["macro_f1"] for evaluation in entry.evaluations]
    assert len(each) == 2 and entry.other_scores["macro_f1"] == sum(each) / 2 and "accuracy" not in entry.other_scores
    assert entry.to_json()["other_scores"] == entry.other_scores
    assert f"<td class=n>{shown(entry.other_scores['macro_f1'], 'macro_f1')}" in render(result)
    assert next(e for e in result.entries if e.kind == "exploder").other_scores == {}


@pytest.mark.parametrize("words", [False, True])
def test_texts_are_scored_in_every_customary_unit(words, tmp_path):
    path = tmp_path / ("a.csv" if words else "a.txt")
    path.write_text("\n".join(["text,mood", *(f"this was film number {i},{'ab'[i % 2]}" for i in range(60))]) if words else PROSE)
    raced = compare(str(path), task="text-classification" if words else None, kinds=["lstm"], budget="4steps", seeds=1)
    wanted = {"macro_f1", "balanced_accuracy"} if words else {"bits_per_token", "perplexity", "accuracy"}
    assert raced.metric == ("accuracy" if words else "nats_per_token")
    assert all(wanted <= set(entry.other_scores) for entry in raced.entries)


def test_networks_and_baselines_race_together_best_first(result):
    roles = {e.kind: e.role for e in result.entries}
    assert roles == {
        "linear": "network",
        "guesser": "network",
        "exploder": "network",
        "majority": "baseline",
        "logistic-regression": "baseline",
        "gradient-boosting": "baseline",
    }
    means = [e.mean for e in result.entries if not e.error]
    assert means == sorted(means, reverse=True)
    assert result.entry("linear").mean > 0.85 > 0.6 > result.entry("guesser").mean


def test_every_figure_of_an_entry_is_measured(result):
    for entry in result.entries:
        if entry.error:
            continue
        assert len(entry.scores) == 2 and entry.mean == pytest.approx(sum(entry.scores) / 2)
        assert entry.low <= entry.mean <= entry.high
        assert entry.train_seconds > 0 and entry.latency_ms_1 > 0 and entry.latency_ms_256 > 0
        assert entry.parameters > 0 and entry.bytes > 0
    assert result.entry("linear").parameters == 2 * 3 + 3
    assert result.entry("linear").fits == 2 and result.entry("logistic-regression").fits == 1


def test_training_time_is_the_mean_over_seeds(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr("nnzoo.comparing.candidate.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    found = race(kinds=[Guesser], seeds=3)  # every reading of the clock is a second after the one before
    assert found.entry("guesser").train_seconds == 1 and found.entry("majority").train_seconds == 1


def test_a_refused_kind_keeps_its_sentence(result):
    assert [(r.kind, r.why) for r in result.refused] == [("refuser", "refuser never can; use linear")]


def test_a_failing_kind_becomes_an_entry_with_its_error(result):
    entry = result.entries[-1]
    assert entry.kind == "exploder" and entry.mean is None and entry.scores == [] and "not finite" in entry.error
    assert "error" in entry.to_json()
    assert "exploder" not in result.verdict.text


def test_same_seed_and_steps_give_the_same_scores(result):
    again = race()
    for kind in ("linear", "guesser", "gradient-boosting"):
        first, second = result.entry(kind), again.entry(kind)
        assert first.scores == second.scores
        assert (first.low, first.high) == (second.low, second.high)


def test_seeds_change_the_network_but_not_the_rows():
    one = race(seeds=1, seed=4, kinds=[Guesser])
    two = race(seeds=2, seed=4, kinds=[Guesser])
    assert one.seeds == [4] and two.seeds == [4, 5]
    assert two.entry("guesser").scores[0] == one.entry("guesser").scores[0] != two.entry("guesser").scores[1]
    assert (one.prepared.rows["test"] == two.prepared.rows["test"]).all()


def test_the_test_part_is_scored_once_for_each_trained_entrant(monkeypatch):
    asked = []
    evaluate = TabularClassification.evaluate

    def counted(self, network, dataset, **options):
        asked.append((type(network).__name__, dataset.index.tolist()))
        return evaluate(self, network, dataset, **options)

    monkeypatch.setattr(TabularClassification, "evaluate", counted)
    found = race()
    test, valid = (part.index.tolist() for part in (found.prepared.parts.test, found.prepared.parts.valid))
    for part in (test, valid):
        scored = [who for who, rows in asked if rows == part]
        assert sorted(who for who in scored if who in ("Linear", "Guesser")) == ["Guesser"] * 2 + ["Linear"] * 2
        assert len(scored) == 4 + 3
    assert len(asked) == 2 * (4 + 3)


def test_an_entry_keeps_its_validation_scores(result):
    valid, judge = result.prepared.parts.valid, result.prepared.task
    linear = result.entry("linear")
    assert linear.validation[0] == judge.evaluate(linear.trained, valid).score
    assert all(len(e.validation) == (0 if e.error else 2) for e in result.entries)
    assert linear.to_json()["validation"] == linear.validation


def test_without_a_validation_part_there_are_no_validation_scores(monkeypatch):
    monkeypatch.setattr("nnzoo.data.splits.VALID", 0.0)
    found = race(kinds=[Guesser])
    assert found.prepared.parts.valid is None
    assert all(e.validation == [] and not e.error for e in found.entries)


def test_every_kind_gets_the_same_share_of_the_time():
    found = race(budget="0.4s", seeds=2)
    assert float(found.per_run[:-1]) == pytest.approx(0.4 * 0.85 / 4, abs=1e-3)


def test_each_run_may_be_given_its_own_budget():
    assert race(budget="60s", per_run="3steps", seeds=1, kinds=[Guesser]).per_run == "3steps"


def test_progress_tells_every_run_and_passes_on_what_the_loop_tells():
    events = []
    race(listen=(events.append,))
    racing = [e for e in events if isinstance(e, Racing)]
    assert [e.index for e in racing] == list(range(7)) and {e.total for e in racing} == {7}
    assert [(e.kind, e.seed) for e in racing[:4]] == [("linear", 0), ("guesser", 0), ("linear", 1), ("guesser", 1)]
    finished = [e for e in events if isinstance(e, Finished)]
    assert len(finished) == 7 and all(e.score is not None for e in finished)
    assert {StageEnded, Validated} <= {type(e) for e in events}


def test_time_left_falls_to_one_share_at_the_end():
    events = []
    race(budget="0.2s", seeds=1, kinds=[Guesser], listen=(events.append,))
    left = [e.left for e in events if isinstance(e, Racing)]
    assert left == sorted(left, reverse=True) and left[-1] == pytest.approx(0.2 * 0.85, abs=1e-3)


def test_another_metric_can_decide():
    found = race(metric="log_loss")
    assert found.metric == "log_loss" and not found.higher_is_better
    means = [e.mean for e in found.entries]
    assert means == sorted(means) and found.entries[-1].kind != "linear"


def test_settings_of_a_kind_reach_it_and_only_it():
    slow = race(config={"linear": {"lr": 1e-9}})
    assert slow.entry("linear").trained.config.lr == 1e-9 and slow.entry("guesser").trained.config.lr == 0.05
    assert slow.entry("linear").mean < 0.85


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"seeds": 0}, ConfigError, "at least one seed"),
        ({"kinds": [Refuser]}, Unsuitable, "refuser never can"),
        ({"kinds": [Linear, Linear]}, ConfigError, "named twice"),
        ({"config": {"lstm": {"lr": 1}}}, ConfigError, "'lstm'"),
        ({"config": {"linear": {"width": 1}}}, ConfigError, "no setting 'width'"),
        ({"metric": "bleu"}, ConfigError, "bleu"),
        ({"kinds": ["mpl"]}, ConfigError, "mlp"),
    ],
)
def test_what_cannot_be_compared_is_said_before_any_time_is_spent(options, error, words):
    with pytest.raises(error, match=words):
        race(listen=(pytest.fail,), **options)


def test_data_without_a_test_part_cannot_be_compared():
    with pytest.raises(DataError):
        race(test=flowers().iloc[:0])


def test_an_interruption_ends_the_race():
    def interrupt(event):
        if isinstance(event, Validated):
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        race(listen=(interrupt,))
