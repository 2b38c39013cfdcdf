"""Verdicts: each outcome by its rule, chosen on validation data, in words a person can use."""

from __future__ import annotations

import numpy as np
import pytest

from nnzoo.comparing.entries import Comparison, Entry, Verdict
from nnzoo.comparing.intervals import Intervals, SeedsOnly, intervals
from nnzoo.comparing.verdict import decide, holm, margin_of, shown, size_of
from nnzoo.comparing.words import about, gap
from nnzoo.core.task import Evaluation


def entry(kind, scores, role="network", latency=1.0, size=1000, error="", validation=None):
    mean = sum(scores) / len(scores) if scores else None
    valid = list(scores) if validation is None else validation
    return Entry(kind, role, mean, mean, mean, scores, valid, latency_ms_1=latency, bytes=size, error=error)


def judged(*entries, higher=True, metric="accuracy", **options):
    return decide(entries, SeedsOnly({e.kind: e.scores for e in entries if e.scores}), metric, higher, **options)


def on_rows(entries, right, **options) -> Verdict:
    """The verdict where each entrant's row shares (N, or S N for several seeds) are known."""
    evaluations = {
        kind: [Evaluation("accuracy", {"accuracy": float(r.mean())}, rows=r.astype(float)) for r in np.atleast_2d(rows)]
        for kind, rows in right.items()
    }
    for e in entries:
        e.scores = [x.score for x in evaluations[e.kind]]
        e.mean = float(np.mean(e.scores))
    return decide(entries, intervals(evaluations, "accuracy"), "accuracy", True, **options)


CLEAR, CLOSE, LOW = [0.95, 0.951, 0.949, 0.95], [0.94, 0.965, 0.93, 0.955], [0.5, 0.51, 0.49, 0.5]
SAME = [0.9501, 0.9499, 0.9511, 0.949]


def test_a_clear_lead_wins():
    verdict = judged(entry("cnn", CLEAR), entry("mlp", LOW), entry("majority", [0.1, 0.11, 0.1, 0.1], "baseline"))
    assert (verdict.winner, verdict.tied, verdict.recommended, verdict.outcome) == ("cnn", (), "cnn", "winner")
    assert "cnn is best: accuracy 95.0 %" in verdict.text and "closest: mlp, 45 points behind, at least 44 points" in verdict.text
    assert "baseline" not in verdict.text and verdict.rows_needed is None


def test_networks_that_differ_by_less_than_matters_tie_and_the_fastest_and_smallest_are_named():
    verdict = judged(entry("cnn", CLEAR, latency=5), entry("mlp", SAME, latency=0.2, size=9000), entry("pnn", LOW))
    assert verdict.outcome == "tie" and verdict.winner is None and set(verdict.tied) == {"cnn", "mlp"}
    assert verdict.recommended == "mlp" and "mlp answers fastest" in verdict.text and "cnn is the smallest" in verdict.text


def test_a_difference_that_may_matter_is_not_a_tie():
    verdict = judged(entry("cnn", CLEAR, latency=5), entry("mlp", CLOSE, latency=0.2), entry("pnn", LOW))
    assert verdict.outcome == "not enough data" and set(verdict.tied) == {"cnn", "mlp"} and verdict.winner is None
    assert "seeds would decide it four times in five" in verdict.text and verdict.rows_needed is None  # rows tell nothing here
    assert judged(entry("cnn", CLEAR), entry("mlp", CLOSE), margin=0.05).outcome == "tie"


def test_a_baseline_as_good_as_the_best_network_means_that_none_is_needed():
    verdict = judged(entry("cnn", CLEAR), entry("logistic-regression", SAME, "baseline", latency=9))
    assert verdict.outcome == "no network needed" and verdict.winner is None and verdict.recommended == "logistic-regression"
    assert "No neural network is needed" in verdict.text and "at most" in verdict.text


def test_a_baseline_that_may_be_much_worse_is_said_honestly():
    verdict = judged(entry("cnn", CLEAR), entry("logistic-regression", CLOSE, "baseline", latency=9))
    assert verdict.outcome == "not enough data" and verdict.recommended == "logistic-regression"
    assert "Not enough data" in verdict.text and "As far as these data tell, a plain baseline is as good" in verdict.text


def test_every_network_must_be_no_better_than_the_baseline():
    """The best by validation is the baseline, and one of the networks may still be ahead by much."""
    wild = [0.99, 0.9, 0.97, 0.93]
    plain = entry("ridge-regression", CLEAR, "baseline", validation=[0.96])
    assert judged(plain, entry("cnn", SAME, validation=[0.95])).outcome == "no network needed"
    assert judged(plain, entry("cnn", SAME, validation=[0.95]), entry("mlp", wild, validation=[0.9])).outcome == "not enough data"


def test_a_baseline_ahead_of_every_network_wins():
    verdict = judged(entry("cnn", LOW), entry("gradient-boosting", CLEAR, "baseline"))
    assert verdict.winner == "gradient-boosting" and verdict.outcome == "no network needed"
    assert "no neural network is needed" in verdict.text


def test_baselines_that_share_the_lead_need_no_network():
    verdict = judged(entry("cnn", LOW), entry("a", CLEAR, "baseline"), entry("b", CLOSE, "baseline"))
    assert verdict.outcome == "no network needed" and verdict.winner is None and set(verdict.tied) == {"a", "b"}


def test_a_baseline_that_does_not_look_says_that_nothing_was_learned():
    verdict = judged(entry("cnn", CLOSE), entry("majority", CLEAR, "baseline"))
    assert "majority, does not even look at the input" in verdict.text


def test_lower_is_better_where_the_metric_says_so():
    verdict = judged(entry("lstm", LOW), entry("n-gram", CLEAR, "baseline"), higher=False, metric="nats_per_token")
    assert verdict.winner == "lstm" and "nats per token 0.5" in verdict.text


def test_the_best_is_chosen_on_the_validation_part_and_the_test_part_only_confirms():
    ahead, behind = entry("cnn", CLEAR, validation=[0.5]), entry("mlp", LOW, validation=[0.6])
    verdict = judged(ahead, behind)
    assert verdict.winner is None and verdict.tied[0] == "mlp" and "contradicts the validation part" in verdict.text
    assert judged(entry("cnn", CLEAR, validation=[0.7]), behind).winner == "cnn"
    shown_best = Comparison("d", "t", "accuracy", True, [ahead, behind], verdict, [], "", [0], None, 1.0, 0.0, "", {}).best_network
    assert shown_best is behind


def test_without_a_validation_part_the_test_is_stricter_and_says_so():
    first, second = [0.924, 0.934, 0.924, 0.935], [0.91, 0.925, 0.91, 0.924]
    assert 0.025 < SeedsOnly({"a": first, "b": second}).estimate("a", "b").doubt() < 0.05
    confirmed = judged(entry("a", first), entry("b", second))
    chosen = judged(entry("a", first, validation=[]), entry("b", second, validation=[]))
    assert confirmed.winner == "a" and chosen.winner is None and "no validation part" in chosen.text


def test_more_rivals_as_good_ask_for_a_larger_lead_and_rivals_far_behind_do_not():
    """Holm: a lead that chance explains once in thirty counts alone, and not where five rivals had that chance each."""
    best, second = entry("a", [0.95, 0.96, 0.955, 0.965]), [0.94, 0.95, 0.945, 0.955]
    doubt = SeedsOnly({"a": best.scores, "b": second}).estimate("a", "b").doubt()
    assert 0.01 < doubt < 0.05
    assert judged(best, entry("b", second)).winner == "a"
    assert judged(best, entry("b", second), *(entry(f"low{i}", LOW) for i in range(7))).winner == "a"
    assert judged(best, *(entry(f"b{i}", second) for i in range(5))).winner is None


def test_holm_holds_the_smallest_against_the_strictest_level_and_stops_at_the_first_that_stands():
    assert holm([0.01, 0.04, 0.02], 0.05) == [True, True, True]
    assert holm([0.02, 0.04, 0.01], 0.05) == [True, True, True]
    assert holm([0.02, 0.001, 0.02], 0.05) == [True, True, True]
    assert holm([0.03, 0.001, 0.03], 0.05) == [False, True, False]
    assert holm([0.02, 0.02, 0.02], 0.05) == [False, False, False]
    assert holm([0.05], 0.05) == [False] and holm([], 0.05) == []


def test_a_significant_lead_too_small_to_matter_says_so():
    rng = np.random.default_rng(0)
    right = rng.random(20_000) < 0.9
    worse = right.copy()
    worse[np.flatnonzero(right)[:60]] = False
    verdict = on_rows([entry("cnn", [1], validation=[0.9]), entry("mlp", [1], validation=[0.8])], {"cnn": right, "mlp": worse})
    assert verdict.outcome == "winner" and "So small a lead hardly matters" in verdict.text


def test_too_few_rows_say_how_many_would_do_in_the_test_part_and_in_all():
    i = np.arange(40)
    right = {"cnn": i >= 4, "mlp": (i >= 2) & (i < 34)}  # 36 right, and 32 of other rows
    entries = [entry("cnn", [1], validation=[0.9]), entry("mlp", [1], validation=[0.8])]
    verdict = on_rows(entries, right, rows_in_all=400)
    assert verdict.outcome == "not enough data" and 60 < verdict.rows_needed < 2000
    assert f"about {about(verdict.rows_needed)} test rows ({about(verdict.rows_needed * 10)} rows in all" in verdict.text
    assert "Only one seed was run" in verdict.text
    assert "rows in all" not in on_rows(entries, right).text
    assert verdict.to_json()["rows_needed"] == verdict.rows_needed


def test_all_right_on_a_few_rows_is_no_proof_of_being_equal():
    """The plain bootstrap gives 100 % right an interval without width, and two such entrants would tie."""
    entries = [entry("cnn", [1], validation=[0.9]), entry("logistic-regression", [1], "baseline", validation=[0.9])]
    one = np.ones(25)
    rows = {"cnn": one, "logistic-regression": np.where(np.arange(25) == 3, 0, one)}
    assert on_rows(entries, rows).outcome == "not enough data"


def test_identical_answers_differ_by_nothing():
    entries = [entry("cnn", [1], validation=[0.9]), entry("logistic-regression", [1], "baseline", validation=[0.9])]
    rows = np.arange(25) % 3 > 0
    verdict = on_rows(entries, {"cnn": rows, "logistic-regression": rows})
    assert verdict.outcome == "no network needed" and "ahead by 0 points at most" in verdict.text


def test_failed_entrants_do_not_count():
    verdict = judged(entry("cnn", CLEAR), entry("mlp", LOW), entry("lstm", [], error="broke"))
    assert verdict.winner == "cnn"
    nothing = judged(entry("lstm", [], error="broke"))
    assert nothing.winner is None and nothing.outcome == "no comparison"


def test_baselines_alone_are_no_comparison_of_networks():
    verdict = judged(entry("a", CLEAR, "baseline"), entry("b", LOW, "baseline"), entry("cnn", [], error="broke"))
    assert verdict.outcome == "no comparison" and verdict.winner is None and "No network came through" in verdict.text


def test_one_entrant_alone_is_no_winner():
    verdict = judged(entry("cnn", CLEAR))
    assert verdict.winner is None and "alone" in verdict.text and verdict.outcome == "no comparison"


def test_one_seed_of_a_score_that_only_seeds_tell_asks_for_more():
    verdict = judged(entry("a", [1.0]), entry("b", [9.0]), higher=False, metric="energy_distance")
    assert verdict.outcome == "not enough data" and "More seeds are needed" in verdict.text
    assert isinstance(SeedsOnly({"a": [1.0]}), Intervals)


@pytest.mark.parametrize(("metric", "score", "margin"), [("accuracy", 0.9, 0.01), ("r2", 0.5, 0.01), ("rmse", 5.0, 0.1)])
def test_what_matters_is_stated(metric, score, margin):
    assert margin_of(metric, score) == pytest.approx(margin)


def test_figures_are_written_for_people():
    assert shown(0.98765, "accuracy") == "98.8 %" and shown(12.3456, "rmse") == "12.35" and shown(-1.5e-05, "r2") == "-0.000"
    assert size_of(999) == "999 B" and size_of(213355) == "213 kB" and size_of(2_367_291) == "2.37 MB"
    assert gap(0.01, "accuracy") == "1 point" and gap(0.1234, "accuracy") == "12 points" and gap(0.012, "r2") == "0.012"
    assert about(7) == "7" and about(649) == "650" and about(1201) == "1,300" and about(21_387) == "22,000"
